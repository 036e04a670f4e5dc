package reactor

import (
	"os"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// The way out: how Send gets to the socket, and how connections end. Handlers only mark
// a connection; settle, after they have returned, is where the loop writes, shuts down
// and frees.

// lingerTime is how long a connection whose sending side is shut down waits for the
// peer to end too.
const lingerTime = time.Second

// settle makes the kernel's side of the connection agree with what handlers did to it.
func (c *Conn) settle() {
	c.on &^= onDirty
	if c.life == closed {
		return
	}
	if c.life < lingering {
		last := c.is(failed) // if an EvWrite handler calls Fail, its final bytes are flushed in the next turn
		final := last && c.unsent()
		c.output()
		c.checkRecv() // the limit may be new
		switch {
		case last && final && !c.unsent():
			c.endOutput() // so that no reset destroys what the socket took
		case last:
			c.life = closing
		case c.lost(): // what the peer said is delivered first
		case c.on&onInput != 0: // input has waited until Send shrank, and is delivered first
			c.mark()
		case c.life >= draining && c.life < lingering, c.is(endWrite) && c.life == open && !c.securing():
			c.endOutput()
		case c.life == receiving && c.is(ended):
			c.life = closing
		}
	}
	if c.life == lingering && c.is(ended) {
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

// output offers Send to the socket.
func (c *Conn) output() {
	switch {
	case c.accepts():
		return
	case c.lost(): // it cannot be sent any more
		c.Send.Reset()
		c.shrink()
	case !c.dialling():
		c.flush()
	}
	c.checkSend()
}

func (c *Conn) flush() {
	if c.life == receiving { // appended after the end
		c.Send.Reset()
	}
	n, err := c.transport().flush()
	c.shrink()
	if w := c.watchdog(); w != nil {
		w.flushed()
	}
	if n != nothing && !c.is(failed) {
		c.mgr.wrote = n
		c.Call(EvWrite, &c.mgr.wrote)
	}
	if err != nil {
		c.writeFailed(err)
	}
}

// taken notes that the socket took n bytes.
func (c *Conn) taken(n int) {
	c.mgr.stats.Writes++
	c.mgr.stats.BytesOut += uint64(n)
	if w := c.watchdog(); w != nil {
		w.clocks[clockStall].from = c.mgr.ticks()
		if c.is(held) && !c.is(paused) {
			w.startClocks()
		}
	}
	c.ack.wrote(c)
}

// writeFailed ends a connection that cannot send any more. What the peer said before
// lies in the socket, if anything: it often says why, so it is read and delivered
// first.
func (c *Conn) writeFailed(err error) {
	if c.over() || c.is(ended) || c.life >= yielding {
		c.lose("write", err)
		return
	}
	c.extra().lost = err
	c.unsuspend(held)
	c.mark() // Send is given up
	c.lookAgain()
}

// lost reports whether a write has failed and the peer's last words are being read.
func (c *Conn) lost() bool { return c.ext != nil && c.ext.lost != nil }

// stalls reports whether bytes wait for a socket that may still take them.
func (c *Conn) stalls() bool { return c.blocked() && !c.lost() }

// shrink gives the memory of an empty Send back.
func (c *Conn) shrink() {
	if c.Send.Len() == 0 {
		c.mgr.pool.put(c.Send.buf)
		c.Send.buf, c.Send.off = nil, 0
	}
}

// unsent reports whether there is something that the end of our side must wait for.
func (c *Conn) unsent() bool {
	return !c.accepts() && (c.transport().queued() > 0 || c.transport().blocked())
}

// endOutput goes on with the end of our side as far as it can: once everything is
// written the sending side is shut down, unless that is the peer's to do first. Then
// the peer's end is awaited.
func (c *Conn) endOutput() {
	if c.accepts() || c.dialling() {
		if c.life >= draining && !c.unsent() {
			c.life = closing
		}
		return
	}
	if c.unsent() {
		return
	}
	said, ends := c.transport().shutdown(c.life == yielding && !c.is(endWrite))
	switch {
	case !said && c.is(failed):
		c.life = closing
	case !said: // again when the socket takes more
	case c.life == open && !c.is(failed|ended):
		c.life = receiving // if the socket has failed, reading tells, behind the peer's last words
	case !ends || c.is(ended):
		c.life = closing
	default:
		c.linger()
	}
}

// linger awaits the peer's end.
func (c *Conn) linger() {
	c.life = lingering
	c.mgr.pool.put(c.Recv.buf)
	c.Recv = Buffer{}
	c.startClock(clockEnd)
}

// register tells the poller what to look for.
func (c *Conn) register() error {
	if c.dialling() || !c.is(opened) || c.fd < 0 {
		return nil
	}
	var want poll.Interest
	switch {
	case c.life == lingering:
		want = poll.Readable
	case c.accepts():
		if !c.suspended() && !c.ext.accept.suspended() {
			want = poll.Readable
		}
	case c.lost():
	default:
		if !c.is(paused|held|ended|failed) && c.on&onQueue == 0 {
			want |= poll.Readable
		}
		if c.transport().blocked() {
			want |= poll.Writable
		}
	}
	return c.mgr.register(int(c.fd), c, want)
}

// free raises EvClose and gives everything back.
func (c *Conn) free() {
	if c.life == closed {
		return
	}
	c.life = closed
	m := c.mgr
	if c.role == roleListener { // its address is free when EvClose is raised
		c.release()
	}
	c.dispatch(EvClose, nil)
	if m.verbose() {
		m.log.Debug("closed", c.attrs()...)
	}
	c.dispose()
	m.stats.Closed++
}

// dispose gives back what the connection holds.
func (c *Conn) dispose() {
	m := c.mgr
	if x := c.ext; x != nil {
		if x.dial != nil {
			x.dial.stop()
		}
		if x.watch != nil {
			x.watch.timer.Stop()
		}
		if x.transport != nil {
			x.transport.close()
		}
	}
	c.release()
	delete(m.conns, c.id)
	m.pool.put(c.Send.buf)
	m.pool.put(c.Recv.buf)
	c.Send, c.Recv = Buffer{}, Buffer{}
	c.layers = nil
}

// release gives the descriptor back, and a UNIX-domain listener's path.
func (c *Conn) release() {
	if c.fd < 0 {
		return
	}
	if c.accepts() {
		c.ext.accept.path.remove() // while the socket is open its inode is not used again
	}
	c.mgr.unregister(int(c.fd))
	poll.Close(int(c.fd))
	c.fd = -1
	c.mgr.resumeAccepting()
}

// socketPath is the path of a UNIX-domain listener, and which file was there when the
// listener had bound it.
type socketPath struct {
	name     string
	dev, ino uint64
}

// boundPath returns the path that was just bound.
func boundPath(name string) socketPath {
	dev, ino, _ := fileID(name)
	return socketPath{name, dev, ino}
}

// remove removes the path if the listener's own file is still there: another process
// may have removed it and have bound the path.
func (p socketPath) remove() {
	if p.name == "" {
		return
	}
	if dev, ino, ok := fileID(p.name); ok && dev == p.dev && ino == p.ino {
		os.Remove(p.name)
	}
}

// fileID identifies a file by its device and inode.
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
