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

// hourglass is a pair whose time is the test's.
type hourglass struct {
	*pair
	now time.Time
}

// newHourglass makes a client of mqtt.Connect that a peer has accepted, or a
// peer that mqtt.Listen has accepted, and nothing more.
func newHourglass(t *testing.T, scheme, role string, d reactor.Deadlines) *hourglass {
	t.Helper()
	h := &hourglass{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	x := &pair{t: t, r: &recorder{t: t}}
	h.pair = x
	x.m = newManager(t, reactor.WithDeadlines(d), reactor.WithClock(func() time.Time { return h.now }))
	if role == "client" {
		fd, addr := listenOn(t)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
		c, err := mqtt.Connect(x.m, scheme+"://"+addr, &mqtt.Options{ClientID: "c", Clean: true}, x.r.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		x.c, x.p = c, acceptPeer(t, x.m, fd)
		await(t, x.m, "the connection", x.r.saw("CONNECT"))
	} else {
		l, err := mqtt.Listen(x.m, scheme+"://127.0.0.1:0", x.r.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		x.p = dialPeer(t, l.LocalAddr())
		unix.SetsockoptInt(x.p.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
		await(t, x.m, "the connection", x.r.saw("ACCEPT"))
		x.c = x.r.c
	}
	x.p.ws = scheme == "ws"
	return h
}

// upgrade opens the WebSocket, if there is to be one.
func (h *hourglass) upgrade(role string) {
	h.t.Helper()
	switch {
	case !h.p.ws:
	case role == "client":
		h.p.agree(h.m, answerMQTT)
		await(h.t, h.m, "the WebSocket", h.r.saw("WS_OPEN"))
	default:
		h.p.write([]byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"))
		await(h.t, h.m, "the WebSocket", h.r.saw("WS_OPEN"))
	}
}

// trickle writes a byte per second, each of which the loop reads.
func (h *hourglass) trickle(stream []byte) {
	h.t.Helper()
	for i := range stream {
		h.now = h.now.Add(time.Second)
		h.writeRead(stream[i : i+1])
		h.wantNone(fmt.Sprint("after ", i+1, " s"))
	}
}

func (h *hourglass) wantNone(when string) {
	h.t.Helper()
	spin(h.t, h.m)
	if len(h.r.errs) > 0 || h.r.closed() {
		h.t.Fatalf("%s: %v", when, h.r.errs)
	}
}

// passes lets the time come that a deadline has left.
func (h *hourglass) passes(name string, left time.Duration) {
	h.t.Helper()
	h.now = h.now.Add(left - 1)
	h.wantNone("a nanosecond early")
	h.now = h.now.Add(1)
	spin(h.t, h.m)
	var d *reactor.DeadlineError
	if err := h.r.err(); !errors.As(err, &d) || d.Deadline != name || !h.r.closed() {
		h.t.Fatalf("%v, closed %v; want the %s deadline", err, h.r.closed(), name)
	}
}

// The CONNECT of a client and the CONNACK of a server have their time, however
// they trickle in.
func TestConnSlowLogin(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for role, packet := range map[string][]byte{"server": connectC[4], "client": connackOK[4]} {
			t.Run(role, func(t *testing.T) {
				d := reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second, Idle: time.Minute}
				h := newHourglass(t, scheme, role, d) // nothing comes
				h.upgrade(role)
				h.passes("handshake", 10*time.Second)

				h = newHourglass(t, scheme, role, d)
				h.upgrade(role)
				n := min(9, len(packet)-1)
				h.trickle(h.p.framed(packet)[:n])
				h.passes("handshake", time.Duration(10-n)*time.Second)
			})
		}
	})
}

// The WebSocket's opening handshake has the same time, and the login behind it
// begins anew.
func TestConnSlowUpgrade(t *testing.T) {
	d := reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second}
	for role, text := range map[string]string{"server": upgradeRequest, "client": "HTTP/1.1 101 Switching Protocols\r\n"} {
		t.Run(role, func(t *testing.T) {
			h := newHourglass(t, "ws", role, d)
			h.trickle([]byte(text[:9]))
			h.passes("handshake", time.Second)

			h = newHourglass(t, "ws", role, d)
			h.now = h.now.Add(9 * time.Second)
			h.upgrade(role)
			h.now = h.now.Add(9 * time.Second)
			h.wantNone("the login's own time")
			h.passes("handshake", time.Second)
		})
	}
}

// When both have said who they are there is no handshake any more: packets may
// take their time. A CONNACK that is the program's to give is not the peer's fault.
func TestConnNoHandshakeWhenOpen(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"server", "client"} {
			t.Run(role, func(t *testing.T) {
				h := newHourglass(t, scheme, role, reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second})
				h.upgrade(role)
				if role == "server" {
					h.p.send(connectC[4])
					await(t, h.m, "CONNECT", h.r.saw("connect"))
					h.now = h.now.Add(time.Hour)
					h.wantNone("CONNECT is not answered yet")
					if err := mqtt.Connack(h.c, false, 0); err != nil {
						t.Fatal(err)
					}
				} else {
					h.p.send(connackOK[4])
					await(t, h.m, "CONNACK", h.r.saw("connack"))
				}
				h.trickle(h.p.framed(pack("30 07 00 03'a/b''hi'")))
				await(t, h.m, "PUBLISH", h.r.saw("a/b=hi"))
				h.now = h.now.Add(time.Hour)
				h.wantNone("between packets")
			})
		}
	})
}

