package reactor_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Outside Poll an event may be the first that a connection hears of, so that
// EvOpen comes within it: Close there waits for both.
func TestManagerCloseInAnEarlyEvOpen(t *testing.T) {
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
				r := &recorder{on: hooks{reactor.EvOpen: func(*reactor.Conn, any) { m.Close() }}}
				raise(connect(t, m, r.handle))
				r.want(t, want)
				closedForGood(t, m)
			})
		}
	}
}

// A turn that has much to do stops where the manager is closed: of three that
// are about to hear an event, one does.
func TestTurnStopsWhereTheManagerIsClosed(t *testing.T) {
	type arrangement func(t *testing.T, m *reactor.Manager, c *reactor.Conn, p *peer)
	for _, test := range []struct {
		ev     reactor.Event
		before arrangement // a turn
		last   arrangement
	}{
		{ev: reactor.EvWrite, last: func(_ *testing.T, _ *reactor.Manager, c *reactor.Conn, _ *peer) { c.Write([]byte("x")) }},
		{ev: reactor.EvRead, last: func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, p *peer) { p.write("x") }},
		{ev: offeredAgain,
			before: func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, p *peer) { p.write("x") },
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
			heard := counter{m: m, ev: test.ev}
			var conns []*reactor.Conn
			var peers []*peer
			for range 3 {
				c, p := wrap(t, m, heard.handle)
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
			heard.want(t, 1, 3)
		})
	}
}

// The same of connections that are about to be opened.
func TestOpeningStopsWhereTheManagerIsClosed(t *testing.T) {
	m := newManager(t)
	heard := counter{m: m, ev: reactor.EvResolve}
	for range 3 {
		dial(t, m, "tcp://127.0.0.1:1", heard.handle)
	}
	m.Poll(0)
	heard.want(t, 1, 3)
}

// offeredAgain stands for an EvRead of what was left in Recv.
const offeredAgain = reactor.EvUser

// counter is the handler of several connections. It closes the manager at the
// first event of a kind.
type counter struct {
	m             *reactor.Manager
	ev            reactor.Event
	heard, closed int
}

func (k *counter) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvRead && *data.(*int) == 0 {
		ev = offeredAgain
	}
	switch ev {
	case k.ev:
		k.heard++
		k.m.Close()
	case reactor.EvClose:
		k.closed++
	}
}

func (k *counter) want(t *testing.T, heard, closed int) {
	t.Helper()
	if k.heard != heard || k.closed != closed {
		t.Errorf("%d heard %v, %d EvClose; want %d and %d", k.heard, k.ev, k.closed, heard, closed)
	}
}
