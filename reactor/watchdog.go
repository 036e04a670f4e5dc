package reactor

import (
	"math"
	"slices"
	"time"
)

// clockKind is one of the waits that the loop itself bounds.
type clockKind uint8

const (
	clockResolve clockKind = iota
	clockConnect
	clockTLS
	clockHandshake
	clockMessage
	clockIdle
	clockStall
	clockLife
	clockEnd // of the peer's stream, while lingering
	clocks
)

// clockRule says what a clock is called and when it runs. Of waits for the peer's bytes
// the clock stands still during a pause.
type clockRule struct {
	name    string
	forPeer bool
	limit   func(d *Deadlines) time.Duration
	runs    func(c *Conn) bool // nil: as long as it is started
}

var clockRules = [clocks]clockRule{
	clockResolve: {"resolve", false, func(d *Deadlines) time.Duration { return d.Resolve }, (*Conn).dialling},
	clockConnect: {"connect", false, func(d *Deadlines) time.Duration { return d.Connect }, (*Conn).dialling},
	clockTLS:     {"TLS handshake", true, func(d *Deadlines) time.Duration { return d.TLS }, (*Conn).securing},
	clockHandshake: {"handshake", true, func(d *Deadlines) time.Duration { return d.Handshake },
		func(c *Conn) bool { return c.is(handshaking) && !c.securing() }},
	clockMessage: {"message", true, func(d *Deadlines) time.Duration { return d.Message },
		func(c *Conn) bool { return c.is(midMessage) && !c.is(ended) }},
	clockIdle: {"idle", true, func(d *Deadlines) time.Duration { return d.Idle },
		func(c *Conn) bool { return !c.is(ended) }},
	clockStall: {"stall", false, func(d *Deadlines) time.Duration { return d.Stall }, (*Conn).stalls},
	clockLife:  {"life", false, func(d *Deadlines) time.Duration { return d.Life }, nil},
	clockEnd:   {"end", false, func(*Deadlines) time.Duration { return lingerTime }, func(c *Conn) bool { return c.life == lingering }},
}

// clock measures one wait: it runs from that tick.
type clock struct {
	from    int64
	running bool
}

// watchdog is the one deadline mechanism. A connection has one while there is a deadline
// that may concern it. It has one timer, for whatever passes first. Reading and writing
// only note the time: when the timer fires and nothing has passed yet, it is armed anew.
//
// When something has passed, the watchdog does not judge at once. It may be the loop that
// was late, and what the peer sent in time may lie in the socket; so that is taken in
// first, all of it, in bounded pieces (see lookAgain).
type watchdog struct {
	c       *Conn
	timer   *Timer
	limits  *Deadlines
	clocks  [clocks]clock
	layers  []*Deadline // that are running
	stopped int64       // since when input is suspended, or since the peer last read while it was
	unread  int         // while looking again: bytes that lay in the socket when it began
	looking bool
}

// watchdog returns the connection's, nil without one.
func (c *Conn) watchdog() *watchdog {
	if c.ext == nil {
		return nil
	}
	return c.ext.watch
}

// guard returns the connection's watchdog, which it makes at the first use.
func (c *Conn) guard() *watchdog {
	x := c.extra()
	if x.watch == nil {
		w := &watchdog{c: c, limits: &c.mgr.deadlines}
		w.timer = &Timer{m: c.mgr, fn: w.expire, pos: -1}
		x.watch = w
		if c.suspended() {
			w.stopClocks()
		}
		if c.fd >= 0 { // what the loop measures on any connection counts from now on
			w.startAll()
		}
	}
	return x.watch
}

// startClock starts a wait of the loop's own, if the connection has deadlines.
func (c *Conn) startClock(k clockKind) {
	w := c.watchdog()
	if w == nil {
		if k != clockEnd && clockRules[k].limit(&c.mgr.deadlines) <= 0 {
			return
		}
		w = c.guard()
	}
	w.start(k)
	w.rearm()
}

// stopClock stops a wait of the loop's own.
func (c *Conn) stopClock(k clockKind) {
	if w := c.watchdog(); w != nil {
		w.clocks[k].running = false
	}
}

func (w *watchdog) start(k clockKind) { w.clocks[k] = clock{w.c.mgr.ticks(), true} }

// startAll starts the clocks of a connection that is open to bytes. Those of phases that
// the connection is not in do not run, see clockRules.
func (w *watchdog) startAll() {
	if w.c.role == roleListener {
		return
	}
	now := clock{w.c.mgr.ticks(), true}
	for _, k := range [...]clockKind{clockTLS, clockHandshake, clockMessage, clockIdle, clockLife} {
		w.clocks[k] = now
	}
	w.clocks[clockStall] = clock{now.from, w.c.blocked()}
}

