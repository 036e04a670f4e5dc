package reactor

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// acceptBurst bounds how many connections one listener accepts in a turn. It begins with
// one, because an accept that finds no client costs the kernel almost as much as one that
// does. Each turn in a row that finds a client doubles it.
const acceptBurst = 64

// acceptPause is how long accepting is suspended when there are no descriptors left.
const acceptPause = time.Second

// acceptor is what a listener of streams has in the place of a transport.
type acceptor struct {
	path  socketPath // of a UNIX-domain listener
	tls   bool       // of those that it accepts
	cfg   *tlsConfig // that they begin with
	group group      // of the admission queue
	short bool       // suspended: descriptors ran out
	burst uint8      // how many it accepted in its last turn, if nothing stopped it
	batch uint32     // that turn's
}

// suspended reports whether the listener must not accept now: descriptors ran out, or
// one that it accepted waits for a slot for its TLS handshake.
func (a *acceptor) suspended() bool { return a.short || len(a.group.waiting) > 0 }

// secure sets the Config for those that are accepted from now on.
func (a *acceptor) secure(cfg *tlsConfig) { a.tls, a.cfg = true, cfg }

// accept takes connections out of the backlog.
func (c *Conn) accept() {
	for range c.burst() {
		if c.Stopped() || c.ext.accept.suspended() || c.mgr.ending {
			return
		}
		fd, remote, err := poll.Accept(int(c.fd))
		switch err {
		case nil:
			a := c.mgr.newConn(fd, roleAccepted, c.Fn, c.FnData)
			a.setRemote(remote)
			c.mgr.stats.Accepted++
			a.accepted(c)
		case poll.ErrAgain:
			c.mgr.acceptedAll()
			c.ext.accept.burst = 0
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			c.suspendAccepting(err)
			return
		case unix.EBADF, unix.EINVAL, unix.ENOTSOCK: // of the listener: shut down elsewhere, say
			c.Fail(opError("accept", c.network(), c.LocalAddr(), sysErr("accept", err)))
			return
		default: // of that one connection: ECONNABORTED, and on Linux what befell it in the network, EOPNOTSUPP among it
			c.mgr.log.Debug("accept", "id", c.id, "error", err)
		}
	}
}

// burst is how many connections the listener accepts in this turn.
func (c *Conn) burst() uint8 {
	x, m := c.ext.accept, c.mgr
	switch {
	case x.batch+1 == m.batch:
		x.burst = max(1, min(2*x.burst, acceptBurst))
	case x.burst > 0: // the last turn that accepted left an empty backlog
		m.acceptedAll()
		fallthrough
	default:
		x.burst = 1
	}
	x.batch = m.batch
	return x.burst
}

// accepted lets the new connection inherit from its listener and raises its first events.
func (c *Conn) accepted(l *Conn) {
	c.inherit(l)
	for _, p := range l.layers {
		if a, ok := p.(Acceptor); ok {
			c.layers = append(c.layers, a.Accept(c))
		}
	}
	c.mark()
	if c.mgr.verbose() {
		c.mgr.log.Debug("accepted", append(c.attrs(), "listener", l.id)...)
	}
	c.Call(EvAccept, nil) // after EvOpen, see dispatch
	if t := c.tls(); t != nil {
		t.group = &l.ext.accept.group
	}
}

// inherit takes over what was set on the listener.
func (c *Conn) inherit(l *Conn) {
	x := l.ext
	c.flags |= l.flags & (hexdump | halfClose)
	if x.accept.tls {
		c.planTLS().cfg = x.accept.cfg
	}
	if x.high > 0 {
		c.SetWater(x.low, x.high)
	}
	if x.flight != nil {
		c.SetRecorder(&x.flight.Recorder)
	}
	if x.limits != (Limits{}) {
		c.SetLimits(x.limits)
	}
	if x.watch != nil {
		c.guard().limits = x.watch.limits
	}
	c.established()
}

// suspendAccepting keeps a listener from spinning on connections that it cannot accept
// for want of descriptors or memory. It is not in the poller's set until a connection of
// the manager closes, or for a second. That is logged once, until there was no shortage
// for a second.
func (c *Conn) suspendAccepting(err error) {
	m := c.mgr
	if !m.shortage.logged {
		m.log.Error("accept", append(c.attrs(), "error", err)...)
		m.shortage.logged = true
	}
	c.ext.accept.short = true
	c.ext.accept.burst = 0
	c.mark()
	m.shortage.listeners = append(m.shortage.listeners, c)
	if !m.shortage.recent() {
		m.shortage.timer = m.AddTimer(acceptPause, TimerOnce, m.resumeAccepting)
	}
}

// shortage is a manager's want of descriptors.
type shortage struct {
	logged    bool
	listeners []*Conn // suspended
	timer     *Timer  // for them to try again
}

// recent reports whether there was a shortage within the last second.
func (s *shortage) recent() bool { return s.timer != nil && s.timer.pos >= 0 }

// acceptedAll notes that the backlog is empty.
func (m *Manager) acceptedAll() {
	if !m.shortage.recent() {
		m.shortage.logged = false
	}
}

// resumeAccepting lets listeners try again that were suspended for want of descriptors.
func (m *Manager) resumeAccepting() {
	s := &m.shortage
	for _, c := range s.listeners {
		if c.accepts() {
			c.ext.accept.short = false
			c.mark()
		}
	}
	clear(s.listeners)
	s.listeners = s.listeners[:0]
}
