package reactor

import (
	"cmp"
	"os"
	"time"
)

// Deadlines bound how long things may take. If one passes, the connection fails with a
// *DeadlineError. Resolve does something else. For Connect the error wraps a *DeadlineError and
// the errors of the attempts that failed before. In each field zero means the default, which
// for a connection is the manager's value. A negative value means no deadline. So a program
// can set one field without changing the others.
//
// A late loop is not blamed on the peer: what is in the socket is read before a deadline is
// enforced. In a pause (Conn.Pause) TLS, Handshake, Message and Idle stop, and the others run.
type Deadlines struct {
	// Resolve bounds the look-up of a host name. If it passes, the connection uses the
	// addresses that are known. If none is known, it fails with a *net.DNSError that timed
	// out. The default is 5 s.
	Resolve time.Duration
	// Connect bounds how long an outgoing connection may take to be established. It counts
	// from when the name is resolved. The default is 10 s.
	Connect time.Duration
	// TLS bounds the handshake of TLS. It counts from EvConnect, EvAccept or StartTLS,
	// whichever is last, until EvTLSHS. The default is 10 s.
	TLS time.Duration
	// Handshake bounds the opening handshake of a protocol, or the header of one message. The
	// time counts from when the protocol begins to wait for the handshake or header until that
	// is complete, see Stack.SetHandshaking. With TLS it counts from EvTLSHS at the earliest.
	// Bytes that arrive meanwhile do not restart it. By default there is none.
	Handshake time.Duration
	// Message bounds the rest of a message that has begun to arrive, such as the body of an
	// HTTP message or an MQTT packet. It counts until the message is complete. See
	// Stack.SetReceiving. By default there is none.
	Message time.Duration
	// MessageRate, in bytes per second, makes Message a bound on how slow a message may be,
	// independent of its size. Each MessageRate bytes that arrive move the deadline by one
	// second. After a move, the time left is Message at most. Without Message it has no effect.
	// By default it is off.
	MessageRate int
	// Idle bounds how long the peer may send nothing. By default there is none.
	Idle time.Duration
	// Stall bounds how long bytes may wait in Send while the socket takes none. By default
	// there is none.
	Stall time.Duration
	// Life bounds the whole life of the connection. It counts from EvConnect or EvAccept, and
	// for WrapFD from EvOpen. By default there is none.
	Life time.Duration
}

// A DeadlineError is the cause of EvError when a deadline has passed. errors.Is finds
// os.ErrDeadlineExceeded in it. It is a net.Error that timed out.
type DeadlineError struct {
	// Deadline is "connect", "TLS handshake", "handshake", "message", "idle", "stall", "life",
	// or the Name of a layer's Deadline.
	Deadline string
	After    time.Duration // the time that the deadline was set to
}

func (e *DeadlineError) Error() string {
	return "reactor: " + e.Deadline + " deadline of " + e.After.String() + " exceeded"
}

// Is reports whether target is os.ErrDeadlineExceeded, for errors.Is.
func (e *DeadlineError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// Timeout returns true, for net.Error.
func (e *DeadlineError) Timeout() bool { return true }

// Temporary returns false, for net.Error: the connection closes.
func (e *DeadlineError) Temporary() bool { return false }

// WithDeadlines sets the manager's deadlines. They apply to each connection, in all fields that
// Conn.SetDeadlines does not set for it.
func WithDeadlines(d Deadlines) Option { return func(m *Manager) { m.deadlines = d.or(m.deadlines) } }

// defaultDeadlines are the deadlines of a manager without WithDeadlines.
var defaultDeadlines = Deadlines{Resolve: 5 * time.Second, Connect: 10 * time.Second, TLS: 10 * time.Second}

// or returns d, with each field that is zero replaced by the field of other.
func (d Deadlines) or(other Deadlines) Deadlines {
	return Deadlines{
		Resolve:     cmp.Or(d.Resolve, other.Resolve),
		Connect:     cmp.Or(d.Connect, other.Connect),
		TLS:         cmp.Or(d.TLS, other.TLS),
		Handshake:   cmp.Or(d.Handshake, other.Handshake),
		Message:     cmp.Or(d.Message, other.Message),
		MessageRate: cmp.Or(d.MessageRate, other.MessageRate),
		Idle:        cmp.Or(d.Idle, other.Idle),
		Stall:       cmp.Or(d.Stall, other.Stall),
		Life:        cmp.Or(d.Life, other.Life),
	}
}

// SetDeadlines sets all deadlines of the connection. On a listener it sets the deadlines of the
// connections that it accepts from now on. It may be called at any time. A wait that is already
// measured keeps its start, so a shorter deadline may have passed already. If the connection
// had no deadlines before, its waits count from now. After EvClose the call does nothing.
func (c *Conn) SetDeadlines(d Deadlines) {
	c.mgr.checkOwner()
	if c.life == closed || c.watchdog() == nil && d == (Deadlines{}) {
		return
	}
	own := d.or(c.mgr.deadlines)
	w := c.ensureWatchdog()
	w.deadlines = &own
	w.rearm()
}
