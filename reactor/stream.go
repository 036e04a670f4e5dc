package reactor

import (
	"os"
	"time"
	"unsafe"
)

// lingerTime is how long a connection whose sending side is shut down waits
// for the peer to close too.
const lingerTime = time.Second

// open raises EvOpen and starts what the connection is for.
func (c *Conn) open() {
	if c.is(closed) {
		return
	}
	if !c.is(opened) {
		c.dispatch(EvOpen, nil)
	}
	if c.is(foreign) {
		c.established()
	}
	if c.is(connecting) && !c.is(failed|closing) {
		c.ext.dial.start()
	}
	c.mark() // to be watched from now on
}

// ready hears from the poller. Writing is left to settle, so that what a
// handler appends now goes out in the same system call.
func (c *Conn) ready(what interest) {
	if !c.is(opened) {
		return // made and ready in one turn; the next will say so again
	}
	if what&writable != 0 {
		c.mark()
	}
	if c.is(again) { // first what was left, lest the end of stream overtake it
		c.offer()
	}
	switch {
	case what&readable == 0 || c.is(failed|closing|closed):
	case c.is(lingering):
		c.discard()
	case c.is(paused | ended):
	case c.is(packets):
		c.readPackets()
	case c.is(listening):
		c.accept()
	default:
		c.read()
	}
}

// read reads once and raises EvRead. Bytes are read into the manager's
// buffer, behind the rest in Recv if that is small, and Recv borrows it while the
// handlers run; only what they leave is copied. Behind a large rest bytes are
// read into Recv's own memory.
func (c *Conn) read() {
	m := c.mgr
	rest := c.Recv.Len()
	borrowed := rest <= smallRest
	var into []byte
	if borrowed {
		into = m.rbuf[copy(m.rbuf, c.Recv.Bytes()):][:readSize]
	} else {
		into = c.recvRoom()
	}
	n, err := readFD(int(c.fd), into)
	switch {
	case err == errAgain:
		return
	case err != nil:
		c.Fail(opError("read", c.network(), c.remote, sysErr("read", err)))
		return
	case n == 0:
		c.end()
		return
	}
	if c.is(hexdump | recorded) {
		c.trace("read", c.remote, into[:n])
	}
	if borrowed {
		c.borrow(rest + n)
	} else {
		c.Recv.buf = c.Recv.buf[:len(c.Recv.buf)+n]
	}
	m.arrived = n
	m.stats.Reads++
	m.stats.BytesIn += uint64(n)
	c.heard()
	c.offerRead()
}

// borrow lends Recv the first n bytes of the manager's buffer, in the place of
// whatever it held.
func (c *Conn) borrow(n int) {
	c.mgr.pool.put(c.Recv.buf)
	c.Recv.buf, c.Recv.off = c.mgr.rbuf[:n:n], 0
}

// recvRoom returns the free memory behind the rest in Recv, at least a page
// of it. Memory doubles, so that a large message is not copied over and over.
func (c *Conn) recvRoom() []byte {
	b := &c.Recv
	if cap(b.buf)-len(b.buf) < 4096 {
		old, rest := b.buf, b.Bytes()
		b.buf, b.off = append(c.mgr.pool.get(len(rest)+max(len(rest), 4096)), rest...), 0
		c.mgr.pool.put(old)
	}
	room := b.buf[len(b.buf):cap(b.buf)]
	return room[:min(len(room), readSize)]
}

// offer raises EvRead for what was left in Recv, after Resume.
func (c *Conn) offer() {
	if !c.is(again) {
		return
	}
	c.flags &^= again
	held := c.Recv.Len() > 0 || len(c.layers) > 0 && !c.is(listening|packets)
	if !held || c.is(lingering|connecting) {
		return
	}
	c.mgr.arrived = 0
	c.offerHeld()
	if !c.Stopped() {
		c.offerRead()
	}
}

// offerHeld lets the layers above the lowest go on with what they hold themselves,
// the topmost first: it is older than what those below would hand to them.
func (c *Conn) offerHeld() {
	c.mgr.depth++
	for i := len(c.layers) - 1; i > 0 && !c.Stopped(); i-- {
		if i < len(c.layers) {
			c.layers[i].Handle(c, EvRead, &c.mgr.arrived)
		}
	}
	c.mgr.leave()
}

// offerRead raises EvRead and then sees to the memory of what is left.
func (c *Conn) offerRead() {
	c.Call(EvRead, &c.mgr.arrived)
	b, m := &c.Recv, c.mgr
	switch {
	case unsafe.SliceData(b.buf) == unsafe.SliceData(m.rbuf):
		rest := b.Bytes()
		b.buf, b.off = nil, 0
		if len(rest) > 0 {
			b.buf = append(m.pool.get(len(rest)), rest...)
		}
	case b.Len() == 0:
		m.pool.put(b.buf)
		b.buf = nil
	}
	c.checkRecv()
}

// end handles the peer's end of stream: the layers are asked whether it comes
// at a good moment, and what was to be sent still is.
func (c *Conn) end() {
	c.flags |= ended
	for _, p := range c.layers {
		if e, ok := p.(Ender); ok {
			if err := e.End(c); err != nil {
				c.Fail(opError("read", c.network(), c.remote, err))
				return
			}
		}
	}
	c.Drain()
	c.mark() // it may have been draining already
}

// discard drops what arrives while lingering.
func (c *Conn) discard() {
	n, err := readFD(int(c.fd), c.mgr.rbuf)
	if err != errAgain && (err != nil || n == 0) {
		c.Close()
	}
}

// settle makes the kernel's side of the connection agree with what handlers
// did to it. It is the only place that writes and shuts down, and the only one
// that frees but for Manager.Close.
func (c *Conn) settle() {
	c.flags &^= marked
	if c.is(closed) {
		return
	}
	last := c.is(failed) // if a handler of EvWrite fails it now, its last word has the next turn
	if !c.is(closing | lingering) {
		if !c.is(connecting) {
			c.flush()
		}
		c.checkSend()
	}
	if last {
		c.flags |= closing
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
	p := c.Send.Bytes()
	if len(p) == 0 || c.is(listening) {
		c.shrink()
		c.flushed(0)
		return
	}
	n, err := writeFD(int(c.fd), p)
	if err == errAgain {
		c.flushed(0)
		return
	}
	if err != nil {
		c.Fail(opError("write", c.network(), c.remote, sysErr("write", err)))
		return
	}
	if c.is(hexdump | recorded) {
		c.trace("write", c.remote, p[:n])
	}
	c.sent(n)
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
// sending side is shut down, then the peer's end is awaited.
func (c *Conn) finish() {
	switch {
	case c.unsent():
	case c.is(listening|connecting|packets|ended) || !shutdownFD(int(c.fd)):
		c.flags |= closing
	default:
		c.flags |= lingering
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
	return !c.is(listening) && c.Send.Len() > 0
}

// watch tells the poller what to look for.
func (c *Conn) watch() error {
	if c.is(connecting) || !c.is(opened) {
		return nil
	}
	var want interest
	if c.is(lingering) || !c.is(paused|ended|failed|resting) {
		want |= readable
	}
	if !c.is(lingering) && c.unsent() {
		want |= writable
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
		closeFD(int(c.fd))
		c.fd = -1
		if c.ext != nil && c.ext.path != "" {
			os.Remove(c.ext.path)
		}
		c.mgr.feed()
	}
}
