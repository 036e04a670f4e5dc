package reactor_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// polite is a layer with a goodbye.
type polite struct {
	indifferent
	name  string
	waits bool
	said  *[]string
}

func (p *polite) Leave(c *reactor.Conn) bool {
	*p.said = append(*p.said, p.name)
	c.Write([]byte("bye from " + p.name + ". "))
	return p.waits
}

// advancing makes a manager whose clock goes on by a step whenever it is
// looked at, so that a wait for time ends.
func advancing(t *testing.T, step time.Duration) (*reactor.Manager, *clock) {
	t.Helper()
	k := newClock()
	return newManager(t, reactor.WithClock(func() time.Time { k.advance(step); return k.now() })), k
}

// Drain closes listeners, writes what lies in Send, and closes the manager when
// nobody is left; events come as ever.
func TestManagerDrain(t *testing.T) {
	m := newManager(t)
	server, ln := &recorder{}, &recorder{}
	var l *reactor.Conn
	l = listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if c == l || l == nil {
			ln.handle(c, ev, data)
		} else {
			server.handle(c, ev, data)
		}
	})
	p := dialRaw(t, l.LocalAddr())
	await(t, m, "EvAccept", server.saw(reactor.EvAccept))
	server.on = hooks{reactor.EvWrite: func(*reactor.Conn, any) {
		m.Post(func() {
			if p.pump(); p.eof {
				p.shutdown()
			}
		})
	}}
	for c := range m.Conns() {
		if c != l {
			c.Write(noise(32 << 20))
		}
	}
	p.write("input is delivered until all is sent")
	late, err := m.Drain(time.Minute)
	if late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	if p.pump(); string(p.in) != string(noise(32<<20)) || !p.eof {
		t.Errorf("%d bytes arrived, end of stream %v", len(p.in), p.eof)
	}
	if string(server.got) != "input is delivered until all is sent" {
		t.Errorf("got %q", server.got)
	}
	for name, r := range map[string]*recorder{"server": server, "listener": ln} {
		if r.count(reactor.EvClose) != 1 || len(r.errs) > 0 {
			t.Errorf("%s: %v, %v", name, eventList(r.events), r.errs)
		}
	}
	closedForGood(t, m)
	if late, err := m.Drain(time.Minute); late != nil || err != reactor.ErrClosed {
		t.Errorf("a second Drain: %v, %v", late, err)
	}
}

func TestDrainOfNothing(t *testing.T) {
	m := newManager(t)
	if late, err := m.Drain(time.Hour); late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	closedForGood(t, m)
}

// New connections are refused from the call on; the backlog of a listener is
// not accepted any more.
func TestNothingNewWhileDraining(t *testing.T) {
	m := newManager(t)
	var errs []error
	r := &recorder{}
	r.on = hooks{reactor.EvWrite: func(c *reactor.Conn, _ any) {
		_, a := m.Connect("tcp://127.0.0.1:9", nil, nil)
		_, b := m.Listen("tcp://127.0.0.1:0", nil, nil)
		_, w := m.WrapFD(0, nil, nil)
		errs = append(errs, a, b, w)
	}}
	c, p := wrap(t, m, r.handle)
	ln := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", ln.handle)
	spin(t, m, 1)
	dialRaw(t, l.LocalAddr())
	c.Write([]byte("x"))
	p.shutdown()
	if _, err := m.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	if len(errs) == 0 {
		t.Fatal("EvWrite did not come")
	}
	for _, err := range errs {
		if !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	}
	ln.want(t, "OPEN CLOSE")
}

// Each layer says its goodbye, the topmost first; one that waits for the peer
// keeps the connection open until it drains it.
func TestLayersLeave(t *testing.T) {
	for _, who := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} { // top, low
		waits := who[0] || who[1]
		m := newManager(t)
		var said []string
		r := &recorder{}
		c, p := wrap(t, m, r.handle)
		c.Stack().Push(&polite{name: "low", said: &said, waits: who[1]})
		c.Stack().Push(&indifferent{})
		c.Stack().Push(&polite{name: "top", said: &said, waits: who[0]})
		spin(t, m, 1)
		answered := false
		r.on = hooks{
			reactor.EvWrite: func(*reactor.Conn, any) {
				m.Post(func() { // when it has had its effect
					p.pump()
					answered = string(p.in) == "bye from top. bye from low. "
					if p.eof == waits {
						t.Errorf("waits %v: end of stream %v", waits, p.eof)
					}
					p.write("bye too")
					if !waits {
						p.shutdown()
					}
				})
			},
			reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				p.shutdown()
				c.Drain()
			},
		}
		late, err := m.Drain(time.Minute)
		if late != nil || err != nil || !answered {
			t.Errorf("waits %v: Drain: %v, %v; answered %v", waits, late, err, answered)
		}
		if !slices.Equal(said, []string{"top", "low"}) {
			t.Errorf("goodbyes %q", said)
		}
		if (r.count(reactor.EvRead) > 0) != waits {
			t.Errorf("waits %v: the answer was heard %d times", waits, r.count(reactor.EvRead))
		}
	}
}

