package reactor_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Whatever handlers call on whatever connection, in whatever event: the
// events of each connection come in order, and its bytes come whole.
func TestRandomCallsFromEveryEvent(t *testing.T) {
	conns, read := 0, 0
	for seed := range uint64(80) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			k := newClock()
			x := &chaos{t: t, m: newManager(t, reactor.WithClock(k.now)), clock: k, rnd: rand.New(rand.NewPCG(seed, 1)), lives: map[*reactor.Conn]*life{}}
			x.run()
			conns += len(x.all)
			for _, l := range x.lives {
				read += l.read
			}
		})
	}
	if conns < 80*20 || read < 80<<15 {
		t.Errorf("%d connections read %d bytes: too little happened to tell anything", conns, read)
	}
}

// chaos is a world of connections to two listeners.
type chaos struct {
	t     *testing.T
	m     *reactor.Manager
	clock *clock
	rnd   *rand.Rand
	urls  []string
	all   []*reactor.Conn // in the order of their first events
	lives map[*reactor.Conn]*life
	depth int
}

// life is what a connection has heard and said. Each sends the numbers from 0,
// modulo 256.
type life struct {
	events     []reactor.Event
	sent, next byte // numbers
	read       int  // bytes
}

func (x *chaos) run() {
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
		x.clock.advance(time.Duration(x.rnd.IntN(20)) * time.Millisecond)
	}
	x.m.Close()
	for _, c := range x.all {
		l := x.lives[c]
		if n := len(l.events); l.events[n-1] != reactor.EvClose {
			x.t.Errorf("connection %d was not closed: %s", c.ID(), eventList(l.events))
		}
	}
}

func (x *chaos) anyURL() string { return x.urls[x.rnd.IntN(len(x.urls))] }

func (x *chaos) handle(c *reactor.Conn, ev reactor.Event, _ any) {
	x.depth++
	defer func() { x.depth-- }()
	l := x.lives[c]
	if l == nil {
		l = &life{}
		x.lives[c] = l
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

// check holds an event against those before it.
func (x *chaos) check(c *reactor.Conn, l *life, ev reactor.Event) {
	had := func(e reactor.Event) bool { return (&recorder{events: l.events}).count(e) > 0 }
	bad := ""
	switch {
	case had(reactor.EvClose):
		bad = "after EvClose"
	case len(l.events) == 0 != (ev == reactor.EvOpen):
		bad = "where EvOpen comes first, and once"
	case ev == reactor.EvError && had(ev):
		bad = "again"
	case ev == reactor.EvRead && c.Stopped():
		bad = "on a connection that is paused, failed or closing"
	case ev == reactor.EvRead && !had(reactor.EvConnect) && !had(reactor.EvAccept):
		bad = "before EvConnect or EvAccept"
	}
	if bad != "" {
		x.t.Errorf("%v %s: connection %d had %s", ev, bad, c.ID(), eventList(l.events))
	}
}

// read takes some of what is there.
func (x *chaos) read(c *reactor.Conn, l *life) {
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
	l.read += n
}

func (x *chaos) write(c *reactor.Conn) {
	size := 30
	if x.rnd.IntN(2) == 0 {
		size = 20000
	}
	p := make([]byte, x.rnd.IntN(size))
	l := x.lives[c]
	for i := range p {
		p[i] = l.sent + byte(i)
	}
	if n, err := c.Write(p); err == nil {
		l.sent += byte(n)
	}
}

// call does one thing with a connection.
func (x *chaos) call(c *reactor.Conn) {
	switch x.rnd.IntN(40) {
	case 0:
		c.Close()
	case 1:
		c.Fail(errors.New("at random"))
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
		if len(x.lives) < 60 {
			x.m.Connect(x.anyURL(), x.handle, nil) // refused while the manager closes
		}
	default:
		x.write(c)
	}
}
