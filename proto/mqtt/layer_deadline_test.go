package mqtt_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// clockPair is a pair with a clock that the test moves.
type clockPair struct {
	*pair
	*looptest.Clock
}

// newClockPair makes a connection of Connect or Listen over tcp. Neither side has sent
// anything.
func newClockPair(t *testing.T, scheme, role string, d reactor.Deadlines) *clockPair {
	t.Helper()
	h := &clockPair{Clock: looptest.NewClock()}
	x := &pair{t: t, r: &recorder{t: t}}
	h.pair = x
	x.m = looptest.NewManager(t, reactor.WithDeadlines(d), reactor.WithClock(h.Now))
	if role == "client" {
		l, addr := looptest.ListenSocket(t)
		unix.SetsockoptInt(l.FD, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
		c, err := mqtt.Connect(x.m, scheme+"://"+addr, &mqtt.Options{ClientID: "c", Clean: true}, x.r.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		x.c, x.p = c, &peer{Socket: l.AwaitAccept(x.m)}
		looptest.Await(t, x.m, "the connection", x.r.Noted("CONNECT"))
	} else {
		l, err := mqtt.Listen(x.m, scheme+"://127.0.0.1:0", x.r.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		x.p = dialPeer(t, l.LocalAddr())
		unix.SetsockoptInt(x.p.FD, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
		looptest.Await(t, x.m, "the connection", x.r.Noted("ACCEPT"))
		x.c = x.r.Conn
	}
	x.p.ws = scheme == "ws"
	return h
}

// upgrade does the WebSocket handshake if the scheme is ws.
func (h *clockPair) upgrade(role string) {
	h.t.Helper()
	switch {
	case !h.p.ws:
	case role == "client":
		h.p.agree(h.m, answerMQTT)
		looptest.Await(h.t, h.m, "the WebSocket", h.r.Noted("WS_OPEN"))
	default:
		h.p.Write([]byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"))
		looptest.Await(h.t, h.m, "the WebSocket", h.r.Noted("WS_OPEN"))
	}
}

// writeSlowly writes one byte per second and checks that no deadline passes.
func (h *clockPair) writeSlowly(stream []byte) {
	h.t.Helper()
	for i := range stream {
		h.Advance(time.Second)
		h.writeRead(stream[i : i+1])
		h.wantAlive(fmt.Sprint("after ", i+1, " s"))
	}
}

// wantAlive checks that the connection has not failed.
func (h *clockPair) wantAlive(when string) {
	h.t.Helper()
	looptest.Settle(h.t, h.m)
	if len(h.r.Errs) > 0 || h.r.Closed() {
		h.t.Fatalf("%s: the connection has ended, errors %v", when, h.r.Errs)
	}
}

// wantDeadline moves the clock by left and checks that the deadline passes then, and not a
// nanosecond earlier.
func (h *clockPair) wantDeadline(name string, left time.Duration) {
	h.t.Helper()
	h.Advance(left - 1)
	h.wantAlive("a nanosecond early")
	h.Advance(1)
	looptest.Settle(h.t, h.m)
	var d *reactor.DeadlineError
	if err := h.r.Err(h.t); !errors.As(err, &d) || d.Deadline != name || !h.r.Closed() {
		h.t.Fatalf("error %v, closed %v; want the %s deadline and true", err, h.r.Closed(), name)
	}
}

// Deadlines.Handshake limits the time until CONNECT or CONNACK is complete. Single bytes do
// not extend it.
func TestHandshakeDeadlineOfLogin(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for role, packet := range map[string][]byte{"server": connectC[4], "client": connackOK[4]} {
			t.Run(role, func(t *testing.T) {
				d := reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second, Idle: time.Minute}
				h := newClockPair(t, scheme, role, d) // the peer sends nothing
				h.upgrade(role)
				h.wantDeadline("handshake", 10*time.Second)

				h = newClockPair(t, scheme, role, d)
				h.upgrade(role)
				n := min(9, len(packet)-1)
				h.writeSlowly(h.p.framed(packet)[:n])
				h.wantDeadline("handshake", time.Duration(10-n)*time.Second)
			})
		}
	})
}

// Deadlines.Handshake limits the WebSocket handshake, and counts again from its end for the
// login.
func TestHandshakeDeadlineOfWebSocket(t *testing.T) {
	d := reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second}
	for role, text := range map[string]string{"server": upgradeRequest, "client": "HTTP/1.1 101 Switching Protocols\r\n"} {
		t.Run(role, func(t *testing.T) {
			h := newClockPair(t, "ws", role, d)
			h.writeSlowly([]byte(text[:9]))
			h.wantDeadline("handshake", time.Second)

			h = newClockPair(t, "ws", role, d)
			h.Advance(9 * time.Second)
			h.upgrade(role)
			h.Advance(9 * time.Second)
			h.wantAlive("9 s after the WebSocket handshake")
			h.wantDeadline("handshake", time.Second)
		})
	}
}

// After the login Deadlines.Handshake does not apply: packets may arrive slowly. It does not
// apply either while the server has not answered CONNECT, because the peer cannot help it.
func TestHandshakeDeadlineEndsWithLogin(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"server", "client"} {
			t.Run(role, func(t *testing.T) {
				h := newClockPair(t, scheme, role, reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second})
				h.upgrade(role)
				if role == "server" {
					h.p.send(connectC[4])
					looptest.Await(t, h.m, "CONNECT", h.r.Noted("connect"))
					h.Advance(time.Hour)
					h.wantAlive("CONNECT is not answered yet")
					if err := mqtt.Connack(h.c, false, 0); err != nil {
						t.Fatal(err)
					}
				} else {
					h.p.send(connackOK[4])
					looptest.Await(t, h.m, "CONNACK", h.r.Noted("connack"))
				}
				h.writeSlowly(h.p.framed(pack("30 07 00 03'a/b''hi'")))
				looptest.Await(t, h.m, "PUBLISH", h.r.Noted("a/b=hi"))
				h.Advance(time.Hour)
				h.wantAlive("between packets")
			})
		}
	})
}

