package session_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The events of the session come in their place among those of the connection: EvSessionUp after
// the EvMQTTCmd of CONNACK, EvSessionDown and EvSessionRetry before EvClose.
func TestOrderOfEvents(t *testing.T) {
	tests := []struct{ scheme, up, fails string }{
		{"mqtt", "OPEN, RESOLVE, CONNECT, WRITE, MQTT_OPEN, MQTT_CMD, up present=false, READ, ERROR, down 1s, CLOSE",
			"OPEN, RESOLVE, CONNECT, WRITE, MQTT_OPEN, MQTT_CMD, ERROR, retry 1s, CLOSE"},
		{"ws", "OPEN, RESOLVE, CONNECT, WRITE, WS_OPEN, READ, WRITE, MQTT_OPEN, MQTT_CMD, up present=false, WS_MSG, READ, ERROR, down 1s, CLOSE", ""},
	}
	for _, test := range tests {
		t.Run(test.scheme, func(t *testing.T) {
			m, k := newLoop(t)
			srv := newServer(t, m, test.scheme)
			cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}})
			cl.all = true
			cl.await("up")
			looptest.Settle(t, m)
			srv.last().c.Abort()
			cl.await("CLOSE")
			if got := cl.take(); got != test.up {
				t.Errorf("events %s\nwant   %s", got, test.up)
			}
			if test.fails == "" {
				return
			}
			srv.refuse = mqtt.ConnackServerUnavailable
			cl.k.Advance(time.Second)
			cl.await("CLOSE")
			cl.want(strings.Replace(test.fails, "retry 1s", "retry 2s", 1))
		})
	}
}

// EvSessionDown has the reason: what the server has said, or that the connection was cut. EvError
// is not logged, because the session tells the reason.
func TestReasonOfDown(t *testing.T) {
	tests := []struct {
		name, scheme string
		version      uint8
		cut          func(cl *client, p *peer)
		check        func(err error) bool
	}{
		{"reset", "mqtt", 4, func(_ *client, p *peer) { p.c.Abort() }, func(err error) bool { return err != nil }},
		{"end of stream", "mqtt", 5, func(_ *client, p *peer) { p.c.Close() }, func(err error) bool {
			var closed *mqtt.ClosedError
			return errors.As(err, &closed) && errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"Close frame", "ws", 4, func(_ *client, p *peer) { ws.Close(p.c, 1013, "later") }, func(err error) bool {
			var closed *mqtt.ClosedError
			return errors.As(err, &closed) && closed.Code == 1013 && closed.Reason == "later"
		}},
		{"DISCONNECT", "wss", 5, func(_ *client, p *peer) {
			p.send(mqtt.AppendDisconnect(nil, 5, mqtt.ReasonSessionTakenOver, []mqtt.Property{{ID: mqtt.PropReasonString, Value: []byte("twice")}}))
		}, func(err error) bool {
			var refused *mqtt.RefusedError
			return errors.As(err, &refused) && refused.Code == mqtt.ReasonSessionTakenOver && refused.Reason == "twice"
		}},
		{"the program closes", "mqtt", 4, func(cl *client, _ *peer) { cl.Conn().Close() }, func(err error) bool {
			return strings.Contains(err.Error(), "the program has closed")
		}},
		{"the program fails it", "mqtt", 4, func(cl *client, _ *peer) { cl.Conn().Fail(io.ErrNoProgress) }, func(err error) bool {
			return errors.Is(err, io.ErrNoProgress)
		}},
		{"Disconnect by the program", "mqtt", 4, func(cl *client, _ *peer) { mqtt.Disconnect(cl.Conn(), nil) }, func(err error) bool {
			return err != nil
		}},
		{"a packet that is malformed", "mqtt", 4, func(_ *client, p *peer) { p.c.Write([]byte{0xFF, 0xFF}) }, func(err error) bool {
			return errors.Is(err, mqtt.ErrMalformed)
		}},
		{"Receive Maximum", "mqtt", 5, func(_ *client, p *peer) {
			for id := range uint16(3) {
				p.publish(mqtt.PublishPacket{Topic: "t", QoS: 1, ID: id + 1})
			}
		}, func(err error) bool { return errors.Is(err, mqtt.ErrLimit) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var logged looptest.Warnings
			k := looptest.NewClock()
			m := looptest.NewManager(t, reactor.WithClock(k.Now), reactor.WithLogger(logged.Logger()))
			srv := newServer(t, m, test.scheme)
			cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, ReceiveMaximum: 2, ManualAck: true, Login: mqtt.Options{Version: test.version}})
			cl.await("up")
			cl.take()
			test.cut(cl, srv.last())
			cl.await("down 1s")
			if err := cl.lastErr(); err == nil || !test.check(err) {
				t.Errorf("reason %v", err)
			}
			if cl.Connected() || !cl.Conn().Stack().Closed() {
				t.Error("the session is connected")
			}
			cl.take()
			cl.wait(time.Second)
			cl.await("up")
			logged.WantNone(t)
		})
	}
}

