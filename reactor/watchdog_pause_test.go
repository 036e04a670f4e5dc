package reactor_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// inputDeadlines are the deadlines about the peer's input. They do not run during a pause.
var inputDeadlines = []struct {
	name  string
	ways  []string
	set   reactor.Deadlines
	begin func(c *reactor.Conn)
}{
	{"handshake", ways, reactor.Deadlines{Handshake: time.Second}, func(c *reactor.Conn) { c.Stack().SetHandshaking(true) }},
	{"message", ways, reactor.Deadlines{Message: time.Second}, func(c *reactor.Conn) { c.Stack().SetReceiving(true) }},
	{"message", plainWays, reactor.Deadlines{Message: time.Second, MessageRate: 100}, func(c *reactor.Conn) { c.Stack().SetReceiving(true) }},
	{"idle", ways, reactor.Deadlines{Idle: time.Second}, func(*reactor.Conn) {}},
	{"a layer's", ways, reactor.Deadlines{}, func(c *reactor.Conn) {
		c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's"}, time.Second)
	}},
	{"a layer's", ways, reactor.Deadlines{}, func(c *reactor.Conn) {
		c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's", RestartOnRead: true}, time.Second)
	}},
}

// pauses are sequences of pauses. In each, 1 s minus 1 ns passes outside of pauses.
var pauses = map[string]func(k *looptest.Clock, c *reactor.Conn, turn func()){
	"every 0.9 s": func(k *looptest.Clock, c *reactor.Conn, turn func()) {
		k.Advance(900 * time.Millisecond)
		turn()
		c.Pause()
		c.Resume()
		turn()
		k.Advance(100*time.Millisecond - 1)
	},
	"long ones": func(k *looptest.Clock, c *reactor.Conn, turn func()) {
		for range 9 {
			k.Advance(100 * time.Millisecond)
			turn()
			c.Pause()
			k.Advance(900 * time.Millisecond)
			turn()
			k.Advance(time.Hour)
			turn()
			c.Resume()
			turn()
		}
		k.Advance(100*time.Millisecond - 1)
	},
	"no turn meanwhile": func(k *looptest.Clock, c *reactor.Conn, _ func()) {
		for range 3 {
			k.Advance(300 * time.Millisecond)
			c.Pause()
			k.Advance(time.Hour)
			c.Resume()
		}
		k.Advance(100*time.Millisecond - 1)
	},
	"twice each": func(k *looptest.Clock, c *reactor.Conn, turn func()) {
		c.Resume()
		k.Advance(500 * time.Millisecond)
		c.Pause()
		k.Advance(time.Minute)
		c.Pause()
		turn()
		k.Advance(time.Minute)
		c.Resume()
		k.Advance(400 * time.Millisecond)
		c.Resume()
		turn()
		k.Advance(100*time.Millisecond - 1)
	},
	"begun in a pause": func(k *looptest.Clock, c *reactor.Conn, turn func()) {
		k.Advance(time.Hour)
		turn()
		c.Resume()
		turn()
		k.Advance(time.Second - 1)
	},
}

// failsAfterASecond lets 1 s pass outside of pauses. The connection must fail at its end,
// and not before.
func failsAfterASecond(t *testing.T, m *reactor.Manager, k *looptest.Clock, r *recorder, c *reactor.Conn, how, name string) {
	t.Helper()
	turn := func() {
		t.Helper()
		spin(t, m, 2)
		if len(r.Errs) > 0 || r.Closed() {
			t.Fatalf("failed too early: %v", r.Errs)
		}
	}
	turn()
	pauses[how](k, c, turn)
	turn()
	if d := m.NextTimeout(); d != 1 {
		t.Errorf("NextTimeout %v, want 1ns", d)
	}
	k.Advance(1)
	spin(t, m, 3)
	wantDeadline(t, r.Err(t), name, time.Second)
}

// Pause stops a deadline, and Resume continues it. A program that pauses often does not
// extend the deadline without limit, and a program that pauses for long does not lose the
// peer.
func TestPauseStopsDeadlines(t *testing.T) {
	for i, row := range inputDeadlines {
		for _, way := range row.ways {
			for j, how := range slices.Sorted(maps.Keys(pauses)) {
				if !inSelection(way, i+j, 5) {
					continue
				}
				t.Run(fmt.Sprint(i, " ", row.name, ", ", way, ", ", how), func(t *testing.T) {
					m, k := timed(t)
					r := &recorder{}
					c, _ := reach(t, m, way, r.Handle, nil)
					if how == "begun in a pause" {
						c.Pause()
					}
					c.SetDeadlines(row.set)
					row.begin(c)
					failsAfterASecond(t, m, k, r, c, how, row.name)
				})
			}
		}
	}
}

