package reactor

import (
	"math"
	"slices"
	"time"
)

// Watchdog: the one mechanism of all deadlines.
//
// A connection that may have a deadline has one watchdog. The watchdog measures each wait
// with a countdown, and has one timer, for the deadline that passes first. Reading and writing
// only store the time in a countdown, which is cheap. When the timer fires and no deadline has
// passed yet, the timer is armed again. When one has passed, catchup.go says what happens.
//
//	deadline       default  in a pause  counts from
//	Resolve        5 s      runs        the look-up begins
//	Connect        10 s     runs        the name is resolved
//	TLS            10 s     stops       EvConnect, EvAccept or StartTLS, whichever is last
//	Handshake      none     stops       SetHandshaking(true); with TLS, EvTLSHS at the earliest
//	Message        none     stops       SetReceiving(true); bytes move it (MessageRate)
//	Idle           none     stops       the last byte from the peer
//	Stall          none     runs        bytes begin to wait for the socket, or it last took some
//	Life           none     runs        EvConnect or EvAccept; for WrapFD, EvOpen
//	lingering      1 s      runs        our side has ended
//	a layer's own  none     stops       StartDeadline; the last byte, with RestartOnRead
//
// A layer's own deadline runs in a pause if its field RunWhilePaused is set.
//
// A countdown that stops in a pause continues at Resume. While input is held (backpressure),
// countdowns run. But whenever the socket takes bytes, the time for which input was held until
// then is subtracted. Therefore a peer that reads its answers keeps its deadlines, and a peer
// that does nothing misses them.

// deadlineKind is one of the waits that the loop bounds.
type deadlineKind uint8

const (
	deadlineResolve deadlineKind = iota
	deadlineConnect
	deadlineTLS
	deadlineHandshake
	deadlineMessage
	deadlineIdle
	deadlineStall
	deadlineLife
	deadlineLinger // of the peer's end, while the connection is lingering
	deadlineKinds  // how many there are; as expiry.kind it means a layer's own deadline
)

// deadlineRule describes a kind of deadline.
type deadlineRule struct {
	name         string                           // in the DeadlineError
	stopsInPause bool                             // waits for bytes of the peer: stops in a pause
	limit        func(d *Deadlines) time.Duration // 0 or less is no deadline
	applies      func(c *Conn) bool               // whether the wait is still on; nil means always
}

var deadlineRules = [deadlineKinds]deadlineRule{
	deadlineResolve: {"resolve", false, func(d *Deadlines) time.Duration { return d.Resolve }, (*Conn).dialing},
	deadlineConnect: {"connect", false, func(d *Deadlines) time.Duration { return d.Connect }, (*Conn).dialing},
	deadlineTLS:     {"TLS handshake", true, func(d *Deadlines) time.Duration { return d.TLS }, (*Conn).handshakePending},
	deadlineHandshake: {"handshake", true, func(d *Deadlines) time.Duration { return d.Handshake },
		func(c *Conn) bool { return c.is(handshaking) && !c.handshakePending() }},
	deadlineMessage: {"message", true, func(d *Deadlines) time.Duration { return d.Message },
		func(c *Conn) bool { return c.is(receivingMessage) && !c.is(peerEnded) }},
	deadlineIdle: {"idle", true, func(d *Deadlines) time.Duration { return d.Idle },
		func(c *Conn) bool { return !c.is(peerEnded) }},
	deadlineStall:  {"stall", false, func(d *Deadlines) time.Duration { return d.Stall }, (*Conn).stalled},
	deadlineLife:   {"life", false, func(d *Deadlines) time.Duration { return d.Life }, nil},
	deadlineLinger: {"end", false, func(*Deadlines) time.Duration { return lingerTime }, func(c *Conn) bool { return c.life == lingering }},
}

// countdown measures one wait.
type countdown struct {
	from    int64 // the tick that it counts from
	running bool
}

// watchdog holds the deadlines of a connection.
type watchdog struct {
	c              *Conn
	timer          *Timer
	deadlines      *Deadlines // the manager's, or the connection's own
	countdowns     [deadlineKinds]countdown
	layerDeadlines []*Deadline // the running deadlines of layers
	pausedAt       int64       // when input was suspended; while it is held, a write sets this to now
	unread         int         // in a catch-up: bytes that were in the socket and are still to be read
	catchingUp     bool        // a catch-up is running; the timer is not armed meanwhile
}

