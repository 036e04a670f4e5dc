package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// errOops is what the handlers of these tests panic with.
var errOops = errors.New("oops")

// caught calls fn and returns what it panics with, as a program that recovers does.
func caught(fn func()) (p any) {
	defer func() { p = recover() }()
	fn()
	return nil
}

// blowing is a handler that panics at an event, once.
func blowing(r *recorder, at reactor.Event) reactor.Handler {
	done := false
	return func(c *reactor.Conn, ev reactor.Event, data any) {
		if c.IsListening() {
			return
		}
		if r.handle(c, ev, data); ev == at && !done {
			done = true
			panic(errOops)
		}
	}
}

// blowingLayer is a layer that panics at an event.
type blowingLayer struct{ at reactor.Event }

func (p *blowingLayer) Handle(_ *reactor.Conn, ev reactor.Event, _ any) {
	if ev == p.at {
		panic(errOops)
	}
}

// polls turns the loop until it panics.
func polls(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for range turns {
		if p := caught(func() { m.Poll(time.Millisecond) }); p != nil {
			if p != any(errOops) {
				t.Errorf("the panic is %v", p)
			}
			return
		}
	}
	t.Fatal("no panic")
}

// blasts are panics in all places where the loop calls the program.
var blasts = map[string]func(t *testing.T, m *reactor.Manager, r *recorder){
	"EvOpen": func(t *testing.T, m *reactor.Manager, r *recorder) {
		wrap(t, m, blowing(r, reactor.EvOpen))
		polls(t, m)
	},
	"EvAccept": func(t *testing.T, m *reactor.Manager, r *recorder) {
		dialRaw(t, listen(t, m, "tcp://127.0.0.1:0", blowing(r, reactor.EvAccept)).LocalAddr())
		polls(t, m)
	},
	"EvConnect": func(t *testing.T, m *reactor.Manager, r *recorder) {
		_, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
		dial(t, m, urlOf(at.String()), blowing(r, reactor.EvConnect))
		polls(t, m)
	},
	"EvRead": func(t *testing.T, m *reactor.Manager, r *recorder) {
		_, p := wrap(t, m, blowing(r, reactor.EvRead))
		p.write("x")
		polls(t, m)
	},
	"EvRead after Resume": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, (&recorder{on: hooks{reactor.EvRead: hoard}}).handle)
		p.write("x")
		await(t, m, "input", func() bool { return c.Recv.Len() > 0 })
		c.Fn = blowing(r, reactor.EvRead)
		c.Pause()
		c.Resume()
		polls(t, m)
	},
	"EvRead of a layer": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, r.handle)
		c.Stack().Push(&blowingLayer{reactor.EvRead})
		p.write("x")
		polls(t, m)
	},
	"EvRead over TLS": func(t *testing.T, m *reactor.Manager, r *recorder) {
		_, f := reach(t, m, "TLS 1.3 server", blowing(r, reactor.EvRead), nil)
		f.say([]byte("x"))
		polls(t, m)
	},
	"EvRead of a datagram": func(t *testing.T, m *reactor.Manager, r *recorder) {
		l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if r.handle(c, ev, data); ev == reactor.EvRead {
				panic(errOops)
			}
		})
		p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		looptest.Must(t, unix.Sendto(p.fd, []byte("x"), 0, sockaddr(l.LocalAddr())))
		polls(t, m)
	},
	"EvWrite": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, blowing(r, reactor.EvWrite))
		c.Write([]byte("x"))
		polls(t, m)
	},
	"EvHighWater": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, blowing(r, reactor.EvHighWater))
		c.SetWater(0, 1)
		c.Write(make([]byte, 4<<20))
		polls(t, m)
	},
	"EvPoll": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, blowing(r, reactor.EvPoll))
		c.SetPoll(true)
		polls(t, m)
	},
	"EvWakeup": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, blowing(r, reactor.EvWakeup))
		looptest.Must(t, m.Wakeup(c.ID(), nil))
		polls(t, m)
	},
	"EvError within Poll": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, blowing(r, reactor.EvError))
		c.SetLimits(reactor.Limits{Recv: 1})
		r.on = hooks{reactor.EvRead: hoard}
		p.write("xx")
		polls(t, m)
	},
	"EvClose": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, blowing(r, reactor.EvClose))
		c.Close()
		polls(t, m)
	},
	"EvEnd": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, blowing(r, reactor.EvEnd))
		c.SetHalfClose(true)
		p.shutdown()
		polls(t, m)
	},
	"a timer": func(t *testing.T, m *reactor.Manager, _ *recorder) {
		m.AddTimer(time.Nanosecond, reactor.TimerRepeat, func() { panic(errOops) })
		polls(t, m)
	},
	"a post": func(t *testing.T, m *reactor.Manager, _ *recorder) {
		looptest.Must(t, m.Post(func() { panic(errOops) }))
		looptest.Must(t, m.Post(func() { t.Error("a post after the one that panicked is called") }))
		polls(t, m)
	},
	"a layer's deadline": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, r.handle)
		c.Stack().StartDeadline(&reactor.Deadline{Name: "x", Expired: func(*reactor.Conn) { panic(errOops) }}, 1)
		polls(t, m)
	},
	"Fail between two Polls": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, blowing(r, reactor.EvError))
		spin(t, m, 1)
		if p := caught(func() { c.Fail(errors.New("x")) }); p != any(errOops) {
			t.Errorf("the panic is %v", p)
		}
	},
	"Call between two Polls": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, blowing(r, reactor.EvUser))
		if p := caught(func() { c.Call(reactor.EvUser, nil) }); p != any(errOops) {
			t.Errorf("the panic is %v", p)
		}
	},
	"nested events": func(t *testing.T, m *reactor.Manager, r *recorder) {
		other, _ := wrap(t, m, blowing(r, reactor.EvUser))
		_, p := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				other.Call(reactor.EvUser, nil)
			}
		})
		p.write("x")
		polls(t, m)
	},
}

