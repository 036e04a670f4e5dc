package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// The life of a session's connections:
//
//	waiting --tick: connect--> connecting --CONNACK: accepted--> up
//	   ^                           |                             |
//	   +---------------------------+-------- EvClose ------------+
//	   |
//	   +--> ended: Close, Drain, a refusal that does not heal, a store that fails, or the
//	        manager closes
//
// A connection counts until its EvClose, also after EvError. So there is never more than one.

// errNoReason is the reason of a connection that has ended without EvError.
var errNoReason = errors.New("session: the program has closed the connection")

// connect begins an attempt.
func (s *Session) connect() {
	a := &Attempt{Session: s, Login: s.opts.Login}
	a.URL, a.Number = s.connector.next()
	s.url, s.number, s.cause, s.written, s.departed = a.URL, a.Number, nil, 0, false
	err := s.prepare(a)
	if s.closing || s.phase == ended { // Before has called Close
		return
	}
	var c *reactor.Conn
	if err == nil {
		c, err = mqtt.Connect(s.m, a.URL, &a.Login, s.handler, s.fnData)
	}
	if err != nil {
		s.over(s.Conn(), false, err)
		return
	}
	c.Stack().Push(&s.link)
	s.conn, s.phase = c, connecting
}

// prepare fills in what is different in each attempt, and calls Options.Before.
func (s *Session) prepare(a *Attempt) error {
	l := &a.Login
	kept := s.opts.Expiry > 0
	l.Clean = !kept || l.Clean && !s.everUp
	l.Props = slices.Clip(l.Props)
	if l.Version == 5 {
		if kept {
			l.Props = append(l.Props, mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: seconds(s.opts.Expiry)})
		}
		if n := s.opts.ReceiveMaximum; n > 0 {
			l.Props = append(l.Props, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: uint32(n)})
		}
	}
	if s.opts.Before != nil {
		if err := s.opts.Before(a); err != nil {
			return fmt.Errorf("session: Options.Before: %w", err)
		}
		switch {
		case l.Version != s.opts.Login.Version:
			return errors.New("session: Options.Before has changed Login.Version")
		case l.ClientID != s.opts.Login.ClientID:
			return errors.New("session: Options.Before has changed Login.ClientID")
		}
		s.url = a.URL
	}
	if s.authentication != nil {
		props, err := s.authentication.connect()
		if err != nil {
			return err
		}
		l.Props = append(slices.Clip(l.Props), props...)
	}
	l.Manual = true
	fit(l, a.URL)
	return nil
}

// fit removes the options that the transport of the URL has no use for. mqtt.Connect refuses them,
// but the URLs of a session may have several transports.
func fit(l *mqtt.Options, url string) {
	scheme, _, _ := strings.Cut(strings.ToLower(url), "://")
	if scheme == "mqtt" || scheme == "mqtts" || scheme == "unix" {
		l.Headers, l.WS = "", nil
	}
	if scheme == "mqtt" || scheme == "ws" {
		l.TLS = nil
	}
}

// accepted handles the CONNACK with which the server accepts the session.
func (s *Session) accepted(c *reactor.Conn, m *mqtt.Message) error {
	if s.authentication != nil {
		if err := s.authentication.accepted(m); err != nil {
			return err
		}
	}
	caps, _ := mqtt.PeerCapabilities(c)
	s.server = &caps
	if l := &s.opts.Login; l.AssignID && caps.AssignedClientID != "" {
		l.ClientID, l.AssignID = caps.AssignedClientID, false
		s.putClient()
	}
	if s.opts.Login.Version == 4 && s.opts.Login.Clean && s.opts.Expiry > 0 && !s.everUp {
		// In 3.1.1 the server forgets the session of this connection at its end [MQTT-3.1.2-6]. So
		// this connection only removes the earlier session. The next one is kept.
		s.everUp, s.cleaning = true, true
		s.disconnect(c, goodbye{})
		return nil
	}
	now := s.m.Now()
	s.phase, s.everUp = up, true
	s.connector.up(now)
	s.sender.up(now, m.SessionPresent, &caps)
	s.receiver.up(m.SessionPresent, &caps)
	s.subscriptions.up(m.SessionPresent, &caps)
	s.tell(c, reactor.EvSessionUp, &Up{Session: s, URL: redacted(s.url), Present: m.SessionPresent, Server: caps})
	return nil
}

// closed handles the EvClose of the connection.
func (s *Session) closed(c *reactor.Conn) {
	wasUp, err := s.phase == up, s.cause
	if err == nil {
		err = errNoReason
	}
	s.sender.down(s.m.Now())
	s.receiver.down()
	s.subscriptions.down()
	if s.authentication != nil {
		s.authentication.down()
	}
	s.over(c, wasUp, err)
	s.tell(c, reactor.EvClose, nil)
	s.conn = nil
}

// over handles the end of an attempt or of a connection, and tells the program.
func (s *Session) over(c *reactor.Conn, wasUp bool, err error) {
	s.phase = waiting
	if s.failure == nil { // what came before the end may wait for its commit
		s.failure = s.journal.commit()
	}
	switch {
	case s.failure != nil:
		s.end(c, wasUp, s.failure)
		return
	case s.closing:
		s.end(c, true, nil)
		return
	case s.m.Closing():
		s.end(c, wasUp, reactor.ErrClosed)
		return
	}
	now := s.m.Now()
	if s.cleaning {
		s.cleaning, s.attemptAt = false, now
		s.arm()
		return
	}
	var v verdict
	if wasUp {
		v = s.connector.down(now, s.url, err)
	} else {
		v = s.connector.failed(s.url, err)
	}
	if v.final {
		s.end(c, wasUp, v.err)
		return
	}
	s.attemptAt = now.Add(v.wait)
	s.arm()
	s.report()
	if wasUp {
		s.tell(c, reactor.EvSessionDown, &Down{Session: s, Err: v.err, Next: v.wait})
	} else {
		s.tell(c, reactor.EvSessionRetry, &Retry{Session: s, URL: redacted(s.url), Attempt: s.number, Err: v.err, Next: v.wait})
	}
}

// redacted returns a URL without its password. It returns "" for a string that is no URL.
func redacted(url string) string {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
