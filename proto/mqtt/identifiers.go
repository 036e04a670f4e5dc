package mqtt

import (
	"errors"

	"github.com/rikki-go/rikki/internal/packetid"
)

var (
	// ErrNoPacketID is returned if all 65,535 packet identifiers are in use. One becomes free when
	// the peer acknowledges a packet.
	ErrNoPacketID = errors.New("mqtt: all packet identifiers are in use: wait until the peer has acknowledged a packet")
	// ErrPacketIDInUse is returned if the packet identifier in Options is in use.
	ErrPacketIDInUse = errors.New("mqtt: the packet identifier in Options is in use by a packet that is not acknowledged")
	// ErrNeedsPacketID is returned by Pub at QoS 1 and 2, Sub and Unsub on a connection of
	// Options.Manual if neither ID nor RetransmitID is set.
	ErrNeedsPacketID = errors.New("mqtt: Options.ID is 0: with Options.Manual the program chooses packet identifiers")
)

// identifiers are the packet identifiers that are in use. Each side chooses identifiers for its own
// packets, so a number may be in use in both directions. 3.1.1 section 2.3.1, 5.0 section 2.2.1.
type identifiers struct {
	sent       packetid.Pool // of packets that this side has sent, until the exchange has ended
	subs       packetid.Set  // those of them that SUBSCRIBE and UNSUBSCRIBE have
	qos2       packetid.Set  // those of them that messages of QoS 2 have
	unreleased *packetid.Set // of QoS 2 messages of the peer that wait for PUBREL; see KeepUnreleased
}

// makeIDs returns the identifiers in use. Connections that need none have no memory for them.
func (l *layer) makeIDs() *identifiers {
	if l.ids == nil {
		l.ids = &identifiers{unreleased: new(packetid.Set)}
	}
	return l.ids
}

// takeID returns the packet identifier for a new packet: id, or the next free one if id is 0. It
// is in use from now on. A packet that this side sends has an identifier that is not in use
// [MQTT-2.3.1-2] [MQTT-2.3.1-4] [MQTT-2.2.1-3] [MQTT-2.2.1-4].
func (l *layer) takeID(id uint16) (uint16, error) {
	switch {
	case l.ownFlows && id == 0:
		return 0, ErrNeedsPacketID
	case l.ownFlows:
		return id, nil
	case id == 0:
		next, ok := l.makeIDs().sent.Next()
		if !ok {
			return 0, ErrNoPacketID
		}
		return next, nil
	case !l.makeIDs().sent.Take(id):
		return 0, ErrPacketIDInUse
	}
	return id, nil
}

// takeMessageID is takeID for a PUBLISH.
func (l *layer) takeMessageID(id uint16, qos uint8) (uint16, error) {
	id, err := l.takeID(id)
	if err == nil && qos == 2 && !l.ownFlows {
		l.ids.qos2.Add(id)
	}
	return id, err
}

// retakeID is takeMessageID for a PUBLISH that is sent again, or its PUBREL. The identifier may be
// in use by the first transmission. taken is false if it was.
func (l *layer) retakeID(id uint16, qos uint8) (taken bool, err error) {
	switch {
	case l.ownFlows:
		return false, nil
	case !l.makeIDs().sent.InUse(id):
		_, err = l.takeMessageID(id, qos)
		return err == nil, err
	case l.ids.subs.Has(id) || l.ids.qos2.Has(id) != (qos == 2):
		return false, ErrPacketIDInUse
	}
	return false, nil
}

// returnID makes an identifier free again.
func (l *layer) returnID(id uint16) {
	if l.ids != nil {
		l.ids.subs.Remove(id)
		l.ids.qos2.Remove(id)
		l.ids.sent.Release(id)
	}
}

// endExchange makes the identifier free that a packet of the peer acknowledges for the last time
// [MQTT-2.3.1-3]. An acknowledgement of the wrong type changes nothing.
func (l *layer) endExchange(cmd Cmd, id uint16, code ReasonCode) {
	if l.ids == nil {
		return
	}
	ids, ends := l.ids, false
	switch {
	case cmd == CmdSuback || cmd == CmdUnsuback:
		ends = ids.subs.Has(id)
	case cmd == CmdPuback:
		ends = !ids.subs.Has(id) && !ids.qos2.Has(id)
	case cmd == CmdPubcomp || cmd == CmdPubrec && code >= 0x80:
		ends = ids.qos2.Has(id)
	}
	if ends {
		l.returnID(id)
	}
}

// noteQoS2 notes the identifier of a QoS 2 message until PUBREL. It returns false if the message
// is a duplicate: it was delivered before, and PUBREL has not arrived [MQTT-4.3.3-10].
func (l *layer) noteQoS2(id uint16) bool { return l.makeIDs().unreleased.Add(id) }

// release forgets the identifier of a QoS 2 message. It reports whether it was known.
func (l *layer) release(id uint16) bool { return l.ids != nil && l.ids.unreleased.Remove(id) }