// wantPanicked wants every call that turns the loop or makes something to say that it is
// broken.
func wantPanicked(t *testing.T, m *reactor.Manager) {
	t.Helper()
	a, b := socketpair(t)
	newPeer(t, b)
	calls := map[string]func() (*reactor.Conn, error){
		"Poll":    func() (*reactor.Conn, error) { return nil, m.Poll(0) },
		"Run":     func() (*reactor.Conn, error) { return nil, m.Run(context.Background()) },
		"Connect": func() (*reactor.Conn, error) { return m.Connect("tcp://127.0.0.1:9", nil, nil) },
		"Listen":  func() (*reactor.Conn, error) { return m.Listen("tcp://127.0.0.1:0", nil, nil) },
		"WrapFD":  func() (*reactor.Conn, error) { return m.WrapFD(a, nil, nil) },
	}
	for range 2 {
		for name, call := range calls {
			harmless(t, name, func() {
				if c, err := call(); c != nil || !errors.Is(err, reactor.ErrPanicked) {
					t.Errorf("%s: a connection %v, error %v, want ErrPanicked", name, c != nil, err)
				}
			})
		}
	}
	looptest.Must(t, unix.Close(a)) // it stayed the caller's
}

// newCrew makes connections that have nothing to do with the panic.
func newCrew(t *testing.T, m *reactor.Manager) []*recorder {
	t.Helper()
	var all []*recorder
	for range 5 {
		r := &recorder{}
		wrap(t, m, r.handle)
		all = append(all, r)
	}
	r := &recorder{}
	listen(t, m, "tcp://127.0.0.1:0", r.handle)
	return append(all, r)
}

