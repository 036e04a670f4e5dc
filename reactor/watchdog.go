package reactor

import (
	"math"
	"slices"
	"time"
)

// Watchdog: the one mechanism of all deadlines.
//
// A connection has a watchdog while it waits for something that has a deadline. The watchdog
// measures each wait with a countdown, and has one timer, for the deadline that passes first.
// Reading and writing only store the time in a countdown, which is cheap. When the timer fires
// and no deadline has passed yet, the timer is armed again. When one has passed, catchup.go says
// what happens.
//
//	deadline       default  in a pause  counts from
//	Resolve        5 s      runs        the look-up begins
//	Connect        10 s     runs        the name is resolved
//	TLS            10 s     stops       EvConnect, EvAccept or StartTLS, whichever is last
//	Handshake      10 s     stops       SetHandshaking(true); with TLS, EvTLSHS at the earliest;
//	                                    an opening (opening.go): accept
//	Message        20 s     stops       SetReceiving(true); bytes move it (MessageRate)
//	NextRequest    60 s     stops       SetAwaitingRequest(true), or the answer was written
//	Idle           none     stops       the last byte from the peer
//	Stall          30 s     runs        bytes begin to wait for the socket, or it last took some
//	Life           none     runs        EvConnect or EvAccept; for WrapFD, EvOpen
//	lingering      1 s      runs        our side has ended
//	a layer's own  none     stops       StartDeadline; the last byte, with RestartOnRead
//
// A layer's own deadline runs in a pause if its field RunWhilePaused is set. Stall has no default
// for WrapFD.
//
// A countdown that stops in a pause continues at Resume. While input is held (backpressure),
// countdowns run. But whenever the socket takes bytes, the time for which input was held until
// then is subtracted. Therefore a peer that reads its answers keeps its deadlines, and a peer
// that does nothing misses them.
//
// A quiet connection, such as an open WebSocket, has no watchdog. A watchdog goes back to the
// manager's pool when its timer fires and the connection waits for nothing, and after the opening
// handshake at once. A busy connection keeps its watchdog, and arms the timer about once in the
// shortest deadline. So it neither allocates nor changes the heap of timers for each message.

// watchdog holds the running deadlines of a connection.
type watchdog struct {
	c              *Conn
	timer          Timer
	from           [deadlineKinds]int64 // for each countdown, the tick that it counts from
	layerDeadlines []*Deadline          // the running deadlines of layers
	pausedAt       int64                // when input was suspended; while it is held, a write sets this to now
	unread         int                  // in a catch-up: bytes that were in the socket and are still to be read
	running        uint16               // the countdowns that run: bit k is that of the deadlineKind k
	catchingUp     bool                 // a catch-up is running; the timer is not armed meanwhile
	recurs         bool                 // a wait that may begin again soon has used it: keep it until the timer fires
}

// maxSpareWatchdogs bounds how many watchdogs, and how many extras, a manager keeps for reuse.
const maxSpareWatchdogs = 256

// watchdog returns the connection's watchdog, or nil.
func (c *Conn) watchdog() *watchdog {
	if c.ext == nil {
		return nil
	}
	return c.ext.watchdog
}

// ensureWatchdog returns the connection's watchdog. If there is none it takes one from the pool.
func (c *Conn) ensureWatchdog() *watchdog {
	x := c.extra()
	if x.watchdog == nil {
		w := c.mgr.spareWatchdogs.take()
		if w == nil {
			w = &watchdog{timer: Timer{m: c.mgr, pos: -1}}
			w.timer.fn = w.timerFired
		}
		w.c, x.watchdog = c, w
		if c.inputSuspended() {
			w.pauseCountdowns()
		}
		if c.fd >= 0 { // the waits of an open connection that have no deadline yet count from now on
			w.startAll()
		}
	}
	return x.watchdog
}

// dropWatchdog returns the watchdog to the manager's pool, and the extras too if the connection
// does not need them any more.
func (c *Conn) dropWatchdog() {
	w := c.ext.watchdog
	w.timer.Stop()
	clear(w.layerDeadlines)
	*w = watchdog{timer: w.timer, layerDeadlines: w.layerDeadlines[:0]}
	c.mgr.spareWatchdogs.put(w)
	c.ext.watchdog = nil
	c.dropUnusedExtras()
}

