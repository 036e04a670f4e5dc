package mqtt

import (
	"errors"
	"slices"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// ErrNoAuthMethod is returned by Auth if CONNECT had no Authentication Method, and in 3.1.1.
var ErrNoAuthMethod = errors.New("mqtt: AUTH needs an Authentication Method in the properties of CONNECT")

// Auth sends AUTH, a packet of the enhanced authentication of 5.0, section 4.12. It adds the
// Authentication Method of CONNECT, unless props contains it. The peer's AUTH raises EvMQTTCmd. The
// codes are:
//
//	phase        a client                         a server
//	connecting   ReasonContinueAuthentication     ReasonContinueAuthentication; later Connack
//	connected    ReasonReauthenticate,            ReasonContinueAuthentication,
//	             ReasonContinueAuthentication     ReasonSuccess
//
// Auth returns ErrNoAuthMethod if CONNECT had no Authentication Method, a *ParseError for another
// code or another method, and the errors of Pub.
func Auth(c *reactor.Conn, code ReasonCode, props ...Property) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	starts := l.role == server && l.phase == connecting // it may send nothing else
	switch {
	case starts && l.overWS:
		err = ws.CheckSend(c)
	case !starts:
		err = l.mayDisconnect(c)
	}
	if err != nil {
		return err
	}
	if l.v5 == nil || l.v5.authMethod == "" {
		return ErrNoAuthMethod // [MQTT-4.12.0-6] [MQTT-4.12.0-7]
	}
	if !l.mayAuth(code) {
		parseErr := newParseError(5, ReasonProtocolError, "", "section 3.15.2.1", "the reason code "+code.text(5)+" is not allowed on this side now")
		parseErr.Cmd = CmdAuth
		return parseErr
	}
	if props, err = l.withAuthMethod(CmdAuth, props); err != nil {
		return err
	}
	err = l.encode(c, func(dst []byte) ([]byte, error) { return AppendAuth(dst, 5, code, props) })
	if err == nil && starts {
		l.awaitsAuth = true
		c.Stack().SetHandshaking(true) // until AUTH
		if !l.parsing {
			c.Stack().Redispatch() // handle an AUTH that has waited
		}
	}
	return err
}

// mayAuth reports whether this side may send AUTH with this code now. 5.0 section 3.15.2.1.
func (l *layer) mayAuth(code ReasonCode) bool {
	switch code {
	case ReasonContinueAuthentication: // [MQTT-4.12.0-2] [MQTT-4.12.0-3]
		return true
	case ReasonReauthenticate: // [MQTT-4.12.1-1]
		return l.role == client && l.phase == connected || l.role == manual
	case ReasonSuccess:
		return l.role == server && l.phase == connected
	}
	return false
}

// checkAuth checks that the peer may send the AUTH in l.msg now.
func (l *layer) checkAuth(c *reactor.Conn) error {
	const codeRule = "section 3.15.2.1"
	if err := l.checkAuthMethod(true); err != nil {
		return err
	}
	code, fromServer := l.msg.Ack, l.role == client
	switch {
	case code == ReasonReauthenticate && fromServer, code == ReasonSuccess && !fromServer:
		return l.protocolError("", codeRule, "the reason code "+code.text(5)+" is not one of this side")
	case code != ReasonContinueAuthentication && l.phase == connecting:
		return l.protocolError("", l.byRole("MQTT-4.12.0-3", "MQTT-4.12.0-2"), "the reason code is "+code.text(5)+", want 0x18 before CONNACK")
	}
	if l.role == server && l.phase == connecting {
		l.awaitsAuth = false
		c.Stack().SetHandshaking(false)
	}
	return nil
}

// checkAuthMethod checks the Authentication Method of the AUTH or CONNACK in l.msg: it must be that
// of CONNECT. required is false if the packet may leave it out.
func (l *layer) checkAuthMethod(required bool) error {
	if l.v5 == nil {
		return nil
	}
	var p Property
	ofs := l.msg.NextProp(&p, 0)
	for ofs > 0 && p.ID != PropAuthenticationMethod {
		ofs = l.msg.NextProp(&p, ofs)
	}
	switch {
	case ofs == 0 && !required:
		return nil
	case l.v5.authMethod == "":
		return l.protocolError("", l.byRole("MQTT-4.12.0-7", "MQTT-4.12.0-6"), "CONNECT had no Authentication Method")
	case ofs > 0 && string(p.Value) != l.v5.authMethod:
		return l.protocolError("", "MQTT-4.12.0-5", "the Authentication Method is not that of CONNECT")
	}
	return nil
}

// withAuthMethod returns props with the Authentication Method of CONNECT, for an AUTH or for a
// CONNACK that accepts the client [MQTT-4.12.0-5]. It returns an error if props has another one,
// or has one for which CONNECT did not ask.
func (l *layer) withAuthMethod(cmd Cmd, props []Property) ([]Property, error) {
	if l.v5 == nil {
		return props, nil
	}
	method := slices.IndexFunc(props, func(p Property) bool { return p.ID == PropAuthenticationMethod })
	switch own := l.v5.authMethod; {
	case own == "" && method < 0:
		return props, nil
	case own == "":
		return nil, ErrNoAuthMethod // [MQTT-4.12.0-6]
	case method < 0:
		return append([]Property{{ID: PropAuthenticationMethod, Value: []byte(own)}}, props...), nil
	case string(props[method].Value) != own:
		err := newParseError(5, ReasonProtocolError, "", "MQTT-4.12.0-5", "the Authentication Method is not that of CONNECT")
		err.Cmd = cmd
		return nil, err
	}
	return props, nil
}