// Deadlines.Message limits the time of a packet that arrives slowly. It does not apply between
// packets, and while CONNECT waits for an answer of the program.
func TestMessageDeadlineOfPacket(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := newClockPair(t, scheme, "server", reactor.Deadlines{Message: 10 * time.Second})
		h.upgrade("server")
		publish := pack("32 09 00 03'a/b' 00 01'hi'")
		h.p.send(append(connectC[4], publish[:5]...))
		looptest.Await(t, h.m, "CONNECT", h.r.Noted("connect"))
		h.Advance(time.Hour)
		h.wantAlive("CONNECT waits for an answer of the program")
		looptest.Must(t, mqtt.Connack(h.c, false, 0))
		h.wantAlive("after Connack")
		h.Advance(9 * time.Second)
		h.p.send(publish[5:])
		looptest.Await(t, h.m, "PUBLISH", h.r.Noted("a/b=hi"))
		h.Advance(time.Hour)
		h.wantAlive("between packets")
		for i := range 9 {
			h.p.send(publish[i : i+1])
			h.wantAlive(fmt.Sprint("at byte ", i))
			h.Advance(time.Second)
		}
		h.wantDeadline("message", time.Second)
	})
}

// Deadlines.Stall closes a connection whose peer never reads. The packets that the peer sends
// do not extend it.
func TestStallDeadlineOfPeerThatNeverReads(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := newClockPair(t, scheme, "server", reactor.Deadlines{Stall: 10 * time.Second})
		h.upgrade("server")
		h.p.send(connectC[4])
		looptest.Await(t, h.m, "CONNECT", h.r.Noted("connect"))
		if err := mqtt.Connack(h.c, false, 0); err != nil {
			t.Fatal(err)
		}
		looptest.Must(t, h.c.SetLimits(reactor.Limits{Backpressure: -1}))
		_, err := mqtt.Pub(h.c, &mqtt.Options{Topic: "a/b", Message: make([]byte, 8<<20)})
		looptest.Must(t, err)
		looptest.Fill(t, h.c)
		before := h.c.Send.Len()
		h.Advance(9 * time.Second)
		h.p.send(pack("32 09 00 03'a/b' 00 01'hi'"))
		looptest.Await(t, h.m, "PUBLISH", h.r.Noted("a/b=hi"))
		if h.c.Send.Len() <= before {
			t.Errorf("Send has %d bytes, %d before PUBLISH: PUBACK is missing", h.c.Send.Len(), before)
		}
		h.wantDeadline("stall", time.Second)
	})
}

// The acknowledgements of the layer count for Limits.Send.
func TestAcknowledgementsCountForSendLimit(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedServer(t, scheme, 4, nil)
		looptest.NarrowReceive(t, x.p.FD)
		_, err := mqtt.Pub(x.c, &mqtt.Options{Topic: "a/b", Message: make([]byte, 8<<20)})
		looptest.Must(t, err)
		looptest.Fill(t, x.c)
		limit := x.c.Send.Len() + 20
		looptest.Must(t, x.c.SetLimits(reactor.Limits{Send: limit, Backpressure: -1}))
		for i := 0; len(x.r.Errs) == 0; i++ {
			if i > 1<<15 {
				t.Fatalf("no error after %d packets; %d bytes in Send, the limit is %d", i, x.c.Send.Len(), limit)
			}
			x.p.send(pack("32 09 00 03'a/b' 00 01'hi'"))
			if looptest.Settle(t, x.m); x.c.Send.Len() > limit {
				t.Fatalf("%d bytes in Send without an error, the limit is %d", x.c.Send.Len(), limit)
			}
		}
		var l *reactor.LimitError
		if err := x.r.Err(x.t); !errors.As(err, &l) || l.Buffer != "Send" || l.Limit != limit {
			t.Errorf("error %v, want a LimitError for Send with limit %d", err, limit)
		}
	})
}
