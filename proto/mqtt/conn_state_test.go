package mqtt_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// everyCall is each call that sends.
var everyCall = map[string]func(c *reactor.Conn) error{
	"Pub":            func(c *reactor.Conn) error { _, err := mqtt.Pub(c, publishing(1)); return err },
	"Sub":            func(c *reactor.Conn) error { _, err := mqtt.Sub(c, &mqtt.Options{Topic: "t"}); return err },
	"Unsub":          func(c *reactor.Conn) error { _, err := mqtt.Unsub(c, &mqtt.Options{Topic: "t"}); return err },
	"Ping":           mqtt.Ping,
	"Pong":           mqtt.Pong,
	"Disconnect":     func(c *reactor.Conn) error { return mqtt.Disconnect(c, nil) },
	"DisconnectCode": func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, 0) },
	"Ack":            func(c *reactor.Conn) error { return mqtt.Ack(c, &mqtt.Message{Cmd: mqtt.CmdPublish, QoS: 1, ID: 1}) },
	"Suback":         func(c *reactor.Conn) error { return mqtt.Suback(c, 1, 0) },
	"Unsuback":       func(c *reactor.Conn) error { return mqtt.Unsuback(c, 1, 0) },
}

// Before CONNECT was sent nothing can be: over tcp until EvConnect, over
// WebSocket until EvWSOpen.
func TestConnNotOpenYet(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		m := newManager(t)
		fd, addr := listenOn(t)
		asked := 0
		try := func(c *reactor.Conn, _ any) { asked++; refusesAll(t, c, mqtt.ErrNotOpen) }
		on := hooks{reactor.EvOpen: try, reactor.EvResolve: try}
		if scheme == "ws" {
			on[reactor.EvConnect] = try
		}
		r := &recorder{t: t, on: on}
		c, err := mqtt.Connect(m, scheme+"://"+addr, &mqtt.Options{ClientID: "c", Clean: true}, r.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		refusesAll(t, c, mqtt.ErrNotOpen)
		p := acceptPeer(t, m, fd)
		if p.ws = scheme == "ws"; p.ws {
			p.agree(m, answerMQTT)
		}
		p.wantGot(m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c'")
		if asked != len(on) {
			t.Errorf("asked %d times, want %d", asked, len(on))
		}
	})
}

// refusesAll makes every call and wants the error.
func refusesAll(t *testing.T, c *reactor.Conn, is error) {
	t.Helper()
	for name, call := range everyCall {
		refusesToSend(t, c, name, is, func() error { return call(c) })
	}
}

// From then on calls may be made: a client need not wait for CONNACK
// [MQTT-3.1.4-5, non-normative comment].
func TestConnPubBeforeConnack(t *testing.T) {
	for scheme, ev := range map[string]reactor.Event{"mqtt": reactor.EvConnect, "ws": reactor.EvWSOpen} {
		x := startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true}, hooks{ev: func(c *reactor.Conn, _ any) {
			if _, err := mqtt.Pub(c, publishing(0)); err != nil {
				t.Error(err)
			}
		}})
		x.p.wantGot(x.m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c' 30 07 00 03'a/b''hi'")
	}
}

// A server says nothing before CONNACK [MQTT-3.2.0-1], and over WebSocket
// not a byte before the handshake.
func TestConnServerNotOpenYet(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		asked := 0
		try := func(c *reactor.Conn, data any) {
			if m, ok := data.(*mqtt.Message); ok && m.Cmd != mqtt.CmdConnect {
				return
			}
			asked++
			refusesAll(t, c, mqtt.ErrNotOpen)
			if data == nil { // EvOpen, EvAccept
				refusesToSend(t, c, "Connack", mqtt.ErrNotAsked, func() error { return mqtt.Connack(c, false, 0) })
			}
		}
		x := served(t, scheme, hooks{reactor.EvOpen: try, reactor.EvAccept: try, reactor.EvMQTTCmd: try, reactor.EvHTTPHdrs: try})
		x.p.send(connectC[5])
		await(t, x.m, "CONNECT", x.r.saw("connect"))
		spin(t, x.m)
		if x.p.wantGot(x.m, ""); asked < 3 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// After the end every call is an error and does no harm.
func TestConnCallsAfterClose(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for how, end := range map[string]func(*reactor.Conn){
				"Close": (*reactor.Conn).Close,
				"Fail":  func(c *reactor.Conn) { c.Fail(nil) },
			} {
				x := ready(t, scheme, role, 5, nil)
				end(x.c)
				refusesAll(t, x.c, reactor.ErrClosed)
				x.waitClose()
				refusesAll(t, x.c, reactor.ErrClosed)
				if t.Failed() {
					t.Fatal("after", how)
				}
				if err := mqtt.SetLimits(x.c, mqtt.Limits{}); err != reactor.ErrClosed {
					t.Error(err)
				}
				mqtt.Version(x.c)
			}
		}
	})
}

