package reactor_test

import (
	"crypto/tls"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// tormented is a connection whose handler does something at random in every event.
type tormented struct {
	t      *testing.T
	rnd    *rand.Rand
	events []reactor.Event
	sent   int // bytes of plaintext, each a count of those before it
	got    int
}

// act does one thing that a handler may do.
func (x *tormented) act(c *reactor.Conn) {
	switch n := x.rnd.IntN(60); n {
	case 0:
		c.Close()
	case 1:
		c.Fail(nil)
	case 2:
		c.Drain()
	case 3:
		c.Stack().AwaitEnd()
	case 4, 5, 6, 7:
		c.Pause()
		c.Manager().AddTimer(time.Duration(x.rnd.IntN(3))*time.Millisecond, reactor.TimerOnce, c.Resume)
	case 8:
		c.StartTLS(serverConfig())
	case 9, 10:
		c.Resume()
	case 11:
		c.Stack().Redispatch()
	case 12:
		c.SetPoll(true)
	case 13, 14:
		c.TLS()
	case 15:
		c.SetDeadlines(reactor.Deadlines{TLS: time.Duration(x.rnd.IntN(20)) * time.Millisecond, Idle: time.Second})
	default:
		x.write(c, []int{0, 1, 100, 20_000, 60_000}[n%5])
	}
}

func (x *tormented) write(c *reactor.Conn, n int) {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(x.sent + i)
	}
	if k, err := c.Write(p); err == nil {
		x.sent += k
	}
}

func (x *tormented) handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if n := len(x.events); n > 0 && x.events[n-1] == reactor.EvClose || n == 0 && ev != reactor.EvOpen {
		x.t.Errorf("%v behind %s", ev, eventList(x.events))
	}
	if n := len(x.events); n == 0 || ev != reactor.EvPoll && ev != reactor.EvRead && ev != reactor.EvWrite || x.events[n-1] != ev {
		x.events = append(x.events, ev)
	}
	if ev == reactor.EvRead {
		p := c.Recv.Bytes()[:x.rnd.IntN(c.Recv.Len()+1)]
		for i, b := range p {
			if b != byte(x.got+i) {
				x.t.Fatalf("byte %d is %d", x.got+i, b)
			}
		}
		x.got += len(p)
		c.Recv.Consume(len(p))
	}
	x.act(c)
}

// Whatever handlers and callbacks do, and when, events keep their order, plaintext its
// own, and nothing is left: no half-open connection and no coroutine.
func TestTLSTorture(t *testing.T) {
	m := newManager(t, reactor.WithOwnerCheck(), reactor.WithHandshakes(reactor.Handshakes{PerTurn: 2, HalfOpen: 4}))
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var all []*tormented
	victim := func() *tormented {
		all = append(all, &tormented{t: t, rnd: rnd})
		return all[len(all)-1]
	}
	accepted := map[*reactor.Conn]*tormented{}
	cfg := authority().Server(t)
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for c, x := range accepted {
			if c.RemoteAddr().String() == hello.Conn.RemoteAddr().String() {
				x.act(c)
			}
		}
		return &cfg.Certificates[0], nil
	}
	_, url := tlsListen(t, m, cfg, func(c *reactor.Conn, ev reactor.Event, data any) {
		if accepted[c] == nil {
			accepted[c] = victim()
		}
		accepted[c].handle(c, ev, data)
	})
	for range 150 {
		tlsConnect(t, m, url, authority().Client(), victim().handle)
		spin(t, m, 8)
	}
	for c := range m.Conns() {
		if !c.IsListening() {
			c.SetDeadlines(reactor.Deadlines{Life: time.Nanosecond})
		}
	}
	await(t, m, "the end", func() bool { return m.Stats().Conns == 0 })
	if s := m.Stats(); s.HalfOpen != 0 || s.Handshakes == 0 {
		t.Errorf("%d half open, %d handshakes", s.HalfOpen, s.Handshakes)
	}
	for _, x := range all {
		r := &recorder{events: x.events}
		if !r.closed() || r.count(reactor.EvError) > 1 || r.count(reactor.EvTLSHS) > 1 {
			t.Errorf("events %s", eventList(x.events))
		}
	}
}