// watchdog returns the connection's watchdog, or nil.
func (c *Conn) watchdog() *watchdog {
	if c.ext == nil {
		return nil
	}
	return c.ext.watchdog
}

// ensureWatchdog returns the connection's watchdog. If there is none it makes one.
func (c *Conn) ensureWatchdog() *watchdog {
	x := c.extra()
	if x.watchdog == nil {
		w := &watchdog{c: c, deadlines: &c.mgr.deadlines}
		w.timer = &Timer{m: c.mgr, fn: w.timerFired, pos: -1}
		x.watchdog = w
		if c.inputSuspended() {
			w.pauseCountdowns()
		}
		if c.fd >= 0 { // the deadlines of an open connection count from now on
			w.startAll()
		}
	}
	return x.watchdog
}

// startDeadline starts a countdown of the loop. It does nothing if the connection has no
// watchdog and the manager has no such deadline.
func (c *Conn) startDeadline(k deadlineKind) {
	w := c.watchdog()
	if w == nil {
		if k != deadlineLinger && deadlineRules[k].limit(&c.mgr.deadlines) <= 0 {
			return
		}
		w = c.ensureWatchdog()
	}
	w.start(k)
	w.rearm()
}

// stopDeadline stops a countdown of the loop.
func (c *Conn) stopDeadline(k deadlineKind) {
	if w := c.watchdog(); w != nil {
		w.countdowns[k].running = false
	}
}

// start starts the countdown of k from now.
func (w *watchdog) start(k deadlineKind) { w.countdowns[k] = countdown{w.c.mgr.ticks(), true} }

// startAll starts the countdowns of a connection that can send and receive. A countdown for a
// wait that has not begun has no effect yet, see deadlineRule.applies.
func (w *watchdog) startAll() {
	if w.c.role == roleListener {
		return
	}
	fromNow := countdown{w.c.mgr.ticks(), true}
	for _, k := range [...]deadlineKind{deadlineTLS, deadlineHandshake, deadlineMessage, deadlineIdle, deadlineLife} {
		w.countdowns[k] = fromNow
	}
	w.countdowns[deadlineStall] = countdown{fromNow.from, w.c.blocked()}
}

// startDeadlines is called when the connection can send and receive, which is at EvConnect, at
// EvAccept, or at EvOpen of WrapFD. It starts the countdowns if there is a deadline for them.
func (c *Conn) startDeadlines() {
	w := c.watchdog()
	if w == nil {
		if d := &c.mgr.deadlines; d.Idle <= 0 && d.Stall <= 0 && d.Life <= 0 && (d.TLS <= 0 || !c.handshakePending()) {
			return
		}
		w = c.ensureWatchdog()
	}
	w.startAll()
	w.dropIfUnneeded()
}

// tlsHandshakeDone is called when the TLS handshake is done. It starts the countdown of the
// Handshake deadline, which waited for that.
func (c *Conn) tlsHandshakeDone() {
	if w := c.watchdog(); w != nil {
		w.start(deadlineHandshake)
		w.dropIfUnneeded()
	}
}

// dropIfUnneeded removes the watchdog if none of its deadlines can apply any more. With default
// deadlines that is so once the connection is established, and with TLS after the handshake.
func (w *watchdog) dropIfUnneeded() {
	d := w.deadlines
	if d == &w.c.mgr.deadlines && len(w.layerDeadlines) == 0 && !w.c.handshakePending() && w.c.life < lingering && !w.catchingUp &&
		d.Handshake <= 0 && d.Message <= 0 && d.Idle <= 0 && d.Stall <= 0 && d.Life <= 0 {
		w.timer.Stop()
		w.c.ext.watchdog = nil
		return
	}
	w.timer.Stop() // it may be armed for the wait that has just ended
	w.rearm()
}

// pauseCountdowns notes the time at which input is suspended.
func (w *watchdog) pauseCountdowns() { w.pausedAt = w.c.mgr.ticks() }

// resumeCountdowns takes the time since pausedAt out of the countdowns that wait for the peer.
// It is called when input resumes, and, while input is held, whenever the socket takes bytes.
func (w *watchdog) resumeCountdowns() {
	now := w.c.mgr.ticks()
	for k := range w.countdowns {
		if deadlineRules[k].stopsInPause {
			w.countdowns[k].from = excludePause(w.countdowns[k].from, w.pausedAt, now)
		}
	}
	for _, d := range w.layerDeadlines {
		if !d.RunWhilePaused {
			d.from = excludePause(d.from, w.pausedAt, now)
		}
	}
	w.pausedAt = now
}