// startDeadline starts a countdown of the loop. It does nothing on a listener, and if the
// connection has neither a watchdog nor such a deadline.
func (c *Conn) startDeadline(k deadlineKind) {
	if c.role == roleListener && k != deadlineLinger {
		return
	}
	w := c.watchdog()
	if w == nil {
		if c.deadlineLimit(k) <= 0 {
			return
		}
		w = c.ensureWatchdog()
	}
	w.recurs = w.recurs || k == deadlineMessage || k == deadlineNextRequest || k == deadlineStall
	w.start(k)
	w.armFor(k)
}

// stopDeadline stops a countdown of the loop.
func (c *Conn) stopDeadline(k deadlineKind) {
	if w := c.watchdog(); w != nil {
		w.running &^= 1 << k
	}
}

// start starts the countdown of k from now. The timers of this turn can use the same time: a busy
// HTTP server reads the clock once per turn.
func (w *watchdog) start(k deadlineKind) {
	now := w.c.mgr.ticks()
	w.from[k], w.c.mgr.turnTicks = now, now
	w.running |= 1 << k
}

// isRunning reports whether the countdown of k runs.
func (w *watchdog) isRunning(k deadlineKind) bool { return w.running&(1<<k) != 0 }

// startAll starts the countdowns of a connection that can send and receive. A countdown for a
// wait that has not begun has no effect yet, see deadlineRule.applies.
func (w *watchdog) startAll() {
	if w.c.role == roleListener {
		return
	}
	now := w.c.mgr.ticks()
	for k := deadlineTLS; k <= deadlineLife; k++ {
		w.from[k] = now
		w.running |= 1 << k
	}
	w.running &^= 1 << deadlineStall // noteFlush starts it
}

// startDeadlines is called when the connection can send and receive, which is at EvConnect, at
// EvAccept, or at EvOpen of WrapFD. It starts the countdowns if there is a deadline for them.
func (c *Conn) startDeadlines() {
	w := c.watchdog()
	if w == nil {
		if !c.waits() {
			return
		}
		w = c.ensureWatchdog()
	}
	w.startAll()
	w.timer.Stop() // it may be armed for the Connect deadline, which is over
	w.rearm()
	w.dropIfUnneeded()
}

// tlsHandshakeDone is called when the TLS handshake is done. It starts the countdown of the
// Handshake deadline, which waited for that.
func (c *Conn) tlsHandshakeDone() {
	if c.is(handshaking) {
		c.startDeadline(deadlineHandshake)
	}
	if w := c.watchdog(); w != nil {
		w.dropIfUnneeded()
	}
}

// deadlinesChanged is called when the connection's deadlines were others before. The waits that
// had no deadline before count from now.
func (c *Conn) deadlinesChanged(before *Deadlines) {
	w := c.watchdog()
	if w == nil {
		if !c.waits() {
			return
		}
		w = c.ensureWatchdog()
	}
	for k := range deadlineRules {
		if deadlineRules[k].limit(c, before) <= 0 {
			w.from[k] = c.mgr.ticks()
		}
	}
	switch d := c.ext.dial; {
	case c.dialing() && d.connecting && !w.isRunning(deadlineConnect):
		w.start(deadlineConnect)
	case c.dialing() && d.pendingLookups > 0 && !w.isRunning(deadlineResolve):
		w.start(deadlineResolve)
	case !c.dialing() && c.blocked() && !w.isRunning(deadlineStall):
		w.start(deadlineStall)
	}
	w.timer.Stop()
	if w.rearm(); w.timer.pos < 0 {
		w.dropIfUnneeded()
	}
}

// waits reports whether the connection waits for something that has a deadline of the loop. A
// pause makes no difference. Bytes that no flush has offered to the socket yet do not wait for it.
func (c *Conn) waits() bool {
	w := c.watchdog()
	for k := range deadlineRules {
		if k == int(deadlineStall) && w != nil && !w.isRunning(deadlineStall) {
			continue
		}
		if r := &deadlineRules[k]; c.deadlineLimit(deadlineKind(k)) > 0 && (r.applies == nil || r.applies(c)) {
			return true
		}
	}
	return false
}

// dropIfUnneeded drops the watchdog if the connection waits for nothing that has a deadline. After
// that the caller must not use w.
func (w *watchdog) dropIfUnneeded() {
	if c := w.c; len(w.layerDeadlines) == 0 && !w.catchingUp && c.life < lingering && !c.waits() {
		c.dropWatchdog()
	}
}

