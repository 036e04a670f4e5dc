package mqtt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
)

// Over WebSocket Listen takes options. It accepts pages of its own server, and of those in
// Origins.
func TestListenChecksOrigin(t *testing.T) {
	for _, row := range []struct {
		origin, pattern, status string
	}{
		{"", "", "101"},
		{"http://h", "", "101"},
		{"https://h", "", "403"},
		{"http://other.example", "", "403"},
		{"http://other.example", "http://other.example", "101"},
		{"http://other.example", "http://*.other.example", "403"},
		{"http://other.example", "*", "101"},
		{"http://h", "http://other.example", "101"},
	} {
		var opts []*ws.Options
		if row.pattern != "" {
			opts = []*ws.Options{{Origins: []string{row.pattern}, Headers: "X-A: 1\r\n", Protocols: []string{"mqtt"}}}
		}
		m, r := looptest.NewManager(t), newRecorder(t, acceptAll)
		l, err := mqtt.Listen(m, "ws://127.0.0.1:0", r.handle, nil, opts...)
		if err != nil {
			t.Fatal(err)
		}
		p := dialPeer(t, l.LocalAddr())
		p.ws = true
		request := upgradeRequest + "Sec-WebSocket-Protocol: soap, mqtt\r\n"
		if row.origin != "" {
			request += "Origin: " + row.origin + "\r\n"
		}
		p.Write([]byte(request + "\r\n"))
		looptest.Await(t, m, "an answer", func() bool { p.readAll(); return p.head != "" })
		if !strings.HasPrefix(p.head, "HTTP/1.1 "+row.status+" ") {
			t.Errorf("%+v: answer %q", row, p.head)
		}
		if row.status != "101" {
			continue
		}
		if p.header("Sec-WebSocket-Protocol") != "mqtt" || opts != nil && (p.header("X-A") != "1" || opts[0].Headers != "X-A: 1\r\n") {
			t.Errorf("%+v: answer %q, options %+v", row, p.head, opts)
		}
		p.send(connectC[4])
		p.wantGot(m, "20 02 00 00")
	}
}

// The options may deliver messages in pieces and limit their size.
func TestListenOptions(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		m, r := looptest.NewManager(t), newRecorder(t, acceptAll)
		l, err := mqtt.Listen(m, "ws://127.0.0.1:0", r.handle, nil, &ws.Options{Delivery: how, Limits: ws.Limits{Message: 100}})
		if err != nil {
			t.Fatal(err)
		}
		p := dialPeer(t, l.LocalAddr())
		p.ws = true
		p.Write([]byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"))
		looptest.Await(t, m, "an answer", func() bool { p.readAll(); return p.head != "" })
		in := slices.Concat(connectC[4], pack("32 08 00 03'a/b' 00 07'x'"), pack("c0 00"))
		for _, b := range p.framed(in) {
			p.Write([]byte{b})
			looptest.Settle(t, m)
		}
		p.wantGot(m, "20 02 00 00 40 02 00 07")
		r.wantPackets("connect a/b=x publish pingreq")
		p.send(make([]byte, 101))
		looptest.Await(t, m, "an error", func() bool { return len(r.Errs) > 0 })
		looptest.WantErr(t, r.Err(t), nil, "more than 100 bytes")
	}
}

// Options that contradict MQTT, or a URL without WebSocket, are an error of Listen at once.
func TestListenRefusesOptions(t *testing.T) {
	for _, row := range []struct {
		url   string
		opts  []*ws.Options
		words string // empty: accepted
	}{
		{"ws://127.0.0.1:0", []*ws.Options{nil}, ""},
		{"mqtt://127.0.0.1:0", []*ws.Options{nil}, ""},
		{"ws://127.0.0.1:0", []*ws.Options{{}}, ""},
		{"wss://127.0.0.1:0", []*ws.Options{{}}, ""},
		{"mqtt://127.0.0.1:0", []*ws.Options{{}}, "for ws:// and wss:// only"},
		{"mqtts://127.0.0.1:0", []*ws.Options{{}}, "for ws:// and wss:// only"},
		{"tcp://127.0.0.1:0", []*ws.Options{{}}, "want mqtt://"},
		{"ws://127.0.0.1:0", []*ws.Options{{}, {}}, "got 2"},
		{"mqtt://127.0.0.1:0", []*ws.Options{nil, nil}, "got 2"},
		{"ws://127.0.0.1:0", []*ws.Options{{Protocols: []string{"mqtt", "soap"}}}, `"soap"`},
		{"ws://127.0.0.1:0", []*ws.Options{{Headers: "X-A: 1\r\nsec-websocket-protocol: mqtt\r\n"}}, "sec-websocket-protocol"},
		{"ws://127.0.0.1:0", []*ws.Options{{Headers: "X-A: 1"}}, "X-A"},
		{"ws://127.0.0.1:0", []*ws.Options{{Origins: []string{"example.com"}}}, "Options.Origins"},
	} {
		_, err := mqtt.Listen(looptest.NewManager(t), row.url, nil, nil, row.opts...)
		if row.words == "" && err != nil {
			t.Errorf("%s, %v: %v", row.url, row.opts, err)
		} else if row.words != "" {
			looptest.WantErr(t, err, nil, row.words)
		}
	}
}
