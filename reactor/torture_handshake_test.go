package reactor_test

import (
	"crypto/tls"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// tlsTortures is how many connections TestTLSTorture makes.
const tlsTortures = 60

// tormented is a connection whose handler does something by chance in every event.
type tormented struct {
	t      *testing.T
	rnd    *rand.Rand
	events []reactor.Event
	sent   int // bytes of plaintext; each byte is the number of those before it
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
		x.t.Errorf("%v after %s", ev, eventList(x.events))
	}
	if n := len(x.events); n == 0 || ev != reactor.EvPoll && ev != reactor.EvRead && ev != reactor.EvWrite || x.events[n-1] != ev {
		x.events = append(x.events, ev)
	}
	if ev == reactor.EvRead {
		p := c.Recv.Bytes()[:x.rnd.IntN(c.Recv.Len()+1)]
		for i, b := range p {
			if b != byte(x.got+i) {
				x.t.Fatalf("byte %d is %d, want %d", x.got+i, b, byte(x.got+i))
			}
		}
		x.got += len(p)
		c.Recv.Consume(len(p))
	}
	x.act(c)
}

// Handlers and callbacks may do anything at any time: events and plaintext keep their order, and
// no handshake and no coroutine is left at the end. A quiet connection completes its handshake
// first and stays open meanwhile.
func TestTLSTorture(t *testing.T) {
	m := newManager(t, reactor.WithOwnerCheck(), reactor.WithTLSHandshakes(reactor.TLSHandshakes{PerTurn: 2, Concurrent: 4}))
	rnd := rand.New(rand.NewPCG(tortureSeed(t), 0))
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
	var quietConn *reactor.Conn
	quiet, quietClient := &recorder{On: hooks{reactor.EvRead: sendBack}}, &recorder{}
	_, url := tlsListen(t, m, cfg, func(c *reactor.Conn, ev reactor.Event, data any) {
		if quietConn == nil {
			quietConn = c
		}
		if c == quietConn {
			quiet.Handle(c, ev, data)
			return
		}
		if accepted[c] == nil {
			accepted[c] = victim()
		}
		accepted[c].handle(c, ev, data)
	})
	quietFar := tlsConnect(t, m, url, clientConfig(), quietClient.Handle)
	await(t, m, "the quiet handshake", func() bool { return quiet.Count(reactor.EvTLSHS)+quietClient.Count(reactor.EvTLSHS) == 2 })
	for range tlsTortures {
		tlsConnect(t, m, url, clientConfig(), victim().handle)
		spin(t, m, 8)
	}
	quietFar.Write([]byte("hello"))
	await(t, m, "the quiet echo", func() bool { return string(quietClient.Got) == "hello" })
	for c := range m.Conns() {
		if !c.IsListening() {
			c.SetDeadlines(reactor.Deadlines{Life: time.Nanosecond})
		}
	}
	await(t, m, "the end", func() bool { return m.Stats().Conns == 0 })
	done := uint64(2) // the quiet ones
	for _, x := range all {
		done += uint64((&recorder{Events: x.events}).Count(reactor.EvTLSHS))
	}
	if s := m.Stats(); s.TLSHandshaking != 0 || s.TLSHandshakes < done {
		t.Errorf("%d handshakes in progress, %d completed; %d EvTLSHS", s.TLSHandshaking, s.TLSHandshakes, done)
	}
	for _, x := range all {
		r := &recorder{Events: x.events}
		if !r.Closed() || r.Count(reactor.EvError) > 1 || r.Count(reactor.EvTLSHS) > 1 {
			t.Errorf("events %s", eventList(x.events))
		}
	}
}
