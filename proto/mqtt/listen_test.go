package mqtt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// The first packet of a client must be CONNECT [MQTT-3.1.0-1].
func TestFirstPacketMustBeConnect(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, first := range []string{"c0 00", "e0 00", "30 06 00 03'a/b''x'", "82 06 00 01 00 01'a' 00", "62 02 00 01"} {
			x := acceptedConn(t, scheme, acceptAll)
			x.p.send(pack(first))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrMalformed, "MQTT-3.1.0-1")
			x.waitEnd()
			x.p.wantGot(x.m, "")
		}
	})
}

// The version in CONNECT applies to all later packets.
func TestVersionComesFromConnect(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version := uint8(4); version <= 5; version++ {
			x := acceptedConn(t, scheme, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
				m := data.(*mqtt.Message)
				if m.Version != version || mqtt.Version(c) != version {
					t.Errorf("%v has version %d, the connection %d, want %d", m.Cmd, m.Version, mqtt.Version(c), version)
				}
				if m.Cmd == mqtt.CmdConnect {
					mqtt.Connack(c, false, 0)
				}
			}})
			x.p.send(connectC[version], forVersion("32 08 00 03'a/b' 00 07$v'x'", version))
			want := "20 02 00 00 40 02 00 07"
			if version == 5 {
				want = "20 03 00 00 00 40 02 00 07"
			}
			x.p.wantGot(x.m, want)
			x.r.wantPackets("connect a/b=x publish")
		}
	})
}

// A CONNECT of an unsupported version gets a CONNACK of 3.1.1 with code 1 [MQTT-3.1.2-2].
func TestUnsupportedVersionIsRefused(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for name, connect := range map[string]string{
			"3.1":     "10 0f 00 06'MQIsdp' 03 02 00 00 00 01'c'",
			"level 3": "10 0d 00 04'MQTT' 03 02 00 00 00 01'c'",
			"level 6": "10 0d 00 04'MQTT' 06 02 00 00 00 01'c'",
		} {
			x := acceptedConn(t, scheme, acceptAll)
			x.p.send(pack(connect))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrVersion)
			x.waitEnd()
			if x.p.wantGot(x.m, "20 02 00 01"); t.Failed() {
				t.Fatal(name)
			}
		}
	})
}

// A CONNECT with an empty client identifier and without clean session gets code 2
// [MQTT-3.1.3-8].
func TestEmptyClientIDIsRefused(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := acceptedConn(t, scheme, acceptAll)
		x.p.send(pack("10 0c 00 04'MQTT' 04 00 00 00 00 00"))
		x.waitClose()
		looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrMalformed, "client identifier")
		x.waitEnd()
		x.p.wantGot(x.m, "20 02 00 02")
	})
}

// A malformed CONNECT gets no answer [MQTT-3.1.4-1].
func TestMalformedConnectGetsNoAnswer(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, connect := range []string{"10 0d 00 04'HTTP' 04 02 00 00 00 01'c'", "10 0d 00 04'MQTT' 04 03 00 00 00 01'c'", "47 45 54 20"} {
			x := acceptedConn(t, scheme, acceptAll)
			x.p.send(pack(connect))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrMalformed)
			x.waitEnd()
			x.p.wantGot(x.m, "")
		}
	})
}

// After a refusal the server closes the connection [MQTT-3.2.2-5]. It ignores the packets that
// follow CONNECT [MQTT-3.1.4-5].
func TestRefusalClosesConnection(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version, code := range map[uint8]mqtt.ReasonCode{4: mqtt.ConnackNotAuthorized, 5: mqtt.ReasonNotAuthorized} {
			x := acceptedConn(t, scheme, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, _ any) {
				if err := mqtt.Connack(c, false, code); err != nil {
					t.Error(err)
				}
			}})
			x.p.send(connectC[version], forVersion("32 08 00 03'a/b' 00 07$v'x'", version))
			x.waitEnd()
			x.p.wantGot(x.m, map[uint8]string{4: "20 02 00 05", 5: "20 03 00 87 00"}[version])
			x.p.Close()
			x.waitClose()
			x.r.wantPackets("connect CLOSE")
		}
	})
}

// If the program answers CONNECT later, the packets that follow CONNECT wait [MQTT-3.1.4-5], and
// the server sends nothing before CONNACK [MQTT-3.2.0-1].
func TestConnackLater(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, code := range []mqtt.ReasonCode{0, mqtt.ConnackNotAuthorized} {
			for _, oneMessage := range []bool{false, true} {
				x := acceptedConn(t, scheme, nil)
				in := [][]byte{connectC[4], pack("32 08 00 03'a/b' 00 07'x'"), pack("c0 00")}
				if oneMessage {
					in = [][]byte{slices.Concat(in...)}
				}
				x.p.send(in...)
				looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
				x.p.wantGot(x.m, "") // before CONNACK
				x.r.wantPackets("connect")
				if err := mqtt.Connack(x.c, false, code); err != nil {
					t.Fatal(err)
				}
				looptest.Settle(t, x.m)
				if code == 0 {
					x.p.wantGot(x.m, "20 02 00 00 40 02 00 07")
					x.r.wantPackets("connect a/b=x publish pingreq")
				} else {
					x.p.wantGot(x.m, "20 02 00 05")
					x.r.wantPackets("connect")
				}
			}
		}
	})
}

