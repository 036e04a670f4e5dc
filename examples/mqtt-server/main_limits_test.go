package main

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// status sends a WebSocket handshake from a web page and returns the status line of the response.
func status(t *testing.T, addr, origin string) string {
	t.Helper()
	c := looptest.Dial(t, "tcp", addr)
	io.WriteString(c, "GET /mqtt HTTP/1.1\r\nHost: "+addr+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: "+origin+
		"\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// Pages of other servers may not connect over WebSocket, unless -origin allows them.
func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		args   []string
		origin string // empty: that of the server
		want   string
	}{
		{nil, "", "101"},
		{nil, "https://example.com", "403"},
		{[]string{"-origin", "https://a.example", "-origin", "https://example.com"}, "https://example.com", "101"},
		{[]string{"-origin", "https://a.example"}, "https://example.com", "403"},
	} {
		p := looptest.Start(t, append(tc.args, "-listen", "ws://127.0.0.1:0/mqtt", "-listen", "mqtt://127.0.0.1:0")...)
		addr := address(p, "ws")
		origin := tc.origin
		if origin == "" {
			origin = "http://" + addr
		}
		if got := status(t, addr, origin); !strings.HasPrefix(got, "HTTP/1.1 "+tc.want) {
			t.Errorf("%v: page %s gets %q, want %s", tc.args, origin, got, tc.want)
		}
		p.Signal(os.Interrupt)
		p.WantEnd()
	}
}

// The flags reach the broker.
func TestLimitFlags(t *testing.T) {
	p := looptest.Start(t, "-listen", "mqtt://127.0.0.1:0", "-packet", "100", "-conns", "1", "-client", "1000", "-retained", "-1")
	addr := address(p, "mqtt")
	send := func(packet []byte, err error) []byte {
		c := looptest.Dial(t, "tcp", addr)
		defer c.Close()
		if err != nil {
			t.Fatal(err)
		}
		c.Write(packet)
		answer := make([]byte, 256)
		n, _ := c.Read(answer)
		return answer[:n]
	}
	login := mqtt.ConnectPacket{ClientID: "a", CleanStart: true}
	var m mqtt.Message
	answer := send(mqtt.AppendConnect(nil, 5, &login))
	if _, err := mqtt.Parse(answer, 5, &m); err != nil || m.Ack != 0 || !strings.Contains(string(m.Props), "\x27\x00\x00\x00\x64") {
		t.Errorf("CONNACK % x, %v, want a Maximum Packet Size of 100", answer, err)
	}
	p.Await(`closed .*client=a`)
	login.User = strings.Repeat("x", 100)
	if answer := send(mqtt.AppendConnect(nil, 5, &login)); len(answer) != 0 {
		t.Errorf("a CONNECT of more than 100 bytes gets % x", answer)
	}
	p.Await(`connection failed .*100 bytes`)
	p.Await(`closed `)
	login = mqtt.ConnectPacket{ClientID: "b", CleanStart: true, Will: &mqtt.Will{Topic: "w", Props: []mqtt.Property{
		{ID: mqtt.PropUserProperty}, {ID: mqtt.PropUserProperty}, {ID: mqtt.PropUserProperty}}}}
	if answer := send(mqtt.AppendConnect(nil, 5, &login)); len(answer) < 4 || answer[3] != byte(mqtt.ReasonQuotaExceeded) {
		t.Errorf("a will of more than 1000 bytes gets % x", answer)
	}
	p.Signal(os.Interrupt)
	p.WantEnd()
}