// If the server breaks the protocol, a 5.0 session tells it and connects again.
func TestViolations(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *peer, m *mqtt.Message)
		code mqtt.ReasonCode
	}{
		{"PUBACK for QoS 2", func(p *peer, m *mqtt.Message) { p.send(mqtt.AppendAck(nil, 5, mqtt.CmdPuback, m.ID, 0, nil)) }, 0x82},
		{"too many messages", func(p *peer, _ *mqtt.Message) {
			p.publish(mqtt.PublishPacket{Topic: "t", QoS: 1, ID: 1})
			p.publish(mqtt.PublishPacket{Topic: "t", QoS: 2, ID: 2})
		}, 0x93},
		{"AUTH", func(p *peer, _ *mqtt.Message) {
			p.send(mqtt.AppendAuth(nil, 5, mqtt.ReasonContinueAuthentication, []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("X")}}))
		}, 0x82},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, k := newLoop(t)
			srv := newServer(t, m, "mqtt")
			srv.on = func(p *peer, m *mqtt.Message) bool {
				if m.Cmd == mqtt.CmdPublish {
					test.do(p, m)
					return true
				}
				return false
			}
			cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, ReceiveMaximum: 1, ManualAck: true, Login: mqtt.Options{Version: 5}})
			cl.must("t", "x", 2)
			awaitLog(t, srv, fmt.Sprintf("DISCONNECT %02X", uint8(test.code)))
			cl.await("down 1s")
		})
	}
}

// A program may pause the connection. The session goes on to send, and acknowledges when the
// connection is resumed.
func TestPause(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}})
	cl.await("up")
	cl.on = func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvMQTTMsg {
			c.Pause()
		}
	}
	for id := range uint16(3) {
		srv.last().publish(mqtt.PublishPacket{Topic: "in", Data: []byte{'0' + byte(id)}, QoS: 1, ID: id + 1})
	}
	for i := range 3 {
		cl.await(fmt.Sprintf("msg in=%d", i))
		cl.must("out", "x", 0)
		awaitLog(t, srv, "PUBLISH")
		looptest.Settle(t, m)
		srv.log = nil
		cl.Conn().Resume()
	}
	looptest.Settle(t, m)
	cl.want("up present=false, msg in=0, sent, msg in=1, sent, msg in=2, sent")
}

// Fn of a subscription gets the messages of its filter, the handler gets the others.
func TestRoutes(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}})
	got := ""
	looptest.Must(t, cl.Subscribe(session.Subscription{Filter: "a", QoS: 1, Fn: func(c *reactor.Conn, ev reactor.Event, data any) {
		got += fmt.Sprint(ev, " ", string(data.(*mqtt.Message).Topic), session.Of(c) == cl.Session, " ")
	}}))
	cl.await("sub")
	srv.last().publish(mqtt.PublishPacket{Topic: "a", QoS: 1, ID: 1})
	srv.last().publish(mqtt.PublishPacket{Topic: "b", QoS: 1, ID: 2})
	awaitLog(t, srv, "PUBACK")
	cl.await("msg b")
	if got != "MQTT_MSG atrue " {
		t.Errorf("Fn got %s", got)
	}
	cl.want("up present=false, sub a 01, msg b=")
}

// With ManualAck the program acknowledges. The order of the messages is kept.
func TestManualAck(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	acks := ""
	srv.on = func(_ *peer, m *mqtt.Message) bool {
		if m.Cmd == mqtt.CmdPuback {
			acks += fmt.Sprintf("%d:%02X ", m.ID, uint8(m.Ack))
		}
		return false
	}
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, ManualAck: true, Login: mqtt.Options{Version: 5}})
	cl.await("up")
	var list []session.Delivery
	cl.on = func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTMsg {
			list = append(list, cl.Delivery(data.(*mqtt.Message)))
		}
	}
	for id := range uint16(3) {
		srv.last().publish(mqtt.PublishPacket{Topic: "in", QoS: 1, ID: id + 1})
	}
	looptest.Await(t, m, "the messages", func() bool { return len(list) == 3 })
	looptest.Settle(t, m)
	looptest.Must(t, cl.Ack(list[1], 0))
	looptest.Must(t, cl.Ack(list[0], mqtt.ReasonQuotaExceeded))
	looptest.Settle(t, m)
	if acks != "1:97 2:00 " {
		t.Errorf("acknowledgements %s", acks)
	}
	if d := cl.Delivery(new(mqtt.Message)); d != (session.Delivery{}) {
		t.Errorf("Delivery outside of a handler: %v", d)
	}
	looptest.Must(t, cl.Ack(session.Delivery{}, 0))
}

// A handler that is wrapped with Recover and panics loses the connection. The session connects
// again.
func TestRecover(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "ws")
	var down []error
	ups, panics := 0, 0
	s, err := session.New(m, &session.Options{URLs: []string{srv.url}}, reactor.Recover(func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvSessionUp:
			ups++
		case reactor.EvSessionDown:
			down = append(down, data.(*session.Down).Err)
		case reactor.EvMQTTMsg, reactor.EvSessionPub:
			panics++
			panic("test")
		}
	}), nil)
	looptest.Must(t, err)
	for i := range 2 {
		looptest.Await(t, m, "the connection", func() bool { return ups == 2*i+1 })
		srv.last().publish(mqtt.PublishPacket{Topic: "in", QoS: 1, ID: 1})
		looptest.Await(t, m, "the end of the connection", func() bool { return len(down) == 2*i+1 })
		k.Advance(time.Minute)
		looptest.Await(t, m, "the connection", func() bool { return ups == 2*i+2 })
		s.Publish(&session.Message{Topic: "out", QoS: 1})
		looptest.Await(t, m, "the end of the connection", func() bool { return len(down) == 2*i+2 })
		k.Advance(time.Minute)
	}
	for _, err := range down {
		var p *reactor.PanicError
		if !errors.As(err, &p) {
			t.Errorf("reason %v", err)
		}
	}
	if got := srv.take(); strings.Contains(got, "PUBACK") || panics != 4 {
		t.Errorf("%d panics, packets %s", panics, got)
	}
}
