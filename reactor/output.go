package reactor

import (
	"os"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Output: how the bytes in Send get to the socket, and how connections end.
//
// An append to Send, Drain, Close, Fail, Pause and the like only put the connection on the list
// Manager.dirty, once. When the handlers have returned, the loop calls Conn.settle for each
// connection on the list. It writes, shuts down, frees, and tells the poller what to report.
// Besides settle, a catch-up also writes (catchup.go), and Manager.Close also frees. Therefore
// everything that many handlers append leaves in one write, and a handler may change what it
// has appended.
//
// When a write fails, the peer may have sent the reason and then closed the connection.
// Therefore the connection does not fail yet: Send is discarded, and the catch-up phase reads
// and delivers what is in the socket (catchup.go). After that the connection fails with the
// error of the write.

// lingerTime is how long a connection waits for the peer's end after it has shut down its
// sending side.
const lingerTime = time.Second

// settle makes the state of the socket agree with the state of the connection: it flushes
// Send, ends our side, frees the connection, or registers it with the poller.
func (c *Conn) settle() {
	c.on &^= onDirty
	if c.life == closed {
		return
	}
	if c.opening() != nil && c.life < closing {
		return
	}
	if c.life < lingering {
		// If an EvWrite handler calls Fail, its final bytes are flushed by the next settle.
		hasFailed := c.is(failed)
		hasFinalBytes := hasFailed && c.hasUnsent() && !c.writeHasFailed()
		c.output()
		c.checkRecv() // the program may have set a new limit
		switch {
		case hasFinalBytes && !c.hasUnsent():
			c.endOutput() // linger, because closing could reset the connection and destroy them
		case hasFailed:
			c.life = closing
		case c.writeHasFailed(): // the catch-up phase fails it
		case c.on&onInput != 0: // input that waited until Send shrank is delivered first
			c.markDirty()
		case c.life >= draining && c.Stack().Yielded(): // what was read before is delivered first
		case c.life >= draining && c.life < lingering, c.is(closeWrite) && c.life == open && !c.handshakePending():
			c.endOutput()
		case c.life == receiving && c.is(peerEnded):
			c.life = closing
		}
	}
	if c.life == lingering && c.is(peerEnded) {
		c.life = closing
	}
	if c.life == closing {
		c.free()
		return
	}
	if err := c.register(); err != nil {
		c.Fail(opError("register", c.network(), c.RemoteAddr(), err))
	}
}

// output offers Send to the socket and checks the marks and limits of Send.
func (c *Conn) output() {
	switch {
	case c.isStreamListener():
		return
	case c.writeHasFailed():
		c.discardSend()
	case !c.dialing():
		c.flush()
	}
	c.checkSend()
}

// discardSend discards Send after a failed write, because nothing can be sent any more. If Send
// was above the high-water mark, EvLowWater is raised: a connection that is paused until then
// would otherwise stay paused. If that is this connection, its pause hides the failure.
func (c *Conn) discardSend() {
	c.Send.Reset()
	c.releaseEmptySend()
	if c.is(aboveHighWater) {
		c.flags &^= aboveHighWater
		c.Call(EvLowWater, nil)
	}
}

// flush offers Send to the socket, and raises EvWrite if the socket took something.
func (c *Conn) flush() {
	if c.life == receiving { // appended after our side has ended: it cannot be sent
		c.Send.Reset()
	}
	t := c.transport()
	n, err := t.flush()
	c.releaseEmptySend()
	waits := t.blocked()
	if waits {
		c.fitSend()
	}
	c.noteFlush(waits)
	if n != noEvent && !c.is(failed) {
		c.mgr.writeCount = n
		c.Call(EvWrite, &c.mgr.writeCount)
	}
	if err != nil {
		c.writeFailed(err)
	}
}

// noteWritten is called when the socket took n bytes. The connection is in use: that restarts the
// stall deadline, and counts in the order of idle connections (idle.go). If input
// is held (backpressure), the write shows that the peer has read. So the time since input was
// held, or since the last write, is not counted in the deadlines that wait for the peer.
func (c *Conn) noteWritten(n int) {
	c.mgr.stats.Writes++
	c.mgr.stats.BytesOut += uint64(n)
	if w := c.watchdog(); w != nil {
		w.noteWritten()
	}
	c.ack.noteWritten(c)
	if c.acceptedBy != 0 {
		c.written()
	}
}

// writeFailed is called when a write has failed. Usually it starts a catch-up: what the peer
// sent before it closed is still in the socket and often says why, so it is delivered before
// the connection fails. If there is no input left to deliver, failSocket is called at once.
func (c *Conn) writeFailed(err error) {
	if c.inputOver() || c.is(peerEnded) || c.life >= awaitingEnd {
		c.failSocket("write", err)
		return
	}
	c.extra().writeErr = err
	c.resumeInput(inputHeld)
	c.markDirty() // settle discards Send
	c.startCatchUp()
}

// writeHasFailed reports whether a write has failed. What the peer sent before it closed is
// then being read.
func (c *Conn) writeHasFailed() bool { return c.ext != nil && c.ext.writeErr != nil }

// stalled reports whether bytes wait for a socket that may still take them.
func (c *Conn) stalled() bool { return c.blocked() && !c.writeHasFailed() }

// releaseEmptySend returns Send's memory to the pool if Send is empty.
func (c *Conn) releaseEmptySend() {
	if c.Send.Len() == 0 {
		c.mgr.pool.put(c.Send.buf)
		c.Send.buf, c.Send.off = nil, 0
	}
}

// hasUnsent reports whether bytes wait to be sent. Our side ends only when there are none.
func (c *Conn) hasUnsent() bool {
	return !c.isStreamListener() && (c.transport().unsentBytes() > 0 || c.transport().blocked())
}

// endOutput ends our side when no bytes are unsent. If the peer has ended, it leaves that to close:
// this saves 2 % of the work on a short connection. But a socket of WrapFD may have other
// descriptors, so close may not end it. Otherwise endOutput shuts down the sending side, unless the
// peer is to end first, and waits for the peer's end. If the shutdown must wait for the socket
// (close_notify of TLS), a later settle calls endOutput again.
func (c *Conn) endOutput() {
	if c.isStreamListener() || c.dialing() {
		if c.life >= draining && !c.hasUnsent() {
			c.life = closing
		}
		return
	}
	if c.hasUnsent() {
		return
	}
	leaveOpen := c.is(peerEnded) && c.role != roleWrapped || c.life == awaitingEnd && !c.is(closeWrite)
	done, hasEnds := c.transport().shutdown(leaveOpen)
	switch {
	case !done && c.is(failed):
		c.life = closing
	case !done: // called again when the socket takes more
	case c.life == open && !c.is(failed|peerEnded):
		// If the shutdown failed, a read reports the error, after the peer's final bytes.
		c.life = receiving
	case !hasEnds || c.is(peerEnded):
		c.life = closing
	default:
		c.linger()
	}
}

// linger discards Recv and waits for the peer's end, for lingerTime at most.
func (c *Conn) linger() {
	c.life = lingering
	c.mgr.pool.put(c.Recv.buf)
	c.Recv = Buffer{}
	c.countHeld()
	c.listIdle()
	c.startDeadline(deadlineLinger)
}

// register tells the poller which readiness to report:
//
//	lingering             readable
//	stream listener       readable, unless input or accepting is suspended
//	after a failed write  nothing
//	any other             readable, unless input is suspended or has ended, the connection has
//	                      failed, or it is not read in the handshake queue;
//	                      writable, while bytes wait for the socket
//
// It does nothing before EvOpen, while the connection is being dialed, and without a
// descriptor.
func (c *Conn) register() error {
	if c.dialing() || !c.is(opened) || c.fd < 0 {
		return nil
	}
	var want poll.Interest
	switch {
	case c.life == lingering:
		want = poll.Readable
	case c.isStreamListener():
		if !c.inputSuspended() && !c.ext.accept.suspended() {
			want = poll.Readable
		}
	case c.writeHasFailed():
	default:
		if !c.is(paused|inputHeld|yielded|peerEnded|failed) && c.on&notRead == 0 {
			want |= poll.Readable
		}
		// A dirty connection is settled in the next turn, without waiting for the poller.
		if c.transport().blocked() && (c.on&onDirty == 0 || c.mgr.interest(int(c.fd))&poll.Writable != 0) {
			want |= poll.Writable
		}
	}
	return c.mgr.register(int(c.fd), c, want)
}

// free raises EvClose and releases all that the connection holds.
func (c *Conn) free() {
	if c.life == closed {
		return
	}
	c.life = closed
	m := c.mgr
	if c.role == roleListener { // so that the program can bind its address again at EvClose
		if c.isStreamListener() {
			c.closeOpenings()
		}
		c.release()
	}
	if c.opening() == nil { // else it has not begun
		c.dispatch(EvClose, nil)
	}
	if m.verbose() {
		m.log.Debug("closed", c.attrs()...)
	}
	c.dispose()
	m.stats.Closed++
}

// dispose releases all that the connection holds, and removes it from the manager.
func (c *Conn) dispose() {
	m := c.mgr
	if c.opening() != nil { // it is not in Accepted
		m.stats.Refused++
	}
	if x := c.ext; x != nil {
		if x.dial != nil {
			x.dial.stop()
		}
		if x.watchdog != nil {
			c.dropWatchdog()
		}
		if x.transport != nil {
			x.transport.close()
		}
	}
	c.release()
	m.conns.remove(c)
	m.pool.put(c.Send.buf)
	m.pool.put(c.Recv.buf)
	c.Send, c.Recv = Buffer{}, Buffer{}
	c.layers.clear(&m.spareStacks)
	m.layerChanges++
}

// release closes the descriptor, and removes the path of a UNIX-domain listener.
func (c *Conn) release() {
	if c.fd < 0 {
		return
	}
	if c.isStreamListener() {
		c.ext.accept.path.remove() // before the close, while the kernel cannot reuse the inode
	}
	c.leaveSet()
	c.forgetHeld()
	c.mgr.stats.DatagramDrops += c.datagramDrops()
	c.mgr.unregister(int(c.fd))
	poll.Close(int(c.fd))
	c.fd = -1
	c.mgr.resumeAccepting()
}

// socketPath is the path of a UNIX-domain listener. The device and inode identify the file
// that the listener made there.
type socketPath struct {
	name     string
	dev, ino uint64
}

// boundPath returns the socketPath of a listener that was just bound to name.
func boundPath(name string) socketPath {
	dev, ino, _ := fileID(name)
	return socketPath{name, dev, ino}
}

// remove removes the path if the listener's own file is still there. Another process may have
// removed that file and bound the path itself.
func (p socketPath) remove() {
	if p.name == "" {
		return
	}
	if dev, ino, ok := fileID(p.name); ok && dev == p.dev && ino == p.ino {
		os.Remove(p.name)
	}
}

// fileID returns the device and inode of a file. It does not follow a symbolic link.
func fileID(name string) (dev, ino uint64, ok bool) {
	info, err := os.Lstat(name)
	if err != nil {
		return 0, 0, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return uint64(s.Dev), uint64(s.Ino), true
}
