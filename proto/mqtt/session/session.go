package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Session is an MQTT session. It belongs to the goroutine of its manager: only PublishWait may be
// called from other goroutines. New makes a Session. The zero Session is not usable.
//
// Its calls may be made in any handler, also of other connections, and in Done functions. They call
// no handler before they return: what they cause happens later in the same turn of the loop or in
// the next one.
type Session struct {
	m       *reactor.Manager
	fn      reactor.Handler
	fnData  any
	handler reactor.Handler // s.handle
	opts    settings
	shared  *sessions
	before  *Session // list of the sessions of the manager
	after   *Session
	link    layer

	// Life, see attempt.go and close.go.
	phase     phase
	everUp    bool // a server has accepted the session once
	cleaning  bool // the connection ends because it was only to remove the earlier session
	departed  bool // disconnect has ended this connection
	closing   bool // Close was called
	draining  bool // Drain was called
	conn      *reactor.Conn
	url       string // of the last attempt
	number    int    // of the last attempt
	cause     error  // why the connection has failed
	failure   error  // why the session cannot go on
	attemptAt time.Time
	goodbye   *goodbye // of Close

	// The state machines.
	ids            packetid.Pool // for the sender and the subscriptions
	journal        journal
	connector      *connector
	sender         *sender
	receiver       *receiver
	subscriptions  *subscriptions
	authentication *authentication    // nil: none
	server         *mqtt.Capabilities // of the last connection that was up; nil before
	requests       *requests          // nil before the first Request

	// Work, see pump.go.
	timer    *reactor.Timer
	timerAt  time.Time // when the timer fires; zero: not armed
	touched  bool      // the timer fires as soon as possible
	pumping  bool      // pump is running
	again    bool      // pump has more to do in the next turn
	more     bool      // the last pump had
	written  uint64    // bytes of the connection's output that the socket has taken
	delivery Delivery  // of the message that a handler is getting
	routed   *mqtt.Message
	route    func(reactor.Handler) // s.callRoute
}

// settings are the options that each attempt needs. The state machines have the others.
type settings struct {
	Login          mqtt.Options // zero does not mean a default any more
	Expiry         time.Duration
	Before         func(*Attempt) error
	ReceiveMaximum uint16
}

// phase is what the session's connection is doing.
type phase uint8

const (
	waiting    phase = iota // there is no connection; an attempt begins at attemptAt
	connecting              // the server has not answered CONNECT yet
	up                      // the server has accepted the session
	ended                   // the final event was raised, or is being raised
)

// sessions is what the sessions of a manager share.
type sessions struct {
	first   *Session // not ended
	scratch []byte   // for the packets of pump
}

// layer finds the session of a connection, and says its goodbye at Manager.Drain, see SayGoodbye.
type layer struct{ s *Session }

// Handle implements reactor.Protocol.
func (*layer) Handle(*reactor.Conn, reactor.Event, any) {}

