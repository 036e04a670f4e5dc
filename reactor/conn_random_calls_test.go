package reactor_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Handlers make random calls on random connections in every event. The events of each
// connection come in order, and no byte is lost.
func TestRandomCallsInHandlers(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			k := looptest.NewClock()
			x := &randomCalls{t: t, m: newManager(t, reactor.WithClock(k.Now)), clock: k, rnd: rand.New(rand.NewPCG(seed, 1)), histories: map[*reactor.Conn]*connHistory{}}
			x.run()
		})
	}
}

// randomCalls holds connections to two listeners, and makes random calls on them.
type randomCalls struct {
	t         *testing.T
	m         *reactor.Manager
	clock     *looptest.Clock
	rnd       *rand.Rand
	urls      []string
	all       []*reactor.Conn // in the order of their first events
	histories map[*reactor.Conn]*connHistory
	depth     int
}

// connHistory is what a connection has received and sent. Each connection sends the
// numbers from 0, modulo 256.
type connHistory struct {
	events     []reactor.Event
	sent, next byte // numbers
}

func (x *randomCalls) run() {
	for _, transport := range []string{"tcp4", "unix"} {
		url := listenURL(x.t, transport)
		l := listen(x.t, x.m, url, x.handle)
		if transport == "tcp4" {
			url = urlOf(l.LocalAddr().String())
		}
		x.urls = append(x.urls, url)
	}
	for range 10 {
		x.m.Connect(x.anyURL(), x.handle, nil)
	}
	for range 150 {
		spin(x.t, x.m, 1)
		x.clock.Advance(time.Duration(x.rnd.IntN(20)) * time.Millisecond)
	}
	x.m.Close()
	for _, c := range x.all {
		l := x.histories[c]
		if n := len(l.events); l.events[n-1] != reactor.EvClose {
			x.t.Errorf("connection %d has no EvClose: %s", c.ID(), eventList(l.events))
		}
	}
}

func (x *randomCalls) anyURL() string { return x.urls[x.rnd.IntN(len(x.urls))] }

func (x *randomCalls) handle(c *reactor.Conn, ev reactor.Event, _ any) {
	x.depth++
	defer func() { x.depth-- }()
	l := x.histories[c]
	if l == nil {
		l = &connHistory{}
		x.histories[c] = l
		x.all = append(x.all, c)
	}
	x.check(c, l, ev)
	l.events = append(l.events, ev)
	switch ev {
	case reactor.EvRead:
		x.read(c, l)
	case reactor.EvWakeup, reactor.EvPoll: // Recv may be emptied at any time
		if x.rnd.IntN(3) == 0 {
			l.next += byte(c.Recv.Len())
			c.Recv.Reset()
		}
	}
	if len(l.events) < 400 {
		for range x.rnd.IntN(4) {
			x.call(x.all[x.rnd.IntN(len(x.all))])
			x.call(c)
		}
	}
}

// check compares an event with the events before it.
func (x *randomCalls) check(c *reactor.Conn, l *connHistory, ev reactor.Event) {
	had := func(e reactor.Event) bool { return (&recorder{Events: l.events}).Count(e) > 0 }
	bad := ""
	switch {
	case had(reactor.EvClose):
		bad = "comes after EvClose"
	case len(l.events) == 0 != (ev == reactor.EvOpen):
		bad = "comes where EvOpen must be the first event, and the only one"
	case ev == reactor.EvError && had(ev):
		bad = "comes twice"
	case ev == reactor.EvRead && c.InputStopped():
		bad = "comes on a connection that is paused, failed or closing"
	case ev == reactor.EvRead && !had(reactor.EvConnect) && !had(reactor.EvAccept):
		bad = "comes before EvConnect or EvAccept"
	}
	if bad != "" {
		x.t.Errorf("%v %s: the events of connection %d before it are %s", ev, bad, c.ID(), eventList(l.events))
	}
}

// read consumes all of Recv, or a part.
func (x *randomCalls) read(c *reactor.Conn, l *connHistory) {
	p := c.Recv.Bytes()
	for i, b := range p {
		if want := l.next + byte(i); b != want {
			x.t.Errorf("connection %d: byte %d of %d is %d, want %d", c.ID(), i, len(p), b, want)
			break
		}
	}
	n := len(p)
	if n > 0 && x.rnd.IntN(3) == 0 {
		n = x.rnd.IntN(n)
	}
	c.Recv.Consume(n)
	l.next += byte(n)
}

func (x *randomCalls) write(c *reactor.Conn) {
	size := 30
	if x.rnd.IntN(2) == 0 {
		size = 20000
	}
	p := make([]byte, x.rnd.IntN(size))
	l := x.histories[c]
	for i := range p {
		p[i] = l.sent + byte(i)
	}
	if n, err := c.Write(p); err == nil {
		l.sent += byte(n)
	}
}

// call makes one random call on a connection.
func (x *randomCalls) call(c *reactor.Conn) {
	switch x.rnd.IntN(40) {
	case 0:
		c.Close()
	case 1:
		c.Fail(errors.New("random failure"))
	case 2:
		c.Drain()
	case 3, 4, 5:
		c.Pause()
	case 6, 7, 8, 9, 10, 11, 12:
		c.Resume()
	case 13:
		c.Stack().Redispatch()
	case 14:
		c.SetPoll(true)
	case 15:
		c.SetPoll(false)
	case 16:
		if x.depth < 3 {
			c.Call(reactor.EvUser, nil)
		}
	case 17:
		x.m.Post(c.Resume)
	case 18:
		x.m.Wakeup(c.ID(), []byte("x"))
	case 19:
		x.m.AddTimer(time.Duration(x.rnd.IntN(3))*time.Millisecond, reactor.TimerOnce, c.Resume)
	case 20:
		c.SetWater(100, 1000)
	case 21:
		if len(x.histories) < 60 {
			x.m.Connect(x.anyURL(), x.handle, nil) // refused while the manager closes
		}
	default:
		x.write(c)
	}
}
