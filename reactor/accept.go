package reactor

import (
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
		if c.crowded() {
			c.starve()
			return
		}
		fd, remote, err := acceptFD(int(c.fd))
		switch err {
		case nil:
			a := c.mgr.newConn(fd, c.flags&hexdump, c.Fn, c.FnData)
			a.remote = remote
			c.mgr.stats.Accepted++
			a.accepted(c)
		case errAgain:
			c.mgr.hungry = false // the backlog is empty
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			c.rest(err)
			return
		case unix.EBADF, unix.EINVAL, unix.ENOTSOCK, unix.EOPNOTSUPP: // of the listener: shut down elsewhere, say
			c.Fail(opError("accept", c.network(), c.LocalAddr(), sysErr("accept", err)))
			return
		default: // of that one connection, such as ECONNABORTED
			c.mgr.log.Debug("accept", "id", c.id, "error", err)
		}
	}
}

// accepted lets the new connection inherit from its listener and be heard of.
func (c *Conn) accepted(l *Conn) {
	c.inherit(l)
	for _, p := range l.layers {
		if a, ok := p.(Acceptor); ok {
			c.Push(a.Accept(c))
		}
	}
	c.mark()
	if c.mgr.verbose() {
		c.mgr.log.Debug("accepted", append(c.attrs(), "listener", l.id)...)
	}
	c.Call(EvAccept, nil) // after EvOpen, see dispatch
}

// inherit takes over what was set on the listener.
func (c *Conn) inherit(l *Conn) {
	x := l.ext
	if x.tls != nil {
		c.plan().cfg = x.tls.cfg
	}
	if x.high > 0 {
		c.SetWater(x.low, x.high)
	}
	if x.flight != nil {
		c.SetRecorder(&x.flight.Recorder)
	}
	if x.limited {
		c.SetLimits(x.limits)
	}
	if x.watch != nil {
		c.SetDeadlines(x.watch.limits)
	} else {
		c.established()
	}
}

// rest keeps a listener from spinning on connections that it cannot accept for
// want of descriptors or memory: it is not watched until a connection of the
// manager's closes, or for a second. That is logged once until it accepts again.
func (c *Conn) rest(err error) {
	m := c.mgr
	if !m.hungry {
		m.log.Error("accept", append(c.attrs(), "error", err)...)
		m.hungry = true
	}
	c.starve()
	if m.hunger == nil || m.hunger.pos < 0 {
		m.hunger = m.AddTimer(acceptRest, TimerOnce, m.feed)
	}
}

// starve lets a listener rest until the next feed.
func (c *Conn) starve() {
	c.flags |= resting
	c.mark()
	c.mgr.starved = append(c.mgr.starved, c)
}

// feed lets the listeners that rest try again.
func (m *Manager) feed() {
	for i, c := range m.starved {
		m.starved[i] = nil
		c.flags &^= resting
		c.mark()
	}
	m.starved = m.starved[:0]
}
