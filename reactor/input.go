package reactor

import (
	"io"
	"unsafe"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// The way in: how bytes come from the socket into Recv, and to the handlers. All of it
// goes through Conn.input, whether the poller found the socket ready, a handshake may
// go on, or a deadline has passed and what lies in the socket is looked at once more.

// ready hears from the poller. Writing is left to settle, so that what a handler
// appends now goes out in the same system call.
func (c *Conn) ready(what poll.Interest) {
	if !c.is(opened) {
		return // made and ready in one turn; the next will report it again
	}
	if what&poll.Writable != 0 {
		c.mark()
	}
	if what&poll.Readable != 0 {
		c.input()
	}
}

// input takes in one bounded piece of what the socket holds and delivers it. It reports
// whether the socket had nothing.
func (c *Conn) input() (dry bool) {
	if c.on&onRedeliver != 0 { // what was left comes first, and before an end of stream
		c.offer()
	}
	switch {
	case c.life == lingering:
		return c.discard()
	case c.Stopped(), c.is(ended), c.dialling(), c.on&onQueue != 0:
		return false
	case c.accepts():
		c.accept()
		return false
	}
	return c.take()
}

// take reads and delivers until the transport has no more for this turn.
func (c *Conn) take() (dry bool) {
	t := c.transport()
	for more := true; more; {
		var n int
		var err error
		n, more, err = t.read()
		switch {
		case err == nil:
			if n != nothing {
				c.deliver(n)
			}
		case err == poll.ErrAgain:
			return true
		case err == io.EOF && (c.Stopped() || c.on&onRedeliver != 0): // what came before it is delivered first; it is found again
		case err == io.EOF:
			c.end()
		default:
			c.lose("read", err)
		}
	}
	return false
}

// takePending is the manager's phase for connections that asked for it with wantInput.
func (c *Conn) takePending() {
	c.on &^= onInput
	if c.is(opened) && !c.accepts() {
		c.input()
	}
}

// wantInput asks for a call of input although the socket may not be ready.
func (c *Conn) wantInput() {
	if c.on&onInput == 0 && c.life < closing {
		c.on |= onInput
		c.mgr.inputs.add(c)
	}
}

// recvRoom returns memory for bytes that come. It is the manager's buffer, behind a
// copy of the rest in Recv, which borrows it while the handlers run, so that only what
// they leave is copied. Behind a large rest it is Recv's own, at least that much: memory
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

// receive puts the n bytes that came into Recv. They are the beginning of recvRoom.
func (c *Conn) receive(n int) {
	rest := c.Recv.Len()
	if rest <= smallRest {
		c.traceRead(c.mgr.rbuf[rest : rest+n])
		c.borrow(rest + n)
		return
	}
	c.Recv.buf = c.Recv.buf[:len(c.Recv.buf)+n]
	c.traceRead(c.Recv.buf[len(c.Recv.buf)-n:])
}

// borrow lends Recv the first n bytes of the manager's buffer, in the place of whatever
// it held.
func (c *Conn) borrow(n int) {
	c.mgr.pool.put(c.Recv.buf)
	c.Recv.buf, c.Recv.off = c.mgr.rbuf[:n:n], 0
}

// heard notes that n bytes came from the socket.
func (c *Conn) heard(n int) {
	m := c.mgr
	m.stats.Reads++
	m.stats.BytesIn += uint64(n)
	m.readBytes += n
	if w := c.watchdog(); w != nil {
		w.heard(n)
	}
	c.ack.read(c)
}

// deliver raises EvRead for n bytes that have come into Recv, and for those that came
// while input was suspended.
func (c *Conn) deliver(n int) {
	if c.Stopped() {
		c.extra().unheard += n
	} else {
		c.mgr.arrived = n + c.takeUnheard()
		c.Call(EvRead, &c.mgr.arrived)
	}
	c.keepRest()
}

func (c *Conn) takeUnheard() (n int) {
	if c.ext != nil {
		n, c.ext.unheard = c.ext.unheard, 0
	}
	return n
}

// offer raises EvRead for what was left in Recv, after Resume.
func (c *Conn) offer() {
	if c.on&onRedeliver == 0 {
		return
	}
	c.on &^= onRedeliver
	if c.life >= lingering || c.dialling() || c.accepts() {
		return
	}
	if !c.securing() && (c.Recv.Len() > 0 || len(c.layers) > 0 && !c.isDatagram()) {
		c.mgr.arrived = 0
		c.offerHeld()
		if !c.Stopped() {
			c.mgr.arrived = c.takeUnheard()
			c.Call(EvRead, &c.mgr.arrived)
			c.keepRest()
		}
	}
	if c.transport().pending() && !c.Stopped() {
		c.take()
	}
}

// offerHeld lets the layers above the lowest go on with what they hold themselves, the
// topmost first: it is older than what those below would hand to them.
func (c *Conn) offerHeld() {
	c.mgr.depth++
	for i := len(c.layers) - 1; i > 0 && !c.Stopped(); i-- {
		if i < len(c.layers) {
			c.layers[i].Handle(c, EvRead, &c.mgr.arrived)
		}
	}
	c.mgr.exitDispatch()
}

// keepRest copies what is left in Recv out of the manager's buffer, or gives the memory
// of an empty Recv back. Of a datagram nothing is left, unless the program has paused the
// connection meanwhile or a layer wants it once more.
func (c *Conn) keepRest() {
	b, m := &c.Recv, c.mgr
	if b.Len() > 0 && c.isDatagram() && !c.is(paused) && c.on&onRedeliver == 0 {
		b.Reset()
	}
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

// end handles the peer's end of stream. The layers are asked whether it comes at a good
// moment; what was to be sent still is.
func (c *Conn) end() {
	if c.lost() {
		c.lose("write", c.ext.lost)
		return
	}
	c.flags |= ended
	c.mark()
	for _, p := range c.layers {
		if e, ok := p.(Ender); ok {
			if err := e.End(c); err != nil {
				c.Fail(opError("read", c.network(), c.RemoteAddr(), err))
				return
			}
		}
	}
	if c.is(halfClose) && c.life <= receiving {
		c.Call(EvEnd, nil) // settle closes the connection if our side has ended too
		return
	}
	c.advance(draining)
}

// lose ends a connection on which a system call failed. It is no failure if nothing but
// the peer's end is awaited.
func (c *Conn) lose(call string, err error) {
	if c.life == yielding {
		c.Close()
		return
	}
	switch {
	case c.securing():
		call = "tls handshake"
	case c.lost() && err == c.ext.lost:
		call = "write"
	}
	c.Fail(opError(call, c.network(), c.RemoteAddr(), err))
}

// discard drops what arrives while lingering.
func (c *Conn) discard() (dry bool) {
	_, err := c.recv(c.mgr.rbuf)
	if err == nil || err == poll.ErrAgain {
		return err != nil
	}
	c.Close()
	return false
}
