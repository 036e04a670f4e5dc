package reactor

import (
	"cmp"
	"os"
	"time"
)

// Deadlines bound how long things may take. A connection for which one passes fails with
// a *DeadlineError, unless the field says otherwise. In each field zero is the default (of
// a connection: the manager's value) and a negative value is no deadline, so setting one
// field does not change the others. Rate alone is not a deadline, see there.
type Deadlines struct {
	// Resolve is for the look-up of a host name. If some addresses are known when it
	// passes, the connection goes on with those. If none is, it fails with a
	// *net.DNSError that timed out. The default is 5 s.
	Resolve time.Duration
	// Connect is for an outgoing connection: from when its name is resolved until it is
	// established. The default is 10 s.
	Connect time.Duration
	// TLS is for the handshake of TLS: from EvConnect, EvAccept or StartTLS, whichever is
	// last, until EvTLSHS. The default is 10 s.
	TLS time.Duration
	// Handshake is for the opening of a protocol, or for the header of one message: from
	// when its layer says that it begins until it is complete, however many bytes trickle
	// in meanwhile. With TLS it counts from EvTLSHS at the earliest. See
	// Stack.SetHandshaking. By default there is none.
	Handshake time.Duration
	// Message is for the rest of a message whose beginning has come, such as the body of
	// an HTTP message or an MQTT packet: how long it may take until it is complete. See
	// Stack.SetReceiving. By default there is none.
	Message time.Duration
	// Rate, in bytes per second, makes Message a bound on how slow a message may be,
	// however large: each Rate bytes that come give it another second, up to the whole of
	// Message from then on.
	Rate int
	// Idle is how long the peer may send nothing at all. By default there is none.
	Idle time.Duration
	// Stall is how long bytes may wait in Send without the socket taking any. By default
	// there is none.
	Stall time.Duration
	// Life is the whole life of the connection, from EvConnect or EvAccept; for WrapFD,
	// from EvOpen. By default there is none.
	Life time.Duration
}

// A DeadlineError is EvError's data when a deadline passed. It is an
// os.ErrDeadlineExceeded, and a net.Error that timed out.
type DeadlineError struct {
	Deadline string        // "connect", "TLS handshake", "handshake", "message", "idle", "stall", "life", or a Deadline's Name
	After    time.Duration // what it was set to
}

func (e *DeadlineError) Error() string {
	return "reactor: " + e.Deadline + " deadline of " + e.After.String() + " exceeded"
}

// Is makes errors.Is find os.ErrDeadlineExceeded.
func (e *DeadlineError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// Timeout reports that this is a timeout, as net.Error has it.
func (e *DeadlineError) Timeout() bool { return true }

// Temporary reports false: the connection is closed.
func (e *DeadlineError) Temporary() bool { return false }

// WithDeadlines sets the deadlines of all connections that have none of their own.
func WithDeadlines(d Deadlines) Option { return func(m *Manager) { m.deadlines = d.or(m.deadlines) } }

// defaultDeadlines are those of a manager.
var defaultDeadlines = Deadlines{Resolve: 5 * time.Second, Connect: 10 * time.Second, TLS: 10 * time.Second}

// or returns d with the fields of other in the place of those that are zero.
func (d Deadlines) or(other Deadlines) Deadlines {
	return Deadlines{
		Resolve:   cmp.Or(d.Resolve, other.Resolve),
		Connect:   cmp.Or(d.Connect, other.Connect),
		TLS:       cmp.Or(d.TLS, other.TLS),
		Handshake: cmp.Or(d.Handshake, other.Handshake),
		Message:   cmp.Or(d.Message, other.Message),
		Rate:      cmp.Or(d.Rate, other.Rate),
		Idle:      cmp.Or(d.Idle, other.Idle),
		Stall:     cmp.Or(d.Stall, other.Stall),
		Life:      cmp.Or(d.Life, other.Life),
	}
}

// SetDeadlines sets all deadlines of the connection, which may be done at any time; on a
// listener, those of the connections that it accepts from now on. Time counts from where
// it began, so a shorter deadline may have passed already; but a connection that had no
// deadlines before begins to count now.
func (c *Conn) SetDeadlines(d Deadlines) {
	c.mgr.own()
	if c.life == closed || c.watchdog() == nil && d == (Deadlines{}) {
		return
	}
	own := d.or(c.mgr.deadlines)
	w := c.guard()
	w.limits = &own
	w.rearm()
}
