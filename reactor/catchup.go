package reactor

import "github.com/rikki-go/rikki/reactor/internal/poll"

// Catch up: what happens when a deadline has passed.
//
// The loop may be late, not the peer: a handler took long, or the process was stopped. What
// the peer sent in time is in the socket then. Therefore a deadline is not enforced at once.
// First the connection catches up: in each turn the catch-up phase of Poll reads one bounded
// piece, until everything is read that was in the socket when the deadline passed. Then the
// watchdog compares the deadlines with the time again. It enforces a deadline only if nothing
// has stopped or moved it meanwhile.
//
//	deadline         before it is enforced
//	Life             nothing
//	layer's, NoRead  nothing
//	Resolve          answers of the resolver that were posted are delivered
//	Connect          an attempt that has succeeded meanwhile becomes the connection
//	Stall            the socket is written to, and read
//	all others       the socket is read
//
// A connection whose write has failed catches up in the same way, so that what the peer sent
// before it closed is delivered. Then it fails with the error of the write.

// timerFired is called by the watchdog's timer. If the first deadline has not passed yet, it
// arms the timer again.
func (w *watchdog) timerFired() {
	c := w.c
	// The program may have removed from Send what waited for the socket.
	if !c.blocked() {
		w.running &^= 1 << deadlineStall
	}
	p := w.nextExpiry()
	if p.when > c.mgr.ticks() {
		w.rearm()
		w.dropIfUnneeded()
		return
	}
	switch {
	case p.kind == deadlineLife && p.layer == nil, p.layer != nil && p.layer.NoRead && p.layer.Expired != nil:
		w.enforce()
	case p.kind == deadlineResolve && p.layer == nil: // runs after the answers that are already posted
		c.mgr.Post(c.enforceDeadlines)
	case p.kind == deadlineConnect && p.layer == nil:
		c.ext.dial.checkAttempts()
		c.enforceDeadlines()
	default:
		c.startCatchUp()
	}
}

// startCatchUp makes the loop read everything that is in the socket now, one piece per turn.
// After that catchUp enforces the deadline, or fails the connection after a failed write.
func (c *Conn) startCatchUp() {
	if w := c.watchdog(); w != nil {
		w.catchingUp = true
		w.unread = c.unreadBytes()
	}
	if c.on&onCatchUp == 0 {
		c.on |= onCatchUp
		c.mgr.catchUps.add(c)
	}
}

// unreadBytes returns an upper bound of the bytes in the connection's socket. For datagrams
// that is the size of the receive buffer, because the kernel does not count all of them. On
// a descriptor that has no count it is 0, and the descriptor is read once.
func (c *Conn) unreadBytes() int {
	switch {
	case c.fd < 0:
		return 0
	case c.isDatagram():
		return poll.ReceiveBuffer(int(c.fd))
	}
	n, _ := poll.Pending(int(c.fd))
	return n
}

// catchUp reads one piece from a connection that catches up. The connection stays on the list
// for the next turn until the catch-up ends. For a deadline it ends if
//
//   - the socket is empty, or everything is read that was in it at the beginning,
//   - input is stopped or has ended,
//   - the connection waits for a handshake slot, and therefore is not read,
//   - or the deadline was stopped or moved meanwhile.
//
// While the connection waits for a step of its handshake, the catch-up for a deadline goes on.
//
// After a failed write it ends if the socket is empty, input is stopped or has ended, or the
// connection waits for a handshake slot. If the connection is paused and has input left, it
// leaves the list, and Resume adds it again.
func (c *Conn) catchUp() {
	c.on &^= onCatchUp
	if c.life >= closing {
		return
	}
	if c.waitsForTurn() { // the loop is late: nothing is enforced
		c.on |= onCatchUp
		c.mgr.catchUps.add(c)
		return
	}
	if c.is(inputHeld) { // the peer may have read meanwhile, and then input goes on
		c.output()
	}
	empty := c.handshakePending() && !socketHasInput(c)
	if !empty { // in a handshake with a silent peer, the call would only use up a step
		empty = c.input()
	}
	if c.waitsForTurn() { // what this read has brought is delivered first
		c.on |= onCatchUp
		c.mgr.catchUps.add(c)
		return
	}
	w := c.watchdog()
	switch {
	case c.writeHasFailed() && c.is(paused) && !c.inputOver() && (c.Recv.Len() > 0 || socketHasInput(c)):
		// Resume starts the catch-up again. Some deadlines run during a pause.
		if w != nil {
			w.enforce()
		}
		return
	case c.writeHasFailed() && (empty || c.InputStopped() || c.is(peerEnded) || c.on&onSlotQueue != 0):
		c.failSocket("write", c.ext.writeErr)
		return
	case c.writeHasFailed():
	case w == nil || !w.catchingUp:
		return
	default:
		w.writeIfStalled()
		if c.on&onStepQueue == 0 && (empty || c.on&onSlotQueue != 0 || w.unread <= 0 || c.InputStopped() || c.is(peerEnded) || w.nextExpiry().when > c.mgr.ticks()) {
			w.enforce()
			return
		}
	}
	c.on |= onCatchUp
	c.mgr.catchUps.add(c)
}

// writeIfStalled writes if the Stall deadline has passed: the peer may have read meanwhile.
func (w *watchdog) writeIfStalled() {
	if p := w.nextExpiry(); p.kind == deadlineStall && p.layer == nil && p.when <= w.c.mgr.ticks() {
		w.c.output()
	}
}

// enforceDeadlines is enforce, for a connection that may have dropped its watchdog meanwhile.
func (c *Conn) enforceDeadlines() {
	if w := c.watchdog(); w != nil {
		w.enforce()
	}
}

// enforce ends a catch-up. If a deadline has passed and was not stopped or moved meanwhile,
// the connection fails with a *DeadlineError, with these exceptions:
//
//	a layer's own, with Expired   Expired is called
//	linger, NextRequest           the connection closes
//	Resolve                       the dialer uses the addresses that are known
//	Connect                       the dialer fails with the errors of its attempts
func (w *watchdog) enforce() {
	c := w.c
	w.catchingUp = false
	p := w.nextExpiry()
	if p.when > c.mgr.ticks() {
		w.rearm()
		w.dropIfUnneeded()
		return
	}
	switch {
	case p.layer != nil:
		w.stopLayer(p.layer)
		w.rearm()
		if p.layer.Expired != nil {
			p.layer.Expired(c)
			if w := c.watchdog(); w != nil {
				w.dropIfUnneeded()
			}
			return
		}
	case p.kind == deadlineLinger, p.kind == deadlineNextRequest:
		c.Close()
		return
	case p.kind == deadlineResolve:
		c.stopDeadline(deadlineResolve)
		w.rearm()
		c.ext.dial.lookupTimedOut()
		return
	case p.kind == deadlineConnect:
		c.stopDeadline(deadlineConnect)
		c.ext.dial.connectTimedOut(p.after)
		return
	}
	c.Fail(&DeadlineError{p.name, p.after})
}
