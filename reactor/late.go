package reactor

import "github.com/rikki-go/rikki/reactor/internal/poll"

// What happens when a deadline has passed. The loop may be late, and not the peer: so all
// that lies in the socket is taken in before the watchdog judges.

// expire is called by the timer.
func (w *watchdog) expire() {
	c := w.c
	w.clocks[clockStall].running = w.clocks[clockStall].running && c.blocked() // the program may have taken back what waited
	p := w.first()
	if p.when > c.mgr.ticks() {
		w.rearm()
		return
	}
	switch {
	case p.kind == clockLife && p.layer == nil:
		w.judge()
	case p.kind == clockResolve && p.layer == nil: // behind the answers that are there
		c.mgr.Post(w.judge)
	case p.kind == clockConnect && p.layer == nil:
		c.ext.dial.look()
		w.judge()
	default:
		c.lookAgain()
	}
}

// lookAgain makes the loop take in all that lies in the connection's socket now, a piece
// per turn, and then judge.
func (c *Conn) lookAgain() {
	if w := c.watchdog(); w != nil {
		w.looking = true
		w.unread = c.unreadBytes()
	}
	if c.on&onLate == 0 {
		c.on |= onLate
		c.mgr.late.add(c)
	}
}

// unreadBytes is the most that lies in the connection's socket. The kernel does not count
// all of the datagrams there, but bounds them. What has no count is read once.
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

// look is the manager's phase for connections that are looked at again. Of one that waits
// for a slot for its TLS handshake nothing is read, so nothing is waited for.
func (c *Conn) look() {
	c.on &^= onLate
	if c.life >= closing {
		return
	}
	if c.is(held) { // the peer may have read meanwhile
		c.output()
	}
	dry, w := c.securing() && !hasInput(c), c.watchdog()
	if !dry { // a step of a handshake is not for one whose peer is silent
		dry = c.input()
	}
	switch {
	case c.lost() && c.is(paused) && !c.over() && (c.Recv.Len() > 0 || hasInput(c)): // Resume goes on with it
		if w != nil {
			w.judge() // some deadlines count meanwhile
		}
		return
	case c.lost() && (dry || c.Stopped() || c.is(ended) || c.on&onSlots != 0):
		c.lose("write", c.ext.lost)
		return
	case c.lost():
	case w == nil || !w.looking:
		return
	default:
		if p := w.first(); p.kind == clockStall && p.layer == nil && p.when <= c.mgr.ticks() {
			c.output()
		}
		if c.on&onSteps == 0 && (dry || c.on&onSlots != 0 || w.unread <= 0 || c.Stopped() || c.is(ended) || w.first().when > c.mgr.ticks()) {
			w.judge()
			return
		}
	}
	c.on |= onLate
	c.mgr.late.add(c)
}

// judge fails the connection if a deadline has passed, or does what is to be done then.
func (w *watchdog) judge() {
	c := w.c
	w.looking = false
	p := w.first()
	if p.when > c.mgr.ticks() {
		w.rearm()
		return
	}
	switch {
	case p.layer != nil:
		w.stopLayer(p.layer)
		w.rearm()
		if p.layer.Expired != nil {
			p.layer.Expired(c)
			return
		}
	case p.kind == clockEnd:
		c.Close()
		return
	case p.kind == clockResolve:
		w.clocks[clockResolve].running = false
		w.rearm()
		c.ext.dial.giveUp()
		return
	case p.kind == clockConnect:
		w.clocks[clockConnect].running = false
		c.ext.dial.expire(p.after)
		return
	}
	c.Fail(&DeadlineError{p.name, p.after})
}
