package reactor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// paced are the deadlines about what the peer does. Their clocks stand still during a
// pause.
var paced = []struct {
	name  string
	ways  []string
	set   reactor.Deadlines
	begin func(c *reactor.Conn)
}{
	{"handshake", ways, reactor.Deadlines{Handshake: time.Second}, func(c *reactor.Conn) { c.Stack().SetHandshaking(true) }},
	{"message", ways, reactor.Deadlines{Message: time.Second}, func(c *reactor.Conn) { c.Stack().SetReceiving(true) }},
	{"message", plainWays, reactor.Deadlines{Message: time.Second, Rate: 100}, func(c *reactor.Conn) { c.Stack().SetReceiving(true) }},
	{"idle", ways, reactor.Deadlines{Idle: time.Second}, func(*reactor.Conn) {}},
	{"a layer's", ways, reactor.Deadlines{}, func(c *reactor.Conn) {
		c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's"}, time.Second)
	}},
	{"a layer's", ways, reactor.Deadlines{}, func(c *reactor.Conn) {
		c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's", OnRead: true}, time.Second)
	}},
}

// pauses are ways to spend 1 s minus 1 ns without being paused, whatever else passes.
var pauses = map[string]func(k *clock, c *reactor.Conn, turn func()){
	"every 0.9 s": func(k *clock, c *reactor.Conn, turn func()) {
		k.advance(900 * time.Millisecond)
		turn()
		c.Pause()
		c.Resume()
		turn()
		k.advance(100*time.Millisecond - 1)
	},
	"long ones": func(k *clock, c *reactor.Conn, turn func()) {
		for range 9 {
			k.advance(100 * time.Millisecond)
			turn()
			c.Pause()
			k.advance(900 * time.Millisecond)
			turn()
			k.advance(time.Hour)
			turn()
			c.Resume()
			turn()
		}
		k.advance(100*time.Millisecond - 1)
	},
	"no turn meanwhile": func(k *clock, c *reactor.Conn, _ func()) {
		for range 3 {
			k.advance(300 * time.Millisecond)
			c.Pause()
			k.advance(time.Hour)
			c.Resume()
		}
		k.advance(100*time.Millisecond - 1)
	},
	"twice each": func(k *clock, c *reactor.Conn, turn func()) {
		c.Resume()
		k.advance(500 * time.Millisecond)
		c.Pause()
		k.advance(time.Minute)
		c.Pause()
		turn()
		k.advance(time.Minute)
		c.Resume()
		k.advance(400 * time.Millisecond)
		c.Resume()
		turn()
		k.advance(100*time.Millisecond - 1)
	},
	"begun in a pause": func(k *clock, c *reactor.Conn, turn func()) {
		k.advance(time.Hour)
		turn()
		c.Resume()
		turn()
		k.advance(time.Second - 1)
	},
}

// spends lets 1 s pass that is not paused: the connection fails at its end, and not before.
func spends(t *testing.T, m *reactor.Manager, k *clock, r *recorder, c *reactor.Conn, how, name string) {
	t.Helper()
	turn := func() {
		t.Helper()
		spin(t, m, 2)
		if len(r.errs) > 0 || r.closed() {
			t.Fatalf("too early: %v", r.errs)
		}
	}
	turn()
	pauses[how](k, c, turn)
	turn()
	if d := m.NextTimeout(); d != 1 {
		t.Errorf("NextTimeout %v, want 1ns", d)
	}
	k.advance(1)
	spin(t, m, 3)
	wantDeadline(t, r.err(t), name, time.Second)
}

// A pause stops the clock, and Resume continues it: a program that pauses often does not
// keep a peer for ever, one that pauses for long does not lose it.
func TestPauseStopsTheClock(t *testing.T) {
	for i, row := range paced {
		for _, way := range row.ways {
			for how := range pauses {
				t.Run(fmt.Sprint(i, " ", row.name, ", ", way, ", ", how), func(t *testing.T) {
					m, k := timed(t)
					r := &recorder{}
					c, _ := reach(t, m, way, r.handle, nil)
					if how == "begun in a pause" {
						c.Pause()
					}
					c.SetDeadlines(row.set)
					row.begin(c)
					spends(t, m, k, r, c, how, row.name)
				})
			}
		}
	}
}

