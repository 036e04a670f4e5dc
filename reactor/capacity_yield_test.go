package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A connection that has yielded has unread input, although its socket is empty. A full listener
// does not evict it.
func TestAYieldedConnectionIsNotIdle(t *testing.T) {
	m := looptest.NewStillManager(t)
	asked := 0
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvAccept:
			c.Stack().SetHandshaking(true)
		case reactor.EvUserInput:
			asked++
		}
	})
	pushRequests(reactor.EvUserInput)(l)
	l.SetLimits(reactor.Limits{Conns: 1})
	spin(t, m, 1)
	p := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "the first client", func() bool { return m.Stats().Accepted == 1 })
	p.Write(batchOf(0, batch))
	p.AwaitDelivery()
	await(t, m, "some requests", func() bool { return asked > 0 })
	if asked == batch {
		t.Fatal("all requests are delivered in one turn")
	}
	looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "all requests", func() bool { return asked == batch || m.Stats().Evicted > 0 })
	if s := m.Stats(); s.Evicted != 0 || s.Refused != 1 {
		t.Errorf("%d evicted, %d refused, %d of %d requests delivered", s.Evicted, s.Refused, asked, batch)
	}
}
