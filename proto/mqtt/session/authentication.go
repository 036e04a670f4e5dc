package session

import (
	"errors"
	"fmt"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// authentication is the exchange of AUTH packets of one session, 5.0 section 4.12. It is a state
// machine: it gets packets, and returns the properties of the answers. A session without an
// Authenticator has none.
//
//	state      begins with                     ends with
//	idle
//	first      connect, for CONNECT            CONNACK: accepted
//	again      reauthenticate                  AUTH with Success: received
type authentication struct {
	by     Authenticator
	method string // of the exchange that is running, or was the last one
	state  authState
}

type authState uint8

const (
	authIdle authState = iota
	authFirst
	authAgain
)

// Errors of Session.Reauthenticate.
var (
	errNoAuth      = errors.New("session: Reauthenticate without Options.Auth")
	errNotUp       = errors.New("session: Reauthenticate without a connection: wait for EvSessionUp")
	errAuthRunning = errors.New("session: Reauthenticate while an authentication is running")
)

// authError is why an authentication has failed.
type authError struct {
	code mqtt.ReasonCode // for the DISCONNECT that tells the server
	err  error
}

func (e *authError) Error() string { return "session: authentication failed: " + e.err.Error() }
func (e *authError) Unwrap() error { return e.err }

// failed returns an error of the program's Authenticator.
func (a *authentication) failed(err error) error {
	a.state = authIdle
	return &authError{mqtt.ReasonUnspecified, err}
}

// broken returns an error of the server.
func (a *authentication) broken(format string, args ...any) error {
	a.state = authIdle
	return &authError{mqtt.ReasonProtocolError, fmt.Errorf(format, args...)}
}

// connect begins the first exchange. It returns the properties that CONNECT gets.
func (a *authentication) connect() ([]mqtt.Property, error) { return a.start(authFirst) }

// reauthenticate begins another exchange. It returns the properties of AUTH with Re-authenticate.
func (a *authentication) reauthenticate() ([]mqtt.Property, error) {
	if a.state != authIdle {
		return nil, errAuthRunning
	}
	method := a.method
	props, err := a.start(authAgain)
	if err != nil {
		return nil, err
	}
	if a.method != method { // [MQTT-4.12.1-1]
		a.method, a.state = method, authIdle
		return nil, fmt.Errorf("session: Reauthenticate with another method than %s", quote.Cut(method))
	}
	return props, nil
}

// start asks the program for the beginning of an exchange.
func (a *authentication) start(state authState) ([]mqtt.Property, error) {
	data, err := a.by.Start(state == authAgain)
	if err != nil {
		return nil, a.failed(err)
	}
	a.method, a.state = a.by.Method(), state
	return a.props(data), nil
}

// props returns the properties of our packets. Each has the method [MQTT-4.12.0-5].
func (a *authentication) props(data []byte) []mqtt.Property {
	props := []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte(a.method)}}
	if data != nil {
		props = append(props, mqtt.Property{ID: mqtt.PropAuthenticationData, Value: data})
	}
	return props
}

// accepted handles the CONNACK that ends the first exchange. It has the method too [MQTT-4.12.0-5].
func (a *authentication) accepted(m *mqtt.Message) error {
	data, err := a.check(m)
	if err != nil {
		return err
	}
	return a.finish(data)
}

// received handles AUTH. It returns the properties of the answer, an AUTH with Continue
// authentication [MQTT-4.12.0-3]. They are nil if the exchange has ended.
func (a *authentication) received(m *mqtt.Message) ([]mqtt.Property, error) {
	data, err := a.check(m)
	switch {
	case err != nil:
		return nil, err
	case a.state == authIdle:
		return nil, a.broken("the server has sent AUTH, but no authentication is running")
	case m.Ack == mqtt.ReasonSuccess && a.state == authAgain:
		return nil, a.finish(data)
	case m.Ack != mqtt.ReasonContinueAuthentication: // [MQTT-4.12.0-2]
		return nil, a.broken("the server has sent AUTH with reason 0x%02X, which is not allowed here", uint8(m.Ack))
	}
	answer, err := a.by.Next(data)
	if err != nil {
		return nil, a.failed(err)
	}
	return a.props(answer), nil
}

// check looks for the method of the exchange in a packet of the server, and returns the
// Authentication Data, which is nil if there is none.
func (a *authentication) check(m *mqtt.Message) (data []byte, err error) {
	method, found := "", false
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		switch p.ID {
		case mqtt.PropAuthenticationMethod:
			method, found = string(p.Value), true
		case mqtt.PropAuthenticationData:
			data = p.Value
		}
	}
	switch {
	case !found:
		return nil, a.broken("the server's %v has no Authentication Method, want %s [MQTT-4.12.0-5]", m.Cmd, quote.Cut(a.method))
	case method != a.method:
		return nil, a.broken("the server's %v has the Authentication Method %s, want %s [MQTT-4.12.0-5]",
			m.Cmd, quote.Cut(method), quote.Cut(a.method))
	}
	return data, nil
}

// finish tells the program that the server has accepted the authentication.
func (a *authentication) finish(data []byte) error {
	a.state = authIdle
	if err := a.by.Finish(data); err != nil {
		return a.failed(err)
	}
	return nil
}

// down is called when the connection has ended.
func (a *authentication) down() { a.state = authIdle }