// A manager whose handler's panic the program has recovered can do nothing but close, and
// does that whole.
func TestAfterAPanic(t *testing.T) {
	for name, blast := range blasts {
		t.Run(name, func(t *testing.T) {
			m := newManager(t) // looks for leaks at the end
			crew := newCrew(t, m)
			spin(t, m, 2)
			r := &recorder{}
			blast(t, m, r)
			wantPanicked(t, m)
			harmless(t, "Close", func() { m.Close() })
			for i, other := range crew {
				if other.count(reactor.EvClose) != 1 || len(other.errs) > 0 {
					t.Errorf("connection %d heard %s", i, eventList(other.events))
				}
			}
			if len(r.events) > 0 && r.count(reactor.EvClose) != 1 {
				t.Errorf("the one that panicked heard %s", eventList(r.events))
			}
			wantClosed(t, m)
		})
	}
}

// wantClosed wants a manager that is closed, and holds nothing.
func wantClosed(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for name, call := range map[string]func() error{
		"Post":   func() error { return m.Post(func() {}) },
		"Wakeup": func() error { return m.Wakeup(1, nil) },
		"Close":  m.Close,
	} {
		if err := call(); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
	for name, call := range map[string]func() error{
		"Poll":   func() error { return m.Poll(0) },
		"Listen": func() error { _, err := m.Listen("tcp://127.0.0.1:0", nil, nil); return err },
	} {
		harmless(t, name, func() {
			if err := call(); !errors.Is(err, reactor.ErrClosed) && !errors.Is(err, reactor.ErrPanicked) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if n := countConns(m); n > 0 {
		t.Errorf("%d connections are left", n)
	}
}

// A panic in EvClose while the manager closes leaves nothing open, once Close was called
// again and has returned.
func TestPanicWithinClose(t *testing.T) {
	for _, blowUp := range []int{1, 3} {
		for _, from := range []string{"between two Polls", "a timer"} {
			t.Run(fmt.Sprint(blowUp, " of 3, ", from), func(t *testing.T) {
				stock := looptest.TakeStock(t)
				m := newManager(t)
				crew := newCrew(t, m)
				var all []*recorder
				for i := range 3 {
					r := &recorder{}
					fn := r.handle
					if i < blowUp {
						fn = blowing(r, reactor.EvClose)
					}
					wrap(t, m, fn)
					all = append(all, r)
				}
				spin(t, m, 2)
				panics := 0
				try := func(fn func()) (again bool) {
					p := caught(fn)
					if p != nil && p != any(errOops) {
						t.Errorf("the panic is %v", p)
					}
					if p != nil {
						panics++
					}
					return p != nil
				}
				if from == "a timer" {
					m.AddTimer(0, reactor.TimerOnce, func() { m.Close() })
					try(func() { m.Poll(0) })
				}
				for n := 0; try(func() { m.Close() }); n++ {
					if n > 5 {
						t.Fatal("Close panics again and again")
					}
				}
				if panics == 0 || panics > blowUp {
					t.Errorf("%d panics of %d", panics, blowUp)
				}
				for i, r := range append(all, crew...) {
					if r.count(reactor.EvClose) != 1 {
						t.Errorf("connection %d heard %s", i, eventList(r.events))
					}
				}
				wantClosed(t, m)
				stock.Check(t, len(crew)-1+3) // the far ends
			})
		}
	}
}

// A handler that calls Close and then panics has closed the manager: one more Close does
// the rest.
func TestCloseThenPanic(t *testing.T) {
	m := newManager(t)
	crew := newCrew(t, m)
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			m.Close()
			panic(errOops)
		}
	})
	p.write("x")
	polls(t, m)
	if err := m.Post(func() {}); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Post: %v", err)
	}
	harmless(t, "Close", func() { m.Close() })
	for i, other := range crew {
		if other.count(reactor.EvClose) != 1 {
			t.Errorf("connection %d heard %s", i, eventList(other.events))
		}
	}
	wantClosed(t, m)
}