// established starts the clocks of a connection that is open to bytes now.
func (c *Conn) established() {
	w := c.watchdog()
	if w == nil {
		if d := &c.mgr.deadlines; d.Idle <= 0 && d.Stall <= 0 && d.Life <= 0 && (d.TLS <= 0 || !c.securing()) {
			return
		}
		w = c.guard()
	}
	w.startAll()
	w.dropIfIdle()
}

// secured begins what waited for the handshake of TLS.
func (c *Conn) secured() {
	if w := c.watchdog(); w != nil {
		w.start(clockHandshake)
		w.dropIfIdle()
	}
}

// dropIfIdle takes the watchdog away if none of its deadlines can concern the connection
// any more: one that was only dialled, or secured, in time.
func (w *watchdog) dropIfIdle() {
	d := w.limits
	if d == &w.c.mgr.deadlines && len(w.layers) == 0 && !w.c.securing() && w.c.life < lingering && !w.looking &&
		d.Handshake <= 0 && d.Message <= 0 && d.Idle <= 0 && d.Stall <= 0 && d.Life <= 0 {
		w.timer.Stop()
		w.c.ext.watch = nil
		return
	}
	w.timer.Stop() // it may be armed for what has just been done
	w.rearm()
}

// While the program has paused the connection the clocks of waits for the peer stand still.
// While input is held because the peer does not read, they run, but whatever the peer
// reads takes the time until then out of the measurement.

// stopClocks notes that input is suspended from now on.
func (w *watchdog) stopClocks() { w.stopped = w.c.mgr.ticks() }

// startClocks takes the time since then out of the measurement.
func (w *watchdog) startClocks() {
	now := w.c.mgr.ticks()
	for k := range w.clocks {
		if clockRules[k].forPeer {
			w.clocks[k].from = shift(w.clocks[k].from, w.stopped, now)
		}
	}
	for _, d := range w.layers {
		if !d.Paused {
			d.from = shift(d.from, w.stopped, now)
		}
	}
	w.stopped = now
}

// shift leaves the time from stopped until now out of a measurement that began at from.
func shift(from, stopped, now int64) int64 { return from + now - max(stopped, from) }

// heard notes that n bytes came.
func (w *watchdog) heard(n int) {
	now := w.c.mgr.ticks()
	w.clocks[clockIdle].from = now
	if rate := w.limits.Rate; rate > 0 {
		k := &w.clocks[clockMessage]
		k.from = min(now, k.from+int64(n)*int64(time.Second)/int64(rate))
	}
	for _, d := range w.layers {
		if d.OnRead {
			d.from = now
		}
	}
	w.unread -= n
	if w.looking && w.c.isDatagram() {
		w.unread -= datagramCost
	}
}

// flushed notes whether bytes wait for the socket after a flush.
func (w *watchdog) flushed() {
	if w.c.role == roleListener {
		return
	}
	waits, waited := w.c.blocked(), w.clocks[clockStall].running
	w.clocks[clockStall].running = waits
	if waits && !waited {
		w.start(clockStall)
		w.rearm()
	}
}

func (w *watchdog) startLayer(d *Deadline, after time.Duration) {
	d.from, d.after = w.c.mgr.ticks(), after
	if !slices.Contains(w.layers, d) {
		w.layers = append(w.layers, d)
	}
	w.rearm()
}

func (w *watchdog) stopLayer(d *Deadline) {
	w.layers = slices.DeleteFunc(w.layers, func(o *Deadline) bool { return o == d })
}

// passing is the deadline that passes first.
type passing struct {
	when  int64 // math.MaxInt64: none does
	name  string
	after time.Duration
	kind  clockKind // clocks: a layer's
	layer *Deadline
}

// first returns the deadline that passes first.
func (w *watchdog) first() passing {
	p := passing{when: math.MaxInt64}
	c, still := w.c, w.c.is(paused)
	if c.life != lingering && c.over() {
		return p
	}
	for k := range w.clocks {
		r := &clockRules[k]
		after := r.limit(w.limits)
		if !w.clocks[k].running || after <= 0 || still && r.forPeer || c.life == lingering && k != int(clockEnd) {
			continue
		}
		if at := add(w.clocks[k].from, after); at < p.when && (r.runs == nil || r.runs(c)) {
			p = passing{at, r.name, after, clockKind(k), nil}
		}
	}
	if c.life == lingering {
		return p
	}
	for _, d := range w.layers {
		if at := add(d.from, d.after); at < p.when && !(still && !d.Paused) {
			p = passing{at, d.Name, d.after, clocks, d}
		}
	}
	return p
}

// rearm arms the timer unless it fires early enough already.
func (w *watchdog) rearm() {
	if w.looking {
		return // judge does it
	}
	p := w.first()
	if w.timer.pos >= 0 && w.timer.when <= p.when && p.when < math.MaxInt64 {
		return
	}
	w.timer.Stop()
	if p.when < math.MaxInt64 {
		w.timer.armAt(max(p.when, w.c.mgr.ticks())) // not late, if it has passed already
	}
}