// The handshake of TLS is no exception.
func TestPauseStopsTheClockOfTLS(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		for how := range pauses {
			t.Run(role+", "+how, func(t *testing.T) {
				m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{TLS: time.Second}))
				r := &recorder{on: hooks{}}
				var c *reactor.Conn
				begins := func(conn *reactor.Conn, _ any) {
					if c = conn; how == "begun in a pause" {
						c.Pause()
					}
				}
				if role == "server" {
					r.on[reactor.EvAccept] = begins
					l, _ := tlsListen(t, m, serverConfig(), r.handle)
					dialRaw(t, l.LocalAddr())
				} else {
					r.on[reactor.EvConnect] = begins
					_, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
					tlsConnect(t, m, "tcp://"+at.String(), authority().Client(), r.handle)
				}
				await(t, m, "the connection", func() bool { return c != nil })
				spends(t, m, k, r, c, how, "TLS handshake")
			})
		}
	}
}

// What is not about the peer's input counts on during a pause.
func TestPauseDoesNotStopTheseClocks(t *testing.T) {
	for name, begin := range map[string]func(s *subject){
		"life":  func(s *subject) { s.c.SetDeadlines(reactor.Deadlines{Life: time.Second}) },
		"stall": func(s *subject) { s.c.SetDeadlines(reactor.Deadlines{Stall: time.Second}); s.fill() },
		"a layer's": func(s *subject) {
			s.c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's", Paused: true}, time.Second)
		},
	} {
		for _, often := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " often ", often), func(t *testing.T) {
				s := newSubject(t, "wrapped", reactor.Deadlines{})
				begin(s)
				s.c.Pause()
				s.remains("at once")
				if s.k.advance(500 * time.Millisecond); often {
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

// With a byte from the peer the wait starts anew, whatever was spent before a pause.
func TestReadStartsTheWaitAnew(t *testing.T) {
	for name, begin := range map[string]func(c *reactor.Conn){
		"idle": func(c *reactor.Conn) { c.SetDeadlines(reactor.Deadlines{Idle: time.Second}) },
		"a layer's": func(c *reactor.Conn) {
			c.Stack().StartDeadline(&reactor.Deadline{Name: "a layer's", OnRead: true}, time.Second)
		},
	} {
		for _, way := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				m, k := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.handle, nil)
				begin(c)
				for i := range 5 {
					k.advance(400 * time.Millisecond)
					c.Pause()
					spin(t, m, 1)
					k.advance(time.Hour)
					spin(t, m, 1)
					c.Resume()
					k.advance(500 * time.Millisecond)
					f.say([]byte("x"))
					await(t, m, "input", func() bool { return len(r.got) == i+1 || r.closed() })
					if len(r.errs) > 0 {
						t.Fatal(r.errs)
					}
				}
				spends(t, m, k, r, c, "long ones", name)
			})
		}
	}
}

// A deadline that a layer stops, or starts again, has no memory.
func TestDeadlineOfALayer(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.handle, nil)
			fired := 0
			d := &reactor.Deadline{Name: "a layer's", Expired: func(got *reactor.Conn) {
				if fired++; got != c {
					t.Error("Expired is called with another connection")
				}
			}}
			s := c.Stack()
			wait := func(d time.Duration, want int) {
				t.Helper()
				k.advance(d)
				if lives(t, m, r); fired != want {
					t.Fatalf("Expired was called %d times, want %d", fired, want)
				}
			}
			s.StopDeadline(d) // which was never started
			s.StartDeadline(d, time.Second)
			wait(900*time.Millisecond, 0)
			f.say([]byte("it is not OnRead"))
			wait(100*time.Millisecond-1, 0)
			wait(1, 1)
			wait(time.Hour, 1) // once
			s.StartDeadline(d, time.Second)
			wait(900*time.Millisecond, 1)
			s.StartDeadline(d, time.Second) // anew
			wait(900*time.Millisecond, 1)
			s.StopDeadline(d)
			s.StopDeadline(d)
			wait(time.Hour, 1)
			other := &reactor.Deadline{Name: "another", Expired: func(*reactor.Conn) { fired += 10 }}
			s.StartDeadline(d, 2*time.Second)
			s.StartDeadline(other, time.Second)
			wait(time.Second, 11)
			wait(time.Second, 12)
			s.StartDeadline(d, time.Second)
			c.Close()
			await(t, m, "EvClose", r.closed)
			k.advance(time.Hour)
			if spin(t, m, 3); fired != 12 || m.NextTimeout() < time.Hour {
				t.Errorf("Expired was called %d times, NextTimeout %v", fired, m.NextTimeout())
			}
			harmless(t, "StartDeadline after EvClose", func() { s.StartDeadline(d, time.Second); s.StopDeadline(d) })
		})
	}
}
