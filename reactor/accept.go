package reactor

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// acceptBurst bounds how many connections one listener accepts in a turn.
const acceptBurst = 64

// acceptRest is how long a listener rests when there are no descriptors left.
const acceptRest = time.Second

func (c *Conn) accept() {
	for range acceptBurst {
		if c.Stopped() || c.mgr.ending {
			return
		}
		fd, remote, err := acceptFD(int(c.fd))
		switch err {
		case nil:
			a := c.mgr.newConn(fd, c.flags&hexdump, c.Fn, c.FnData)
			a.remote = remote
			a.accepted(c)
		case errAgain:
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			c.rest(err)
			return
		default: // of that one connection, such as ECONNABORTED
			c.mgr.log.Debug("accept", "id", c.id, "error", err)
		}
	}
}

// accepted lets the new connection inherit from its listener and be heard of.
func (c *Conn) accepted(l *Conn) {
	if x := l.ext; x != nil && x.high > 0 {
		c.SetWater(x.low, x.high)
	}
	for _, p := range l.layers {
		if a, ok := p.(Acceptor); ok {
			c.Push(a.Accept(c))
		}
	}
	c.mark()
	if c.mgr.verbose() {
		c.mgr.log.Debug("accepted", "id", c.id, "remote", c.remote, "listener", l.id)
	}
	c.Call(EvAccept, nil) // after EvOpen, see dispatch
}

// rest keeps a listener from spinning on a connection that it cannot accept:
// it is not watched for a while.
func (c *Conn) rest(err error) {
	c.mgr.log.Error("accept", "id", c.id, "local", c.LocalAddr(), "error", err, "retry", acceptRest)
	c.flags |= resting
	c.mark()
	c.mgr.AddTimer(acceptRest, TimerOnce, func() {
		c.flags &^= resting
		c.mark()
	})
}

// isErrno reports whether err comes from a system call that failed with errno.
func isErrno(err error, errno syscall.Errno) bool { return errors.Is(err, errno) }
