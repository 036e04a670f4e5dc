package mqtt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// acceptAll is a broker that accepts whoever comes.
var acceptAll = hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
	if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
		mqtt.Connack(c, false, 0)
	}
}}

// dialServer makes a ws:// listener and a client that has sent nothing yet.
func dialServer(t *testing.T, m *reactor.Manager, r *recorder) *peer {
	t.Helper()
	l, err := mqtt.Listen(m, "ws://127.0.0.1:0", r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := dialPeer(t, l.LocalAddr())
	p.ws = true
	return p
}

// [MQTT-3.1.0-1] the first packet is CONNECT.
func TestConnListenConnectFirst(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, first := range []string{"c0 00", "e0 00", "30 06 00 03'a/b''x'", "82 06 00 01 00 01'a' 00", "62 02 00 01"} {
			x := served(t, scheme, acceptAll)
			x.p.send(pack(first))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			wantErr(t, x.r.err(), mqtt.ErrMalformed, "MQTT-3.1.0-1")
			await(t, x.m, "the end", x.p.ended)
			x.p.wantGot(x.m, "")
		}
	})
}

// The version is what CONNECT says, for what comes after it too.
func TestConnListenVersion(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for version := uint8(4); version <= 5; version++ {
			x := served(t, scheme, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
				m := data.(*mqtt.Message)
				if m.Version != version || mqtt.Version(c) != version {
					t.Errorf("%v of version %d, connection's %d, want %d", m.Cmd, m.Version, mqtt.Version(c), version)
				}
				if m.Cmd == mqtt.CmdConnect {
					mqtt.Connack(c, false, 0)
				}
			}})
			x.p.send(connectC[version], sized("32 08 00 03'a/b' 00 07$v'x'", version))
			want := "20 02 00 00 40 02 00 07"
			if version == 5 {
				want = "20 03 00 00 00 40 02 00 07"
			}
			x.p.wantGot(x.m, want)
			x.r.wantPackets("connect a/b=x publish")
		}
	})
}

// [MQTT-3.1.2-2] the answer to a level that is not spoken is code 1, in
// 3.1.1's form.
func TestConnListenUnsupportedLevel(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for name, connect := range map[string]string{
			"3.1":     "10 0f 00 06'MQIsdp' 03 02 00 00 00 01'c'",
			"level 3": "10 0d 00 04'MQTT' 03 02 00 00 00 01'c'",
			"level 6": "10 0d 00 04'MQTT' 06 02 00 00 00 01'c'",
		} {
			x := served(t, scheme, acceptAll)
			x.p.send(pack(connect))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			wantErr(t, x.r.err(), mqtt.ErrVersion)
			await(t, x.m, "the end", x.p.ended)
			if x.p.wantGot(x.m, "20 02 00 01"); t.Failed() {
				t.Fatal(name)
			}
		}
	})
}

// [MQTT-3.1.3-8] an empty identifier without clean session is code 2.
func TestConnListenEmptyClientID(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := served(t, scheme, acceptAll)
		x.p.send(pack("10 0c 00 04'MQTT' 04 00 00 00 00 00"))
		x.waitClose()
		wantErr(t, x.r.err(), mqtt.ErrMalformed, "client identifier")
		await(t, x.m, "the end", x.p.ended)
		x.p.wantGot(x.m, "20 02 00 02")
	})
}

// A CONNECT that is no MQTT at all gets no answer [MQTT-3.1.4-1].
func TestConnListenMalformedConnect(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, connect := range []string{"10 0d 00 04'HTTP' 04 02 00 00 00 01'c'", "10 0d 00 04'MQTT' 04 03 00 00 00 01'c'", "47 45 54 20"} {
			x := served(t, scheme, acceptAll)
			x.p.send(pack(connect))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			wantErr(t, x.r.err(), mqtt.ErrMalformed)
			await(t, x.m, "the end", x.p.ended)
			x.p.wantGot(x.m, "")
		}
	})
}

// [MQTT-3.2.2-5] after a refusal the server closes; what the client sent
// behind CONNECT is not processed [MQTT-3.1.4-5].
func TestConnListenRefuses(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for version, code := range map[uint8]mqtt.ReasonCode{4: mqtt.ConnackNotAuthorized, 5: mqtt.ReasonNotAuthorized} {
			x := served(t, scheme, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, _ any) {
				if err := mqtt.Connack(c, false, code); err != nil {
					t.Error(err)
				}
			}})
			x.p.send(connectC[version], sized("32 08 00 03'a/b' 00 07$v'x'", version))
			await(t, x.m, "the end", x.p.ended)
			x.p.wantGot(x.m, map[uint8]string{4: "20 02 00 05", 5: "20 03 00 87 00"}[version])
			x.p.close()
			x.waitClose()
			x.r.wantPackets("connect CLOSE")
		}
	})
}

