package reactor

import (
	"cmp"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Capacity: what a listener does when no further connection has a place.
//
//	what is full                  when
//	the listener                  as many of its connections are open as Limits.Conns allows
//	the process's descriptors     the new descriptor's number is one of the last below
//	                              RLIMIT_NOFILE, the reserve (WithDescriptorReserve)
//	the descriptors, all of them  accept fails with EMFILE or ENFILE
//
// The kernel gives a descriptor the lowest number that is free. So a number in the reserve means
// that all lower ones are in use. Nothing has to be counted, and several managers may share the
// descriptors of a process.
//
//	Limits.WhenFull  what happens
//	EvictIdle        an idle connection closes, and the new one takes its place. If no connection
//	                 is idle, the listener does as with RefuseNew. idle.go says which connections
//	                 are idle.
//	RefuseNew        the new connection closes. If accept fails, there is no new connection, and
//	                 accepting is suspended (accept.go).
//
// If the listener is full, one of its own connections is evicted: the one that is idle longest. If
// descriptors are short, the listener with the most idle connections evicts one, so a flood on one
// listener does not cost another one its connections.
//
// If descriptors are short, one connection is evicted, even if the new number stays in the
// reserve. Other parts of the process may have the lower numbers, or RLIMIT_NOFILE is lower than
// before. If accept has failed, one more goes, so that the reserve grows again.
//
// A connection is open until its descriptor is closed. So before a listener evicts or refuses, the
// loop settles: it frees the connections that have been closed in this turn. An evicted connection
// is freed at once. It gets EvClose and no EvError. A refused one gets no event, and has no Conn.

// WhenFull says what a listener does with a new connection that has no place, see Limits.Conns and
// WithDescriptorReserve.
type WhenFull uint8

const (
	// EvictIdle closes an idle connection, and accepts the new one. These connections count as
	// idle: those in a TLS handshake, in the opening handshake of a protocol, in the header of a
	// request, or between two requests; those that have never sent a byte, that have no layers, or
	// that have ended and wait for the peer's end. A connection that has unsent bytes, unread
	// input, or is paused is not idle. So an open WebSocket or MQTT session is never evicted, and
	// neither is a request or response that is in progress. If none is idle, the new one is
	// refused. EvictIdle is the default.
	EvictIdle WhenFull = iota + 1
	// RefuseNew closes the new connection. It raises no event.
	RefuseNew
)

// WithDescriptorReserve sets how many file descriptors the manager's listeners leave to the other
// parts of the process: files, connections that the program makes, other managers. If accepting a
// connection would use one of them, the listener is full, see WhenFull. In particular, n is how
// many of the numbers below the limit of the process (RLIMIT_NOFILE) no accepted connection uses.
// A limit that changes later counts.
//
// Zero means the default: 64, or an eighth of the limit if that is less. A negative value means
// no reserve. A reserve of more than half of the limit counts as half of it, which is logged once.
func WithDescriptorReserve(n int) Option { return func(m *Manager) { m.descriptors.reserve = n } }

// defaultReserve is the default of WithDescriptorReserve, if the limit is large enough.
const defaultReserve = 64

// descriptorLimit says which descriptors accepted connections may use.
type descriptorLimit struct {
	reserve int  // as given to WithDescriptorReserve
	usable  int  // accepted connections may use the numbers below this one
	seen    int  // the kernel was asked for the limit when the numbers below this one came up
	halved  bool // the log says that the reserve is too large
}

// readDescriptorLimit asks the kernel for the limit of descriptors, because it may have changed. It
// is called by New, when descriptors seem to be short, and when a number comes up that is higher
// than all before.
func (m *Manager) readDescriptorLimit() {
	d, limit := &m.descriptors, poll.MaxDescriptors()
	reserve := cmp.Or(d.reserve, min(defaultReserve, limit/8))
	if reserve > limit/2 {
		if !d.halved {
			m.log.Warn("descriptor reserve too large, half of the limit is used", "reserve", reserve, "limit", limit)
			d.halved = true
		}
		reserve = limit / 2
	}
	d.usable = limit - max(reserve, 0)
}

// maxEvictionsPerAccept bounds how many connections are evicted for a new one. More than one goes
// only if Limits.Conns is lower than before.
const maxEvictionsPerAccept = 64

// fullLogInterval is the least time between two log records that a listener is full.
const fullLogInterval = 10 * time.Second

// fullness is a reason why a new connection has no place.
type fullness uint8

const (
	notFull fullness = iota
	listenerFull
	descriptorsShort
)

// fullFor reports whether a new connection with that descriptor has a place on listener c.
func (c *Conn) fullFor(fd int) fullness {
	m := c.mgr
	if c.ext.accept.accepted.open >= effectiveLimit(c.limits().Conns, m.limits.Conns) {
		return listenerFull
	}
	if d := &m.descriptors; fd >= min(d.usable, d.seen) {
		d.seen = max(d.seen, fd+1)
		if m.readDescriptorLimit(); fd >= d.usable {
			return descriptorsShort
		}
	}
	return notFull
}

// whenFull returns the Limits.WhenFull that applies to the listener.
func (c *Conn) whenFull() WhenFull {
	return cmp.Or(c.limits().WhenFull, c.mgr.limits.WhenFull, EvictIdle)
}

// makeRoom finds a place for a connection that listener c has accepted. It returns the
// connection's descriptor, which may have another number then. If there is no place, or if the
// listener has closed meanwhile, it closes the descriptor and returns -1.
func (c *Conn) makeRoom(fd int) int {
	if c.ext.accept.accepted == nil {
		c.mgr.newAcceptedSet(c.ext.accept)
	}
	if c.fullFor(fd) == notFull {
		return fd
	}
	m, kept := c.mgr, false
	defer func() {
		if !kept { // refused, or a handler has closed the listener or the manager, or has panicked
			poll.Close(fd)
			m.stats.Refused++
		}
	}()
	settled, evictions := false, 0
	for why := c.fullFor(fd); why != notFull && !(why == descriptorsShort && evictions > 0); why = c.fullFor(fd) {
		switch {
		case !settled && len(m.dirty.list) > 0:
			settled = true
			m.settle()
		case c.whenFull() == EvictIdle && evictions < maxEvictionsPerAccept && c.evictOne(why):
			evictions++
		default:
			c.ext.accept.accepted.refused++
			c.logFull(why)
			return -1
		}
		if c.inputOver() || m.closeCalled { // a handler has closed the listener or the manager
			return -1
		}
		fd = poll.Renumber(fd) // takes a number that has become free, so that the reserve stays
	}
	kept = true
	return fd
}

// makeDescriptor frees a descriptor because accept has failed with EMFILE or ENFILE. It returns
// false if that is not possible. It calls handlers, which may close the listener.
func (c *Conn) makeDescriptor() bool {
	m := c.mgr
	if c.ext.accept.accepted == nil {
		m.newAcceptedSet(c.ext.accept)
	}
	if open := m.conns.n; len(m.dirty.list) > 0 {
		if m.settle(); m.conns.n < open || c.inputOver() || m.closeCalled {
			return true // acceptConns checks what is left
		}
	}
	m.readDescriptorLimit() // it is lower than it was
	return c.whenFull() == EvictIdle && c.evictOne(descriptorsShort)
}

// evictOne closes the connection that is idle longest, for a new connection of listener c. It
// returns false if none is idle.
func (c *Conn) evictOne(why fullness) bool {
	m := c.mgr
	var victim *Conn
	if why == listenerFull {
		victim = m.longestIdle(c.ext.accept.accepted)
	} else {
		victim = m.longestIdleOfAll()
	}
	if victim == nil {
		return false
	}
	m.stats.Evicted++
	c.ext.accept.accepted.evicted++
	c.logFull(why)
	victim.free()
	return true
}

// logFull logs that listener c is full, once in fullLogInterval at most. The record says how many
// connections it has evicted and refused since the record before.
func (c *Conn) logFull(why fullness) {
	m, s := c.mgr, c.ext.accept.accepted
	now := m.ticks()
	if s.logged && now < s.nextLog {
		return
	}
	s.logged, s.nextLog = true, addSaturated(now, fullLogInterval)
	text := "listener full: it has as many connections as Limits.Conns allows"
	if why == descriptorsShort {
		text = "listener full: only reserved file descriptors are left"
	}
	m.log.Warn(text, append(c.attrs(), "open", s.open, "evicted", s.evicted, "refused", s.refused)...)
	s.evicted, s.refused = 0, 0
}
