package reactor_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Outside Poll, Fail and Call may raise the first event of a connection, and EvOpen within
// it. Manager.Close in that EvOpen takes effect when both handlers have returned.
func TestManagerCloseInEvOpenOutsidePoll(t *testing.T) {
	makes := map[string]func(t *testing.T, m *reactor.Manager, fn reactor.Handler) *reactor.Conn{
		"Connect": func(t *testing.T, m *reactor.Manager, fn reactor.Handler) *reactor.Conn {
			return dial(t, m, "tcp://127.0.0.1:1", fn)
		},
		"Listen": func(t *testing.T, m *reactor.Manager, fn reactor.Handler) *reactor.Conn {
			return listen(t, m, "tcp://127.0.0.1:0", fn)
		},
		"WrapFD": func(t *testing.T, m *reactor.Manager, fn reactor.Handler) *reactor.Conn {
			c, _ := wrap(t, m, fn)
			return c
		},
	}
	for name, connect := range makes {
		for want, raise := range map[string]func(c *reactor.Conn){
			"OPEN ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("x")) },
			"OPEN USER CLOSE":  func(c *reactor.Conn) { c.Call(reactor.EvUser, nil) },
		} {
			t.Run(name+" "+want, func(t *testing.T) {
				m := newManager(t)
				r := &recorder{On: hooks{reactor.EvOpen: func(*reactor.Conn, any) { m.Close() }}}
				raise(connect(t, m, r.Handle))
				r.Want(t, want)
				closedForGood(t, m)
			})
		}
	}
}

// Three connections are about to get an event, and the first handler closes the manager.
// The other two do not get the event.
func TestManagerCloseStopsTheTurn(t *testing.T) {
	type arrangement func(t *testing.T, m *reactor.Manager, c *reactor.Conn, p *peer)
	for _, test := range []struct {
		ev     reactor.Event
		before arrangement // a turn
		last   arrangement
	}{
		{ev: reactor.EvWrite, last: func(_ *testing.T, _ *reactor.Manager, c *reactor.Conn, _ *peer) { c.Write([]byte("x")) }},
		{ev: reactor.EvRead, last: func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, p *peer) { p.WriteString("x") }},
		{ev: redelivered,
			before: func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, p *peer) { p.WriteString("x") },
			last:   func(_ *testing.T, _ *reactor.Manager, c *reactor.Conn, _ *peer) { c.Stack().Redispatch() }},
		{ev: reactor.EvPoll, last: func(_ *testing.T, _ *reactor.Manager, c *reactor.Conn, _ *peer) { c.SetPoll(true) }},
		{ev: reactor.EvWakeup, last: func(t *testing.T, m *reactor.Manager, c *reactor.Conn, _ *peer) {
			if err := m.Wakeup(c.ID(), nil); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.ev.String(), func(t *testing.T) {
			m := newManager(t)
			count := counter{m: m, ev: test.ev}
			var conns []*reactor.Conn
			var peers []*peer
			for range 3 {
				c, p := wrap(t, m, count.handle)
				conns, peers = append(conns, c), append(peers, p)
			}
			spin(t, m, 1)
			for _, do := range []arrangement{test.before, test.last} {
				for i := range conns {
					if do != nil {
						do(t, m, conns[i], peers[i])
					}
				}
				m.Poll(0)
			}
			count.want(t, 1, 3)
		})
	}
}

// Connections that have not been opened yet do not get EvResolve after Manager.Close.
func TestManagerCloseStopsOpening(t *testing.T) {
	m := newManager(t)
	count := counter{m: m, ev: reactor.EvResolve}
	for range 3 {
		dial(t, m, "tcp://127.0.0.1:1", count.handle)
	}
	m.Poll(0)
	count.want(t, 1, 3)
}

// redelivered stands for an EvRead for bytes that a handler left in Recv.
const redelivered = reactor.EvUser

// counter is the handler of several connections. It closes the manager at the first event
// ev, and counts these events and EvClose.
type counter struct {
	m             *reactor.Manager
	ev            reactor.Event
	count, closed int
}

func (k *counter) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvRead && *data.(*int) == 0 {
		ev = redelivered
	}
	switch ev {
	case k.ev:
		k.count++
		k.m.Close()
	case reactor.EvClose:
		k.closed++
	}
}

func (k *counter) want(t *testing.T, count, closed int) {
	t.Helper()
	if k.count != count || k.closed != closed {
		t.Errorf("%d events %v, %d EvClose; want %d and %d", k.count, k.ev, k.closed, count, closed)
	}
}

