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

// The loop is late. When it turns again, deadlines have passed, and the input that they
// wait for is in the sockets. The loop reads all of it before it enforces the deadline of
// a connection.

// A lateWait is a deadline that stops when a whole message of the peer has come.
type lateWait struct {
	name  string
	set   reactor.Deadlines
	begin func(c *reactor.Conn) (end func())
}

// layerWait is a lateWait with a Deadline of a layer.
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
	layerWait("a layer's, OnRead", reactor.Deadline{RestartOnRead: true}),
	layerWait("a layer's, Paused", reactor.Deadline{RunWhilePaused: true}),
}

// A waiter is a connection that waits for a message.
type waiter struct {
	recorder
	c     *reactor.Conn
	f     *far
	whole bool
}

// newWaiter makes a connection that begins to wait for a message of size bytes.
func newWaiter(t *testing.T, m *reactor.Manager, way string, w lateWait, size int) *waiter {
	t.Helper()
	s := &waiter{}
	end := func() {}
	s.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.Recv.Len() >= size {
			c.Recv.Consume(size)
			s.whole = true
			end()
		}
	}}
	s.c, s.f = reach(t, m, way, s.Handle, nil)
	s.c.SetDeadlines(w.set)
	end = w.begin(s.c)
	return s
}

// Each of many connections has the message that it waits for in its socket. It takes one
// read or several. A few connections have nothing in their sockets: only those fail. 300
// connections are more than the poller reports at a time.
func TestLateLoopReadsTheSocketsFirst(t *testing.T) {
	for i, w := range lateWaits {
		for j, row := range []struct {
			way   string
			size  int
			conns int
		}{
			{"wrapped", 1, 300}, {"wrapped", 150 << 10, 20}, {"unix client", 150 << 10, 20}, {"tcp server", 1, 300},
			{"tcp server", 60 << 10, 20}, {"TLS 1.3 server", 1, 10}, {"TLS 1.2 client", 20 << 10, 10},
		} {
			if i > 0 && j%3 != i%3 { // all rows for one wait, two or three for the others
				continue
			}
			t.Run(fmt.Sprint(w.name, ", ", row.way, ", ", row.size), func(t *testing.T) {
				m, k := timed(t)
				all := make([]*waiter, row.conns)
				for i := range all {
					all[i] = newWaiter(t, m, row.way, w, row.size)
				}
				spin(t, m, 3)
				k.Advance(time.Second)
				silent := func(i int) bool { return i%50 == 7 }
				message := make([]byte, row.size)
				for i, s := range all {
					if !silent(i) {
						s.f.say(message)
					}
				}
				k.Advance(5 * time.Second)
				await(t, m, "a message or an error on each connection", func() bool {
					return !slices.ContainsFunc(all, func(s *waiter) bool { return !s.whole && len(s.Errs) == 0 })
				})
				for i, s := range all {
					if silent(i) {
						wantDeadline(t, s.Err(t), w.name, 3*time.Second)
					} else if len(s.Errs) > 0 || !s.whole {
						t.Fatalf("connection %d: errors %v, whole message %v", i, s.Errs, s.whole)
					}
				}
			})
		}
	}
}

// A large message in the socket takes many reads.
func TestLateLoopReadsALargeMessage(t *testing.T) {
	for _, w := range lateWaits {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(w.name+", "+network, func(t *testing.T) {
				m, k := timed(t)
				fd, p := largeSockets(t, network)
				want := noise(1 << 20)
				var got []byte
				var end func()
				r := &recorder{}
				r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
					if got == nil && c.Recv.Len() >= len(want) {
						got = bytes.Clone(c.Recv.Bytes())
						end()
					}
				}}
				c, err := m.WrapFD(fd, r.Handle, nil)
				looptest.Must(t, err)
				p.WriteString("x")
				await(t, m, "the first byte", r.Saw(reactor.EvRead))
				c.Recv.Reset()
				c.SetDeadlines(w.set)
				end = w.begin(c)
				spin(t, m, 2)
				for rest := want; len(rest) > 0; { // as much as fits
					n := p.WriteSome(rest)
					if rest = rest[n:]; n == 0 {
						break
					}
				}
				want = want[:arrivedIn(t, fd)]
				if len(want) < 3*64<<10 {
					t.Fatalf("only %d bytes have arrived", len(want))
				}
				k.Advance(5 * time.Second)
				await(t, m, "the message", func() bool { return got != nil || len(r.Errs) > 0 })
				if len(r.Errs) > 0 || !bytes.Equal(got[:min(len(got), len(want))], want) {
					t.Errorf("errors %v after %d of %d bytes", r.Errs, c.Recv.Len(), len(want))
				}
			})
		}
	}
}

