package reactor_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Poll within a handler panics, whatever kind of handler it is.
func TestPollWithinAHandlerPanics(t *testing.T) {
	m := newManager(t)
	poll := func(where string) (message any) {
		defer func() {
			if message = recover(); message == nil {
				t.Errorf("no panic in %s", where)
			}
		}()
		m.Poll(0)
		return nil
	}
	var messages []any
	in := func(where string) { messages = append(messages, poll(where)) }
	m.AddTimer(0, reactor.TimerOnce, func() { in("a timer") })
	m.Post(func() { in("a posted function") })
	r := &recorder{on: hooks{reactor.EvOpen: func(*reactor.Conn, any) { in("EvOpen") }, reactor.EvClose: func(*reactor.Conn, any) { in("EvClose") }}}
	c, p := wrap(t, m, r.handle)
	end := &ender{func() { in("End") }}
	c.Stack().Push(end)
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	l.Stack().Push(&acceptor{func() { in("Accept") }})
	dialRaw(t, l.LocalAddr())
	p.shutdown()
	await(t, m, "all", func() bool { return len(messages) == 6 })
	for _, s := range messages {
		if s, ok := s.(string); !ok || s != messages[0] || len(s) < 10 {
			t.Errorf("panic %v", s)
		}
	}
	spin(t, m, 2) // outside it is still possible
}

type ender struct{ end func() }

func (*ender) Handle(*reactor.Conn, reactor.Event, any) {}
func (p *ender) End(*reactor.Conn) error                { p.end(); return nil }

type acceptor struct{ accept func() }

func (*acceptor) Handle(*reactor.Conn, reactor.Event, any) {}
func (p *acceptor) Accept(*reactor.Conn) reactor.Protocol  { p.accept(); return &acceptor{p.accept} }

// Close inside a handler takes effect when the dispatch returns, with EvClose
// for every connection.
func TestManagerCloseWithin(t *testing.T) {
	for where, arrange := range map[string]func(t *testing.T, m *reactor.Manager, c *reactor.Conn, r *recorder, do func()){
		"timer": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, _ *recorder, do func()) {
			m.AddTimer(0, reactor.TimerOnce, do)
		},
		"post": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, _ *recorder, do func()) { m.Post(do) },
		"EvOpen": func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, r *recorder, do func()) {
			r.on[reactor.EvOpen] = func(*reactor.Conn, any) { do() }
		},
		"EvRead": func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, r *recorder, do func()) {
			r.on[reactor.EvRead] = func(*reactor.Conn, any) { do() }
		},
		"EvClose": func(_ *testing.T, _ *reactor.Manager, c *reactor.Conn, r *recorder, do func()) {
			r.on[reactor.EvClose] = func(*reactor.Conn, any) { do() }
			c.Close()
		},
		"EvError": func(t *testing.T, m *reactor.Manager, c *reactor.Conn, r *recorder, do func()) {
			r.on[reactor.EvError] = func(*reactor.Conn, any) { do() }
			m.Post(func() { c.Fail(errors.New("x")) })
		},
		"Accept": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, _ *recorder, do func()) {
			l := listen(t, m, "tcp://127.0.0.1:0", nil)
			l.Stack().Push(&acceptor{do})
			dialRaw(t, l.LocalAddr())
		},
	} {
		t.Run(where, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{on: hooks{}}
			others := []*recorder{{}, {}, {}}
			c, p := wrap(t, m, r.handle)
			p.write("x")
			wrap(t, m, others[0].handle)
			listen(t, m, "udp://127.0.0.1:0", others[1].handle)
			dial(t, m, "tcp://127.0.0.1:1", others[2].handle)
			first := true
			arrange(t, m, c, r, func() {
				if !first {
					return
				}
				first = false
				if err := m.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				if err := m.Close(); !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("a second Close: %v", err)
				}
				for _, o := range others {
					if o.closed() {
						t.Error("EvClose before the handler returned")
					}
				}
				if _, err := m.Connect("tcp://127.0.0.1:1", nil, nil); !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Connect: %v", err)
				}
			})
			for range turns {
				if m.Poll(0) != nil {
					break
				}
			}
			if first {
				t.Fatal("was not called")
			}
			for _, r := range append(others, r) {
				if n := len(r.events); n == 0 || r.events[n-1] != reactor.EvClose || r.count(reactor.EvClose) != 1 {
					t.Errorf("events %v", r.events)
				}
			}
			closedForGood(t, m)
		})
	}
}

// closedForGood checks that all that a manager can do is refused.
func closedForGood(t *testing.T, m *reactor.Manager) {
	t.Helper()
	a, b := socketpair(t)
	defer newPeer(t, a).close()
	defer newPeer(t, b).close()
	errs := map[string]error{
		"Poll(0)": m.Poll(0), "Poll(-1)": m.Poll(-1), "Post": m.Post(func() {}), "Wakeup": m.Wakeup(1, nil), "Close": m.Close(),
	}
	_, errs["Connect"] = m.Connect("tcp://127.0.0.1:1", nil, nil)
	_, errs["Listen"] = m.Listen("tcp://127.0.0.1:0", nil, nil)
	_, errs["WrapFD"] = m.WrapFD(a, nil, nil)
	for call, err := range errs {
		if !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("%s after Close: %v", call, err)
		}
	}
	if n := countConns(m); n != 0 {
		t.Errorf("%d connections after Close", n)
	}
}

func TestManagerClose(t *testing.T) {
	m := newManager(t)
	var recs []*recorder
	for range 5 {
		r := &recorder{}
		c, _ := wrap(t, m, r.handle)
		c.Write([]byte("unsent"))
		recs = append(recs, r)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if n := len(r.events); n == 0 || r.events[n-1] != reactor.EvClose || r.count(reactor.EvClose) != 1 {
			t.Errorf("events %v", r.events)
		}
	}
	closedForGood(t, m)
}

// Called from a handler that runs outside Poll, Close waits for that one too.
func TestManagerCloseInACallOutsidePoll(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.on = hooks{reactor.EvUser: func(c *reactor.Conn, _ any) {
		m.Close()
		if r.closed() {
			t.Error("EvClose before the handler returned")
		}
	}}
	c, _ := wrap(t, m, r.handle)
	spin(t, m, 1)
	c.Call(reactor.EvUser, nil)
	r.want(t, "OPEN USER CLOSE")
	closedForGood(t, m)
}

func TestConns(t *testing.T) {
	m := newManager(t)
	var want []uint64
	for range 4 {
		c, _ := wrap(t, m, nil)
		want = append(want, c.ID())
	}
	want = append(want, listen(t, m, "tcp://127.0.0.1:0", nil).ID(), dial(t, m, "udp://127.0.0.1:1", nil).ID())
	var got []uint64
	for c := range m.Conns() {
		got = append(got, c.ID())
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || got[0] != 1 {
		t.Errorf("IDs %v, want %v from 1", got, want)
	}
	for c := range m.Conns() { // while they are closed and others made
		c.Close()
		m.Poll(0)
	}
	spin(t, m, 1)
	if n := countConns(m); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

func TestOptions(t *testing.T) {
	k, log := newClock(), slog.New(slog.DiscardHandler)
	m := newManager(t, reactor.WithClock(k.now), reactor.WithLogger(log))
	k.advance(time.Hour)
	if !m.Now().Equal(k.now()) || m.Logger() != log {
		t.Errorf("Now %v, Logger %p", m.Now(), m.Logger())
	}
}
