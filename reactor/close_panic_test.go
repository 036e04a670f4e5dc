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

// errOops is the value that the handlers of these tests panic with.
var errOops = errors.New("oops")

// caught calls fn, recovers, and returns the value of the panic, or nil.
func caught(fn func()) (p any) {
	defer func() { p = recover() }()
	fn()
	return nil
}

// panicking returns a handler that panics at the first event of a kind.
func panicking(r *recorder, at reactor.Event) reactor.Handler {
	done := false
	return func(c *reactor.Conn, ev reactor.Event, data any) {
		if c.IsListening() {
			return
		}
		if r.Handle(c, ev, data); ev == at && !done {
			done = true
			panic(errOops)
		}
	}
}

// panickingLayer is a layer that panics at an event.
type panickingLayer struct{ at reactor.Event }

func (p *panickingLayer) Handle(_ *reactor.Conn, ev reactor.Event, _ any) {
	if ev == p.at {
		panic(errOops)
	}
}

// pollUntilPanic turns the loop until Poll panics.
func pollUntilPanic(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for range turns {
		if p := caught(func() { m.Poll(time.Millisecond) }); p != nil {
			if p != any(errOops) {
				t.Errorf("panic with %v, want %v", p, errOops)
			}
			return
		}
	}
	t.Fatal("no panic")
}

// panicPlaces cause a panic in each place where the loop calls the program.
var panicPlaces = map[string]func(t *testing.T, m *reactor.Manager, r *recorder){
	"EvOpen": func(t *testing.T, m *reactor.Manager, r *recorder) {
		wrap(t, m, panicking(r, reactor.EvOpen))
		pollUntilPanic(t, m)
	},
	"EvAccept": func(t *testing.T, m *reactor.Manager, r *recorder) {
		looptest.DialSocket(t, listen(t, m, "tcp://127.0.0.1:0", panicking(r, reactor.EvAccept)).LocalAddr())
		pollUntilPanic(t, m)
	},
	"EvConnect": func(t *testing.T, m *reactor.Manager, r *recorder) {
		_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
		dial(t, m, urlOf(at.String()), panicking(r, reactor.EvConnect))
		pollUntilPanic(t, m)
	},
	"EvRead": func(t *testing.T, m *reactor.Manager, r *recorder) {
		_, p := wrap(t, m, panicking(r, reactor.EvRead))
		p.WriteString("x")
		pollUntilPanic(t, m)
	},
	"EvRead after Resume": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, (&recorder{On: hooks{reactor.EvRead: leaveInRecv}}).Handle)
		p.WriteString("x")
		await(t, m, "input", func() bool { return c.Recv.Len() > 0 })
		c.Fn = panicking(r, reactor.EvRead)
		c.Pause()
		c.Resume()
		pollUntilPanic(t, m)
	},
	"EvRead of a layer": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, r.Handle)
		c.Stack().Push(&panickingLayer{reactor.EvRead})
		p.WriteString("x")
		pollUntilPanic(t, m)
	},
	"EvRead over TLS": func(t *testing.T, m *reactor.Manager, r *recorder) {
		_, f := reach(t, m, "TLS 1.3 server", panicking(r, reactor.EvRead), nil)
		f.say([]byte("x"))
		pollUntilPanic(t, m)
	},
	"EvRead of a datagram": func(t *testing.T, m *reactor.Manager, r *recorder) {
		l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if r.Handle(c, ev, data); ev == reactor.EvRead {
				panic(errOops)
			}
		})
		p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		looptest.Must(t, unix.Sendto(p.FD, []byte("x"), 0, looptest.Sockaddr(l.LocalAddr())))
		pollUntilPanic(t, m)
	},
	"EvWrite": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, panicking(r, reactor.EvWrite))
		c.Write([]byte("x"))
		pollUntilPanic(t, m)
	},
	"EvHighWater": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, panicking(r, reactor.EvHighWater))
		c.SetWater(0, 1)
		c.Write(make([]byte, moreThanFits))
		pollUntilPanic(t, m)
	},
	"EvPoll": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, panicking(r, reactor.EvPoll))
		c.SetPoll(true)
		pollUntilPanic(t, m)
	},
	"EvWakeup": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, panicking(r, reactor.EvWakeup))
		looptest.Must(t, m.Wakeup(c.ID(), nil))
		pollUntilPanic(t, m)
	},
	"EvError within Poll": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, panicking(r, reactor.EvError))
		c.SetLimits(reactor.Limits{Recv: 1})
		r.On = hooks{reactor.EvRead: leaveInRecv}
		p.WriteString("xx")
		pollUntilPanic(t, m)
	},
	"EvClose": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, panicking(r, reactor.EvClose))
		c.Close()
		pollUntilPanic(t, m)
	},
	"EvEnd": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, p := wrap(t, m, panicking(r, reactor.EvEnd))
		c.SetHalfClose(true)
		p.Shutdown()
		pollUntilPanic(t, m)
	},
	"a timer": func(t *testing.T, m *reactor.Manager, _ *recorder) {
		m.AddTimer(time.Nanosecond, reactor.TimerRepeat, func() { panic(errOops) })
		pollUntilPanic(t, m)
	},
	"a post": func(t *testing.T, m *reactor.Manager, _ *recorder) {
		looptest.Must(t, m.Post(func() { panic(errOops) }))
		looptest.Must(t, m.Post(func() { t.Error("a function that was posted after the one that panicked is called") }))
		pollUntilPanic(t, m)
	},
	"a layer's deadline": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, r.Handle)
		c.Stack().StartDeadline(&reactor.Deadline{Name: "x", Expired: func(*reactor.Conn) { panic(errOops) }}, 1)
		pollUntilPanic(t, m)
	},
	"Fail between two Polls": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, panicking(r, reactor.EvError))
		spin(t, m, 1)
		if p := caught(func() { c.Fail(errors.New("x")) }); p != any(errOops) {
			t.Errorf("panic with %v, want %v", p, errOops)
		}
	},
	"Call between two Polls": func(t *testing.T, m *reactor.Manager, r *recorder) {
		c, _ := wrap(t, m, panicking(r, reactor.EvUser))
		if p := caught(func() { c.Call(reactor.EvUser, nil) }); p != any(errOops) {
			t.Errorf("panic with %v, want %v", p, errOops)
		}
	},
	"nested events": func(t *testing.T, m *reactor.Manager, r *recorder) {
		other, _ := wrap(t, m, panicking(r, reactor.EvUser))
		_, p := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				other.Call(reactor.EvUser, nil)
			}
		})
		p.WriteString("x")
		pollUntilPanic(t, m)
	},
}

