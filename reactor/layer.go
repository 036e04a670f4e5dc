package reactor

import (
	"time"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// Layers: what authors of protocols need and programs do not. A connection has a stack of
// layers. A layer implements Protocol and perhaps the other interfaces below. Stack has the
// calls that are for layers.

// Protocol is a layer on a connection. It handles every event before the layers above it and
// before the program's handler. It reads its messages from Recv, and raises events of its own
// with Conn.Call. A Protocol must be a pointer, and holds the state of the protocol.
//
// In EvOpen a layer must not raise events or fail the connection, because the layers above it
// have not handled EvOpen yet. It may do so in EvConnect and EvAccept.
//
// A layer that finds several messages in Recv checks Conn.InputStopped after each event that
// it has raised. A handler may raise EvRead itself. Therefore a layer that is in the middle of
// a message must expect a nested call, and must do nothing in it.
//
// A layer may also implement Acceptor, Ender, Finisher, GoodbyeSayer, Negotiator and Remover.
type Protocol interface {
	// Handle handles one event. The data is valid until Handle returns.
	Handle(c *Conn, ev Event, data any)
}

// Acceptor is implemented by layers of listeners whose accepted connections speak the protocol
// too. Accepted connections do not inherit layers that do not implement it.
type Acceptor interface {
	// Accept returns a layer with fresh state for the accepted connection c.
	Accept(c *Conn) Protocol
}

// Ender is implemented by layers that know whether the peer may end its stream now.
type Ender interface {
	// End is called when the peer has ended its stream. It returns nil between messages. An
	// error fails the connection, and should wrap io.ErrUnexpectedEOF.
	End(c *Conn) error
}

// Finisher is implemented by layers whose messages say where they end. Many peers end a TLS
// stream without close_notify. That is an error (ErrTruncated), unless the connection is
// draining or a Finisher knows that nothing is missing.
type Finisher interface {
	// Finished reports whether the peer has nothing left to send.
	Finished(c *Conn) bool
}

// GoodbyeSayer is implemented by layers whose protocol says goodbye before it closes.
type GoodbyeSayer interface {
	// SayGoodbye is called by Manager.Drain, on the topmost layer first, and sends the goodbye.
	// It returns true if the layer itself drains the connection later, when the peer has
	// answered. Then the layers below are not asked: what they have to say then is said by this
	// layer. It returns false if the connection can be drained now. If Drain has no time to wait,
	// all layers are asked.
	SayGoodbye(c *Conn) bool
}

// Negotiator is implemented by layers whose protocol has names for ALPN [RFC 7301]. A client
// offers the names and a server accepts one of them, if NextProtos in the connection's tls.Config
// is nil. An empty NextProtos that is not nil means no protocol.
type Negotiator interface {
	// ALPN returns the names, the preferred one first, or nil for none. If several layers have
	// names, those of the lowest count. They may depend on the role of the connection. The caller
	// does not change the slice.
	ALPN() []string
}

// Remover is implemented by layers that hold something that must be released, such as a file.
type Remover interface {
	// Removed is called by Stack.Replace when the layer is not on the connection any more. The
	// layer may be handling an event then. It gets no further event, not even EvClose. Removed is
	// not called for the layers that a connection has when it closes: they get EvClose.
	Removed(c *Conn)
}

// Stack has the calls of a connection that are for layers. Some change the layers, others tell
// the loop what a protocol waits for. Programs do not need it. A Stack is a small value that
// refers to the connection. Conn.Stack makes one.
type Stack struct{ c *Conn }

// Stack returns the calls of the connection that are for layers.
func (c *Conn) Stack() Stack { return Stack{c} }

// Closed reports whether the connection has failed, is closing or is closed. Nothing more can
// be sent or received then.
func (s Stack) Closed() bool { return s.c.inputOver() }

// Push adds a layer on top of the others. It panics if p is nil. After EvClose it does nothing.
func (s Stack) Push(p Protocol) {
	c := s.c
	c.mgr.checkOwner()
	if p == nil {
		panic("reactor: Push of a nil Protocol")
	}
	if c.life < closed {
		c.layers.push(p, &c.mgr.spareStacks)
	}
}

// Replace replaces the layer old by new. If new is nil it removes old. It does nothing if old
// is not a layer of the connection.
//
// If old is handling an event, new gets the same event next. So a layer that replaces another
// during EvRead gets the rest of Recv at once. Otherwise Poll delivers what is in Recv to it.
//
// If old is a Remover, it is told. Replace ends SetAwaitingRequest. If old has called
// SetHandshaking or SetReceiving with true, that wait goes on and its deadline runs, until a layer
// ends it.
func (s Stack) Replace(old, new Protocol) {
	c := s.c
	c.mgr.checkOwner()
	i := c.layers.index(old)
	if i < 0 || c.life == closed {
		return
	}
	c.mgr.layerChanges++
	if c.flags &^= awaitingRequest; c.watchdog() != nil {
		c.ext.watchdog.dropIfUnneeded()
	}
	if new == nil {
		c.layers.remove(i, &c.mgr.spareStacks)
		if c.layers.len() == 0 {
			c.listIdle()
		}
	} else if c.layers.set(i, new); c.Recv.Len() > 0 {
		c.redispatch()
	}
	if r, ok := old.(Remover); ok {
		r.Removed(c)
	}
}

// Redispatch makes Poll raise EvRead again, with a count of 0. On a stream Poll does so even if
// Recv is empty, because a layer may hold bytes of its own. It is for protocols that left a
// message in Recv and can handle it now. It does not resume suspended input.
func (s Stack) Redispatch() {
	s.c.mgr.checkOwner()
	s.c.redispatch()
}

// CanSend reports whether what is appended to Send can still reach the peer. It returns false after
// a write has failed, although input that arrived before is still delivered, and after Closed. A
// protocol of requests and answers need not handle requests that it cannot answer.
func (s Stack) CanSend() bool { return !s.Closed() && !s.c.writeHasFailed() }

// Draining reports whether this side is ending the connection: Drain, AwaitEnd or Close was
// called, or the end of the peer was handled. A connection that has failed may not be draining.
func (s Stack) Draining() bool { return s.c.life >= draining }

// PeerEnded reports whether the end of the peer's stream was read. With SetHalfClose the
// connection may still send.
func (s Stack) PeerEnded() bool { return s.c.is(peerEnded) }

// HalfClose reports whether SetHalfClose is on, so that the connection goes on sending after the
// end of the peer's stream.
func (s Stack) HalfClose() bool { return s.c.is(halfClose) }

// IsDatagram reports whether the socket keeps the boundaries of messages: udp, SOCK_DGRAM and
// SOCK_SEQPACKET. A layer of a stream protocol cannot work on it.
func (s Stack) IsDatagram() bool { return s.c.isDatagram() }

// AwaitEnd drains the connection as Conn.Drain does, but the peer is to end the stream first.
// Once Send is empty, the connection waits up to one second for the peer's end. A reset also
// counts as a normal end. Over TLS the peer is sent close_notify.
func (s Stack) AwaitEnd() {
	s.c.mgr.checkOwner()
	s.c.advance(awaitingEnd)
}

// SetHandshaking tells the loop whether the peer's opening handshake, or the header of a
// message, is outstanding. Deadlines.Handshake bounds that wait. It counts from the call that
// changes the value to true.
func (s Stack) SetHandshaking(on bool) {
	if c := s.c; c.is(handshaking) != on {
		c.setPhase(handshaking, deadlineHandshake, on)
	}
}

// SetReceiving tells the loop whether a message has begun to arrive and is not complete.
// Deadlines.Message bounds that wait. It counts from the call that changes the value to true.
//
// SetReceiving returns true if the value changed. If several layers use it, only the layer
// whose call began the wait, and returned true, may end it. Another layer's message may be
// complete while the message that began the wait is not.
func (s Stack) SetReceiving(on bool) (changed bool) {
	c := s.c
	return c.is(receivingMessage) != on && c.setPhase(receivingMessage, deadlineMessage, on)
}

// SetAwaitingRequest tells the loop whether a server waits for the client's next request: every
// earlier request is answered, and no byte of another one has arrived. Deadlines.NextRequest
// bounds that wait. It counts from the call that changes the value to true, and does not run while
// answers are unsent. Such a connection counts as idle, see WhenFull. Replace sets the value to
// false.
func (s Stack) SetAwaitingRequest(on bool) {
	if c := s.c; c.is(awaitingRequest) != on {
		c.setPhase(awaitingRequest, deadlineNextRequest, on)
	}
}

// setPhase sets or clears f, and starts the deadline k if on is true. After an opening handshake
// it drops the watchdog at once: many connections are quiet from then on.
func (c *Conn) setPhase(f flags, k deadlineKind, on bool) (changed bool) {
	c.mgr.checkOwner()
	if c.life == closed {
		return false
	}
	c.set(f, on)
	if on {
		c.startDeadline(k)
		if f == handshaking || f == awaitingRequest {
			c.listIdle()
		}
	} else if w := c.watchdog(); f == handshaking && w != nil && !w.recurs {
		w.dropIfUnneeded()
	}
	return true
}

// A Deadline bounds one wait of a layer, for example for the answer to a request or for a sign
// of life. A layer has one for each of its waits, and starts and stops it with StartDeadline
// and StopDeadline. When the time is up, the loop first reads what is in the connection's
// socket, unless NoRead is set. If the layer has not stopped or restarted the deadline by then,
// the connection fails with a *DeadlineError.
//
// The fields must be set before the first StartDeadline.
type Deadline struct {
	// Name is the name of the wait in the DeadlineError.
	Name string
	// RestartOnRead makes every read of bytes from the peer restart the wait.
	RestartOnRead bool
	// RunWhilePaused makes the deadline run while the connection is paused. Otherwise it stops
	// in a pause and continues at Resume.
	RunWhilePaused bool
	// NoRead makes the loop call Expired without reading the socket first, which saves system
	// calls. It is for an Expired that does not judge the peer, for example one that sends a
	// ping. It has no effect if Expired is nil.
	NoRead bool
	// Expired is called instead of Conn.Fail, if it is not nil. The deadline is stopped
	// then, and Expired may start it again.
	Expired func(c *Conn)

	from  int64         // the tick that the wait counts from
	after time.Duration // as given to StartDeadline
}

// StartDeadline starts or restarts d. If StopDeadline is not called within the duration
// `after`, d passes. If after is 0 or negative, d is stopped. On a connection that has failed
// or only waits for its end, the call does nothing. It panics if d is nil.
func (s Stack) StartDeadline(d *Deadline, after time.Duration) {
	c := s.c
	c.mgr.checkOwner()
	switch {
	case d == nil:
		panic("reactor: StartDeadline of a nil Deadline")
	case c.life >= lingering || c.is(failed):
	case after <= 0:
		s.StopDeadline(d)
	default:
		c.ensureWatchdog().startLayer(d, after)
	}
}

// StopDeadline stops d. It does nothing if d is not running.
func (s Stack) StopDeadline(d *Deadline) {
	s.c.mgr.checkOwner()
	if w := s.c.watchdog(); w != nil {
		w.stopLayer(d)
	}
}

// Report returns an error that wraps err and notes whether the program handles it. If it has not
// been handled when the next turn of the loop begins, it is logged at level Warn. It is for
// errors that a protocol returns and that programs tend to ignore, such as the error of a
// reply that could not be sent. Callers use errors.Is and errors.As on the result. If err is
// nil, Report returns nil.
func (s Stack) Report(err error) error {
	if err == nil {
		return nil
	}
	return s.c.mgr.newReport(s.c, err)
}

// Find returns the topmost layer of type T, and whether there is one.
func Find[T Protocol](c *Conn) (T, bool) {
	for i := c.layers.len() - 1; i >= 0; i-- {
		if p, ok := c.layers.at(i).(T); ok {
			return p, true
		}
	}
	var none T
	return none, false
}

// ManagerEnder is implemented by the values of Local that must know when the manager closes.
type ManagerEnder interface {
	// ManagerClosed is called when the manager closes, after the EvClose of all connections. It may
	// call handlers, with a connection of ClosedConn.
	ManagerClosed()
}

// Local returns the T that a protocol keeps once per manager. The T holds what the protocol's
// connections share, such as spare memory. The first call makes a zero T. Later calls return the
// same one until the manager closes. If *T is a ManagerEnder, it is told then. T should be a type
// of the caller's package, so that two packages do not share one by accident.
func Local[T any](m *Manager) *T {
	m.checkOwner()
	key := any((*T)(nil))
	if v, ok := m.locals[key]; ok {
		return v.(*T)
	}
	if m.locals == nil {
		m.locals = make(map[any]any)
	}
	v := new(T)
	m.locals[key] = v
	return v
}

// LooksLikeTLS reports whether p, the first bytes of a peer, begins with a TLS record of a
// handshake or an alert. Protocols use it to say in an error that the peer speaks TLS.
func LooksLikeTLS(p []byte) bool { return tlsio.LooksLikeTLS(p) }

// layersFinished reports whether a layer knows that the peer has nothing left to send.
func (c *Conn) layersFinished() bool {
	for p := range c.layers.all() {
		if f, ok := p.(Finisher); ok && f.Finished(c) {
			return true
		}
	}
	return false
}

// alpn returns the ALPN names of the lowest layer that has some, or nil.
func (c *Conn) alpn() []string {
	for p := range c.layers.all() {
		if n, ok := p.(Negotiator); ok {
			if names := n.ALPN(); len(names) > 0 {
				return names
			}
		}
	}
	return nil
}
