package mqtt_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// CONNECT as the options demand it, byte by byte.
var connectRows = []struct {
	name string
	user string // of the URL, with its @
	opts *mqtt.Options
	want string
}{
	{"section 3.1 clean", "", &mqtt.Options{ClientID: "c", Clean: true}, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c'"},
	{"MQTT-3.1.2-4 not clean", "", &mqtt.Options{ClientID: "c", Version: 4}, "10 0d 00 04'MQTT' 04 00 00 00 00 01'c'"},
	{"MQTT-3.1.2-4 v5 clean start", "", &mqtt.Options{ClientID: "c", Clean: true, Version: 5}, "10 0e 00 04'MQTT' 05 02 00 00 00 00 01'c'"},
	{"MQTT-3.1.2-9 will", "", &mqtt.Options{ClientID: "c", Topic: "t", Message: []byte("bye"), QoS: 1, Retain: true},
		"10 15 00 04'MQTT' 04 2c 00 00 00 01'c' 00 01't' 00 03'bye'"},
	{"MQTT-3.1.2-9 empty will", "", &mqtt.Options{ClientID: "c", Topic: "t", QoS: 2}, "10 12 00 04'MQTT' 04 14 00 00 00 01'c' 00 01't' 00 00"},
	{"section 3.1.3.2 v5 will and properties", "", &mqtt.Options{ClientID: "c", Topic: "t", Message: []byte("x"), Version: 5,
		Props:     []mqtt.Property{{ID: mqtt.PropReceiveMaximum, Int: 5}},
		WillProps: []mqtt.Property{{ID: mqtt.PropWillDelayInterval, Int: 1}}},
		"10 1d 00 04'MQTT' 05 04 00 00 03 21 0005 00 01'c' 05 18 00000001 00 01't' 00 01'x'"},
	{"MQTT-3.1.2-19 Options' user", "", &mqtt.Options{ClientID: "c", User: "u", Password: "p"},
		"10 13 00 04'MQTT' 04 c0 00 00 00 01'c' 00 01'u' 00 01'p'"},
	{"user without password", "", &mqtt.Options{ClientID: "c", User: "u"}, "10 10 00 04'MQTT' 04 80 00 00 00 01'c' 00 01'u'"},
	{"MQTT-3.1.2-22 v5 password alone", "", &mqtt.Options{ClientID: "c", Password: "p", Version: 5},
		"10 11 00 04'MQTT' 05 40 00 00 00 00 01'c' 00 01'p'"},
	{"URL's user", "me:s%3a3@", &mqtt.Options{ClientID: "c"}, "10 16 00 04'MQTT' 04 c0 00 00 00 01'c' 00 02'me' 00 03's:3'"},
	{"URL's user alone", "me@", &mqtt.Options{ClientID: "c"}, "10 11 00 04'MQTT' 04 80 00 00 00 01'c' 00 02'me'"},
	{"URL's empty password", "me:@", &mqtt.Options{ClientID: "c"}, "10 13 00 04'MQTT' 04 c0 00 00 00 01'c' 00 02'me' 00 00"},
	{"URL's password alone", ":pw@", &mqtt.Options{ClientID: "c"}, "10 13 00 04'MQTT' 04 c0 00 00 00 01'c' 00 00 00 02'pw'"},
	{"Options before URL", "me:secret@", &mqtt.Options{ClientID: "c", User: "u", Password: "p"},
		"10 13 00 04'MQTT' 04 c0 00 00 00 01'c' 00 01'u' 00 01'p'"},
	{"Options' user without URL's password", "me:secret@", &mqtt.Options{ClientID: "c", User: "u"},
		"10 10 00 04'MQTT' 04 80 00 00 00 01'c' 00 01'u'"},
	{"section 3.1.2.10 10 s", "", &mqtt.Options{ClientID: "c", KeepAlive: 10 * time.Second}, "10 0d 00 04'MQTT' 04 00 00 0a 00 01'c'"},
	{"1 s and 1 ns is 2 s", "", &mqtt.Options{ClientID: "c", KeepAlive: time.Second + 1}, "10 0d 00 04'MQTT' 04 00 00 02 00 01'c'"},
	{"1 s", "", &mqtt.Options{ClientID: "c", KeepAlive: time.Second}, "10 0d 00 04'MQTT' 04 00 00 01 00 01'c'"},
	{"1.2 s is 2 s", "", &mqtt.Options{ClientID: "c", KeepAlive: 1200 * time.Millisecond}, "10 0d 00 04'MQTT' 04 00 00 02 00 01'c'"},
	{"65535 s", "", &mqtt.Options{ClientID: "c", KeepAlive: 65535 * time.Second}, "10 0d 00 04'MQTT' 04 00 ff ff 00 01'c'"},
}

func TestConnConnectBytes(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, row := range connectRows {
			t.Run(row.name, func(t *testing.T) {
				m, r := newManager(t), &recorder{t: t}
				fd, addr := listenOn(t)
				opts := *row.opts
				c, err := mqtt.Connect(m, scheme+"://"+row.user+addr, &opts, r.handle, nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.log) > 0 {
					t.Errorf("%v before Connect returned", r.log)
				}
				if v := mqtt.Version(c); v != max(row.opts.Version, 4) {
					t.Errorf("version %d", v)
				}
				opts = mqtt.Options{ClientID: "changed"} // nothing of it is kept
				p := acceptPeer(t, m, fd)
				if scheme == "ws" {
					p.ws = true
					p.agree(m, answerMQTT)
					if a := p.header("Authorization"); a != "" {
						t.Errorf("the handshake carries MQTT's credentials: %s", a)
					}
				}
				p.wantGot(m, row.want)
				if scheme == "ws" && (len(p.frames) != 1 || p.frames[0].op != 0x82) { // [MQTT-6.0.0-1]
					t.Errorf("frames %v, want one binary", p.frames)
				}
			})
		}
	})
}

