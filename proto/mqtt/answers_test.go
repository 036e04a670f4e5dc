package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The calls for answers send these packets. An empty want means that the call must fail.
func TestAnswersOfServer(t *testing.T) {
	rows := []struct {
		name string
		want [2]string // packet in 3.1.1 and 5.0
		call func(c *reactor.Conn) error
	}{
		{"Suback", [2]string{"90 03 00 07 01", "90 04 00 07 00 01"}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 1) }},
		{"MQTT-3.8.4-5 Suback with three codes", [2]string{"90 05 00 07 00 80 02", "90 06 00 07 00 00 80 02"},
			func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 0, 0x80, 2) }},
		{"Suback with a 5.0 code", [2]string{"", "90 04 00 07 00 87"}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 0x87) }},
		{"MQTT-3.9.3-2 Suback with code 3", [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 3) }},
		{"Suback without a code", [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7) }},
		{"Suback without identifier", [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.Suback(c, 0, 1) }},
		{"Unsuback", [2]string{"b0 02 00 07", "b0 05 00 07 00 00 11"}, func(c *reactor.Conn) error { return mqtt.Unsuback(c, 7, 0, 0x11) }},
		{"Pong", [2]string{"d0 00", "d0 00"}, mqtt.Pong},
		{"Pub", [2]string{"32 09 00 03'a/b' 00 01'hi'", "32 0a 00 03'a/b' 00 01 00'hi'"},
			func(c *reactor.Conn) error { _, err := mqtt.Pub(c, pubOptions(1)); return err }},
	}
	overEachTransport(t, func(t *testing.T, scheme string) {
		for v := range 2 {
			x := connectedServer(t, scheme, uint8(4+v), nil)
			for _, row := range rows {
				name := fmt.Sprintf("v%d %s", 4+v, row.name)
				if row.want[v] == "" {
					wantRefused(t, x.c, name, nil, func() error { return row.call(x.c) })
				} else {
					x.wantSent(name, row.want[v], func() error { return row.call(x.c) })
				}
			}
		}
	})
}

// Connack sends CONNACK in all forms, and refuses arguments that are not valid in the version.
func TestConnackPackets(t *testing.T) {
	for _, row := range []struct {
		name    string
		version uint8
		present bool
		code    mqtt.ReasonCode
		props   []mqtt.Property
		want    string
	}{
		{"v4", 4, false, 0, nil, "20 02 00 00"},
		{"v4 present", 4, true, 0, nil, "20 02 01 00"},
		{"v4 code 3", 4, false, 3, nil, "20 02 00 03"},
		{"v4 code 6", 4, false, 6, nil, ""},
		{"MQTT-3.2.2-4", 4, true, 3, nil, ""},
		{"v4 properties", 4, false, 0, []mqtt.Property{{ID: mqtt.PropReceiveMaximum, Int: 9}}, ""},
		{"v5", 5, false, 0, nil, "20 03 00 00 00"},
		{"v5 properties", 5, true, 0, []mqtt.Property{{ID: mqtt.PropReceiveMaximum, Int: 9}}, "20 06 01 00 03 21 0009"},
		{"v5 code 0x97", 5, false, 0x97, nil, "20 03 00 97 00"},
		{"v5 code 3", 5, false, 3, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			overEachTransport(t, func(t *testing.T, scheme string) {
				x := acceptedConn(t, scheme, nil)
				x.p.send(connectC[row.version])
				looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
				call := func() error { return mqtt.Connack(x.c, row.present, row.code, row.props...) }
				if row.want == "" {
					wantRefused(t, x.c, row.name, mqtt.ErrMalformed, call)
					return
				}
				x.wantSent(row.name, row.want, call)
				if row.code == 0 {
					x.wantSent("Pong", "d0 00", func() error { return mqtt.Pong(x.c) })
					return
				}
				x.waitEnd() // a refusing server closes the connection [MQTT-3.2.2-5]
				if scheme != "ws" {
					return
				}
				if f := x.p.frames[len(x.p.frames)-1]; f.op != 0x88 || string(f.payload) != "\x03\xe8" {
					t.Errorf("the last frame is %x %x, want Close 1000", f.op, f.payload)
				}
			})
		})
	}
}

// Connack fails if CONNECT was answered before, and on a client.
func TestConnackAnswersOnce(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for what, x := range map[string]*pair{"second": connectedServer(t, scheme, 4, nil), "client's": connectedClient(t, scheme, 4, nil)} {
			for _, code := range []mqtt.ReasonCode{0, 5} {
				wantRefused(t, x.c, what, mqtt.ErrNoConnect, func() error { return mqtt.Connack(x.c, false, code) })
			}
			x.wantSent("Ping", "c0 00", func() error { return mqtt.Ping(x.c) })
		}
	})
}

// Connack fails on a client that waits for CONNACK, and changes nothing.
func TestConnackFailsOnClient(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, code := range []mqtt.ReasonCode{0, 5} {
			x := awaitingConnack(t, scheme, 4, nil)
			wantMisuse(x, mqtt.ErrNoConnect, func(c *reactor.Conn) error { return mqtt.Connack(c, false, code) })
			x.p.send(connackOK[4])
			looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
			x.r.wantPackets("MQTT_OPEN:0 connack")
		}
	})
}

// If the client sends a Close frame after CONNECT, Connack fails. The connection itself ends
// without an error.
func TestConnackFailsAfterCloseFrame(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		for _, code := range []mqtt.ReasonCode{0, 5, 0x87} {
			if code >= 0x80 != (version == 5) && code != 0 {
				continue
			}
			calls := 0
			x := acceptedConn(t, "ws", hooks{reactor.EvWSCtl: func(c *reactor.Conn, data any) {
				calls++
				wantRefused(t, c, "Connack", ws.ErrCloseSent, func() error { return mqtt.Connack(c, false, code) })
			}})
			x.p.send(connectC[version])
			looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
			x.p.Write(x.p.frame(8, closeNormal))
			x.waitEnd()
			if len(x.p.frames) != 1 || calls != 1 {
				t.Errorf("the peer got %d frames, want 1; Connack was called %d times, want 1", len(x.p.frames), calls)
			}
			x.p.wantLastFrame(0x88, closeNormal)
			if err := mqtt.Connack(x.c, false, code); err == nil {
				t.Error("Connack returned no error after the end of the stream")
			}
			x.p.Close()
			x.waitClose()
			x.r.wantPackets("connect CLOSE")
		}
	}
}