// wantPanicked checks that every call that turns the loop or makes a connection returns
// ErrPanicked.
func wantPanicked(t *testing.T, m *reactor.Manager) {
	t.Helper()
	a, b := looptest.Socketpair(t)
	looptest.NewSocket(t, b)
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
					t.Errorf("%s: returns a connection: %v; error %v, want ErrPanicked", name, c != nil, err)
				}
			})
		}
	}
	looptest.Must(t, unix.Close(a)) // WrapFD has not taken it
}

// newBystanders makes connections whose handlers do not panic.
func newBystanders(t *testing.T, m *reactor.Manager) []*recorder {
	t.Helper()
	var all []*recorder
	for range 5 {
		r := &recorder{}
		wrap(t, m, r.Handle)
		all = append(all, r)
	}
	r := &recorder{}
	listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	return append(all, r)
}

// A handler panics and the program recovers. The manager can then only be closed, and Close
// releases everything.
func TestAfterAPanicTheManagerCanBeClosed(t *testing.T) {
	for name, cause := range panicPlaces {
		t.Run(name, func(t *testing.T) {
			m := newManager(t) // checks for leaks at the end
			bystanders := newBystanders(t, m)
			spin(t, m, 2)
			r := &recorder{}
			cause(t, m, r)
			wantPanicked(t, m)
			harmless(t, "Close", func() { m.Close() })
			for i, other := range bystanders {
				if other.Count(reactor.EvClose) != 1 || len(other.Errs) > 0 {
					t.Errorf("connection %d has the events %s", i, eventList(other.Events))
				}
			}
			if len(r.Events) > 0 && r.Count(reactor.EvClose) != 1 {
				t.Errorf("the connection that panicked has the events %s", eventList(r.Events))
			}
			wantClosed(t, m)
		})
	}
}