// A 5.0 server sends no DISCONNECT before CONNACK [MQTT-3.14.0-1], although a malformed packet
// follows CONNECT.
func TestNoDisconnectBeforeConnack(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := acceptedConn(t, scheme, nil)
		x.p.send(connectC[5], pack("00 00"))
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
		looptest.Settle(t, x.m)
		x.p.readAll()
		if len(x.p.got) > 0 && x.p.got[0] != 0x20 {
			t.Errorf("the peer got % x, want nothing or CONNACK", x.p.got)
		}
	})
}

// HTTP requests that cannot become MQTT over WebSocket get an HTTP error.
func TestInvalidWebSocketRequests(t *testing.T) {
	for _, row := range []struct{ name, request, status, word string }{
		{"page", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "426", "Upgrade: websocket"},
		{"form", "POST /mqtt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b", "4", "HTTP/1.1"},
		{"no subprotocol", upgradeRequest + "\r\n", "400", "HTTP/1.1"},
		{"another subprotocol", upgradeRequest + "Sec-WebSocket-Protocol: soap, mqttv3.1\r\n\r\n", "400", "HTTP/1.1"},
		{"MQTT-6.0.0-3 case", upgradeRequest + "Sec-WebSocket-Protocol: MQTT\r\n\r\n", "400", "HTTP/1.1"},
		{"key", strings.Replace(upgradeRequest, "dGhl", "", 1) + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", "400", "HTTP/1.1"},
		{"version", strings.Replace(upgradeRequest, ": 13", ": 8", 1) + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", "426", "Sec-WebSocket-Version: 13"},
		{"no HTTP", "\x10\x0d\x00\x04MQTT\r\n\r\n", "400", "HTTP/1.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, r := looptest.NewManager(t), &recorder{t: t}
			p := dialServer(t, m, r)
			p.Write([]byte(row.request))
			looptest.Await(t, m, "an answer", func() bool { p.readAll(); return p.head != "" })
			if !strings.HasPrefix(p.head, "HTTP/1.1 "+row.status) || !strings.Contains(p.head, row.word) {
				t.Errorf("answer %q, want status %s and %q", p.head, row.status, row.word)
			}
			if r.Noted("WS_OPEN")() {
				t.Error("EvWSOpen was raised")
			}
		})
	}
}

// The server chooses mqtt if the client offers several subprotocols [RFC 6455 4.2.2].
func TestSubprotocolAmongOthers(t *testing.T) {
	for _, offer := range []string{"Sec-WebSocket-Protocol: soap, mqtt\r\n", "sec-websocket-protocol: soap\r\nSec-WebSocket-Protocol: mqtt\r\n"} {
		m, r := looptest.NewManager(t), newRecorder(t, acceptAll)
		p := dialServer(t, m, r)
		p.Write([]byte(upgradeRequest + offer + "\r\n"))
		looptest.Await(t, m, "an answer", func() bool { p.readAll(); return p.head != "" })
		if !strings.HasPrefix(p.head, "HTTP/1.1 101 ") || p.header("Sec-WebSocket-Protocol") != "mqtt" ||
			p.header("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // [RFC 6455 1.3]
			t.Errorf("answer %q, want 101 with the subprotocol and the key", p.head)
		}
		p.send(connectC[4])
		p.wantGot(m, "20 02 00 00")
		if !r.Noted("HTTP_MSG")() || !r.Noted("WS_OPEN")() {
			t.Errorf("events %v, want HTTP_MSG and WS_OPEN", r.Lines)
		}
		r.wantPackets("connect")
	}
}

// Listen returns an error for an invalid URL. The error does not contain the password.
func TestListenRefusesInvalidURL(t *testing.T) {
	for _, row := range []struct{ url, words string }{
		{"", "bad URL"},
		{"tcp://127.0.0.1:0", "want mqtt://, mqtts://, ws://, wss:// or unix://"},
		{"mqtt://me:secret@127.0.0.1:99999", "port"},
		{"http://me:secret@127.0.0.1:0", "want mqtt://, mqtts://, ws://, wss:// or unix://"},
		{"mqtt://no.such.host.invalid:0", "invalid"},
		{"ws://no.such.host.invalid:0", "invalid"},
	} {
		t.Run(row.url, func(t *testing.T) {
			m := looptest.NewManager(t)
			_, err := mqtt.Listen(m, row.url, noHandler(t), nil)
			if err == nil || !strings.Contains(err.Error(), row.words) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q and no password", err, row.words)
			}
			wantNoConns(t, m)
		})
	}
}
