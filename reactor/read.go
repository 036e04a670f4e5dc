package reactor

import (
	"unsafe"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Reading from streams: how bytes come into Recv, and to the handlers.

// ready hears from the poller. Writing is left to settle, so that what a
// handler appends now goes out in the same system call.
func (c *Conn) ready(what poll.Interest) {
	if !c.is(opened) {
		return // made and ready in one turn; the next will say so again
	}
	if what&poll.Writable != 0 {
		c.mark()
	}
	if c.is(again) { // first what was left, lest the end of stream overtake it
		c.offer()
	}
	switch {
	case what&poll.Readable == 0 || c.is(closing|closed):
	case c.is(lingering):
		c.discard()
	case c.is(failed):
	case c.is(paused | ended | resting):
	case c.is(packets):
		c.readPackets()
	case c.is(listening):
		c.accept()
	default:
		c.read()
	}
}

// read reads once and raises EvRead.
func (c *Conn) read() {
	if c.is(secure) {
		c.readTLS()
		return
	}
	m := c.mgr
	into := c.recvRoom(4096)
	n, err := c.readOnce(into)
	switch {
	case err == poll.ErrAgain:
		return
	case err != nil:
		c.lost("read", err)
		return
	case n == 0:
		if !c.is(again) { // else there is something left to offer, and this is found again
			c.end()
		}
		return
	}
	c.receive(into[:n])
	m.arrived = n
	m.stats.Reads++
	m.stats.BytesIn += uint64(n)
	c.heard(n)
	c.offerRead()
}

// readOnce makes one system call.
func (c *Conn) readOnce(p []byte) (int, error) {
	if c.is(noSocket) {
		return poll.Read(int(c.fd), p)
	}
	return poll.Recv(int(c.fd), p)
}

// recvRoom returns memory for bytes that come: the manager's buffer, behind a copy of
// the rest in Recv, which borrows it while the handlers run, so that only what they
// leave is copied. Behind a large rest it is Recv's own, at least that much: memory
// doubles, so that a large message is not copied over and over.
func (c *Conn) recvRoom(least int) []byte {
	b, m := &c.Recv, c.mgr
	if b.Len() <= smallRest {
		return m.rbuf[copy(m.rbuf, b.Bytes()):][:readSize]
	}
	if cap(b.buf)-len(b.buf) < least {
		old, rest := b.buf, b.Bytes()
		b.buf, b.off = append(m.pool.get(len(rest)+max(len(rest), least)), rest...), 0
		m.pool.put(old)
	}
	room := b.buf[len(b.buf):cap(b.buf)]
	return room[:min(len(room), readSize)]
}

// receive puts into Recv the bytes p that came, the beginning of recvRoom.
func (c *Conn) receive(p []byte) {
	rest := c.Recv.Len()
	if c.is(hexdump | recorded) {
		c.trace("read", c.remote, p)
	}
	if rest <= smallRest {
		c.borrow(rest + len(p))
	} else {
		c.Recv.buf = c.Recv.buf[:len(c.Recv.buf)+len(p)]
	}
}

// borrow lends Recv the first n bytes of the manager's buffer, in the place of
// whatever it held.
func (c *Conn) borrow(n int) {
	c.mgr.pool.put(c.Recv.buf)
	c.Recv.buf, c.Recv.off = c.mgr.rbuf[:n:n], 0
}

// offer raises EvRead for what was left in Recv, after Resume.
func (c *Conn) offer() {
	if !c.is(again) {
		return
	}
	c.flags &^= again
	held := c.Recv.Len() > 0 || len(c.layers) > 0 && !c.is(listening|packets)
	if c.is(lingering|connecting) || c.securing() {
		return
	}
	if held {
		c.mgr.arrived = 0
		c.offerHeld()
		if !c.Stopped() {
			if t := c.tls(); t != nil {
				c.mgr.arrived = t.takeUnheard()
			}
			c.offerRead()
		}
	}
	if c.is(secure) && !c.is(listening) {
		c.endTLS()
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
	c.keepRest()
}

// keepRest copies what is left in Recv out of the manager's buffer, or gives the
// memory of an empty Recv back.
func (c *Conn) keepRest() {
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
	n, err := c.readOnce(c.mgr.rbuf)
	if err != poll.ErrAgain && (err != nil || n == 0) {
		c.Close()
	}
}
