package reactor

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// How listeners accept. A listener accepts a few connections in each turn and leaves the
// others in the kernel's backlog. It stops accepting in three cases, and the backlog grows
// meanwhile:
//
//	case                              until
//	the program has called Pause      it calls Resume
//	descriptors or memory ran out     a connection of the manager closes, or acceptRetryDelay
//	one of its connections waits for  none of them waits any more (admission.go)
//	a slot for its TLS handshake

// maxAcceptsPerTurn bounds how many connections one listener accepts in a turn. In the first turn
// after its backlog was empty, a listener accepts only one. An accept call that finds no client
// costs the kernel almost as much as one that finds a client, so the listener does not make a
// second call. The number doubles in each consecutive turn in which a client waits.
const maxAcceptsPerTurn = 64

// acceptRetryDelay is how long a listener stops accepting when descriptors or memory ran out.
const acceptRetryDelay = time.Second

// acceptor is the state of a listener of streams. The listener has it instead of a transport.
type acceptor struct {
	path          socketPath          // file of a UNIX-domain socket; removed when the listener closes
	name          string              // name of a UNIX-domain socket, for log records
	tls           bool                // accepted connections use TLS
	tlsConfig     *tlsConfig          // their Config; nil: each needs one at EvAccept
	slotQueue     slotQueue           // its connections that wait for a slot, see admission
	accepted      *acceptedSet        // its connections; nil until it accepts the first one
	newOpening    func(*Conn) Opening // see Stack.SetOpening; may be nil
	hadOpening    bool                // newOpening was set once, so connections may be in an opening
	noDescriptors bool                // accept suspended: descriptors or memory ran out
	// quota is how many connections the listener may accept in the batch lastBatch. It is 0 if the
	// listener has emptied the backlog or is suspended.
	quota     uint8
	lastBatch uint32 // the batch in which it accepted last, see Manager.batch
}

// suspended reports whether the loop must not accept now. Pause is a flag of the connection
// and does not count here.
func (a *acceptor) suspended() bool { return a.noDescriptors || a.slotQueue.waiting.last != nil }

// setTLS sets the Config for connections that the listener accepts from now on.
func (a *acceptor) setTLS(cfg *tlsConfig) { a.tls, a.tlsConfig = true, cfg }

// acceptConns accepts connections from the backlog, up to the quota of this turn.
func (c *Conn) acceptConns() {
	c.mgr.beginDelivery(c)
	defer c.mgr.endDelivery()
	evicted := false // for the next descriptor
	for range c.acceptQuota() {
		if c.InputStopped() || c.mgr.turn.ended || c.ext.accept.suspended() || c.mgr.closeCalled {
			return
		}
		fd, remote, err := poll.Accept(int(c.fd))
		switch err {
		case nil:
			evicted = false
			if fd = c.makeRoom(fd); fd < 0 {
				continue
			}
			a := c.mgr.newConn(fd, roleAccepted, c.Fn, c.FnData)
			a.setRemote(remote)
			a.joinSet(c)
			a.openAccepted(c)
		case poll.ErrAgain:
			c.mgr.noteBacklogEmpty()
			c.ext.accept.quota = 0
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			if noDescriptor := err == unix.EMFILE || err == unix.ENFILE; noDescriptor && !poll.IsReadable(int(c.fd)) {
				c.ext.accept.quota = 0 // no client waits: the kernel looks for a descriptor first
				return
			} else if noDescriptor && !evicted && c.makeDescriptor() {
				evicted = true
				continue
			}
			c.suspendAccepting(err)
			return
		case unix.EBADF, unix.EINVAL, unix.ENOTSOCK: // the listener itself is unusable, for example shut down elsewhere
			c.Fail(opError("accept", c.network(), c.LocalAddr(), os.NewSyscallError("accept", err)))
			return
		default:
			// Only the new connection failed, with ECONNABORTED. On Linux the error may also be a
			// network error of this connection, such as EOPNOTSUPP.
			if c.mgr.verbose() {
				c.mgr.log.Debug("connection not accepted", append(c.attrs(), "error", err)...)
			}
		}
	}
}

