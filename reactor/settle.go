package reactor

import (
	"os"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// lingerTime is how long a connection whose sending side is shut down waits
// for the peer to close too.
const lingerTime = time.Second

// settle makes the kernel's side of the connection agree with what handlers
// did to it. It is the place that writes, shuts down and frees; besides, a
// watchdog writes before it gives up, and Manager.Close frees.
func (c *Conn) settle() {
	c.flags &^= marked
	if c.is(closed) {
		return
	}
	if !c.is(closing | lingering) {
		last, word := c.is(failed), c.unsent() // if a handler of EvWrite fails it now, its last word has the next turn
		if !c.is(connecting) {
			c.flush()
		}
		c.checkSend()
		c.checkRecv() // the limit may be new
		switch {
		case !last:
		case word && !c.unsent(): // lest a reset destroy what the socket took
			c.flags |= draining
		default:
			c.flags |= closing
		}
	}
	if c.is(draining) && !c.is(closing|lingering) {
		c.finish()
	}
	if c.is(closing) {
		c.free()
		return
	}
	if err := c.watch(); err != nil {
		c.Fail(opError("watch", c.network(), c.remote, err))
	}
}

// flush offers Send to the socket, once.
func (c *Conn) flush() {
	if c.is(packets) {
		c.flushPackets()
		return
	}
	if c.is(secure) && !c.is(listening) {
		c.flushTLS()
		return
	}
	p := c.Send.Bytes()
	if len(p) == 0 || c.is(listening) {
		c.shrink()
		c.flushed(0)
		return
	}
	n, err := c.writeOnce(p)
	if err == poll.ErrAgain {
		c.flushed(0)
		return
	}
	if err != nil {
		c.lost("write", err)
		return
	}
	if c.is(hexdump | recorded) {
		c.trace("write", c.remote, p[:n])
	}
	c.sent(n)
}

// lost ends a connection on which a system call failed. It is no failure if
// nothing but the peer's end is awaited.
func (c *Conn) lost(call string, err error) {
	if c.is(patient) {
		c.Close()
		return
	}
	op := call
	if t := c.tls(); t != nil && (t.phase == tlsPlanned || t.shake != nil) {
		op = "tls handshake"
	}
	c.Fail(opError(op, c.network(), c.remote, sysErr(call, err)))
}

// writeOnce makes one system call.
func (c *Conn) writeOnce(p []byte) (int, error) {
	if c.is(noSocket) {
		return poll.Write(int(c.fd), p)
	}
	return poll.Send(int(c.fd), p)
}

// shrink gives the memory of an empty Send back.
func (c *Conn) shrink() {
	if c.Send.Len() == 0 {
		c.mgr.pool.put(c.Send.buf)
		c.Send.buf = nil
	}
}

// sent takes n bytes out of Send and raises EvWrite.
func (c *Conn) sent(n int) {
	c.Send.Consume(n)
	c.shrink()
	c.mgr.stats.Writes++
	c.mgr.stats.BytesOut += uint64(n)
	c.flushed(n)
	if !c.is(failed) {
		c.mgr.wrote = n
		c.Call(EvWrite, &c.mgr.wrote)
	}
}

// finish goes on with Drain as far as it can: once everything is written the
// sending side is shut down, unless that is the peer's to do first, then the peer's
// end is awaited.
func (c *Conn) finish() {
	switch {
	case c.unsent() || !c.saidGoodbye():
	case c.is(listening|connecting|packets|ended) || !c.is(patient) && !poll.Shutdown(int(c.fd)):
		c.flags |= closing
	default:
		c.flags |= lingering
		if t := c.tls(); t != nil { // a handshake that was not done never will be
			t.over()
		}
		c.mgr.pool.put(c.Recv.buf)
		c.Recv = Buffer{}
		c.extra().linger = c.mgr.AddTimer(lingerTime, TimerOnce, c.Close)
	}
}

// unsent reports whether there is something that Drain must wait for.
func (c *Conn) unsent() bool {
	if c.is(packets) {
		return c.Send.Len() > 0 || c.ext != nil && len(c.ext.dgrams) > 0
	}
	return !c.is(listening) && c.queued() > 0
}

// watch tells the poller what to look for.
func (c *Conn) watch() error {
	if c.is(connecting) || !c.is(opened) {
		return nil
	}
	var want poll.Interest
	if c.is(lingering) || !c.is(paused|ended|failed|resting) {
		want |= poll.Readable
	}
	if !c.is(lingering) && c.blocked() {
		want |= poll.Writable
	}
	return c.mgr.watch(int(c.fd), c, want)
}

// free raises EvClose and gives everything back.
func (c *Conn) free() {
	if c.is(closed) {
		return
	}
	c.flags |= closed | closing
	m := c.mgr
	if c.is(listening) { // its address is free when EvClose is heard
		c.release()
	}
	c.dispatch(EvClose, nil)
	if m.verbose() {
		m.log.Debug("closed", c.attrs()...)
	}
	if x := c.ext; x != nil {
		if x.dial != nil {
			x.dial.stop()
		}
		if x.linger != nil {
			x.linger.Stop()
		}
		if x.watch != nil {
			x.watch.timer.Stop()
		}
		if x.tls != nil {
			x.tls.end()
		}
	}
	c.release()
	delete(m.conns, c.id)
	m.stats.Closed++
	m.pool.put(c.Send.buf)
	m.pool.put(c.Recv.buf)
	c.Send, c.Recv = Buffer{}, Buffer{}
	c.layers = nil
}

// release gives the descriptor back, and a UNIX-domain listener's path.
func (c *Conn) release() {
	if c.fd >= 0 {
		c.mgr.unwatch(int(c.fd))
		poll.Close(int(c.fd))
		c.fd = -1
		if c.ext != nil && c.ext.path != "" {
			os.Remove(c.ext.path)
		}
		c.mgr.feed()
	}
}