// wantClosed checks that the manager is closed and has no connections.
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
				t.Errorf("%s: error %v, want ErrClosed or ErrPanicked", name, err)
			}
		})
	}
	if n := countConns(m); n > 0 {
		t.Errorf("the manager still has %d connections", n)
	}
}

// Handlers of EvClose panic while the manager closes. Every connection has EvClose all the
// same, and another call of Close releases everything.
func TestPanicInEvCloseWithinManagerClose(t *testing.T) {
	for _, count := range []int{1, 3} {
		for _, from := range []string{"between two Polls", "a timer"} {
			t.Run(fmt.Sprint(count, " of 3, ", from), func(t *testing.T) {
				stock := looptest.TakeStock(t)
				m := newManager(t)
				bystanders := newBystanders(t, m)
				var all []*recorder
				for i := range 3 {
					r := &recorder{}
					fn := r.Handle
					if i < count {
						fn = panicking(r, reactor.EvClose)
					}
					wrap(t, m, fn)
					all = append(all, r)
				}
				spin(t, m, 2)
				panicCount := 0
				try := func(fn func()) (again bool) {
					p := caught(fn)
					if p != nil && p != any(errOops) {
						t.Errorf("panic with %v, want %v", p, errOops)
					}
					if p != nil {
						panicCount++
					}
					return p != nil
				}
				if from == "a timer" {
					m.AddTimer(0, reactor.TimerOnce, func() { m.Close() })
					try(func() { m.Poll(0) })
				}
				for n := 0; try(func() { m.Close() }); n++ {
					if n > 5 {
						t.Fatal("Close still panics")
					}
				}
				if panicCount == 0 || panicCount > count {
					t.Errorf("%d panics, want at least 1 and at most %d", panicCount, count)
				}
				for i, r := range append(all, bystanders...) {
					if r.Count(reactor.EvClose) != 1 {
						t.Errorf("connection %d has the events %s", i, eventList(r.Events))
					}
				}
				wantClosed(t, m)
				stock.Check(t, len(bystanders)-1+3) // the far ends
			})
		}
	}
}

// A handler calls Manager.Close and then panics. Another call of Close closes the manager.
func TestManagerCloseThenPanic(t *testing.T) {
	m := newManager(t)
	bystanders := newBystanders(t, m)
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			m.Close()
			panic(errOops)
		}
	})
	p.WriteString("x")
	pollUntilPanic(t, m)
	if err := m.Post(func() {}); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Post: %v", err)
	}
	harmless(t, "Close", func() { m.Close() })
	for i, other := range bystanders {
		if other.Count(reactor.EvClose) != 1 {
			t.Errorf("connection %d has the events %s", i, eventList(other.Events))
		}
	}
	wantClosed(t, m)
}

// A handler recovers from the panic of an event that it has raised itself. The manager can
// still be polled and closed.
func TestPanicRecoveredInAHandler(t *testing.T) {
	for _, where := range []string{"in Poll", "between two Polls"} {
		t.Run(where, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{On: hooks{}}
			r.On[reactor.EvUser] = func(c *reactor.Conn, _ any) {
				caught(func() { c.Call(reactor.EvUser+1, nil) })
			}
			r.On[reactor.EvUser+1] = func(*reactor.Conn, any) { panic(errOops) }
			c, _ := wrap(t, m, r.Handle)
			spin(t, m, 2)
			if where == "in Poll" {
				m.AddTimer(0, reactor.TimerOnce, func() { c.Call(reactor.EvUser, nil) })
				spin(t, m, 2)
			} else {
				c.Call(reactor.EvUser, nil)
			}
			if p := caught(func() { m.Poll(time.Millisecond) }); p != nil {
				t.Errorf("Poll panics: %v", p)
			}
			if err := m.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if !r.Closed() {
				t.Errorf("events %s", eventList(r.Events))
			}
		})
	}
}
