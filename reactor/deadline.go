package reactor

import (
	"math"
	"os"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Deadlines bound how long things may take; 0 is off, but for TLS. A connection for
// which one passes fails with a *DeadlineError.
type Deadlines struct {
	// Connect is for an outgoing connection: from when its name is resolved
	// until it is established.
	Connect time.Duration
	// TLS is for the handshake of TLS: from EvConnect, EvAccept or StartTLS,
	// whichever is last, until EvTLSHS. A pause does not count. 0 is 10 s, so that
	// nobody loses it who only wants to set another; a negative one is off.
	TLS time.Duration
	// Handshake is for the opening of a protocol, or for the header of one
	// message: from when its layer says that it begins until it is complete,
	// however many bytes trickle in meanwhile. A pause does not count. See
	// SetHandshaking. With TLS it counts from EvTLSHS at the earliest.
	Handshake time.Duration
	// Message is for the rest of a message whose beginning has come, such as the
	// body of HTTP's or an MQTT packet: how long it may take until it is complete.
	// A pause does not count. See SetReceiving.
	Message time.Duration
	// Rate, in bytes per second, makes Message a bound on how slow a message may be,
	// however large: each Rate bytes that come give it another second, up to the
	// whole of Message from then on.
	Rate int
	// Idle is how long the peer may send nothing at all. A pause does not count.
	Idle time.Duration
	// Stall is how long bytes may wait in Send without the socket taking any.
	Stall time.Duration
	// Life is the whole life of the connection, from EvConnect or EvAccept; of
	// WrapFD's, from EvOpen.
	Life time.Duration
}

// tls is the deadline of TLS's handshake; 0 or less is none.
func (d *Deadlines) tls() time.Duration {
	if d.TLS == 0 {
		return 10 * time.Second
	}
	return d.TLS
}

// lasting reports whether there are deadlines for a connection that is open, and
// secured if it is to be.
func (d *Deadlines) lasting() bool { return *d != (Deadlines{Connect: d.Connect, TLS: d.TLS}) }

// A DeadlineError is EvError's data when a deadline passed. It is an
// os.ErrDeadlineExceeded, and a net.Error that timed out.
type DeadlineError struct {
	Deadline string        // "connect", "TLS handshake", "handshake", "message", "idle", "stall" or "life"
	After    time.Duration // what it was set to
}

func (e *DeadlineError) Error() string {
	return "reactor: " + e.Deadline + " deadline of " + e.After.String() + " exceeded"
}

// Is makes errors.Is find os.ErrDeadlineExceeded.
func (e *DeadlineError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// Timeout reports that this is a time-out, as net.Error has it.
func (e *DeadlineError) Timeout() bool { return true }

// Temporary reports false: the connection is closed.
func (e *DeadlineError) Temporary() bool { return false }

// WithDeadlines sets the deadlines of all connections that have none of their
// own. The default has Connect at 10 s too, and the others off.
func WithDeadlines(d Deadlines) Option { return func(m *Manager) { m.deadlines = d } }

// SetDeadlines sets all deadlines of the connection, which may be at any time; on a
// listener, those of the connections that it accepts from now on. Time counts
// from where it began, so a shorter deadline may have passed already; but a
// connection that had no deadlines before begins to count now. Connect counts if
// it is set before EvResolve.
func (c *Conn) SetDeadlines(d Deadlines) {
	c.mgr.own()
	if c.is(closed) {
		return
	}
	if c.watchdog() == nil && d == (Deadlines{}) && c.mgr.deadlines == d {
		return
	}
	own := d
	c.guard(&own)
}

// guard puts the connection under deadlines that it may share with others.
func (c *Conn) guard(d *Deadlines) {
	x := c.extra()
	if x.watch == nil {
		x.watch = newWatchdog(c)
	}
	x.watch.limits = d
	x.watch.rearm()
}

// SetHandshaking tells the loop that a protocol's opening handshake, or the
// header of a message, begins, or that it is complete: what the Handshake
// deadline is about. It is for layers.
func (c *Conn) SetHandshaking(on bool) { c.setPhase(handshaking, on) }

// SetReceiving tells the loop that a message has begun to arrive of which more
// is to come, or that it is complete: what the Message deadline is about. It is
// for layers. It reports whether that was news: a layer that did not begin the
// wait, for one above it is in the middle of a longer message, does not end it.
func (c *Conn) SetReceiving(on bool) (news bool) { return c.setPhase(receiving, on) }

func (c *Conn) setPhase(f flags, on bool) (news bool) {
	c.mgr.own()
	if c.is(f) == on || c.is(closed) {
		return false
	}
	c.flags ^= f
	if w := c.watchdog(); w != nil && on {
		now := c.mgr.ticks()
		if f == handshaking {
			w.shaken = now
		} else {
			w.begun = now
		}
		w.rearm()
	}
	return true
}

// watchdog keeps the deadlines of one connection. It has one timer, armed for
// the earliest of them. Reading and writing only note the time: when the timer
// fires and finds that something has happened since, it is armed anew. So a
// busy connection costs a store per read, and the heap one operation per
// period.
type watchdog struct {
	c       *Conn
	limits  *Deadlines
	timer   Timer
	born    int64 // ticks: when the connection was established
	shaken  int64 // when the handshake began
	begun   int64 // when a message did, or as if it had at the rate that is asked for
	read    int64 // when bytes last came, or the connection was resumed
	wrote   int64 // when bytes last left, or began to wait
	stalled bool  // bytes wait for the socket
}

func newWatchdog(c *Conn) *watchdog {
	now := c.mgr.ticks()
	w := &watchdog{c: c, born: now, shaken: now, begun: now, read: now, wrote: now, stalled: c.blocked()}
	w.timer = Timer{m: c.mgr, pos: -1, fn: w.expire}
	return w
}

// watchdog returns the connection's, if it has one.
func (c *Conn) watchdog() *watchdog {
	if c.ext == nil {
		return nil
	}
	return c.ext.watch
}

// established begins the watch over a connection that is open to bytes now.
func (c *Conn) established() {
	if w := c.watchdog(); w != nil {
		now := c.mgr.ticks()
		w.born, w.shaken, w.read, w.wrote = now, now, now, now
		w.rearm()
	} else if d := &c.mgr.deadlines; d.lasting() || d.tls() > 0 && c.is(secure) {
		c.guard(d)
	}
}

// secured ends the watch over the handshake of TLS, and with it, if the manager's
// deadlines are about nothing else, the watch.
func (c *Conn) secured() {
	w := c.watchdog()
	switch {
	case w == nil:
	case w.limits == &c.mgr.deadlines && !w.limits.lasting():
		w.timer.Stop()
		c.ext.watch = nil
	default:
		w.shaken = c.mgr.ticks()
		w.rearm()
	}
}

// heard notes that n bytes came.
func (c *Conn) heard(n int) {
	w := c.watchdog()
	if w == nil {
		return
	}
	w.read = c.mgr.ticks()
	if rate := w.limits.Rate; rate > 0 {
		w.begun = min(w.read, w.begun+int64(n)*int64(time.Second)/int64(rate))
	}
}

// flushed notes whether bytes wait in Send after a flush that took n of them.
func (c *Conn) flushed(n int) {
	w := c.watchdog()
	if w == nil {
		return
	}
	waits := c.blocked()
	if n > 0 || waits && !w.stalled {
		w.wrote = c.mgr.ticks()
	}
	begins := waits && !w.stalled
	w.stalled = waits
	if begins && w.limits.Stall > 0 {
		w.rearm()
	}
}

// first returns the deadline that passes first and when. A deadline that
// does not apply now is never.
func (w *watchdog) first() (when int64, name string, after time.Duration) {
	when = math.MaxInt64
	earliest := func(applies bool, from int64, limit time.Duration, what string) {
		if at := add(from, limit); applies && limit > 0 && at < when {
			when, name, after = at, what, limit
		}
	}
	c, d := w.c, w.limits
	securing := c.securing()
	earliest(true, w.born, d.Life, "life")
	earliest(securing && !c.is(paused), w.shaken, d.tls(), "TLS handshake")
	earliest(c.is(handshaking) && !securing && !c.is(paused), w.shaken, d.Handshake, "handshake")
	earliest(c.is(receiving) && !c.is(paused|ended), w.begun, d.Message, "message")
	earliest(!c.is(paused|ended), w.read, d.Idle, "idle")
	earliest(w.stalled && c.blocked(), w.wrote, d.Stall, "stall")
	return when, name, after
}

// rearm arms the timer unless it fires early enough already.
func (w *watchdog) rearm() {
	if w.c.is(connecting | listening | lingering | failed | closing | closed) {
		w.timer.Stop()
		return
	}
	when, _, _ := w.first()
	if w.timer.pos >= 0 && w.timer.when <= when {
		return
	}
	w.timer.Stop()
	if when < math.MaxInt64 {
		w.timer.armAt(max(when, w.c.mgr.ticks())) // not late, if it has passed already
	}
}

// expire looks once whether a deadline that has passed was met: the loop may be
// late, not the peer.
func (w *watchdog) expire() {
	if w.c.is(lingering | failed | closing) { // only the peer's end is awaited, for a second
		return
	}
	w.stalled = w.stalled && w.c.blocked() // the program may have taken back what waited
	if when, name, _ := w.first(); when <= w.c.mgr.ticks() {
		switch name {
		case "TLS handshake", "handshake", "message", "idle":
			if w.c.ready(poll.Readable); w.c.is(inLine) { // it is looked at when it is its turn
				return
			}
		case "stall":
			w.c.flush()
		}
	}
	w.judge()
}

// judge fails the connection if a deadline has passed.
func (w *watchdog) judge() {
	if when, name, after := w.first(); when <= w.c.mgr.ticks() && name != "" {
		w.c.Fail(&DeadlineError{name, after})
		return
	}
	w.rearm()
}
