package mqtt_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// connectRows are options of Connect and the CONNECT packets that they produce.
var connectRows = []struct {
	name string
	user string // user and password in the URL, with @
	opts *mqtt.Options
	want string
}{
	{"section 3.1 clean", "", &mqtt.Options{ClientID: "c", Clean: true}, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c'"},
	{"MQTT-3.1.2-4 not clean", "", &mqtt.Options{ClientID: "c", Version: 4}, "10 0d 00 04'MQTT' 04 00 00 00 00 01'c'"},
	{"MQTT-3.1.2-4 v5 clean start", "", &mqtt.Options{ClientID: "c", Clean: true, Version: 5}, "10 0e 00 04'MQTT' 05 02 00 00 00 00 01'c'"},
	{"MQTT-3.1.3-7 v5 the server chooses the identifier", "", &mqtt.Options{AssignID: true, Version: 5},
		"10 0d 00 04'MQTT' 05 02 00 00 00 00 00"},
	{"MQTT-3.1.3-7 v5 and the session outlives the connection", "", &mqtt.Options{AssignID: true, Version: 5,
		Props: []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 60}}},
		"10 12 00 04'MQTT' 05 02 00 00 05 11 0000003c 00 00"},
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

func TestConnectSendsConnect(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range connectRows {
			t.Run(row.name, func(t *testing.T) {
				m, r := looptest.NewManager(t), &recorder{t: t}
				l, addr := looptest.ListenSocket(t)
				opts := *row.opts
				c, err := mqtt.Connect(m, scheme+"://"+row.user+addr, &opts, r.handle, nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Lines) > 0 {
					t.Errorf("events %v before Connect returned, want none", r.Lines)
				}
				if v := mqtt.Version(c); v != max(row.opts.Version, 4) {
					t.Errorf("version %d, want %d", v, max(row.opts.Version, 4))
				}
				opts = mqtt.Options{ClientID: "changed"} // Connect must not keep the options
				p := &peer{Socket: l.AwaitAccept(m)}
				if scheme == "ws" {
					p.ws = true
					p.agree(m, answerMQTT)
					if a := p.header("Authorization"); a != "" {
						t.Errorf("the WebSocket handshake contains the credentials of MQTT: %s", a)
					}
				}
				p.wantGot(m, row.want)
				if scheme == "ws" && (len(p.frames) != 1 || p.frames[0].op != 0x82) {
					t.Errorf("frames %v, want one binary frame [MQTT-6.0.0-1]", p.frames)
				}
			})
		}
	})
}

// The WebSocket request has the path and query of the URL, the subprotocol and no credentials.
func TestConnectSendsWebSocketRequest(t *testing.T) {
	m, r := looptest.NewManager(t), &recorder{t: t}
	l, addr := looptest.ListenSocket(t)
	if _, err := mqtt.Connect(m, "ws://u:p@"+addr+"/a%20b/%2F?x=1&y=%41", nil, r.handle, nil); err != nil {
		t.Fatal(err)
	}
	p := &peer{Socket: l.AwaitAccept(m)}
	p.ws = true
	looptest.Await(t, m, "the request", func() bool { p.readAll(); return p.head != "" })
	if want := "GET /a%20b/%2F?x=1&y=%41 HTTP/1.1\r\n"; !strings.HasPrefix(p.head, want) {
		t.Errorf("request %q, want %q", p.head, want)
	}
	if got := p.header("Sec-WebSocket-Protocol"); got != "mqtt" { // [MQTT-6.0.0-3]
		t.Errorf("subprotocol %q, want mqtt", got)
	}
	if p.header("Host") != addr {
		t.Errorf("Host %q, want %q", p.header("Host"), addr)
	}
	if bytes.Contains([]byte(p.head), []byte("Authorization")) {
		t.Error("the request has an Authorization header, but the credentials belong to MQTT")
	}
}

// A client fails if the server does not choose the subprotocol mqtt [MQTT-6.0.0-4].
func TestConnectNeedsSubprotocol(t *testing.T) {
	for name, extra := range map[string]string{
		"none":  "",
		"other": "Sec-WebSocket-Protocol: mqttv3.1\r\n",
		"case":  "Sec-WebSocket-Protocol: MQTT\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			m, r := looptest.NewManager(t), &recorder{t: t}
			l, addr := looptest.ListenSocket(t)
			if _, err := mqtt.Connect(m, "ws://"+addr, nil, r.handle, nil); err != nil {
				t.Fatal(err)
			}
			p := &peer{Socket: l.AwaitAccept(m)}
			p.ws = true
			p.agree(m, extra)
			looptest.Await(t, m, "EvClose", r.Closed)
			looptest.WantErr(t, r.Err(t), nil, "subprotocol")
			looptest.Await(t, m, "the end of the stream", p.Ended)
			if len(p.got) > 0 {
				t.Errorf("the peer got % x, want no CONNECT", p.got)
			}
			if strings.Contains(strings.Join(r.Lines, " "), "MQTT_OPEN") {
				t.Errorf("events %v, want no EvMQTTOpen", r.Lines)
			}
		})
	}
}

// The events before CONNACK come in order. CONNECT is sent before bytes that the program has
// written in EvOpen.
func TestConnectOrder(t *testing.T) {
	x := startClient(t, "mqtt", &mqtt.Options{ClientID: "c", Clean: true}, hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Write(pack("c0 00")) },
	})
	x.p.wantGot(x.m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c' c0 00")
	x.p.send(connackOK[4])
	looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
	if got, want := x.r.since(0), "OPEN RESOLVE CONNECT MQTT_OPEN:0 connack"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	y := awaitingConnack(t, "ws", 4, nil)
	y.p.send(connackOK[4])
	looptest.Await(t, y.m, "CONNACK", y.r.Noted("connack"))
	if got, want := y.r.since(0), "OPEN RESOLVE CONNECT WS_OPEN MQTT_OPEN:0 connack"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
}
