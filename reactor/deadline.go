package reactor

import (
	"cmp"
	"os"
	"time"
)

// The defaults of Deadlines, and of Sockets.KeepAlive.
const (
	DefaultResolveDeadline     = 5 * time.Second
	DefaultConnectDeadline     = 10 * time.Second
	DefaultTLSDeadline         = 10 * time.Second
	DefaultHandshakeDeadline   = 10 * time.Second
	DefaultMessageDeadline     = 20 * time.Second
	DefaultMessageRate         = 500 // bytes per second
	DefaultNextRequestDeadline = 60 * time.Second
	DefaultStallDeadline       = 30 * time.Second // not for WrapFD
	DefaultKeepAlive           = 60 * time.Second
)

// Deadlines bound how long things may take. If one passes, the connection fails with a
// *DeadlineError. Two do something else: Resolve and NextRequest. For Connect the error wraps a
// *DeadlineError and the errors of the attempts that failed before. In each field zero means the
// default, which for a connection is the manager's value. A negative value means no deadline. So
// a program can set one field without changing the others.
//
// The defaults bound each wait in which a peer makes the loop hold memory or a descriptor for
// something that the peer has begun and does not finish. They are the same for clients and
// servers. A connection that is quiet, such as an open WebSocket or a client that waits for an
// answer, has no deadline by default. Keep-alive probes find out if its peer has vanished, see
// Sockets.KeepAlive.
//
// A late loop is not blamed on the peer: what is in the socket is read before a deadline is
// enforced. In a pause (Conn.Pause) TLS, Handshake, Message, NextRequest and Idle stop, and the
// others run.
type Deadlines struct {
	// Resolve bounds the look-up of a host name. If it passes, the connection uses the
	// addresses that are known. If none is known, it fails with a *net.DNSError that timed
	// out. The default is DefaultResolveDeadline, 5 s.
	Resolve time.Duration
	// Connect bounds how long an outgoing connection may take to be established, including its
	// Opening (Stack.SetOpening). It counts from when the name is resolved. The default is
	// DefaultConnectDeadline, 10 s.
	Connect time.Duration
	// TLS bounds the handshake of TLS. It counts from EvConnect, EvAccept or StartTLS,
	// whichever is last, until EvTLSHS. The default is DefaultTLSDeadline, 10 s.
	TLS time.Duration
	// Handshake bounds the opening handshake of a protocol, or the header of one message. The
	// time counts from when the protocol begins to wait for the handshake or header until that
	// is complete, see Stack.SetHandshaking. With TLS it counts from EvTLSHS at the earliest.
	// Bytes that arrive meanwhile do not restart it. The default is DefaultHandshakeDeadline,
	// 10 s: a header that arrives in tiny pieces costs its sender nothing. It also bounds the
	// Opening of an accepted connection, from when it is accepted, see Stack.SetOpening.
	Handshake time.Duration
	// Message bounds the rest of a message that has begun to arrive, such as the body of an
	// HTTP message, a WebSocket message or an MQTT packet. It counts until the message is
	// complete. See Stack.SetReceiving. The default is DefaultMessageDeadline, 20 s. Programs
	// whose peers take longer breaks inside a message set more.
	Message time.Duration
	// MessageRate, in bytes per second, makes Message a bound on how slow a message may be,
	// independent of its size. Each MessageRate bytes that arrive move the deadline by one
	// second. After a move, the time left is Message at most. Without Message it has no effect.
	// If neither Message nor MessageRate is set, it is DefaultMessageRate, 500 bytes per second:
	// slower than any network in use. If only Message is set, MessageRate is off.
	MessageRate int
	// NextRequest bounds how long a server waits for the next request of a client, see
	// Stack.SetAwaitingRequest. It counts from when the previous request was answered and the
	// socket took the answer. If it passes, the connection closes. This is the normal end of such
	// a connection, so there is no EvError. The default is DefaultNextRequestDeadline, 60 s.
	NextRequest time.Duration
	// Idle bounds how long the peer may send nothing. By default there is none.
	Idle time.Duration
	// Stall bounds how long bytes may wait in Send while the socket takes none. The default is
	// DefaultStallDeadline, 30 s: a peer that does not read makes the loop hold its answers. A
	// connection of WrapFD has none by default, because a terminal or pipe may stop for hours.
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

// defaultDeadlines are the deadlines of a manager without WithDeadlines. The defaults of Message,
// MessageRate and Stall depend on more: see messageLimit, messageRate and stallLimit.
var defaultDeadlines = Deadlines{
	Resolve:     DefaultResolveDeadline,
	Connect:     DefaultConnectDeadline,
	TLS:         DefaultTLSDeadline,
	Handshake:   DefaultHandshakeDeadline,
	NextRequest: DefaultNextRequestDeadline,
}

// messageLimit returns the Message that applies.
func (d *Deadlines) messageLimit() time.Duration { return cmp.Or(d.Message, DefaultMessageDeadline) }

// messageRate returns the MessageRate that applies. A program that sets only Message bounds the
// whole message, however fast it arrives.
func (d *Deadlines) messageRate() int {
	if d.Message == 0 {
		return cmp.Or(d.MessageRate, DefaultMessageRate)
	}
	return d.MessageRate
}

// stallLimit returns the Stall that applies to the connection.
func (c *Conn) stallLimit(d *Deadlines) time.Duration {
	if d.Stall == 0 && c.role != roleWrapped && c.role != roleFile {
		return DefaultStallDeadline
	}
	return d.Stall
}

// deadlineKind is one of the waits that the loop bounds.
type deadlineKind uint8

const (
	deadlineResolve deadlineKind = iota
	deadlineConnect
	deadlineTLS
	deadlineHandshake
	deadlineMessage
	deadlineNextRequest
	deadlineIdle
	deadlineStall
	deadlineLife
	deadlineLinger // of the peer's end, while the connection is lingering
	deadlineKinds  // how many there are; as expiry.kind it means a layer's own deadline
)

// deadlineRule describes a kind of deadline.
type deadlineRule struct {
	name         string                                    // in the DeadlineError
	stopsInPause bool                                      // waits for bytes of the peer: stops in a pause
	limit        func(c *Conn, d *Deadlines) time.Duration // 0 or less is no deadline
	applies      func(c *Conn) bool                        // whether the wait is still on; nil means always
}

var deadlineRules = [deadlineKinds]deadlineRule{
	deadlineResolve: {"resolve", false, func(_ *Conn, d *Deadlines) time.Duration { return d.Resolve }, (*Conn).dialing},
	deadlineConnect: {"connect", false, func(_ *Conn, d *Deadlines) time.Duration { return d.Connect }, (*Conn).dialing},
	deadlineTLS:     {"TLS handshake", true, func(_ *Conn, d *Deadlines) time.Duration { return d.TLS }, (*Conn).handshakePending},
	deadlineHandshake: {"handshake", true, func(_ *Conn, d *Deadlines) time.Duration { return d.Handshake },
		func(c *Conn) bool { return c.opening() != nil || c.is(handshaking) && !c.handshakePending() }},
	deadlineMessage: {"message", true, func(_ *Conn, d *Deadlines) time.Duration { return d.messageLimit() },
		func(c *Conn) bool { return c.is(receivingMessage) && !c.is(peerEnded) }},
	deadlineNextRequest: {"next request", true, func(_ *Conn, d *Deadlines) time.Duration { return d.NextRequest },
		func(c *Conn) bool { return c.is(awaitingRequest) && !c.is(peerEnded) && c.life == open && !c.blocked() }},
	deadlineIdle: {"idle", true, func(_ *Conn, d *Deadlines) time.Duration { return d.Idle },
		func(c *Conn) bool { return !c.is(peerEnded) }},
	deadlineStall: {"stall", false, (*Conn).stallLimit, (*Conn).stalled},
	deadlineLife:  {"life", false, func(_ *Conn, d *Deadlines) time.Duration { return d.Life }, nil},
	deadlineLinger: {"end", false, func(*Conn, *Deadlines) time.Duration { return lingerTime },
		func(c *Conn) bool { return c.life == lingering }},
}

// deadlineLimit returns how long the wait k may last, or a value of 0 or less if it has no
// deadline.
func (c *Conn) deadlineLimit(k deadlineKind) time.Duration {
	return deadlineRules[k].limit(c, c.deadlines())
}

// or returns d, with each field that is zero replaced by the field of other.
func (d Deadlines) or(other Deadlines) Deadlines {
	return Deadlines{
		Resolve:     cmp.Or(d.Resolve, other.Resolve),
		Connect:     cmp.Or(d.Connect, other.Connect),
		TLS:         cmp.Or(d.TLS, other.TLS),
		Handshake:   cmp.Or(d.Handshake, other.Handshake),
		Message:     cmp.Or(d.Message, other.Message),
		MessageRate: cmp.Or(d.MessageRate, other.MessageRate),
		NextRequest: cmp.Or(d.NextRequest, other.NextRequest),
		Idle:        cmp.Or(d.Idle, other.Idle),
		Stall:       cmp.Or(d.Stall, other.Stall),
		Life:        cmp.Or(d.Life, other.Life),
	}
}

// deadlines returns the deadlines that apply to the connection: its own, or the manager's. The
// caller must not change them.
func (c *Conn) deadlines() *Deadlines {
	if own := c.settings().deadlines; own != nil {
		return own
	}
	return &c.mgr.deadlines
}

// SetDeadlines sets all deadlines of the connection. On a listener it sets the deadlines of the
// connections that it accepts from now on. It may be called at any time. A wait that already has
// a deadline keeps its start, so a shorter deadline may have passed already. A wait that had no
// deadline before counts from now. After EvClose the call does nothing.
func (c *Conn) SetDeadlines(d Deadlines) {
	c.mgr.checkOwner()
	if c.life == closed || d == (Deadlines{}) && c.settings().deadlines == nil {
		return
	}
	before := *c.deadlines()
	if d == (Deadlines{}) {
		c.ownSettings().deadlines = nil
	} else {
		own := d.or(c.mgr.deadlines)
		c.ownSettings().deadlines = &own
	}
	if c.role != roleListener {
		c.deadlinesChanged(&before)
	}
}
