package reactor

import (
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// acceptBurst bounds how many connections one listener accepts in a turn. It
// begins with one, for an accept that finds nobody costs the kernel almost as much
// as one that does; each turn in a row that finds somebody doubles it.
const acceptBurst = 64

// acceptRest is how long a listener rests when there are no descriptors left.
const acceptRest = time.Second

func (c *Conn) accept() {
	for range c.burst() {
		if c.Stopped() || c.is(resting) || c.mgr.ending {
			return
		}
		fd, remote, err := poll.Accept(int(c.fd))
		switch err {
		case nil:
			a := c.mgr.newConn(fd, c.flags&hexdump, c.Fn, c.FnData)
			a.remote = remote
			c.mgr.stats.Accepted++
			a.accepted(c)
		case poll.ErrAgain:
			c.mgr.sated()
			c.ext.burst = 0
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			c.rest(err)
			return
		case unix.EBADF, unix.EINVAL, unix.ENOTSOCK: // of the listener: shut down elsewhere, say
			c.Fail(opError("accept", c.network(), c.LocalAddr(), sysErr("accept", err)))
			return
		default: // of that one connection: ECONNABORTED, and on Linux what befell it in the network, EOPNOTSUPP among it
			c.mgr.log.Debug("accept", "id", c.id, "error", err)
		}
	}
}

// sated notes that nobody waits to be accepted.
func (m *Manager) sated() {
	if m.hunger == nil || m.hunger.pos < 0 { // and there was no want for a while
		m.hungry = false
	}
}

// burst is how many connections the listener accepts in this turn.
func (c *Conn) burst() uint8 {
	x, m := c.ext, c.mgr
	switch {
	case x.batch+1 == m.batch:
		x.burst = max(1, min(2*x.burst, acceptBurst))
	case x.burst > 0: // the last turn that accepted left nobody waiting
		m.sated()
		fallthrough
	default:
		x.burst = 1
	}
	x.batch = m.batch
	return x.burst
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
	if c.is(resting) {
		c.ext.tls.holdBack(l)
	}
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
		c.guard(x.watch.limits)
	} else {
		c.established()
	}
}

// rest keeps a listener from spinning on connections that it cannot accept for
// want of descriptors or memory: it is not watched until a connection of the
// manager's closes, or for a second. That is logged once, until for a second there was no want.
func (c *Conn) rest(err error) {
	m := c.mgr
	if !m.hungry {
		m.log.Error("accept", append(c.attrs(), "error", err)...)
		m.hungry = true
	}
	c.flags |= resting
	c.ext.burst = 0
	c.mark()
	m.starved = append(m.starved, c)
	if m.hunger == nil || m.hunger.pos < 0 {
		m.hunger = m.AddTimer(acceptRest, TimerOnce, m.feed)
	}
}

// feed lets the listeners that rest for want of descriptors try again.
func (m *Manager) feed() {
	for i, c := range m.starved {
		m.starved[i] = nil
		c.flags &^= resting
		c.mark()
	}
	m.starved = m.starved[:0]
}
