package session

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// goodbye is the DISCONNECT of Close.
type goodbye struct {
	code  mqtt.ReasonCode
	props []mqtt.Property
}

// Close ends the session. It sends the acknowledgements of messages that the handlers have had, and
// DISCONNECT, over WebSocket also a Close frame. Messages that have no outcome are Abandoned. The
// last event is EvSessionDown with Final, when the connection has closed. The server keeps the
// session for Options.Expiry. Close does nothing if it was called before.
func (s *Session) Close() { s.CloseWith(mqtt.ReasonSuccess) }

// CloseWith is Close with a reason code and properties for the DISCONNECT of 5.0. Code 0x04 makes
// the server publish the will. A Session Expiry Interval of 0 makes it forget the session. This
// DISCONNECT is sent also if Manager.Drain follows at once, instead of the one that Drain sends. It
// returns an error, and does nothing, if a client cannot send such a DISCONNECT.
func (s *Session) CloseWith(code mqtt.ReasonCode, props ...mqtt.Property) error {
	if s.closing || s.phase == ended {
		return nil
	}
	if serverCodes[code] {
		return fmt.Errorf("session: CloseWith: only a server sends DISCONNECT with %s", code.Name(5))
	}
	if _, err := mqtt.AppendDisconnect(nil, s.opts.Login.Version, code, props); err != nil {
		return err
	}
	s.closing, s.goodbye = true, &goodbye{code, props}
	s.touch()
	return nil
}

// serverCodes are the codes of DISCONNECT that only a server sends. 5.0 table 3-13.
var serverCodes = map[mqtt.ReasonCode]bool{
	mqtt.ReasonNotAuthorized: true, mqtt.ReasonServerBusy: true, mqtt.ReasonServerShuttingDown: true,
	mqtt.ReasonKeepAliveTimeout: true, mqtt.ReasonSessionTakenOver: true, mqtt.ReasonTopicFilterInvalid: true,
	mqtt.ReasonQoSNotSupported: true, mqtt.ReasonRetainNotSupported: true, mqtt.ReasonUseAnotherServer: true,
	mqtt.ReasonServerMoved: true, mqtt.ReasonSharedSubsNotSupported: true, mqtt.ReasonConnectionRateExceeded: true,
	mqtt.ReasonMaximumConnectTime: true, mqtt.ReasonSubIDsNotSupported: true, mqtt.ReasonWildcardSubNotSupported: true,
}

// Drain closes the session when all messages have their outcome. Until then it goes on as before,
// and connects again if it must, but Publish returns ErrClosed. Call Close to end the wait.
//
// Manager.Drain does this for sessions whose server has accepted them, within its timeout. They do
// not connect again then. When the time is up, the connection is cut without DISCONNECT, so the
// server publishes the will. Messages that have no outcome then are Abandoned.
func (s *Session) Drain() {
	s.draining = true
	s.touch()
}

// depart ends the connection after Close, and calls Close when Drain has nothing left to wait for.
// pump calls it when it has sent everything.
func (s *Session) depart() {
	if s.draining && !s.closing && s.phase != ended && s.sender.pending() == 0 {
		s.Close()
		s.again = true
		return
	}
	if !s.closing || s.phase != up && s.phase != connecting || s.conn.Stack().Closed() {
		return
	}
	s.disconnect(s.conn, *s.goodbye)
}

// SayGoodbye implements reactor.GoodbyeSayer. If messages have no outcome yet, Manager.Drain is
// Session.Drain on this connection: the layers below say nothing, and DISCONNECT comes later.
//
// If Close was called just before Manager.Drain, its DISCONNECT leaves now. Otherwise the layer of
// mqtt would send one without a will.
func (l *layer) SayGoodbye(*reactor.Conn) bool {
	s := l.s
	if s.phase == up && !s.closing && s.failure == nil && s.sender.pending() > 0 {
		s.Drain()
		return mqtt.SendPackets(s.conn, nil) == nil // else the program has sent DISCONNECT
	}
	if !s.closing || s.pumping || s.phase == ended {
		return false
	}
	s.pumping = true // what is left to tell waits for the next turn
	defer s.unpump()
	s.send()
	s.depart()
	return false
}

// disconnect ends a connection with DISCONNECT, and over WebSocket with a Close frame.
func (s *Session) disconnect(c *reactor.Conn, bye goodbye) {
	err := mqtt.DisconnectCode(c, bye.code, bye.props...)
	switch {
	case err == mqtt.ErrDisconnected && s.departed: // this was done before
	case err == mqtt.ErrDisconnected: // the manager drains, or the program has sent DISCONNECT
		c.Drain()
	case err != nil: // CONNECT was not sent yet
		c.Close()
		return
	case strings.HasPrefix(strings.ToLower(s.url), "ws"):
		if ws.Close(c, ws.StatusNormalClosure, "") != nil {
			c.Drain()
		}
	default:
		c.Drain()
	}
	s.departed = true
}

// end ends the session: it gives all messages their outcome, closes the store, and raises the final
// event. down says that this is EvSessionDown, and not EvSessionRetry.
func (s *Session) end(c *reactor.Conn, down bool, err error) {
	s.phase, s.closing = ended, true
	s.timer.Stop()
	s.unlist()
	s.sender.close(s.m.Now())
	s.subscriptions.close(ErrClosed)
	if s.journal.commit(); err == nil {
		err = s.journal.err
	}
	s.pumping = true // calls of the handlers below need not wake the loop
	s.conn = c
	s.report()
	if s.requests != nil {
		s.requests.close(ErrClosed)
	}
	if s.journal.store != nil {
		err = errors.Join(err, s.journal.store.Close())
	}
	if down {
		s.tell(c, reactor.EvSessionDown, &Down{Session: s, Err: err, Final: true})
	} else {
		s.tell(c, reactor.EvSessionRetry, &Retry{Session: s, URL: redacted(s.url), Attempt: s.number, Err: err, Final: true})
	}
}

// unlist removes the session from those of the manager.
func (s *Session) unlist() {
	if s.before != nil {
		s.before.after = s.after
	} else if s.shared.first == s {
		s.shared.first = s.after
	}
	if s.after != nil {
		s.after.before = s.before
	}
	s.before, s.after = nil, nil
}

// ManagerClosed implements reactor.ManagerEnder. It ends the sessions that have no connection. The
// others have ended with their EvClose.
func (l *sessions) ManagerClosed() {
	for l.first != nil {
		l.first.end(l.first.Conn(), true, reactor.ErrClosed)
	}
}