// excludePause returns the new start of a countdown that began at tick `from`. It moves the start
// so that the time between the ticks `stopped` and `now` does not count.
func excludePause(from, stopped, now int64) int64 { return from + now - max(stopped, from) }

// noteRead is called when n bytes were read. It restarts the countdowns that count from the last
// byte. With MessageRate it moves the start of the countdown for Message by n/MessageRate
// seconds, but not beyond now. In a catch-up it counts the bytes.
func (w *watchdog) noteRead(n int) {
	now := w.c.mgr.ticks()
	w.countdowns[deadlineIdle].from = now
	if rate := w.deadlines.MessageRate; rate > 0 {
		k := &w.countdowns[deadlineMessage]
		k.from = min(now, k.from+int64(n)*int64(time.Second)/int64(rate))
	}
	for _, d := range w.layerDeadlines {
		if d.RestartOnRead {
			d.from = now
		}
	}
	w.unread -= n
	if w.catchingUp && w.c.isDatagram() {
		w.unread -= datagramOverhead
	}
}

// noteFlush is called after each flush. It starts the countdown of the stall deadline if bytes
// begin to wait for the socket, and stops it if none waits.
func (w *watchdog) noteFlush() {
	if w.c.role == roleListener {
		return
	}
	waits, waited := w.c.blocked(), w.countdowns[deadlineStall].running
	w.countdowns[deadlineStall].running = waits
	if waits && !waited {
		w.start(deadlineStall)
		w.rearm()
	}
}

// startLayer starts a layer's own deadline, or restarts it.
func (w *watchdog) startLayer(d *Deadline, after time.Duration) {
	d.from, d.after = w.c.mgr.ticks(), after
	if !slices.Contains(w.layerDeadlines, d) {
		w.layerDeadlines = append(w.layerDeadlines, d)
	}
	w.rearm()
}

// stopLayer stops a layer's own deadline.
func (w *watchdog) stopLayer(d *Deadline) {
	w.layerDeadlines = slices.DeleteFunc(w.layerDeadlines, func(o *Deadline) bool { return o == d })
}

// expiry is the deadline that passes first.
type expiry struct {
	when  int64 // the tick; math.MaxInt64 if there is no deadline
	name  string
	after time.Duration
	kind  deadlineKind // deadlineKinds for a layer's own
	layer *Deadline    // nil for a deadline of the loop
}

// nextExpiry returns the deadline that passes first, passed ones included. After a failure, or
// while closing, there is none. While lingering there is only deadlineLinger.
func (w *watchdog) nextExpiry() expiry {
	p := expiry{when: math.MaxInt64}
	c, isPaused := w.c, w.c.is(paused)
	if c.life != lingering && c.inputOver() {
		return p
	}
	for k := range w.countdowns {
		r := &deadlineRules[k]
		after := r.limit(w.deadlines)
		if !w.countdowns[k].running || after <= 0 || isPaused && r.stopsInPause || c.life == lingering && k != int(deadlineLinger) {
			continue
		}
		if at := addSaturated(w.countdowns[k].from, after); at < p.when && (r.applies == nil || r.applies(c)) {
			p = expiry{at, r.name, after, deadlineKind(k), nil}
		}
	}
	if c.life == lingering {
		return p
	}
	for _, d := range w.layerDeadlines {
		if at := addSaturated(d.from, d.after); at < p.when && !(isPaused && !d.RunWhilePaused) {
			p = expiry{at, d.Name, d.after, deadlineKinds, d}
		}
	}
	return p
}

// rearm arms the timer for the deadline that passes first, unless the timer is armed for that
// time or an earlier one.
func (w *watchdog) rearm() {
	if w.catchingUp {
		return // enforce rearms it
	}
	p := w.nextExpiry()
	if w.timer.pos >= 0 && w.timer.when <= p.when && p.when < math.MaxInt64 {
		return
	}
	w.timer.Stop()
	if p.when < math.MaxInt64 {
		// With a time in the past, Stats.Lag would count the timer as late.
		w.timer.armAt(max(p.when, w.c.mgr.ticks()))
	}
}
