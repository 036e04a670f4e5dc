package reactor

import (
	"io"
	"math"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Input: how bytes get from the socket into Recv and to the handlers.
//
// Conn.input reads. There are several reasons to call it: the poller reports the socket, a
// handshake takes its next step, enough of Send was written, or a deadline has passed and the
// socket is read before the deadline is enforced. Conn.redeliver is the only other function that
// reads. It does so if the transport's method read has something to do even if the socket is not
// readable (inputPending). A write never reads, and a timer never reads: they put the connection
// on a list, and a phase of Poll calls input.
//
// A read goes into one large buffer of the manager, unless Recv holds a large rest (recvSpace).
// Recv borrows the buffer while the handlers run, and only the bytes that they leave are copied.
// Therefore an idle connection owns no memory for input.

// ready is called when the poller reports the connection. Readiness to write only marks the
// connection: settle writes, so that what handlers append now goes out in the same system
// call.
func (c *Conn) ready(what poll.Interest) {
	if !c.is(opened) {
		c.readyInOpening()
		return
	}
	if what&poll.Writable != 0 {
		c.markDirty()
	}
	switch {
	case what&poll.Readable == 0 || c.on&onInput != 0: // the phase for pending input reads it
	case c.mgr.turn.over && !c.isStreamListener():
		c.scheduleInput()
	default:
		c.input()
		c.noteHeard()
	}
}

// input reads a bounded number of bytes from the socket and delivers them. It returns true if
// the socket was empty.
func (c *Conn) input() (empty bool) {
	if r := c.opening(); r != nil {
		return r.run()
	}
	if c.waitsForTurn() {
		return false // the redeliver phase delivers what is left in Recv
	}
	if c.on&onRedeliver != 0 { // deliver what is left in Recv before new bytes or an end of stream
		c.redeliver()
	}
	switch {
	case c.life == lingering:
		return c.discard()
	case c.InputStopped(), c.is(peerEnded), c.dialing(), c.on&notRead != 0:
		return false
	case c.isStreamListener():
		c.acceptConns()
		return false
	}
	return c.readTransport()
}

// readTransport reads and delivers until the transport has no more for this turn. It returns
// true if the socket was empty.
func (c *Conn) readTransport() (empty bool) {
	t := c.transport()
	c.mgr.beginDelivery(c)
	for more, taken := true, 0; more && !empty; {
		var n int
		var err error
		n, more, err = t.read()
		switch {
		case err == nil:
			if n != noEvent {
				c.deliver(n)
				taken += n
				more = more || c.readsOn(taken)
			}
		case err == poll.ErrAgain:
			empty = true
		case err == io.EOF && (c.InputStopped() || c.on&onRedeliver != 0):
			// Earlier bytes are delivered first. A later read finds the end again.
		case err == io.EOF:
			c.handlePeerEnd()
		default:
			c.failSocket("read", err)
		}
	}
	c.mgr.endDelivery()
	return empty
}

// readScheduled reads from a connection that has asked for it with scheduleInput.
func (c *Conn) readScheduled() {
	c.on &^= onInput
	if c.waitsForTurn() {
		c.scheduleInput()
		return
	}
	if !c.is(opened) {
		c.readyInOpening()
		return
	}
	if !c.isStreamListener() {
		c.mgr.settleAfterReads()
		c.input()
		c.noteHeard()
	}
}

// scheduleInput makes the loop call input, even if the poller does not report the socket. Reasons
// are bytes that the transport holds itself, and bytes that were left in the socket while
// input was suspended.
func (c *Conn) scheduleInput() {
	if c.on&onInput == 0 && c.life < closing {
		c.on |= onInput
		c.mgr.inputs.add(c)
	}
}

// recvSpace returns the memory for the next read.
//
//	rest in Recv             memory
//	maxCopiedRest or less    the manager's buffer, behind a copy of the rest
//	more                     Recv's own, behind the rest, at least `least` bytes
//
// It has readSize bytes at most. If a layer expects more of a large message (large.go), it has as
// many bytes as are missing, and maxReadOn at most. A transport that needs leastTransportSpace
// cannot stop there: what it reads may contain the beginning of the next message.
//
// Recv's own memory doubles when it is too small, so that a large message is copied only a
// few times while it arrives.
func (c *Conn) recvSpace(least int) []byte {
	b, m := &c.Recv, c.mgr
	if b.Len() <= maxCopiedRest {
		return m.readBuf[copy(m.readBuf, b.Bytes()):][:readSize]
	}
	most := readSize
	if missing := c.expected(); missing > 0 && least < leastTransportSpace {
		least, most = min(least, missing), min(missing, maxReadOn)
	}
	if cap(b.buf)-len(b.buf) < least {
		old, rest := b.buf, b.Bytes()
		b.buf, b.off = append(m.pool.get(len(rest)+max(len(rest), least)), rest...), 0
		m.pool.put(old)
		c.countHeld() // the read may find nothing
	}
	free := b.buf[len(b.buf):cap(b.buf)]
	return free[:min(len(free), most)]
}

// commitRecv makes the first n bytes of the slice from recvSpace part of Recv.
func (c *Conn) commitRecv(n int) {
	rest := c.Recv.Len()
	if rest <= maxCopiedRest {
		c.traceRead(c.mgr.readBuf[rest : rest+n])
		c.lendReadBuf(rest + n)
		return
	}
	c.Recv.buf = c.Recv.buf[:len(c.Recv.buf)+n]
	c.traceRead(c.Recv.buf[len(c.Recv.buf)-n:])
}

// lendReadBuf replaces the content of Recv by the first n bytes of the manager's buffer.
func (c *Conn) lendReadBuf(n int) {
	c.mgr.pool.put(c.Recv.buf)
	c.Recv.buf, c.Recv.off = c.mgr.readBuf[:n:n], 0
}

// noteRead is called when n bytes were read from the socket. It counts them, and tells the
// watchdog and the quick acknowledgements. A large read counts as several units of work.
func (c *Conn) noteRead(n int) {
	m := c.mgr
	m.stats.Reads++
	m.stats.BytesIn += uint64(n)
	m.readBytes += n
	m.turn.units += (n - 1) / readSize
	c.flags |= hasRead | answerDue
	if w := c.watchdog(); w != nil {
		w.noteRead(n)
	}
	c.ack.noteRead(c)
}

// deliver raises EvRead for the last n bytes of Recv. If input is suspended, the bytes only
// stay in Recv, and a later EvRead counts them.
func (c *Conn) deliver(n int) {
	c.expect(0)
	if c.InputStopped() {
		x := c.extra()
		x.undelivered = min(x.undelivered+uint32(n), math.MaxInt32)
	} else {
		c.mgr.readCount = n + c.takeUndelivered()
		c.Call(EvRead, &c.mgr.readCount)
	}
	c.keepRest()
}

// takeUndelivered returns how many bytes were added to Recv while input was suspended, and
// resets that count.
func (c *Conn) takeUndelivered() (n int) {
	if c.ext != nil && c.ext.undelivered > 0 {
		n, c.ext.undelivered = int(c.ext.undelivered), 0
		c.dropUnusedExtras()
	}
	return n
}

// redeliver raises EvRead for what is left in Recv, after Resume, Redispatch or Replace. It
// also calls a layer when Recv is empty, because the layer may hold bytes of its own.
func (c *Conn) redeliver() {
	if c.on&onRedeliver == 0 {
		return
	}
	c.on &^= onRedeliver
	c.endYield()
	if c.life >= lingering || c.dialing() || c.isStreamListener() {
		return
	}
	if !c.handshakePending() && (c.Recv.Len() > 0 || c.layers.len() > 0 && !c.isDatagram()) {
		c.mgr.readCount = 0
		c.mgr.beginDelivery(c)
		c.redeliverToLayers()
		if !c.InputStopped() {
			c.mgr.readCount = c.takeUndelivered()
			c.Call(EvRead, &c.mgr.readCount)
			c.keepRest()
		}
		c.mgr.endDelivery()
	}
	if c.transport().inputPending() && !c.InputStopped() {
		c.readTransport()
	}
}

// redeliverToLayers calls the layers above the lowest with EvRead, the topmost first. They
// continue with the bytes that they hold themselves. The order matters: the bytes in a higher
// layer are older than those that a lower one would pass to it.
func (c *Conn) redeliverToLayers() {
	c.mgr.depth++
	for i := c.layers.len() - 1; i > 0 && !c.InputStopped(); i-- {
		if i < c.layers.len() {
			c.layers.at(i).Handle(c, EvRead, &c.mgr.readCount)
		}
	}
	c.mgr.exitDispatch()
}

// keepRest is called after the handlers. It copies what is left in Recv out of the manager's
// buffer, out of memory that is full while more bytes are to come, and out of memory that is much
// larger. If Recv is empty, it returns Recv's memory to the pool. The rest of a datagram is
// dropped, unless the connection is paused or Recv is to be redelivered.
func (c *Conn) keepRest() {
	b, m := &c.Recv, c.mgr
	if b.Len() > 0 && c.isDatagram() && !c.is(paused) && c.on&onRedeliver == 0 {
		b.Reset()
	}
	missing := m.takeMissing(c)
	c.expect(missing)
	switch {
	case b.Len() == 0:
		if !c.borrowsReadBuf() {
			m.pool.put(b.buf)
		}
		b.buf, b.off = nil, 0
	case c.borrowsReadBuf(), cap(b.buf)-len(b.buf) < min(missing, leastSpace), b.ownsTooMuch(missing):
		c.moveRest(missing)
	}
	c.countHeld()
	c.checkRecv()
	m.checkBudget()
}

// handlePeerEnd handles the end of the peer's stream. If a layer finds that the stream ends
// inside a message (Ender), the connection fails. Otherwise EvEnd is raised if SetHalfClose is
// on, and the connection drains if it is off.
func (c *Conn) handlePeerEnd() {
	if c.writeHasFailed() {
		c.failSocket("write", c.ext.writeErr)
		return
	}
	c.flags |= peerEnded
	c.markDirty()
	for p := range c.layers.all() {
		if e, ok := p.(Ender); ok {
			if err := e.End(c); err != nil {
				c.Fail(opError("read", c.network(), c.RemoteAddr(), err))
				return
			}
		}
	}
	if c.is(halfClose) && c.life <= receiving {
		c.Call(EvEnd, nil) // if our side has ended too, settle closes the connection
		return
	}
	c.advance(draining)
}

// failSocket fails a connection after a system call has failed with err. If the connection
// only waits for the peer's end (AwaitEnd), it closes without an error.
func (c *Conn) failSocket(call string, err error) {
	if c.life == awaitingEnd {
		c.Close()
		return
	}
	switch {
	case c.handshakePending():
		call = "tls handshake"
	case c.writeHasFailed() && err == c.ext.writeErr:
		call = "write"
	}
	c.Fail(opError(call, c.network(), c.RemoteAddr(), err))
}

// discard drops the input of a lingering connection, and closes it at the end of the stream or
// after an error. It returns true if the socket was empty.
func (c *Conn) discard() (empty bool) {
	_, err := c.recv(c.mgr.readBuf)
	if err == nil || err == poll.ErrAgain {
		return err != nil
	}
	c.Close()
	return false
}
