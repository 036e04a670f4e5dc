package reactor_test

import (
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// What is set to the most that its type holds is as good as no bound: nothing
// overflows, and bytes come and go.
func TestHugeSettings(t *testing.T) {
	const most, ever = math.MaxInt, time.Duration(math.MaxInt64)
	deadlines := reactor.Deadlines{Connect: ever, TLS: ever, Handshake: ever, Message: ever, Rate: most, Idle: ever, Stall: ever, Life: ever}
	slow := deadlines
	slow.Rate = 1
	for name, test := range map[string]struct {
		opts []reactor.Option
		set  func(c *reactor.Conn)
	}{
		"WithDeadlines":      {opts: []reactor.Option{reactor.WithDeadlines(deadlines)}},
		"WithDeadlines, 1/s": {opts: []reactor.Option{reactor.WithDeadlines(slow)}},
		"WithLimits":         {opts: []reactor.Option{reactor.WithLimits(reactor.Limits{Send: most, Recv: most})}},
		"Deadlines.Connect":  {opts: []reactor.Option{reactor.WithDeadlines(reactor.Deadlines{Connect: ever})}},
		"Deadlines.Resolve":  {opts: []reactor.Option{reactor.WithDeadlines(reactor.Deadlines{Resolve: ever})}},
		"Backlog":            {opts: []reactor.Option{reactor.WithSockets(reactor.Sockets{Backlog: most})}},
		"KeepAlive":          {opts: []reactor.Option{reactor.WithSockets(reactor.Sockets{KeepAlive: ever})}},
		"Handshakes":         {opts: []reactor.Option{reactor.WithHandshakes(reactor.Handshakes{PerTurn: most, HalfOpen: most})}},
		"SetDeadlines":       {set: func(c *reactor.Conn) { c.SetDeadlines(deadlines) }},
		"SetLimits":          {set: func(c *reactor.Conn) { c.SetLimits(reactor.Limits{Send: most, Recv: most}) }},
		"SetWater":           {set: func(c *reactor.Conn) { c.SetWater(most, most) }},
		"SetRecorder":        {set: func(c *reactor.Conn) { c.SetRecorder(&reactor.Recorder{Entries: most, Bytes: most}) }},
		"AddTimer": {set: func(c *reactor.Conn) {
			for _, flags := range []reactor.TimerFlags{reactor.TimerOnce, reactor.TimerRepeat} {
				timer := c.Manager().AddTimer(ever, flags, func() { t.Error("the timer fires") })
				t.Cleanup(timer.Stop)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m, k := timed(t, append(test.opts, reactor.WithResolver(addresses("127.0.0.1")))...)
			k.advance(time.Second) // sums with what has passed already are more than the most
			accepted, r := &recorder{}, &recorder{}
			l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if !c.IsListening() {
					accepted.handle(c, ev, data)
				}
				if ev == reactor.EvAccept {
					c.Stack().SetHandshaking(true)
					c.Stack().SetReceiving(true)
					c.Write([]byte("welcome"))
				}
			})
			c := dial(t, m, urlOf(hostPort("many.test", l.LocalAddr().Port())), r.handle)
			if test.set != nil {
				test.set(l)
				test.set(c)
			}
			c.Write([]byte("hello"))
			await(t, m, "both texts", func() bool { return string(accepted.got) == "hello" && string(r.got) == "welcome" })
			k.advance(100 * 365 * 24 * time.Hour)
			spin(t, m, 5)
			if len(accepted.errs)+len(r.errs) > 0 || r.closed() {
				t.Errorf("%v, %v", accepted.errs, r.errs)
			}
			c.Close()
			await(t, m, "EvClose", func() bool { return r.closed() && accepted.closed() })
			if late, err := m.Drain(ever); late != nil || err != nil {
				t.Errorf("Drain: %v, %v", late, err)
			}
		})
	}
}
