package reactor

import (
	"slices"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// What authors of protocols need besides, and programs do not: the layers of a
// connection, what a layer may implement, and Stack, the calls that are for layers.

// Protocol is a layer on a connection. It sees every event before the user's handler
// does, reads its messages from Recv, and raises events of its own with Conn.Call. It
// must be a pointer, and keeps the protocol's state. In EvOpen it neither raises events
// nor fails the connection, because the layers above have not heard of it yet;
// EvConnect and EvAccept are the time for that.
//
// A layer that finds several messages in Recv asks Conn.Stopped after each event that
// it raised. A handler may raise EvRead itself, so a layer that is in the middle of a
// message must expect to be called and do nothing.
//
// A layer may implement Acceptor, Ender, Finisher, Leaver and Negotiator as well.
type Protocol interface {
	Handle(c *Conn, ev Event, data any)
}

// Acceptor is implemented by layers of listeners whose accepted connections are to
// speak the protocol: Accept returns the layer, with fresh state, for c. Layers without
// it are not inherited.
type Acceptor interface {
	Accept(c *Conn) Protocol
}

// Ender is implemented by layers that know whether the peer may end the stream now. End
// returns nil between messages. An error, which should wrap io.ErrUnexpectedEOF, fails
// the connection.
type Ender interface {
	End(c *Conn) error
}

// Finisher is implemented by layers whose messages say where they end. Finished reports
// that the peer has nothing left to send, so that a TLS stream may end without
// close_notify, which many peers leave out, and not be truncated.
type Finisher interface {
	Finished(c *Conn) bool
}

// Leaver is implemented by layers whose protocol has a goodbye. Leave says it; true
// means that the layer itself drains the connection once the peer has answered, false
// that nothing more is to come.
type Leaver interface {
	Leave(c *Conn) bool
}

// Negotiator is implemented by layers whose protocol has a name for ALPN [RFC 7301]. The
// name is offered, or accepted, if the Config of the connection has no NextProtos (nil;
// an empty list means none). Of several layers the lowest counts. "" is none.
type Negotiator interface {
	ALPN() string
}

// Stack is a connection as its layers see it: the calls that change the layers, and
// those that tell the loop what a protocol waits for. Programs do not need it.
type Stack struct{ c *Conn }

// Stack returns the connection as its layers see it.
func (c *Conn) Stack() Stack { return Stack{c} }

// Closed reports whether the connection has failed, is closing or is closed: nothing more
// can be sent or received.
func (s Stack) Closed() bool { return s.c.over() }

// Push adds a layer on top of those that the connection has. It panics if p is nil.
func (s Stack) Push(p Protocol) {
	c := s.c
	c.mgr.own()
	if p == nil {
		panic("reactor: Push of a nil Protocol")
	}
	if c.life < closed {
		c.layers = append(c.layers, p)
	}
}

// Replace puts new in the place of old, or takes old away if new is nil. If old is just
// handling an event, new is offered the same event, so a layer that replaces another
// during EvRead gets the rest of Recv at once; otherwise Poll offers it what lies in
// Recv.
func (s Stack) Replace(old, new Protocol) {
	c := s.c
	c.mgr.own()
	i := slices.Index(c.layers, old)
	if i < 0 || c.life == closed {
		return
	}
	if new == nil {
		c.layers = slices.Delete(c.layers, i, i+1)
		return
	}
	c.layers[i] = new
	if c.Recv.Len() > 0 {
		c.redispatch()
	}
}

// Redispatch makes Poll raise EvRead, with a count of 0, if there is anything in Recv or
// a layer that may have kept something. It is for protocols that left a message and can
// go on now. A connection whose input is suspended stays so.
func (s Stack) Redispatch() {
	s.c.mgr.own()
	s.c.redispatch()
}

// AwaitEnd is Conn.Drain for the side that is not to be the first to close: once Send is
// empty it waits, for one second, until the peer ends the stream. Any end of the stream
// is in order, a reset too. Over TLS the peer is sent close_notify.
func (s Stack) AwaitEnd() {
	s.c.mgr.own()
	s.c.advance(yielding)
}

// SetHandshaking tells the loop that a protocol's opening handshake, or the header of a
// message, begins, or that it is complete: it is what Deadlines.Handshake is about.
func (s Stack) SetHandshaking(on bool) {
	if c := s.c; c.is(handshaking) != on {
		c.setPhase(handshaking, clockHandshake, on)
	}
}

// SetReceiving tells the loop that a message has begun to arrive of which more is to
// come, or that it is complete: it is what Deadlines.Message is about. It returns true
// if that was a change. Of several layers only the one that got true when the wait
// began may end it: one below may be in the middle of a shorter message.
func (s Stack) SetReceiving(on bool) (changed bool) {
	c := s.c
	return c.is(midMessage) != on && c.setPhase(midMessage, clockMessage, on)
}

func (c *Conn) setPhase(f flags, k clockKind, on bool) (changed bool) {
	c.mgr.own()
	if c.life == closed {
		return false
	}
	c.set(f, on)
	if on {
		c.startClock(k)
	}
	return true
}

// A Deadline bounds one wait of a layer: for the answer to a request, or for a sign of
// life. A layer keeps one for each wait that it has, and starts and stops it. When the
// time is up the loop first takes in all that lies in the connection's socket; if the
// wait is still on then, the connection fails with a *DeadlineError.
//
// The fields are set before the first StartDeadline.
type Deadline struct {
	// Name is what the DeadlineError calls the wait.
	Name string
	// OnRead makes every byte from the peer begin the wait anew.
	OnRead bool
	// Paused makes the clock run during a pause as well. Otherwise it stands still, and goes
	// on from there at Resume.
	Paused bool
	// Expired, if it is not nil, is called in the place of Conn.Fail. The wait is over
	// then; Expired may start it again.
	Expired func(c *Conn)

	from  int64 // the tick that the wait counts from
	after time.Duration
}

// StartDeadline starts d, or starts it anew: it is met if StopDeadline is called within
// that time. A negative or zero time is no deadline. It panics if d is nil.
func (s Stack) StartDeadline(d *Deadline, after time.Duration) {
	c := s.c
	c.mgr.own()
	switch {
	case d == nil:
		panic("reactor: StartDeadline of a nil Deadline")
	case c.life >= lingering || c.is(failed):
	case after <= 0:
		s.StopDeadline(d)
	default:
		c.guard().startLayer(d, after)
	}
}

// StopDeadline stops d. It does nothing if d is not running.
func (s Stack) StopDeadline(d *Deadline) {
	s.c.mgr.own()
	if w := s.c.watchdog(); w != nil {
		w.stopLayer(d)
	}
}

// Report returns err in a form that notes whether anybody looks at it. If nobody has by
// the time the next turn of the loop begins, it is logged at level Warn. It is for errors
// that a protocol returns and that programs are tempted to ignore, such as that of an
// answer which could not be sent. A nil err stays nil. Use errors.Is and errors.As on the
// result.
func (s Stack) Report(err error) error {
	if err == nil {
		return nil
	}
	return s.c.mgr.report(s.c, err)
}

// Find returns the topmost layer of type T.
func Find[T Protocol](c *Conn) (T, bool) {
	for i := len(c.layers) - 1; i >= 0; i-- {
		if p, ok := c.layers[i].(T); ok {
			return p, true
		}
	}
	var none T
	return none, false
}

// Local returns the T that a protocol keeps once per manager: what its connections
// share, such as spare memory. It is the zero T at the first call and the same one from
// then on, until the manager closes. T should be a type of the caller's package, so that
// no two packages share one by accident.
func Local[T any](m *Manager) *T {
	m.own()
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

// LooksLikeTLS reports whether p, the first bytes of a peer, begin a TLS record of a
// handshake or an alert. Protocols use it to say what is wrong.
func LooksLikeTLS(p []byte) bool { return tlsio.LooksLikeTLS(p) }

// finished asks the layers.
func (c *Conn) finished() bool {
	for _, p := range c.layers {
		if f, ok := p.(Finisher); ok && f.Finished(c) {
			return true
		}
	}
	return false
}

// alpn asks the layers.
func (c *Conn) alpn() string {
	for _, p := range c.layers {
		if n, ok := p.(Negotiator); ok && n.ALPN() != "" {
			return n.ALPN()
		}
	}
	return ""
}
