package mqtt

import (
	"errors"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/reactor"
)

// Unreleased is a set of the packet identifiers of QoS 2 messages that were received and wait for
// PUBREL. It is a part of the session state that a server keeps between the connections of a client
// [MQTT-4.1.0-1]. The zero value is an empty set.
type Unreleased struct{ ids packetid.Set }

// Len returns the number of identifiers in the set.
func (u *Unreleased) Len() int { return u.ids.Len() }

// Remove removes an identifier, and reports whether the set contained it. A server that refuses the
// message of an EvMQTTMsg calls it: if the client sends the message again, it is a new one.
func (u *Unreleased) Remove(id uint16) bool { return u.ids.Remove(id) }

// KeepUnreleased makes an accepted connection use u for the QoS 2 messages that it receives. The
// layer adds the identifier of each before it raises EvMQTTMsg, and removes it at PUBREL. A message
// whose identifier is in u is a duplicate: EvMQTTMsg is not raised for it [MQTT-4.3.3-10]. So a
// server that keeps sessions delivers a message once, also over several connections. It passes the
// set of the session before it calls Connack. Two connections must not use the same set at once.
// The identifiers in u count towards Limits.Unreleased and the Receive Maximum of this connection.
//
// The errors are ErrNotMQTT, reactor.ErrClosed, and an error if c is not an accepted connection.
func KeepUnreleased(c *reactor.Conn, u *Unreleased) error {
	l, err := layerOf(c)
	switch {
	case err != nil:
		return err
	case l.role != server:
		return errors.New("mqtt: KeepUnreleased on a connection that was not accepted: use Options.Manual")
	}
	l.makeIDs().unreleased = &u.ids
	return nil
}
