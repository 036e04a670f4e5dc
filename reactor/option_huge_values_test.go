package reactor_test

import (
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A setting with the largest value of its type is like no limit: nothing overflows, and
// bytes are sent and received.
func TestHugeSettings(t *testing.T) {
	const most, ever = math.MaxInt, time.Duration(math.MaxInt64)
	deadlines := reactor.Deadlines{Connect: ever, TLS: ever, Handshake: ever, NextRequest: ever, Message: ever, MessageRate: most, Idle: ever, Stall: ever, Life: ever}
	slow := deadlines
	slow.MessageRate = 1
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
		"Handshakes":         {opts: []reactor.Option{reactor.WithTLSHandshakes(reactor.TLSHandshakes{PerTurn: most, Concurrent: most})}},
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
			opts := []reactor.Option{reactor.WithResolver(addresses("127.0.0.1")),
				reactor.WithDeadlines(reactor.Deadlines{Handshake: -1, Message: -1, NextRequest: -1})}
			m, k := timed(t, append(opts, test.opts...)...)
			k.Advance(time.Second) // the sum of this and a setting overflows
			accepted, r := &recorder{}, &recorder{}
			l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if !c.IsListening() {
					accepted.Handle(c, ev, data)
				}
				if ev == reactor.EvAccept {
					c.Stack().SetHandshaking(true)
					c.Stack().SetReceiving(true)
					c.Stack().SetAwaitingRequest(true)
					c.Write([]byte("welcome"))
				}
			})
			c := dial(t, m, urlOf(hostPort("many.test", l.LocalAddr().Port())), r.Handle)
			if test.set != nil {
				test.set(l)
				test.set(c)
			}
			c.Write([]byte("hello"))
			await(t, m, "both texts", func() bool { return string(accepted.Got) == "hello" && string(r.Got) == "welcome" })
			k.Advance(100 * 365 * 24 * time.Hour)
			spin(t, m, 5)
			if len(accepted.Errs)+len(r.Errs) > 0 || r.Closed() {
				t.Errorf("%v, %v", accepted.Errs, r.Errs)
			}
			c.Close()
			await(t, m, "EvClose", func() bool { return r.Closed() && accepted.Closed() })
			if late, err := m.Drain(ever); late != nil || err != nil {
				t.Errorf("Drain: %v, %v", late, err)
			}
		})
	}
}
