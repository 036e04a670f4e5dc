package mqtt_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// sendingCalls are all calls that send a packet.
var sendingCalls = map[string]func(c *reactor.Conn) error{
	"Pub":            func(c *reactor.Conn) error { _, err := mqtt.Pub(c, pubOptions(1)); return err },
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

// A client cannot send packets before CONNECT: over tcp until EvConnect, over WebSocket until
// EvWSOpen.
func TestClientCallsFailBeforeConnect(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		m := looptest.NewManager(t)
		l, addr := looptest.ListenSocket(t)
		tries := 0
		try := func(c *reactor.Conn, _ any) { tries++; wantAllRefused(t, c, mqtt.ErrNotOpen) }
		on := hooks{reactor.EvOpen: try, reactor.EvResolve: try}
		if scheme == "ws" {
			on[reactor.EvConnect] = try
		}
		r := newRecorder(t, on)
		c, err := mqtt.Connect(m, scheme+"://"+addr, &mqtt.Options{ClientID: "c", Clean: true}, r.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantAllRefused(t, c, mqtt.ErrNotOpen)
		p := &peer{Socket: l.AwaitAccept(m)}
		if p.ws = scheme == "ws"; p.ws {
			p.agree(m, answerMQTT)
		}
		p.wantGot(m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c'")
		if tries != len(on) {
			t.Errorf("the calls were tried in %d events, want %d", tries, len(on))
		}
	})
}

// wantRefused checks that a call returns an error and leaves Send unchanged.
func wantRefused(t *testing.T, c *reactor.Conn, what string, is error, call func() error) {
	t.Helper()
	before := bytes.Clone(c.Send.Bytes())
	if err := call(); err == nil {
		t.Errorf("%s: no error", what)
	} else {
		looptest.WantErr(t, err, is)
	}
	if after := c.Send.Bytes(); !bytes.Equal(before, after) {
		t.Errorf("%s: Send had %d bytes before and has %d: % x", what, len(before), len(after), after)
		c.Send.Truncate(min(len(before), len(after)))
	}
}

// wantAllRefused is wantRefused for all sendingCalls.
func wantAllRefused(t *testing.T, c *reactor.Conn, is error) {
	t.Helper()
	for name, call := range sendingCalls {
		wantRefused(t, c, name, is, func() error { return call(c) })
	}
}

// A client may send packets after CONNECT without waiting for CONNACK
// [MQTT-3.1.4-5, non-normative comment].
func TestClientSendsBeforeConnack(t *testing.T) {
	for scheme, ev := range map[string]reactor.Event{"mqtt": reactor.EvConnect, "ws": reactor.EvWSOpen} {
		x := startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true}, hooks{ev: func(c *reactor.Conn, _ any) {
			if _, err := mqtt.Pub(c, pubOptions(0)); err != nil {
				t.Error(err)
			}
		}})
		x.p.wantGot(x.m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c' 30 07 00 03'a/b''hi'")
	}
}

// A server cannot send packets before CONNACK [MQTT-3.2.0-1]. Over WebSocket it sends no byte
// before the handshake.
func TestServerCallsFailBeforeConnack(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		tries := 0
		try := func(c *reactor.Conn, data any) {
			if m, ok := data.(*mqtt.Message); ok && m.Cmd != mqtt.CmdConnect {
				return
			}
			tries++
			wantAllRefused(t, c, mqtt.ErrNotOpen)
			if data == nil { // EvOpen, EvAccept
				wantRefused(t, c, "Connack", mqtt.ErrNoConnect, func() error { return mqtt.Connack(c, false, 0) })
			}
		}
		x := acceptedConn(t, scheme, hooks{reactor.EvOpen: try, reactor.EvAccept: try, reactor.EvMQTTCmd: try, reactor.EvHTTPHdrs: try})
		x.p.send(connectC[5])
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
		looptest.Settle(t, x.m)
		if x.p.wantGot(x.m, ""); tries < 3 {
			t.Errorf("the calls were tried in %d events, want 3 or more", tries)
		}
	})
}

// After Close and Fail every call returns ErrClosed.
func TestCallsFailAfterClose(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for how, end := range map[string]func(*reactor.Conn){
				"Close": (*reactor.Conn).Close,
				"Fail":  func(c *reactor.Conn) { c.Fail(nil) },
			} {
				x := connectedAs(t, scheme, role, 5, nil)
				end(x.c)
				wantAllRefused(t, x.c, reactor.ErrClosed)
				x.waitClose()
				wantAllRefused(t, x.c, reactor.ErrClosed)
				if t.Failed() {
					t.Fatalf("%s after %s", role, how)
				}
				if err := mqtt.SetLimits(x.c, mqtt.Limits{}); err != reactor.ErrClosed {
					t.Errorf("SetLimits: error %v, want ErrClosed", err)
				}
				mqtt.Version(x.c) // must not panic
			}
		}
	})
}

// After our own Close frame no packet can be sent [RFC 6455 5.5.1].
func TestCallsFailAfterCloseFrame(t *testing.T) {
	x := connectedClient(t, "ws", 4, nil)
	if err := ws.Send(x.c, pack("03 e8"), ws.OpClose); err != nil {
		t.Fatal(err)
	}
	wantAllRefused(t, x.c, ws.ErrCloseSent)
	x.p.send(pack("32 08 00 03'a/b' 00 07'x'")) // it is delivered, but not acknowledged
	looptest.Await(t, x.m, "EvMQTTMsg", x.r.Noted("a/b=x"))
	x.p.wantGot(x.m, "")
}

// After a refusing CONNACK a client cannot send packets, not in the handlers of its events
// either.
func TestClientCallsFailAfterRefusal(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version, code := range map[uint8]byte{4: 5, 5: 0x87} {
			events := 0
			refuses := func(c *reactor.Conn, _ any) { events++; wantAllRefused(t, c, mqtt.ErrDisconnected) }
			x := awaitingConnack(t, scheme, version, hooks{reactor.EvMQTTOpen: refuses, reactor.EvMQTTCmd: refuses})
			x.p.send(connack(version, code))
			x.waitClose()
			x.waitEnd()
			if events != 2 || len(x.p.got) > 0 {
				t.Errorf("v%d: %d events, want 2; the peer got % x, want nothing", version, events, x.p.got)
			}
		}
	})
}
