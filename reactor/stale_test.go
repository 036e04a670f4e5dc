package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A report about a descriptor that was closed earlier in the same batch must
// not reach the connection that has got its number since. Two attempts of a
// dialler end in one batch: the one that is reported first wins, the other is
// closed, and its number goes to the socket that EvConnect's handler makes.
func TestStaleReadinessIsNotTheSuccessors(t *testing.T) {
	k := newClock()
	m := newManager(t, reactor.WithDeadlines(reactor.Deadlines{Resolve: -1, Connect: -1}),
		reactor.WithResolver(addresses("127.0.0.1", "127.0.0.2")),
		reactor.WithClock(func() time.Time { // each look finds the next attempt due
			k.advance(time.Second)
			return k.now()
		}))
	port := reserve(t)
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		listenAt(t, netipAddrPort(host, port), 8)
	}

	successor := &recorder{}
	client := &recorder{on: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) {
		files := openFiles()
		_, p := wrap(t, m, successor.handle) // takes the lowest free number
		p.write("for the successor")
		if now := openFiles(); len(now) != len(files)+2 {
			t.Errorf("descriptors %v, before %v", now, files)
		}
	}}}
	dial(t, m, urlOf(hostPort("both.test", port)), client.handle)
	await(t, m, "EvConnect", client.saw(reactor.EvConnect))
	if len(successor.events) > 1 {
		t.Errorf("events %v in the turn that made it", successor.events)
	}
	await(t, m, "the successor's input", successor.saw(reactor.EvRead))
	successor.want(t, "OPEN READ")
}

// One handler closes all others that are ready in the same batch: they hear
// of nothing but the end, and what takes their place hears of its own only.
func TestHandlerClosesOthersOfTheBatch(t *testing.T) {
	m := newManager(t)
	const n = 8
	var conns []*reactor.Conn
	var recs []*recorder
	reads, successor := 0, &recorder{}
	for range n {
		r := &recorder{}
		r.on = hooks{
			reactor.EvRead: func(c *reactor.Conn, _ any) {
				reads++
				c.Recv.Reset()
				for _, o := range conns {
					if o != c {
						o.Close()
					}
				}
			},
		}
		c, p := wrap(t, m, r.handle)
		p.write("ready")
		conns, recs = append(conns, c), append(recs, r)
	}
	made := false
	succeed := func(*reactor.Conn, any) {
		if !made {
			made = true
			wrap(t, m, successor.handle)
		}
	}
	recs[0].on[reactor.EvClose], recs[1].on[reactor.EvClose] = succeed, succeed // one of them is closed
	await(t, m, "n-1 connections to be closed", func() bool {
		closed := 0
		for _, r := range recs {
			closed += r.count(reactor.EvClose)
		}
		return closed == n-1
	})
	spin(t, m, 5)
	if reads != 1 {
		t.Errorf("%d connections had EvRead, want only the one that closed the others", reads)
	}
	if c := successor.count(reactor.EvRead) + successor.count(reactor.EvError); c != 0 {
		t.Errorf("the successors heard %v", successor.events)
	}
}