// heldFlight is the socket of a TLS client. It sends ClientHello and keeps everything
// after it.
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

// TLS handshakes whose final messages are in the sockets succeed, although one turn takes
// only a part of them.
func TestLateLoopCompletesTLSHandshakes(t *testing.T) {
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{TLS: 3 * time.Second}))
	r := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	var all []*heldFlight
	for range 60 {
		f := &far{peer: looptest.DialSocket(t, l.LocalAddr()), m: m, way: "TLS 1.3 server", blocks: true}
		w := &heldFlight{farWire: farWire{f: f}}
		looptest.Must(t, tls.Client(w, small(authority().Client(), tls.VersionTLS13)).Handshake())
		all = append(all, w)
	}
	spin(t, m, 5)
	if n := r.Count(reactor.EvTLSHS); n > 0 {
		t.Fatalf("%d handshakes are complete already", n)
	}
	silent := 0
	for i, w := range all {
		if i%25 == 7 {
			silent++
			continue
		}
		w.f.WriteString(string(w.held))
	}
	k.Advance(5 * time.Second)
	spin(t, m, 200) // each turn takes a few steps
	if done, failed := r.Count(reactor.EvTLSHS), len(r.Errs); done != len(all)-silent || failed != silent {
		t.Errorf("%d of %d handshakes succeeded, %d failed", done, len(all), failed)
	}
}

// A peer that goes on sending and never completes its message fails, whether it sends a
// byte now and then or more than the loop can read.
func TestLateLoopFailsIncompleteMessages(t *testing.T) {
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
						if spin(t, m, 2); len(s.Errs) > 0 {
							t.Fatalf("failed after %v, too early: %v", passed, s.Errs)
						}
						s.f.say([]byte("x"))
						k.Advance(step)
					}
					spin(t, m, 10)
					wantDeadline(t, s.Err(t), w.name, 3*time.Second)
				})
			}
		}
		t.Run(w.name+", input without end", func(t *testing.T) {
			m, k := timed(t)
			s := newWaiter(t, m, "wrapped", w, 1<<30)
			s.On[reactor.EvRead] = func(c *reactor.Conn, _ any) { c.Recv.Reset() }
			input := make([]byte, 1<<20)
			fill := func() { s.f.WriteSome(input) }
			fill()
			spin(t, m, 2)
			k.Advance(5 * time.Second)
			for i := 0; len(s.Errs) == 0; i++ {
				if fill(); i > 200 {
					t.Fatal("the deadline is not enforced while input comes without end")
				}
				spin(t, m, 1)
			}
			wantDeadline(t, s.Err(t), w.name, 3*time.Second)
		})
	}
}

// Expired of a layer's Deadline is not called if the message is in the socket.
func TestLateLoopReadsBeforeExpired(t *testing.T) {
	for _, onRead := range []bool{false, true} {
		for _, comes := range []bool{false, true} {
			t.Run(fmt.Sprint("OnRead ", onRead, ", comes ", comes), func(t *testing.T) {
				m, k := timed(t)
				fired := 0
				s := newWaiter(t, m, "tcp server", layerWait("a layer's", reactor.Deadline{RestartOnRead: onRead, Expired: func(*reactor.Conn) { fired++ }}), 4)
				if comes {
					s.f.say([]byte("here"))
				}
				k.Advance(5 * time.Second)
				lives(t, m, &s.recorder)
				if s.whole != comes || fired != map[bool]int{false: 1}[comes] {
					t.Errorf("Expired was called %d times, message delivered: %v", fired, s.whole)
				}
			})
		}
	}
}