// New makes a session. The first attempt to connect begins in the next Poll. New calls no handler
// before it returns.
//
// The handler gets the events of the session's connections, one connection after the other, and
// those of the session. c is the session's connection, with fnData as FnData. If there is none, c
// is a connection that is closed. Do not change c.Fn. fn may be nil if the subscriptions and
// messages have handlers of their own.
//
// New loads the store and checks all options. An error names the option. Then the store still
// belongs to the caller. After Close or Drain of the manager the error is reactor.ErrClosed.
func New(m *reactor.Manager, opts *Options, fn reactor.Handler, fnData any) (*Session, error) {
	if m.Closing() {
		return nil, reactor.ErrClosed
	}
	if opts == nil {
		return nil, errors.New("session: New with nil Options: set at least Options.URLs")
	}
	o := opts.resolved()
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Session{m: m, fn: fn, fnData: fnData, journal: journal{store: o.Store}}
	s.opts = settings{Login: o.Login, Expiry: o.Expiry, Before: o.Before, ReceiveMaximum: o.ReceiveMaximum}
	if o.random == nil {
		o.random = rand.Int64N
	}
	version := o.Login.Version
	s.connector = newConnector(o.URLs, o.Backoff, o.RetryRefused, o.random)
	s.sender = newSender(version, &s.ids, &s.journal, o.Queue, o.Inflight)
	s.receiver = newReceiver(version, &s.journal, o.ReceiveMaximum, o.ManualAck)
	s.subscriptions = newSubscriptions(version, &s.ids)
	if o.Auth != nil {
		s.authentication = &authentication{by: o.Auth}
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.handler, s.route = s.handle, s.callRoute
	s.link = layer{s}
	s.shared = reactor.Local[sessions](m)
	if s.after = s.shared.first; s.after != nil {
		s.after.before = s
	}
	s.shared.first = s
	s.attemptAt = m.Now()
	s.timer = m.AddTimer(0, reactor.TimerOnce, s.tick)
	s.touched = true
	return s, nil
}

// Of returns the session of a connection that a handler has got. It is nil if the connection is not
// one of a session, and after its EvClose.
func Of(c *reactor.Conn) *Session {
	if l, ok := reactor.Find[*layer](c); ok {
		return l.s
	}
	return nil
}

// Conn returns the session's connection. If there is none, the result is a connection that is
// closed.
func (s *Session) Conn() *reactor.Conn {
	if s.conn == nil {
		s.conn = reactor.ClosedConn(s.m, s.fn, s.fnData, &s.link)
	}
	return s.conn
}

// Connected reports whether a server has accepted the session, and its connection has not ended.
func (s *Session) Connected() bool { return s.phase == up }

// Server returns what the server allows: the one that the session is connected to, or else the last
// one. Before the first connection it returns the defaults of the standard.
func (s *Session) Server() mqtt.Capabilities {
	if s.server == nil {
		return mqtt.NewCapabilities(s.opts.Login.Version)
	}
	return *s.server
}

// ClientID returns the client identifier of the options, or the one that the server has assigned.
// It is empty if each connection has a random one.
func (s *Session) ClientID() string { return s.opts.Login.ClientID }

// Pending returns the number of published messages whose outcome has not been told.
func (s *Session) Pending() int { return s.sender.pending() }

// Publish accepts a message, or returns an error. An accepted message gets exactly one outcome,
// also if the session has no connection now. The outcome is told later, never before Publish
// returns. It goes to Message.Done, or to the handler with EvSessionPub.
//
// Publish copies the message. The errors are:
//
//	ErrQueueFull           the queue is full, see Options.Queue
//	ErrClosed              Close or Drain was called, or the session has ended
//	*mqtt.PeerLimitError   the server does not allow such a message
//	*mqtt.ParseError       the message is invalid
//	others                 the store has failed. Then the session ends
func (s *Session) Publish(msg *Message) (Handle, error) {
	if s.closing || s.draining || s.phase == ended {
		return 0, ErrClosed
	}
	if msg != nil && msg.QoS == 0 && s.phase == up && len(s.subscriptions.queue) == 0 {
		if h, ok, err := s.publishDirect(msg); ok {
			return h, err
		}
	}
	var now time.Time
	if msg != nil && msg.Expiry > 0 {
		now = s.m.Now()
	}
	h, err := s.sender.publish(now, msg)
	if err == nil || s.journal.err != nil {
		s.touch()
	}
	return h, err
}

// Subscribe adds subscriptions, or replaces those with the same filter. It returns an error, and
// changes nothing, if one of them is invalid. The server's answer comes with EvSessionSub, one
// event per filter. The session subscribes when it is connected, and again whenever the server
// has lost the session.
func (s *Session) Subscribe(list ...Subscription) error {
	if s.closing || s.phase == ended {
		return ErrClosed
	}
	err := s.subscriptions.subscribe(list)
	if err == nil {
		s.touch()
	}
	return err
}

// Unsubscribe removes subscriptions. Their handlers are not called any more. The server's answer
// comes with EvSessionSub. It returns an error, and changes nothing, if a filter is invalid.
func (s *Session) Unsubscribe(filters ...string) error {
	if s.closing || s.phase == ended {
		return ErrClosed
	}
	err := s.subscriptions.unsubscribe(filters)
	if err == nil {
		s.touch()
	}
	return err
}

// Delivery returns the value that Ack needs for a message. Call it in the handler that has got the
// message with EvMQTTMsg. For another message it returns the Delivery of QoS 0.
func (s *Session) Delivery(m *mqtt.Message) Delivery {
	if m == nil || m != s.routed {
		return Delivery{}
	}
	return s.delivery
}

// Ack acknowledges a received message of QoS 1 or 2, with a reason code and properties of 5.0. It
// is for Options.ManualAck, and for a handler that refuses a message with a code of 0x80 or
// higher. Acknowledgements are sent in the order in which the messages have arrived. So each
// waits for those before it. Ack of a message that is acknowledged already, or whose
// acknowledgement has no meaning any more because the connection has ended, does nothing.
func (s *Session) Ack(d Delivery, code mqtt.ReasonCode, props ...mqtt.Property) error {
	if s.phase == ended {
		return ErrClosed
	}
	err := s.receiver.ack(d, code, props)
	s.touch()
	return err
}

// Reauthenticate begins another authentication on the connection that is up. 5.0 section 4.12.1.
// The error is that of Authenticator.Start, or says why it is not possible now.
func (s *Session) Reauthenticate() error {
	switch {
	case s.authentication == nil:
		return errNoAuth
	case s.phase != up:
		return errNotUp
	}
	props, err := s.authentication.reauthenticate()
	if err != nil {
		return err
	}
	if err = mqtt.Auth(s.conn, mqtt.ReasonReauthenticate, props...); err != nil {
		s.authentication.down() // nothing was sent
	}
	return err
}

// PublishWait publishes a message from another goroutine, and waits for its outcome. The error is
// nil if the result is Sent or Acknowledged. It is that of Publish, or Outcome.Err. If ctx is done
// first, the error is that of ctx. Then the message may already be published, and may be delivered
// later. Outcome.Message is nil, and msg.Done must be nil.
//
// PublishWait panics on the loop's goroutine, as Manager.Do does.
func (s *Session) PublishWait(ctx context.Context, msg *Message) (Outcome, error) {
	if msg != nil && msg.Done != nil {
		return Outcome{}, errors.New("session: PublishWait of a Message with Done")
	}
	outcome := make(chan Outcome, 1)
	var refused error
	err := s.m.Do(ctx, func() {
		if msg == nil {
			_, refused = s.Publish(nil)
			return
		}
		own := *msg
		own.Done = func(o *Outcome) {
			result := *o
			result.Message, result.Props = nil, slices.Clone(o.Props)
			outcome <- result
		}
		_, refused = s.Publish(&own)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return Outcome{}, err
	}
	select {
	case o := <-outcome:
		return o, o.Err
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}