// [MQTT-3.1.3-5] a server takes 1 to 23 letters and digits, and may refuse
// others.
func TestConnClientIDMadeUp(t *testing.T) {
	for _, opts := range []*mqtt.Options{nil, {Clean: true}, {Version: 5}, {}} {
		seen := map[string]bool{}
		for range 3 {
			x := startClient(t, "mqtt", opts, nil)
			var msg mqtt.Message
			await(t, x.m, "CONNECT", func() bool { x.p.pump(); n, _ := mqtt.Parse(x.p.got, 4, &msg); return n > 0 })
			conn := msg.Connect()
			if n := len(conn.ClientID); n < 12 || n > 23 || seen[conn.ClientID] {
				t.Errorf("client identifier %q", conn.ClientID)
			}
			seen[conn.ClientID] = true
			if !conn.CleanStart { // nobody could come back to the session
				t.Errorf("%+v: the session is not clean", opts)
			}
			if opts == nil && (!conn.CleanStart || msg.Version != 4) {
				t.Errorf("without options: %+v, version %d", conn, msg.Version)
			}
		}
	}
}

func TestConnHandshakeRequest(t *testing.T) {
	m, r := newManager(t), &recorder{t: t}
	fd, addr := listenOn(t)
	if _, err := mqtt.Connect(m, "ws://u:p@"+addr+"/a%20b/%2F?x=1&y=%41", nil, r.handle, nil); err != nil {
		t.Fatal(err)
	}
	p := acceptPeer(t, m, fd)
	p.ws = true
	await(t, m, "the request", func() bool { p.pump(); return p.head != "" })
	if want := "GET /a%20b/%2F?x=1&y=%41 HTTP/1.1\r\n"; !strings.HasPrefix(p.head, want) {
		t.Errorf("request %q, want %q", p.head, want)
	}
	if got := p.header("Sec-WebSocket-Protocol"); got != "mqtt" { // [MQTT-6.0.0-3]
		t.Errorf("subprotocol %q", got)
	}
	if p.header("Host") != addr {
		t.Errorf("Host %q, want %q", p.header("Host"), addr)
	}
	if bytes.Contains([]byte(p.head), []byte("Authorization")) {
		t.Error("HTTP Basic credentials, though they are MQTT's")
	}
}

// [MQTT-6.0.0-4] the server answers with the subprotocol mqtt.
func TestConnSubprotocol(t *testing.T) {
	for name, extra := range map[string]string{
		"none":  "",
		"other": "Sec-WebSocket-Protocol: mqttv3.1\r\n",
		"case":  "Sec-WebSocket-Protocol: MQTT\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			m, r := newManager(t), &recorder{t: t}
			fd, addr := listenOn(t)
			if _, err := mqtt.Connect(m, "ws://"+addr, nil, r.handle, nil); err != nil {
				t.Fatal(err)
			}
			p := acceptPeer(t, m, fd)
			p.ws = true
			p.agree(m, extra)
			await(t, m, "EvClose", r.closed)
			wantErr(t, r.err(), nil, "subprotocol")
			await(t, m, "the end", p.ended)
			if len(p.got) > 0 {
				t.Errorf("CONNECT was sent: % x", p.got)
			}
			if strings.Contains(strings.Join(r.log, " "), "MQTT_OPEN") {
				t.Error(r.log)
			}
		})
	}
}

// The events before CONNACK, and that CONNECT goes before what the program
// wrote earlier.
func TestConnConnectOrder(t *testing.T) {
	x := startClient(t, "mqtt", &mqtt.Options{ClientID: "c", Clean: true}, hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Write(pack("c0 00")) },
	})
	x.p.wantGot(x.m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c' c0 00")
	x.p.send(connackOK[4])
	await(t, x.m, "CONNACK", x.r.saw("connack"))
	if got, want := x.r.since(0), "OPEN RESOLVE CONNECT MQTT_OPEN:0 connack"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	y := asking(t, "ws", 4, nil)
	y.p.send(connackOK[4])
	await(t, y.m, "CONNACK", y.r.saw("connack"))
	if got, want := y.r.since(0), "OPEN RESOLVE CONNECT WS_OPEN MQTT_OPEN:0 connack"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