// pauseCountdowns notes the time at which input is suspended.
func (w *watchdog) pauseCountdowns() { w.pausedAt = w.c.mgr.ticks() }

// resumeCountdowns takes the time since pausedAt out of the countdowns that wait for the peer.
// It is called when input resumes, and, while input is held, whenever the socket takes bytes.
func (w *watchdog) resumeCountdowns() {
	now := w.c.mgr.ticks()
	for k := range w.from {
		if deadlineRules[k].stopsInPause {
			w.from[k] = excludePause(w.from[k], w.pausedAt, now)
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
// seconds, but not beyond now. In a catch-up it counts the bytes. It asks for the time only if a
// countdown needs it.
func (w *watchdog) noteRead(n int) {
	d := w.c.deadlines()
	rate := d.messageRate()
	rated := rate > 0 && w.c.is(receivingMessage)
	if d.Idle > 0 || rated || len(w.layerDeadlines) > 0 {
		now := w.c.mgr.ticks()
		w.from[deadlineIdle] = now
		if rated {
			moved := w.from[deadlineMessage] + int64(n)*int64(time.Second)/int64(rate)
			w.from[deadlineMessage] = min(now, moved)
		}
		for _, d := range w.layerDeadlines {
			if d.RestartOnRead {
				d.from = now
			}
		}
	}
	w.unread -= n
	if w.catchingUp && w.c.isDatagram() {
		w.unread -= datagramOverhead
	}
}

// noteWritten is called when the socket took bytes. It restarts the countdown of the stall
// deadline, and that of the next request, which begins when the answer is written. If bytes do
// not wait for the socket, nothing is measured.
func (w *watchdog) noteWritten() {
	held := w.c.is(inputHeld) && !w.c.is(paused)
	if !w.isRunning(deadlineStall) && !held {
		return
	}
	now := w.c.mgr.ticks()
	w.from[deadlineStall], w.from[deadlineNextRequest] = now, now
	if held {
		w.resumeCountdowns()
	}
}

// noteFlush is called after each flush. It starts the countdown of the stall deadline if bytes
// begin to wait for the socket, and stops it if none waits.
func (c *Conn) noteFlush(waits bool) {
	w := c.watchdog()
	switch {
	case waits && (w == nil || !w.isRunning(deadlineStall)):
		c.startDeadline(deadlineStall)
	case !waits && c.is(awaitingRequest) && (w == nil || w.isRunning(deadlineStall)):
		c.stopDeadline(deadlineStall)
		c.startDeadline(deadlineNextRequest) // it did not apply while bytes waited
	case !waits:
		c.stopDeadline(deadlineStall)
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
	c, isPaused, inOpening := w.c, w.c.is(paused), w.c.opening() != nil
	if c.life != lingering && c.inputOver() {
		return p
	}
	for k := range w.from {
		r, after := &deadlineRules[k], c.deadlineLimit(deadlineKind(k))
		if !w.isRunning(deadlineKind(k)) || after <= 0 || isPaused && r.stopsInPause ||
			c.life == lingering && k != int(deadlineLinger) || inOpening && k != int(deadlineHandshake) {
			continue
		}
		if at := addSaturated(w.from[k], after); at < p.when && (r.applies == nil || r.applies(c)) {
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

// armFor is the cheap form of rearm for the countdown of k, which has just been started. It does
// not ask whether the wait is on: bytes that wait for the socket now may be written in this turn.
func (w *watchdog) armFor(k deadlineKind) {
	limit := w.c.deadlineLimit(k)
	at := addSaturated(w.from[k], limit)
	if limit <= 0 || w.catchingUp || w.timer.pos >= 0 && w.timer.when <= at {
		return
	}
	w.timer.armAt(at)
}

// rearm arms the timer for the deadline that passes first, unless the timer is armed for that
// time or an earlier one. If there is no deadline, an armed timer stays armed: when it fires, the
// watchdog is dropped.
func (w *watchdog) rearm() {
	if w.catchingUp {
		return // enforce rearms it
	}
	p := w.nextExpiry()
	if p.when == math.MaxInt64 || w.timer.pos >= 0 && w.timer.when <= p.when {
		return
	}
	// With a time in the past, Stats.Lag would count the timer as late.
	w.timer.armAt(max(p.when, w.c.mgr.ticks()))
}