// A packet that trickles in has its time; between packets, and while a CONNECT
// waits for the program, there is none.
func TestConnSlowPacket(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		h := newHourglass(t, scheme, "server", reactor.Deadlines{Message: 10 * time.Second})
		h.upgrade("server")
		publish := pack("32 09 00 03'a/b' 00 01'hi'")
		h.p.send(append(connectC[4], publish[:5]...))
		await(t, h.m, "CONNECT", h.r.saw("connect"))
		h.now = h.now.Add(time.Hour)
		h.wantNone("the answer is ours to give")
		looptest.Must(t, mqtt.Connack(h.c, false, 0))
		h.wantNone("at the answer")
		h.now = h.now.Add(9 * time.Second)
		h.p.send(publish[5:])
		await(t, h.m, "PUBLISH", h.r.saw("a/b=hi"))
		h.now = h.now.Add(time.Hour)
		h.wantNone("between packets")
		for i := range 9 {
			h.p.send(publish[i : i+1])
			h.wantNone(fmt.Sprint("at byte ", i))
			h.now = h.now.Add(time.Second)
		}
		h.passes("message", time.Second)
	})
}

// A peer that never reads is closed, also if all that it is sent are the
// answers to its own packets.
func TestConnPeerThatNeverReads(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		h := newHourglass(t, scheme, "server", reactor.Deadlines{Stall: 10 * time.Second})
		h.upgrade("server")
		h.p.send(connectC[4])
		await(t, h.m, "CONNECT", h.r.saw("connect"))
		if err := mqtt.Connack(h.c, false, 0); err != nil {
			t.Fatal(err)
		}
		looptest.Must(t, h.c.SetLimits(reactor.Limits{Unsent: -1})) // its packets are read
		_, err := mqtt.Pub(h.c, &mqtt.Options{Topic: "a/b", Message: make([]byte, 32<<20)})
		looptest.Must(t, err)
		looptest.Fill(t, h.c)
		before := h.c.Send.Len()
		h.now = h.now.Add(9 * time.Second)
		h.p.send(pack("32 09 00 03'a/b' 00 01'hi'"))
		await(t, h.m, "PUBLISH", h.r.saw("a/b=hi"))
		if h.c.Send.Len() <= before {
			t.Errorf("PUBACK is not in Send: %d bytes, %d before", h.c.Send.Len(), before)
		}
		h.passes("stall", time.Second)
	})
}

// The layer's acknowledgements count for the limit of Send.
func TestConnAcksAndTheLimit(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := welcomed(t, scheme, 4, nil)
		_, err := mqtt.Pub(x.c, &mqtt.Options{Topic: "a/b", Message: make([]byte, 32<<20)})
		looptest.Must(t, err)
		looptest.Fill(t, x.c)
		limit := x.c.Send.Len() + 20
		looptest.Must(t, x.c.SetLimits(reactor.Limits{Send: limit, Unsent: -1}))
		for i := 0; len(x.r.errs) == 0; i++ {
			if i > 1<<15 {
				t.Fatalf("%d bytes in Send, the limit is %d", x.c.Send.Len(), limit)
			}
			x.p.send(pack("32 09 00 03'a/b' 00 01'hi'"))
			if spin(t, x.m); x.c.Send.Len() > limit {
				t.Fatalf("%d bytes in Send, the limit is %d", x.c.Send.Len(), limit)
			}
		}
		var l *reactor.LimitError
		if err := x.r.err(); !errors.As(err, &l) || l.Buffer != "Send" || l.Limit != limit {
			t.Errorf("%v, want the limit of Send", err)
		}
	})
}
