package reactor_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// closingLayer is a layer that closes the manager instead of saying goodbye.
type closingLayer struct{ m *reactor.Manager }

func (*closingLayer) Handle(*reactor.Conn, reactor.Event, any) {}

func (p *closingLayer) SayGoodbye(c *reactor.Conn) bool {
	p.m.Close()
	return false
}

// A layer may close the manager in SayGoodbye, although there are layers below it.
func TestDrainWithALayerThatClosesTheManager(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.Stack().Push(&closingLayer{m})
	c.Stack().Push(&closingLayer{m})
	spin(t, m, 2)
	harmless(t, "Drain", func() { m.Drain(time.Second) })
	if r.Count(reactor.EvClose) != 1 {
		t.Errorf("events %s", eventList(r.Events))
	}
}

// goodbyeLayer is a layer that says goodbye in SayGoodbye.
type goodbyeLayer struct {
	indifferent
	name  string
	waits bool
	said  *[]string
}

func (p *goodbyeLayer) SayGoodbye(c *reactor.Conn) bool {
	*p.said = append(*p.said, p.name)
	c.Write([]byte("bye from " + p.name + ". "))
	return p.waits
}

// advancing makes a manager whose clock advances by a step with each reading, which makes
// waits end.
func advancing(t *testing.T, step time.Duration) (*reactor.Manager, *looptest.Clock) {
	t.Helper()
	k := looptest.NewClock()
	return newManager(t, reactor.WithClock(func() time.Time { k.Advance(step); return k.Now() })), k
}

// Drain closes listeners, writes what is in Send, delivers input meanwhile, and closes the
// manager when no connection is left.
func TestDrainWritesAllAndClosesTheManager(t *testing.T) {
	m := newManager(t)
	server, ln := &recorder{}, &recorder{}
	var l *reactor.Conn
	l = listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if c == l || l == nil {
			ln.Handle(c, ev, data)
		} else {
			server.Handle(c, ev, data)
		}
	})
	p := dialNarrow(t, l.LocalAddr())
	await(t, m, "EvAccept", server.Saw(reactor.EvAccept))
	server.On = hooks{reactor.EvWrite: func(*reactor.Conn, any) {
		m.Post(func() {
			if p.Receive(); p.EOF {
				p.Shutdown()
			}
		})
	}}
	for c := range m.Conns() {
		if c != l {
			c.Write(noise(moreThanFits))
		}
	}
	p.WriteString("input during Drain")
	late, err := m.Drain(time.Minute)
	if late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	if p.Receive(); string(p.In) != string(noise(moreThanFits)) || !p.EOF {
		t.Errorf("%d bytes arrived, end of stream %v", len(p.In), p.EOF)
	}
	if string(server.Got) != "input during Drain" {
		t.Errorf("the server got %q", server.Got)
	}
	for name, r := range map[string]*recorder{"server": server, "listener": ln} {
		if r.Count(reactor.EvClose) != 1 || len(r.Errs) > 0 {
			t.Errorf("%s: events %v, errors %v", name, eventList(r.Events), r.Errs)
		}
	}
	closedForGood(t, m)
	if late, err := m.Drain(time.Minute); late != nil || err != reactor.ErrClosed {
		t.Errorf("a second Drain: %v, %v", late, err)
	}
}

func TestDrainWithoutConnections(t *testing.T) {
	m := newManager(t)
	if late, err := m.Drain(time.Hour); late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	closedForGood(t, m)
}

// During Drain, Connect, Listen and WrapFD return ErrClosed, and listeners accept no more.
func TestDrainRefusesNewConnections(t *testing.T) {
	m := newManager(t)
	var errs []error
	r := &recorder{}
	r.On = hooks{reactor.EvWrite: func(c *reactor.Conn, _ any) {
		_, a := m.Connect("tcp://127.0.0.1:9", nil, nil)
		_, b := m.Listen("tcp://127.0.0.1:0", nil, nil)
		_, w := m.WrapFD(0, nil, nil)
		errs = append(errs, a, b, w)
	}}
	c, p := wrap(t, m, r.Handle)
	ln := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", ln.Handle)
	spin(t, m, 1)
	looptest.DialSocket(t, l.LocalAddr())
	c.Write([]byte("x"))
	p.Shutdown()
	if _, err := m.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	if len(errs) == 0 {
		t.Fatal("EvWrite was not raised")
	}
	for _, err := range errs {
		if !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	}
	ln.Want(t, "OPEN CLOSE")
}

// Without time to wait, all layers say goodbye, also those below a layer that would wait.
func TestDrainWithoutTimeAsksAllLayers(t *testing.T) {
	m := newManager(t)
	var said []string
	c, p := wrap(t, m, nil)
	c.Stack().Push(&goodbyeLayer{name: "low", said: &said})
	c.Stack().Push(&goodbyeLayer{name: "top", said: &said, waits: true})
	spin(t, m, 1)
	if _, err := m.Drain(0); err != nil {
		t.Error(err)
	}
	if p.Receive(); string(p.In) != "bye from top. bye from low. " {
		t.Errorf("peer got %q", p.In)
	}
}

