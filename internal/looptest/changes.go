package looptest

import (
	"fmt"
	"math"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Change is a call that changes a connection.
type Change struct {
	Name string
	Do   func(c *reactor.Conn)
}

// Changes returns calls that a program may make at any time and that must not change what a
// connection receives, if its peer reads and the clock stands still. Each limit has all kinds of
// values.
func Changes() (all []Change) {
	add := func(name string, do func(c *reactor.Conn)) { all = append(all, Change{name, do}) }
	for _, n := range []int{0, -1, 1, math.MaxInt - 1, math.MaxInt, math.MinInt} {
		add(fmt.Sprint("SetLimits Backpressure ", n), func(c *reactor.Conn) { c.SetLimits(reactor.Limits{Backpressure: n}) })
		if n != 1 {
			add(fmt.Sprint("SetLimits ", n), func(c *reactor.Conn) { c.SetLimits(reactor.Limits{Send: n, Recv: n}) })
		}
		if n >= 0 {
			add(fmt.Sprint("SetWater ", n), func(c *reactor.Conn) { c.SetWater(0, n); c.SetWater(n, n) })
		}
		d := time.Duration(n)
		if n == 1 {
			d = time.Hour
		}
		for _, rate := range []int{n, 0} {
			add(fmt.Sprint("SetDeadlines ", d, " rate ", rate), func(c *reactor.Conn) {
				c.SetDeadlines(reactor.Deadlines{Resolve: d, Connect: d, TLS: d, Handshake: d, Message: d, MessageRate: rate, Idle: d, Stall: d, Life: d})
			})
		}
		add(fmt.Sprint("SetRecorder ", n), func(c *reactor.Conn) { c.SetRecorder(&reactor.Recorder{Entries: n, Bytes: n}) })
	}
	for _, on := range []bool{true, false} {
		add(fmt.Sprint("SetHalfClose ", on), func(c *reactor.Conn) { c.SetHalfClose(on) })
		add(fmt.Sprint("SetHexdump ", on), func(c *reactor.Conn) { c.SetHexdump(on) })
		add(fmt.Sprint("SetPoll ", on), func(c *reactor.Conn) { c.SetPoll(on) })
	}
	add("SetRecorder nil", func(c *reactor.Conn) { c.SetRecorder(nil) })
	add("Pause and Resume", func(c *reactor.Conn) { c.Pause(); c.Resume() })
	add("Resume", func(c *reactor.Conn) { c.Resume() })
	add("Fn and FnData", func(c *reactor.Conn) {
		old := c.Fn
		c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) { old(c, ev, data) }
		c.FnData = new(int)
	})
	return all
}
