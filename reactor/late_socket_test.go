package reactor_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// The loop is late: when it turns again, deadlines have passed, and what they are about
// lies in the sockets. A connection is judged when all of that was taken in.

// A lateWait is a deadline that ends with a whole message of the peer's.
type lateWait struct {
	name  string
	set   reactor.Deadlines
	begin func(c *reactor.Conn) (end func())
}

// layerWait is a wait with a deadline of a layer's own.
func layerWait(name string, d reactor.Deadline) lateWait {
	return lateWait{name, reactor.Deadlines{}, func(c *reactor.Conn) func() {
		own := d
		own.Name = name
		c.Stack().StartDeadline(&own, 3*time.Second)
		return func() { c.Stack().StopDeadline(&own) }
	}}
}

var lateWaits = []lateWait{
	{"handshake", reactor.Deadlines{Handshake: 3 * time.Second}, func(c *reactor.Conn) func() {
		c.Stack().SetHandshaking(true)
		return func() { c.Stack().SetHandshaking(false) }
	}},
	{"message", reactor.Deadlines{Message: 3 * time.Second}, func(c *reactor.Conn) func() {
		c.Stack().SetReceiving(true)
		return func() { c.Stack().SetReceiving(false) }
	}},
	{"idle", reactor.Deadlines{Idle: 3 * time.Second}, func(*reactor.Conn) func() { return func() {} }},
	layerWait("a layer's", reactor.Deadline{}),
	layerWait("a layer's, OnRead", reactor.Deadline{OnRead: true}),
	layerWait("a layer's, Paused", reactor.Deadline{Paused: true}),
}

// A waiter waits for so many bytes.
type waiter struct {
	recorder
	c     *reactor.Conn
	f     *far
	whole bool
}

// newWaiter begins to wait on a connection made in a way.
func newWaiter(t *testing.T, m *reactor.Manager, way string, w lateWait, size int) *waiter {
	t.Helper()
	s := &waiter{}
	end := func() {}
	s.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.Recv.Len() >= size {
			c.Recv.Consume(size)
			s.whole = true
			end()
		}
	}}
	s.c, s.f = reach(t, m, way, s.handle, nil)
	s.c.SetDeadlines(w.set)
	end = w.begin(s.c)
	return s
}

// Each of hundreds has in its socket what it waits for, in one piece or in several reads'.
// Some have not: those fail, and only those.
func TestLateLoopTakesInWhatLiesInTheSockets(t *testing.T) {
	for _, w := range lateWaits {
		for _, row := range []struct {
			way  string
			size int
		}{{"wrapped", 1}, {"wrapped", 150 << 10}, {"unix client", 150 << 10}, {"tcp server", 1}, {"tcp server", 60 << 10}, {"TLS 1.3 server", 1}, {"TLS 1.2 client", 20 << 10}} {
			t.Run(fmt.Sprint(w.name, ", ", row.way, ", ", row.size), func(t *testing.T) {
				m, k := timed(t)
				n := 300
				all := make([]*waiter, n)
				for i := range all {
					all[i] = newWaiter(t, m, row.way, w, row.size)
				}
				spin(t, m, 3)
				k.advance(time.Second)
				silent := func(i int) bool { return i%50 == 7 }
				message := make([]byte, row.size)
				for i, s := range all {
					if !silent(i) {
						s.f.say(message)
					}
				}
				k.advance(5 * time.Second)
				await(t, m, "all of them", func() bool {
					return !slices.ContainsFunc(all, func(s *waiter) bool { return !s.whole && len(s.errs) == 0 })
				})
				for i, s := range all {
					if silent(i) {
						wantDeadline(t, s.err(t), w.name, 3*time.Second)
					} else if len(s.errs) > 0 || !s.whole {
						t.Fatalf("connection %d: %v, whole message %v", i, s.errs, s.whole)
					}
				}
			})
		}
	}
}

// A message of 1 MiB that lies in the socket whole takes many reads.
func TestLateLoopTakesInALargeMessage(t *testing.T) {
	for _, w := range lateWaits {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(w.name+", "+network, func(t *testing.T) {
				m, k := timed(t)
				fd, p := roomy(t, network)
				want := noise(1 << 20)
				var got []byte
				var end func()
				r := &recorder{}
				r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
					if got == nil && c.Recv.Len() >= len(want) {
						got = bytes.Clone(c.Recv.Bytes())
						end()
					}
				}}
				c, err := m.WrapFD(fd, r.handle, nil)
				looptest.Must(t, err)
				p.write("x")
				await(t, m, "the first byte", r.saw(reactor.EvRead))
				c.Recv.Reset()
				c.SetDeadlines(w.set)
				end = w.begin(c)
				spin(t, m, 2)
				for rest := want; len(rest) > 0; { // as much as fits
					n := p.writeSome(rest)
					if rest = rest[n:]; n == 0 {
						break
					}
				}
				want = want[:arrivedIn(t, fd)]
				if len(want) < 3*64<<10 {
					t.Fatalf("only %d bytes have arrived", len(want))
				}
				k.advance(5 * time.Second)
				await(t, m, "the message", func() bool { return got != nil || len(r.errs) > 0 })
				if len(r.errs) > 0 || !bytes.Equal(got[:min(len(got), len(want))], want) {
					t.Errorf("%v after %d of %d bytes", r.errs, c.Recv.Len(), len(want))
				}
			})
		}
	}
}

// heldFlight is a client's wire that keeps everything but ClientHello.
type heldFlight struct {
	farWire
	said bool
	held []byte
}