// acceptQuota returns how many connections the listener may accept in this turn. It sets
// quota and lastBatch.
func (c *Conn) acceptQuota() uint8 {
	a, m := c.ext.accept, c.mgr
	switch {
	case a.lastBatch+1 == m.batch:
		a.quota = max(1, min(2*a.quota, maxAcceptsPerTurn))
	case a.quota > 0: // it did not accept in the batch after lastBatch: its backlog was empty, or Pause
		m.noteBacklogEmpty()
		fallthrough
	default:
		a.quota = 1
	}
	if m.crowded() {
		a.quota = 1
	}
	a.lastBatch = m.batch
	return a.quota
}

// initAccepted copies the settings of listener l to the new connection c, gives it its layers and
// raises EvOpen and EvAccept.
func (c *Conn) initAccepted(l *Conn) {
	c.mgr.stats.Accepted++
	c.inherit(l)
	for p := range l.layers.all() {
		if a, ok := p.(Acceptor); ok {
			c.layers.push(a.Accept(c), &c.mgr.spareStacks)
		}
	}
	c.markDirty()
	if c.mgr.verbose() {
		c.mgr.log.Debug("accepted", append(c.attrs(), "listener", l.id)...)
	}
	c.Call(EvAccept, nil) // dispatch raises EvOpen before it
	if t := c.tls(); t != nil {
		t.slotQueue = &l.ext.accept.slotQueue
	}
}

// inherit copies the settings of listener l: hexdump, SetHalfClose, TLS and its Config, water
// marks, recorder, limits and deadlines.
func (c *Conn) inherit(l *Conn) {
	from := l.settings()
	c.flags |= l.flags & (hexdump | halfClose)
	if a := l.ext.accept; a.tls {
		c.useTLS().cfg = a.tlsConfig
	}
	if from.high > 0 {
		c.SetWater(from.low, from.high)
	}
	if from.recorder != nil {
		c.SetRecorder(&from.recorder.Recorder)
	}
	if limits := from.limits.ofBuffers(); limits != (Limits{}) {
		c.SetLimits(limits)
	}
	if from.deadlines != nil {
		c.ownSettings().deadlines = from.deadlines
	}
	c.startDeadlines()
}

// suspendAccepting stops a listener that cannot accept because descriptors or memory ran out.
// Otherwise the listener would stay readable, and the loop would never block. The listener
// leaves the poller's set until a connection of the manager closes, at most for
// acceptRetryDelay. The error is logged once, and again only after acceptRetryDelay without a
// shortage.
func (c *Conn) suspendAccepting(err error) {
	m := c.mgr
	if !m.shortage.logged {
		m.log.Error("accept suspended: out of file descriptors or memory, retrying every second", append(c.attrs(), "error", err)...)
		m.shortage.logged = true
	}
	c.ext.accept.noDescriptors = true
	c.ext.accept.quota = 0
	c.markDirty()
	m.shortage.listeners = append(m.shortage.listeners, c)
	if !m.shortage.recent() {
		m.shortage.timer = m.AddTimer(acceptRetryDelay, TimerOnce, m.resumeAccepting)
	}
}

// descriptorShortage is the manager's state while descriptors or memory are short.
type descriptorShortage struct {
	logged    bool    // the present shortage is in the log
	listeners []*Conn // listeners that are suspended
	timer     *Timer  // resumes them
}

// recent reports whether there was a shortage within the last acceptRetryDelay.
func (s *descriptorShortage) recent() bool { return s.timer != nil && s.timer.pos >= 0 }

// noteBacklogEmpty notes that a listener has accepted all of its backlog. If there was no
// shortage recently, the next one is logged again.
func (m *Manager) noteBacklogEmpty() {
	if !m.shortage.recent() {
		m.shortage.logged = false
	}
}

// resumeAccepting resumes the listeners that a shortage has suspended.
func (m *Manager) resumeAccepting() {
	s := &m.shortage
	for _, c := range s.listeners {
		if c.isStreamListener() {
			c.ext.accept.noDescriptors = false
			c.markDirty()
		}
	}
	clear(s.listeners)
	s.listeners = s.listeners[:0]
}