// After our WebSocket Close frame nothing follows [RFC 6455 5.5.1].
func TestConnCallsAfterCloseFrame(t *testing.T) {
	x := connected(t, "ws", 4, nil)
	if err := ws.Send(x.c, pack("03 e8"), ws.OpClose); err != nil {
		t.Fatal(err)
	}
	refusesAll(t, x.c, ws.ErrCloseSent)
	x.p.send(pack("32 08 00 03'a/b' 00 07'x'")) // its acknowledgement cannot be sent either
	await(t, x.m, "EvMQTTMsg", x.r.saw("a/b=x"))
	x.p.wantGot(x.m, "")
}

// SendHeader appends a fixed header and never frames.
func TestConnSendHeader(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := connected(t, scheme, 4, nil)
		start := x.c.Send.Len()
		if err := mqtt.SendHeader(x.c, mqtt.CmdPublish, 3, 200); err != nil {
			t.Fatal(err)
		}
		if got, want := x.c.Send.Bytes()[start:], pack("33 c8 01"); !bytes.Equal(got, want) {
			t.Errorf("% x, want % x", got, want)
		}
		x.c.Write(bytes.Repeat([]byte("x"), 200))
		if scheme == "ws" {
			ws.Wrap(x.c, x.c.Send.Len()-start, ws.OpBinary)
		}
		await(t, x.m, "the packet", func() bool { x.p.pump(); return len(x.p.got) == 203 })
		if scheme == "ws" && len(x.p.frames) != 1 {
			t.Errorf("%d frames", len(x.p.frames))
		}
	})
}

// Ack answers what a program parsed by itself.
func TestConnAck(t *testing.T) {
	for version := uint8(4); version <= 5; version++ {
		c, _ := bareConn(t, newManager(t), &recorder{t: t})
		if err := mqtt.Login(c, &mqtt.Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		for in, want := range map[string]string{
			"30 06 00 03'a/b'$v'x'":       "",
			"32 08 00 03'a/b' 00 07$v'x'": "40 02 00 07",
			"34 08 00 03'a/b' 00 07$v'x'": "50 02 00 07",
			"50 02 12 34":                 "62 02 12 34",
			"62 02 12 34":                 "70 02 12 34",
			"40 02 12 34":                 "",
			"70 02 12 34":                 "",
			"d0 00":                       "",
		} {
			msg := mustParse(t, sized(in, version), version)
			c.Send.Reset()
			if err := mqtt.Ack(c, &msg); err != nil || !bytes.Equal(c.Send.Bytes(), pack(want)) {
				t.Errorf("v%d %s: % x, %v, want %s", version, in, c.Send.Bytes(), err, want)
			}
		}
	}
	c, _ := bareConn(t, newManager(t), &recorder{t: t})
	mqtt.Login(c, &mqtt.Options{Version: 5})
	c.Send.Reset()
	refused := mustParse(t, pack("50 03 00 05 87"), 5)
	if err := mqtt.Ack(c, &refused); err != nil || c.Send.Len() > 0 { // [MQTT-4.3.3-4]
		t.Errorf("% x, %v", c.Send.Bytes(), err)
	}
}

// CONNACK answers a CONNECT, once.
func TestConnConnackOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for what, x := range map[string]*pair{"second": welcomed(t, scheme, 4, nil), "client's": connected(t, scheme, 4, nil)} {
			for _, code := range []mqtt.ReasonCode{0, 5} {
				refusesToSend(t, x.c, what, mqtt.ErrNotAsked, func() error { return mqtt.Connack(x.c, false, code) })
			}
			x.sending("Ping", "c0 00", func() error { return mqtt.Ping(x.c) }) // nothing has changed
		}
	})
}
