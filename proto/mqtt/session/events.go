package session

import (
	"errors"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// tell calls the program's handler.
func (s *Session) tell(c *reactor.Conn, ev reactor.Event, data any) {
	if s.fn != nil {
		s.fn(c, ev, data)
	}
}

// handle is the handler of the session's connections. It passes all events on to the program's
// handler, except EvMQTTMsg: that goes to the handlers of the subscriptions that match, or to the
// program's handler, and not if the message is a duplicate.
//
// One read may bring many packets. The layers raise EvMQTTMsg and EvMQTTCmd for each, and the
// handler gets EvRead after all of them. So the session answers once per read, with one commit.
func (s *Session) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMQTTMsg:
		s.received(c, data.(*mqtt.Message))
		return
	case reactor.EvClose:
		s.closed(c)
		return
	case reactor.EvError:
		// Unwrap counts as handling the error. So it is not logged: EvSessionDown has it.
		if s.cause = errors.Unwrap(data.(error)); s.cause == nil {
			s.cause = data.(error)
		}
	case reactor.EvWrite:
		s.written += uint64(*data.(*int))
		s.sender.written(s.written)
	}
	s.tell(c, ev, data)
	switch ev {
	case reactor.EvMQTTCmd:
		if err := s.packet(c, data.(*mqtt.Message)); err != nil {
			s.violation(c, err)
		}
	case reactor.EvRead:
		s.untouch()
	case reactor.EvWrite:
		s.pump()
	}
}

// packet handles a packet of the server other than PUBLISH.
func (s *Session) packet(c *reactor.Conn, m *mqtt.Message) error {
	switch m.Cmd {
	case mqtt.CmdConnack:
		if m.Ack == 0 && s.phase == connecting && !s.closing && !c.Stack().Closed() {
			return s.accepted(c, m)
		}
	case mqtt.CmdPuback, mqtt.CmdPubrec, mqtt.CmdPubcomp:
		return s.sender.receive(s.attemptAt, m) // the sender does not use the time
	case mqtt.CmdPubrel:
		s.receiver.receive(m)
	case mqtt.CmdSuback, mqtt.CmdUnsuback:
		return s.subscriptions.receive(m)
	case mqtt.CmdAuth:
		return s.receivedAuth(c, m)
	}
	return nil
}

// receivedAuth answers AUTH. A session without an Authenticator gets none: the layer refuses it.
func (s *Session) receivedAuth(c *reactor.Conn, m *mqtt.Message) error {
	if s.authentication == nil {
		return nil
	}
	answer, err := s.authentication.received(m)
	if err != nil || answer == nil {
		return err
	}
	return mqtt.Auth(c, mqtt.ReasonContinueAuthentication, answer...)
}

// received handles PUBLISH.
func (s *Session) received(c *reactor.Conn, m *mqtt.Message) {
	d, deliver, err := s.receiver.publish(m)
	if err != nil {
		s.violation(c, err)
		return
	}
	if !deliver {
		return
	}
	s.routed, s.delivery = m, d
	if !s.subscriptions.route(m, s.route) {
		s.tell(c, reactor.EvMQTTMsg, m)
	}
	s.routed = nil
	s.receiver.handled(d)
}

// callRoute calls the handler of a subscription for the message in s.routed.
func (s *Session) callRoute(fn reactor.Handler) { fn(s.conn, reactor.EvMQTTMsg, s.routed) }

// violation ends the connection because the server has broken the protocol, or because the
// authentication has failed. A 5.0 server is told the reason. A 3.1.1 server is not: DISCONNECT has
// no reason there, and makes the server discard the will.
func (s *Session) violation(c *reactor.Conn, err error) {
	if c.Stack().Closed() {
		return
	}
	if s.opts.Login.Version == 5 {
		code := mqtt.ReasonProtocolError
		var broken *mqtt.ParseError
		var failed *authError
		switch {
		case errors.As(err, &broken):
			code = broken.Code
		case errors.As(err, &failed):
			code = failed.code
		}
		mqtt.DisconnectCode(c, code)
	}
	c.Fail(err)
}
