package ws_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// timedWorld is a world whose time is the test's.
func timedWorld(t testing.TB, d reactor.Deadlines) (*world, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, reactor.WithDeadlines(d), reactor.WithClock(func() time.Time { return now }))
	return w, &now
}

// wantDeadline fails the test unless the connection ended for that reason.
func (e *end) wantDeadline(name string) {
	e.Helper()
	spin(e, e.m)
	var d *reactor.DeadlineError
	if !errors.As(e.rec.err, &d) || d.Deadline != name || !e.rec.closed {
		e.Fatalf("%v, closed %v; want the %s deadline", e.rec.err, e.rec.closed, name)
	}
}

// wantNone fails the test if anything has gone wrong by now.
func (e *end) wantNone(when string) {
	e.Helper()
	spin(e, e.m)
	if e.rec.err != nil || e.rec.closed {
		e.Fatalf("%s: %v", when, e.rec.err)
	}
}

// An opening handshake that comes byte by byte, or not at all, is cut off when
// its time is up, on either side.
func TestSlowHandshake(t *testing.T) {
	for _, r := range roles {
		for _, n := range []int{0, 9} {
			t.Run(fmt.Sprint(r, " ", n), func(t *testing.T) {
				w, now := timedWorld(t, reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second, Idle: time.Minute})
				text, e := request, (*end)(nil)
				if r == asServer {
					e = w.accept(nil)
				} else {
					e = w.connect("", nil)
					text = answer(field(w, e.head(), "Sec-WebSocket-Key"))
				}
				for i := range n {
					*now = now.Add(time.Second)
					e.feed(text[i : i+1])
				}
				*now = now.Add(time.Duration(10-n)*time.Second - 1)
				e.wantNone("a nanosecond early")
				*now = now.Add(1)
				e.wantDeadline("handshake")
			})
		}
	}
}

// An open WebSocket has no handshake any more, however slow its frames.
func TestNoHandshakeDeadlineWhenOpen(t *testing.T) {
	for _, r := range roles {
		w, now := timedWorld(t, reactor.Deadlines{Handshake: 10 * time.Second, Idle: 5 * time.Second})
		e := w.open(r, nil)
		f := e.frame(0x81, "a frame of many seconds")
		for i := range f {
			*now = now.Add(5*time.Second - 1)
			e.feed(f[i : i+1])
			e.wantNone("between bytes")
		}
		*now = now.Add(5 * time.Second)
		e.wantDeadline("idle")
	}
}

// fill sends more than the kernel takes.
func (e *end) fill() {
	e.Helper()
	must(e, ws.Send(e.c, make([]byte, 32<<20), ws.OpBinary))
	looptest.Fill(e, e.c)
}

// A peer that never reads is closed, although it goes on sending pings.
func TestPeerThatNeverReads(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w, now := timedWorld(t, reactor.Deadlines{Stall: 10 * time.Second})
			unix.SetsockoptInt(w.bare.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
			e := w.open(r, nil)
			unix.SetsockoptInt(e.p.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
			e.fill()
			*now = now.Add(9 * time.Second)
			for range 3 { // the pongs to which wait behind the message
				e.p.write(e.frame(0x89, "still there?"))
				e.wantNone("after 9 s")
			}
			*now = now.Add(time.Second)
			e.wantDeadline("stall")
		})
	}
}

// A peer that makes us answer, and does not read the answers, cannot make us
// hold more than the limit of Send says: it holds for control frames too.
func TestControlFramesAndTheLimit(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			e := newWorld(t).open(r, nil)
			e.fill()
			e.c.Send.Truncate(1000)
			const limit = 1100
			e.c.SetLimits(reactor.Limits{Send: limit})
			for i := 0; i < 50 && e.rec.err == nil; i++ {
				e.p.write(e.frame(0x89, fmt.Sprint("ping ", i)))
				spin(e, e.m)
				if n := e.c.Send.Len(); n > limit {
					t.Fatalf("%d bytes in Send, the limit is %d", n, limit)
				}
			}
			var l *reactor.LimitError
			if !errors.As(e.rec.err, &l) || l.Buffer != "Send" || l.Limit != limit {
				t.Errorf("%v, want the limit of Send", e.rec.err)
			}
		})
	}
}

// A high-water mark does not hold back what the layer itself answers.
func TestControlFramesAboveHighWater(t *testing.T) {
	for _, r := range roles {
		var tail []byte // of Send, when the ping is heard of
		e := newWorld(t).open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWSCtl && len(tail) == 0 {
				tail = append(tail, c.Send.Bytes()[1000:]...)
			}
		})
		e.c.SetWater(0, 1)
		must(t, e.c.SetLimits(reactor.Limits{Unsent: -1})) // its input goes on
		e.fill()
		e.c.Send.Truncate(1000)
		spin(t, e.m) // its input is not held any more
		e.feed(e.frame(0x89, "ping"))
		want := build(0x8a, r == asClient, -1, "ping")
		if len(tail) != len(want) || string(tail[:2]) != want[:2] { // what follows may be masked
			t.Errorf("%s: % x behind what was in Send, want % x", r, tail, want)
		}
		e.drop()
	}
}