// Each layer says goodbye, the topmost first. A layer that waits for the peer keeps the
// connection open until it calls Conn.Drain. The layers below it are not asked.
func TestDrainLetsLayersSayGoodbye(t *testing.T) {
	// Which of the two layers waits: top, low.
	for _, waiting := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		waits := waiting[0] || waiting[1]
		want := []string{"top", "low"}
		if waiting[0] {
			want = want[:1]
		}
		m := newManager(t)
		var said []string
		r := &recorder{}
		c, p := wrap(t, m, r.Handle)
		c.Stack().Push(&goodbyeLayer{name: "low", said: &said, waits: waiting[1]})
		c.Stack().Push(&indifferent{})
		c.Stack().Push(&goodbyeLayer{name: "top", said: &said, waits: waiting[0]})
		spin(t, m, 1)
		answered := false
		r.On = hooks{
			reactor.EvWrite: func(*reactor.Conn, any) {
				m.Post(func() { // when the loop has handled the goodbyes
					p.Receive()
					answered = string(p.In) == "bye from "+strings.Join(want, ". bye from ")+". "
					if p.EOF == waits {
						t.Errorf("waits %v: end of stream %v", waits, p.EOF)
					}
					p.WriteString("bye too")
					if !waits {
						p.Shutdown()
					}
				})
			},
			reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				p.Shutdown()
				c.Drain()
			},
		}
		late, err := m.Drain(time.Minute)
		if late != nil || err != nil || !answered {
			t.Errorf("waits %v: Drain: %v, %v; answered %v", waits, late, err, answered)
		}
		if !slices.Equal(said, want) {
			t.Errorf("goodbyes of %q, want %q", said, want)
		}
		if (r.Count(reactor.EvRead) > 0) != waits {
			t.Errorf("waits %v: the answer was delivered %d times", waits, r.Count(reactor.EvRead))
		}
	}
}

// Drain closes connections that are open when its time is up, and returns them.
func TestDrainReturnsStragglers(t *testing.T) {
	m, k := advancing(t, time.Millisecond)
	var said []string
	r := &recorder{}
	var accepted *reactor.Conn
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvAccept {
			accepted = c
		}
		r.Handle(c, ev, data)
	})
	p := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	accepted.Stack().Push(&goodbyeLayer{name: "x", said: &said, waits: true})
	full, _, _ := blocked(t, m, &recorder{}) // its peer does not read
	before := full.Send.Len()
	full.SetPoll(true) // the loop turns without blocking, and the clock advances
	began := k.Now()
	full.Fn = func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvPoll {
			m.Post(func() {})
		}
	}
	late, err := m.Drain(3 * time.Second)
	if err != nil || len(late) != 2 {
		t.Fatalf("Drain returns %v, %v; want two stragglers", late, err)
	}
	if d := k.Now().Sub(began); d < 3*time.Second || d > 3*time.Second+100*time.Millisecond {
		t.Errorf("Drain took %v of 3 s", d)
	}
	for _, s := range late {
		switch s.ID {
		case accepted.ID():
			if s.Remote != looptest.BoundAddr(t, p.FD) || s.Unsent != 0 {
				t.Errorf("straggler %+v, want the address %v and no bytes", s, looptest.BoundAddr(t, p.FD))
			}
		case full.ID():
			if s.Remote.IsValid() || s.Unsent != before {
				t.Errorf("straggler %+v, want no address and %d bytes", s, before)
			}
		default:
			t.Errorf("unknown straggler %+v", s)
		}
	}
	if r.Count(reactor.EvClose) != 2 || len(r.Errs) > 0 { // the listener and the connection
		t.Errorf("events %v, errors %v", eventList(r.Events), r.Errs)
	}
	closedForGood(t, m)
}

// Drain with a timeout of zero or less offers Send to the sockets once, even if the clock
// stands still, and returns all connections that are left.
func TestDrainWithoutTime(t *testing.T) {
	for _, timeout := range []time.Duration{0, -time.Second, math.MinInt64} {
		m, _ := timed(t)
		r := &recorder{}
		c, p := wrap(t, m, r.Handle)
		spin(t, m, 1)
		var said []string
		c.Stack().Push(&goodbyeLayer{name: "x", said: &said})
		late, err := m.Drain(timeout)
		if err != nil || len(late) != 1 || late[0].ID != c.ID() {
			t.Errorf("Drain: %v, %v", late, err)
		}
		if !p.Ended() || !r.Closed() || string(p.In) != "bye from x. " {
			t.Errorf("closed %v, got %q", r.Closed(), p.In)
		}
	}
}

// Drain closes connections that are not established yet, and those that have not been
// opened. A handler may close the manager during Drain.
func TestDrainOfNewConnections(t *testing.T) {
	m := newManager(t, reactor.WithResolver(&mute{}))
	r := &recorder{}
	dial(t, m, urlOf(blackHole(t, "127.0.0.1").String()), r.Handle)
	dial(t, m, "tcp://slow.test:80", r.Handle)
	spin(t, m, 2)
	unopened := &recorder{}
	_, p := wrap(t, m, unopened.Handle)
	p.Shutdown()
	if late, err := m.Drain(time.Minute); late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	if r.Count(reactor.EvClose) != 2 || len(r.Errs) > 0 {
		t.Errorf("events %v, errors %v", eventList(r.Events), r.Errs)
	}
	unopened.Want(t, "OPEN CLOSE")

	m = newManager(t)
	r = &recorder{On: hooks{reactor.EvWrite: func(*reactor.Conn, any) { m.Close() }}}
	c, _ := wrap(t, m, r.Handle)
	c.Write([]byte("x"))
	if late, err := m.Drain(time.Minute); late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	r.Want(t, "OPEN WRITE CLOSE")
	closedForGood(t, m)
}