// The same when the answer is found out later: until then what lies behind
// CONNECT waits [MQTT-3.1.4-5], and nothing precedes CONNACK [MQTT-3.2.0-1].
func TestConnListenAnswersLater(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, code := range []mqtt.ReasonCode{0, mqtt.ConnackNotAuthorized} {
			for _, oneMessage := range []bool{false, true} {
				x := served(t, scheme, nil)
				in := [][]byte{connectC[4], pack("32 08 00 03'a/b' 00 07'x'"), pack("c0 00")}
				if oneMessage {
					in = [][]byte{slices.Concat(in...)}
				}
				x.p.send(in...)
				await(t, x.m, "CONNECT", x.r.saw("connect"))
				x.p.wantGot(x.m, "") // before CONNACK
				x.r.wantPackets("connect")
				if err := mqtt.Connack(x.c, false, code); err != nil {
					t.Fatal(err)
				}
				spin(t, x.m)
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

// [MQTT-3.14.0-1] a 5.0 server sends no DISCONNECT before its CONNACK: what is
// wrong goes into the CONNACK, or nothing is said.
func TestConnListenNoDisconnectBeforeConnack(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := served(t, scheme, nil)
		x.p.send(connectC[5], pack("00 00"))
		await(t, x.m, "CONNECT", x.r.saw("connect"))
		spin(t, x.m)
		await(t, x.m, "the end or nothing", func() bool { x.p.pump(); return x.p.ended() || len(x.r.errs) == 0 })
		if len(x.p.got) > 0 && x.p.got[0] != 0x20 {
			t.Errorf("peer got % x", x.p.got)
		}
	})
}

// Requests that do not become MQTT are answered by HTTP.
func TestConnListenPlainHTTP(t *testing.T) {
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
			m, r := newManager(t), &recorder{t: t}
			p := dialServer(t, m, r)
			p.write([]byte(row.request))
			await(t, m, "an answer", func() bool { p.pump(); return p.head != "" })
			if !strings.HasPrefix(p.head, "HTTP/1.1 "+row.status) || !strings.Contains(p.head, row.word) {
				t.Errorf("answer %q, want status %s and %q", p.head, row.status, row.word)
			}
			if r.saw("WS_OPEN")() {
				t.Error("EvWSOpen")
			}
		})
	}
}

// The subprotocol is chosen among several [RFC 6455 4.2.2].
func TestConnListenSubprotocolAmongOthers(t *testing.T) {
	for _, offer := range []string{"Sec-WebSocket-Protocol: soap, mqtt\r\n", "sec-websocket-protocol: soap\r\nSec-WebSocket-Protocol: mqtt\r\n"} {
		m, r := newManager(t), &recorder{t: t, on: acceptAll}
		p := dialServer(t, m, r)
		p.write([]byte(upgradeRequest + offer + "\r\n"))
		await(t, m, "an answer", func() bool { p.pump(); return p.head != "" })
		if !strings.HasPrefix(p.head, "HTTP/1.1 101 ") || p.header("Sec-WebSocket-Protocol") != "mqtt" ||
			p.header("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // [RFC 6455 1.3]
			t.Errorf("answer %q", p.head)
		}
		p.send(connectC[4])
		p.wantGot(m, "20 02 00 00")
		if !r.saw("HTTP_MSG")() || !r.saw("WS_OPEN")() {
			t.Errorf("events %v", r.log)
		}
		r.wantPackets("connect")
	}
}

// What waits for CONNACK is bounded.
func TestConnListenWaitingIsBounded(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := served(t, scheme, nil)
		setLimit(t, x.c, 40)
		x.p.send(connectC[4])
		await(t, x.m, "CONNECT", x.r.saw("connect"))
		for i := range 6 { // of 8 bytes each
			if len(x.r.errs) > 0 {
				t.Fatalf("failed after %d bytes: %v", 8*i, x.r.errs)
			}
			x.writeRead(x.p.framed(pack("30 06 00 03'a/b''x'")))
		}
		x.waitClose()
		x.r.wantPackets("connect ERROR CLOSE")
		wantErr(t, x.r.err(), mqtt.ErrTooLarge)
	})
}