// Pause stops the deadline of the TLS handshake too.
func TestPauseStopsTheTLSDeadline(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		for how := range pauses {
			t.Run(role+", "+how, func(t *testing.T) {
				m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{TLS: time.Second}))
				r := &recorder{On: hooks{}}
				var c *reactor.Conn
				begins := func(conn *reactor.Conn, _ any) {
					if c = conn; how == "begun in a pause" {
						c.Pause()
					}
				}
				if role == "server" {
					r.On[reactor.EvAccept] = begins
					l, _ := tlsListen(t, m, serverConfig(), r.Handle)
					looptest.DialSocket(t, l.LocalAddr())
				} else {
					r.On[reactor.EvConnect] = begins
					_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
					tlsConnect(t, m, "tcp://"+at.String(), authority().Client(), r.Handle)
				}
				await(t, m, "the connection", func() bool { return c != nil })
				failsAfterASecond(t, m, k, r, c, how, "TLS handshake")
			})
		}
	}
}

// Deadlines that are not about the peer's input run during a pause.
func TestPauseDoesNotStopOtherDeadlines(t *testing.T) {
	for name, begin := range map[string]func(s *subject){
		"life":  func(s *subject) { s.c.SetDeadlines(reactor.Deadlines{Life: time.Second}) },
		"stall": func(s *subject) { s.c.SetDeadlines(reactor.Deadlines{Stall: time.Second}); s.fill() },
		"a layer's": func(s *subject) {
			s.c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's", RunWhilePaused: true}, time.Second)
		},
	} {
		for _, often := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " often ", often), func(t *testing.T) {
				s := newSubject(t, "wrapped", reactor.Deadlines{})
				begin(s)
				s.c.Pause()
				s.remains("at once")
				if s.k.Advance(500 * time.Millisecond); often {
					s.c.Resume()
					s.remains("resumed")
					s.c.Pause()
				}
				s.remains("after half of it")
				s.passes(name, time.Second, 500*time.Millisecond)
			})
		}
	}
}

// Each byte of the peer restarts these deadlines, however much time passed before a pause.
func TestInputRestartsDeadlines(t *testing.T) {
	for name, begin := range map[string]func(c *reactor.Conn){
		"idle": func(c *reactor.Conn) { c.SetDeadlines(reactor.Deadlines{Idle: time.Second}) },
		"a layer's": func(c *reactor.Conn) {
			c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's", RestartOnRead: true}, time.Second)
		},
	} {
		for _, way := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				m, k := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.Handle, nil)
				begin(c)
				for i := range 5 {
					k.Advance(400 * time.Millisecond)
					c.Pause()
					spin(t, m, 1)
					k.Advance(time.Hour)
					spin(t, m, 1)
					c.Resume()
					k.Advance(500 * time.Millisecond)
					f.say([]byte("x"))
					await(t, m, "input", func() bool { return len(r.Got) == i+1 || r.Closed() })
					if len(r.Errs) > 0 {
						t.Fatal(r.Errs)
					}
				}
				failsAfterASecond(t, m, k, r, c, "long ones", name)
			})
		}
	}
}

// A pause does not count for the idle deadline, which continues at Resume.
func TestPauseStopsTheIdleDeadline(t *testing.T) {
	for _, kind := range []string{"tcp client", "udp client", "wrapped", "accepted, inherited"} {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Idle: 3 * time.Second})
			s.k.Advance(2 * time.Second)
			s.c.Pause()
			s.k.Advance(time.Hour)
			s.remains("paused")
			s.k.Advance(time.Hour)
			s.remains("paused")
			s.c.Resume()
			s.remains("resumed")
			s.passes("idle", 3*time.Second, time.Second)
		})
	}
}

// A pause does not count for the handshake deadline.
func TestPauseStopsTheHandshakeDeadline(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Handshake: 5 * time.Second})
	s.c.Stack().SetHandshaking(true)
	s.c.Pause()
	s.k.Advance(6 * time.Second)
	spin(t, s.m, 2)
	s.c.Resume()
	s.k.Advance(5*time.Second - 1)
	spin(t, s.m, 2)
	if len(s.r.Errs) > 0 {
		t.Errorf("failed too early: %v", s.r.Errs)
	}
	s.k.Advance(1)
	spin(t, s.m, 2)
	wantDeadline(t, s.r.Err(t), "handshake", 5*time.Second)
}