// Manager.Close inside a handler takes effect when the dispatch returns. Every connection
// has EvClose.
func TestManagerCloseInHandlers(t *testing.T) {
	for where, arrange := range map[string]func(t *testing.T, m *reactor.Manager, c *reactor.Conn, r *recorder, do func()){
		"timer": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, _ *recorder, do func()) {
			m.AddTimer(0, reactor.TimerOnce, do)
		},
		"post": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, _ *recorder, do func()) { m.Post(do) },
		"EvOpen": func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, r *recorder, do func()) {
			r.On[reactor.EvOpen] = func(*reactor.Conn, any) { do() }
		},
		"EvRead": func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, r *recorder, do func()) {
			r.On[reactor.EvRead] = func(*reactor.Conn, any) { do() }
		},
		"EvClose": func(_ *testing.T, _ *reactor.Manager, c *reactor.Conn, r *recorder, do func()) {
			r.On[reactor.EvClose] = func(*reactor.Conn, any) { do() }
			c.Close()
		},
		"EvError": func(t *testing.T, m *reactor.Manager, c *reactor.Conn, r *recorder, do func()) {
			r.On[reactor.EvError] = func(*reactor.Conn, any) { do() }
			m.Post(func() { c.Fail(errors.New("x")) })
		},
		"Accept": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, _ *recorder, do func()) {
			l := listen(t, m, "tcp://127.0.0.1:0", nil)
			l.Stack().Push(&acceptLayer{do})
			looptest.DialSocket(t, l.LocalAddr())
		},
	} {
		t.Run(where, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{On: hooks{}}
			others := []*recorder{{}, {}, {}}
			c, p := wrap(t, m, r.Handle)
			p.WriteString("x")
			wrap(t, m, others[0].Handle)
			listen(t, m, "udp://127.0.0.1:0", others[1].Handle)
			dial(t, m, "tcp://127.0.0.1:1", others[2].Handle)
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
					if o.Closed() {
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
				t.Fatal("the handler was not called")
			}
			for _, r := range append(others, r) {
				if n := len(r.Events); n == 0 || r.Events[n-1] != reactor.EvClose || r.Count(reactor.EvClose) != 1 {
					t.Errorf("events %v", r.Events)
				}
			}
			closedForGood(t, m)
		})
	}
}

// closedForGood checks that every call of the manager returns ErrClosed.
func closedForGood(t *testing.T, m *reactor.Manager) {
	t.Helper()
	a, b := looptest.Socketpair(t)
	defer looptest.NewSocket(t, a).Close()
	defer looptest.NewSocket(t, b).Close()
	errs := map[string]error{
		"Poll(0)": m.Poll(0), "Poll(-1)": m.Poll(-1), "Post": m.Post(func() {}), "Wakeup": m.Wakeup(1, nil), "Close": m.Close(),
	}
	_, errs["Connect"] = m.Connect("tcp://127.0.0.1:1", nil, nil)
	_, errs["Listen"] = m.Listen("tcp://127.0.0.1:0", nil, nil)
	_, errs["WrapFD"] = m.WrapFD(a, nil, nil)
	for call, err := range errs {
		if !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("%s after Close: error %v, want ErrClosed", call, err)
		}
	}
	if n := countConns(m); n != 0 {
		t.Errorf("%d connections after Close, want 0", n)
	}
}

func TestManagerCloseClosesEveryConnection(t *testing.T) {
	m := newManager(t)
	var recs []*recorder
	for range 5 {
		r := &recorder{}
		c, _ := wrap(t, m, r.Handle)
		c.Write([]byte("unsent"))
		recs = append(recs, r)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if n := len(r.Events); n == 0 || r.Events[n-1] != reactor.EvClose || r.Count(reactor.EvClose) != 1 {
			t.Errorf("events %v", r.Events)
		}
	}
	closedForGood(t, m)
}

// Manager.Close in a handler that runs outside Poll takes effect when the handler returns.
func TestManagerCloseInACallOutsidePoll(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.On = hooks{reactor.EvUser: func(c *reactor.Conn, _ any) {
		m.Close()
		if r.Closed() {
			t.Error("EvClose before the handler returned")
		}
	}}
	c, _ := wrap(t, m, r.Handle)
	spin(t, m, 1)
	c.Call(reactor.EvUser, nil)
	r.Want(t, "OPEN USER CLOSE")
	closedForGood(t, m)
}