// Who is still there when the time is up is named, and closed.
func TestStragglers(t *testing.T) {
	m, k := advancing(t, time.Millisecond)
	var said []string
	r := &recorder{}
	var accepted *reactor.Conn
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvAccept {
			accepted = c
		}
		r.handle(c, ev, data)
	})
	p := dialRaw(t, l.LocalAddr())
	await(t, m, "EvAccept", r.saw(reactor.EvAccept))
	accepted.Stack().Push(&polite{name: "x", said: &said, waits: true})
	full, _, _ := blocked(t, m, &recorder{}) // never reads
	before := full.Send.Len()
	full.SetPoll(true) // the loop turns all the time, and the clock with it
	began := k.now()
	full.Fn = func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvPoll {
			m.Post(func() {})
		}
	}
	late, err := m.Drain(3 * time.Second)
	if err != nil || len(late) != 2 {
		t.Fatalf("Drain: %v, %v; want two stragglers", late, err)
	}
	if d := k.now().Sub(began); d < 3*time.Second || d > 3*time.Second+100*time.Millisecond {
		t.Errorf("Drain took %v of 3 s", d)
	}
	for _, s := range late {
		switch s.ID {
		case accepted.ID():
			if s.Remote != boundAddr(t, p.fd) || s.Unsent != 0 {
				t.Errorf("%+v", s)
			}
		case full.ID():
			if s.Remote.IsValid() || s.Unsent != before {
				t.Errorf("%+v, want %d bytes", s, before)
			}
		default:
			t.Errorf("%+v", s)
		}
	}
	if r.count(reactor.EvClose) != 2 || len(r.errs) > 0 { // the listener and the connection
		t.Errorf("%v, %v", eventList(r.events), r.errs)
	}
	closedForGood(t, m)
}

// A Drain that is given no time offers what there is to the sockets once, be
// it that no time passes, and names everybody who is left.
func TestDrainWithoutTime(t *testing.T) {
	for _, timeout := range []time.Duration{0, -time.Second, math.MinInt64} {
		m, _ := timed(t)
		r := &recorder{}
		c, p := wrap(t, m, r.handle)
		spin(t, m, 1)
		var said []string
		c.Stack().Push(&polite{name: "x", said: &said})
		late, err := m.Drain(timeout)
		if err != nil || len(late) != 1 || late[0].ID != c.ID() {
			t.Errorf("Drain: %v, %v", late, err)
		}
		if !p.ended() || !r.closed() || string(p.in) != "bye from x. " {
			t.Errorf("closed %v, got %q", r.closed(), p.in)
		}
	}
}

// A handler may close the manager meanwhile; a connection that is still being
// established is given up; one that was made and never opened has its events.
func TestDrainOfWhatHasJustBegun(t *testing.T) {
	m := newManager(t, reactor.WithResolver(&mute{}))
	r := &recorder{}
	dial(t, m, urlOf(blackHole(t, "127.0.0.1").String()), r.handle)
	dial(t, m, "tcp://slow.test:80", r.handle)
	spin(t, m, 2)
	fresh := &recorder{}
	_, p := wrap(t, m, fresh.handle)
	p.shutdown()
	if late, err := m.Drain(time.Minute); late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	if r.count(reactor.EvClose) != 2 || len(r.errs) > 0 {
		t.Errorf("%v, %v", eventList(r.events), r.errs)
	}
	fresh.want(t, "OPEN CLOSE")

	m = newManager(t)
	r = &recorder{on: hooks{reactor.EvWrite: func(*reactor.Conn, any) { m.Close() }}}
	c, _ := wrap(t, m, r.handle)
	c.Write([]byte("x"))
	if late, err := m.Drain(time.Minute); late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	r.want(t, "OPEN WRITE CLOSE")
	closedForGood(t, m)
}