func (w *heldFlight) Write(p []byte) (int, error) {
	if w.said {
		w.held = append(w.held, p...)
		return len(p), nil
	}
	w.said = true
	return w.farWire.Write(p)
}

// The handshake of TLS whose last messages lie in the socket succeeds, however many there
// are and whichever share of them one turn takes.
func TestLateLoopTakesInHandshakesOfTLS(t *testing.T) {
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{TLS: 3 * time.Second}))
	r := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	var all []*heldFlight
	for range 300 {
		f := &far{peer: dialRaw(t, l.LocalAddr()), m: m, way: "TLS 1.3 server", blocks: true}
		w := &heldFlight{farWire: farWire{f: f}}
		looptest.Must(t, tls.Client(w, small(authority().Client(), tls.VersionTLS13)).Handshake())
		all = append(all, w)
	}
	spin(t, m, 5)
	if n := r.count(reactor.EvTLSHS); n > 0 {
		t.Fatalf("%d handshakes are done already", n)
	}
	silent := 0
	for i, w := range all {
		if i%50 == 7 {
			silent++
			continue
		}
		w.f.write(string(w.held))
	}
	k.advance(5 * time.Second)
	spin(t, m, 200) // some steps in each
	if done, failed := r.count(reactor.EvTLSHS), len(r.errs); done != len(all)-silent || failed != silent {
		t.Errorf("%d of %d succeeded, %d failed", done, len(all), failed)
	}
}

// A peer that goes on sending without ever completing what is awaited fails all the same,
// with a byte now and then as with more than the loop can read.
func TestLateLoopFailsWhoNeverCompletes(t *testing.T) {
	for _, w := range lateWaits {
		if w.name == "idle" || w.name == "a layer's, OnRead" {
			continue
		}
		for _, way := range []string{"tcp server", "wrapped", "TLS 1.3 server"} {
			for _, step := range []time.Duration{100 * time.Millisecond, 5 * time.Second} {
				t.Run(fmt.Sprint(w.name, ", ", way, ", a byte each ", step), func(t *testing.T) {
					m, k := timed(t)
					s := newWaiter(t, m, way, w, 1<<30)
					for passed := time.Duration(0); passed < 3*time.Second; passed += step {
						if spin(t, m, 2); len(s.errs) > 0 {
							t.Fatalf("too early, after %v: %v", passed, s.errs)
						}
						s.f.say([]byte("x"))
						k.advance(step)
					}
					spin(t, m, 10)
					wantDeadline(t, s.err(t), w.name, 3*time.Second)
				})
			}
		}
		t.Run(w.name+", a flood", func(t *testing.T) {
			m, k := timed(t)
			s := newWaiter(t, m, "wrapped", w, 1<<30)
			s.on[reactor.EvRead] = func(c *reactor.Conn, _ any) { c.Recv.Reset() }
			flood := make([]byte, 1<<20)
			fill := func() { s.f.writeSome(flood) }
			fill()
			spin(t, m, 2)
			k.advance(5 * time.Second)
			for i := 0; len(s.errs) == 0; i++ {
				if fill(); i > 200 {
					t.Fatal("the flood keeps the loop from judging")
				}
				spin(t, m, 1)
			}
			wantDeadline(t, s.err(t), w.name, 3*time.Second)
		})
	}
}

// A layer's deadline with Expired does not fire either if what it is about was there.
func TestLateLoopAndExpired(t *testing.T) {
	for _, onRead := range []bool{false, true} {
		for _, comes := range []bool{false, true} {
			t.Run(fmt.Sprint("OnRead ", onRead, ", comes ", comes), func(t *testing.T) {
				m, k := timed(t)
				fired := 0
				s := newWaiter(t, m, "tcp server", layerWait("a layer's", reactor.Deadline{OnRead: onRead, Expired: func(*reactor.Conn) { fired++ }}), 4)
				if comes {
					s.f.say([]byte("here"))
				}
				k.advance(5 * time.Second)
				lives(t, m, &s.recorder)
				if s.whole != comes || fired != map[bool]int{false: 1}[comes] {
					t.Errorf("Expired was called %d times, message %v", fired, s.whole)
				}
			})
		}
	}
}

// While the end of the peer's stream is awaited, which is bounded by a second, what it
// said is taken in before the socket is closed. Else a reset destroys our last word.
func TestLateLoopWhileLingering(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"Drain":    (*reactor.Conn).Drain,
		"AwaitEnd": func(c *reactor.Conn) { c.Stack().AwaitEnd() },
	} {
		t.Run(name, func(t *testing.T) {
			m, k := timed(t)
			fd, p := roomy(t, "tcp")
			r := &recorder{}
			c, err := m.WrapFD(fd, r.handle, nil)
			looptest.Must(t, err)
			c.Write([]byte("bye"))
			end(c)
			await(t, m, "the last word to be sent", r.saw(reactor.EvWrite))
			spin(t, m, 2)
			p.writeSome(make([]byte, 400<<10))
			p.shutdown()
			if arrivedIn(t, fd) < 3*64<<10 {
				t.Fatalf("only %d bytes have arrived", arrivedIn(t, fd))
			}
			k.advance(5 * time.Second)
			await(t, m, "EvClose", r.closed)
			await(t, m, "the end", p.ended)
			if string(p.in) != "bye" || p.err != nil || len(r.errs) > 0 {
				t.Errorf("the peer got %q, %v; errors %v", p.in, p.err, r.errs)
			}
		})
	}
}
