package mqtt

import (
	"fmt"
	"strings"
	"time"
)

// Capabilities are what the peer of a connection allows. On a client they come from the
// properties of CONNACK, on a server from those of CONNECT. A peer that speaks 3.1.1, or that
// leaves a property out, has the defaults of the standard. The fields that only a server sends
// have their defaults on a server.
type Capabilities struct {
	ReceiveMaximum    uint16 // messages of QoS 1 and 2 in flight; default 65,535
	MaximumPacketSize uint32 // bytes of a packet; default 268,435,460, the largest packet
	TopicAliasMaximum uint16 // topic aliases; default 0

	MaximumQoS        uint8 // of a PUBLISH; default 2
	RetainAvailable   bool  // retained messages; default true
	WildcardAvailable bool  // wildcards in topic filters; default true
	SharedAvailable   bool  // shared subscriptions; default true in 5.0; 3.1.1 has none
	SubIDsAvailable   bool  // subscription identifiers; default true in 5.0; 3.1.1 has none

	SessionExpiry    uint32        // seconds; what the client has asked for, unless CONNACK changes it
	KeepAlive        time.Duration // what the client has asked for, unless CONNACK changes it
	AssignedClientID string        // the identifier that the server chose; "" if the client chose
	ResponseInfo     string        // Response Information, for response topics
	ServerReference  string        // another server to use
	ReasonString     string        // for people
}

// NewCapabilities returns the capabilities of a peer that sends no properties.
func NewCapabilities(version uint8) Capabilities {
	return Capabilities{
		ReceiveMaximum:    noReceiveMax,
		MaximumPacketSize: maxPacketSize,
		MaximumQoS:        2,
		RetainAvailable:   true,
		WildcardAvailable: true,
		SharedAvailable:   version == 5,
		SubIDsAvailable:   version == 5,
	}
}

// maxPacketSize is the size in bytes of the largest packet. 3.1.1 section 2.2.3, 5.0 section 2.1.4.
const maxPacketSize = 5 + maxVarint

// A PeerLimitError is returned for a packet that the peer does not allow. Nothing was sent.
type PeerLimitError struct {
	Limit string // name of the property, such as "Maximum QoS"
	Value int    // the peer's value; 0 also for a feature that is not available
	Got   int    // the value of the packet; 1 for a feature that is not available
}

// Error returns the name of the limit, its value, and the value of the packet.
func (e *PeerLimitError) Error() string {
	return fmt.Sprintf("mqtt: the peer's %s is %d, the packet needs %d", e.Limit, e.Value, e.Got)
}

// limitError returns the error for a packet that needs got, if the peer's limit is value.
func limitError(limit PropID, value, got int) error {
	return &PeerLimitError{Limit: limit.String(), Value: value, Got: got}
}

// CheckPublish returns a *PeerLimitError if the peer does not allow p: its QoS, its RETAIN flag,
// its Topic Alias, or its size. It checks nothing in 3.1.1, which has no limits. Receive Maximum
// depends on other messages, so it is not checked. Nor is a QoS above 2, which no peer allows:
// AppendPublish refuses it. CheckPublish panics if p is nil.
func (caps *Capabilities) CheckPublish(version uint8, p *PublishPacket) error {
	if p == nil {
		panic("mqtt: CheckPublish of a nil PublishPacket")
	}
	if version != 5 {
		return nil
	}
	alias := propValue(p.Props, PropTopicAlias, 0)
	switch {
	case p.QoS > caps.MaximumQoS && p.QoS <= 2: // [MQTT-3.2.2-11]
		return limitError(PropMaximumQoS, int(caps.MaximumQoS), int(p.QoS))
	case p.Retain && !caps.RetainAvailable: // [MQTT-3.2.2-14]
		return limitError(PropRetainAvailable, 0, 1)
	case alias > uint32(caps.TopicAliasMaximum): // [MQTT-3.3.2-9] [MQTT-3.3.2-11]
		return limitError(PropTopicAliasMaximum, int(caps.TopicAliasMaximum), int(alias))
	case caps.MaximumPacketSize < maxPacketSize:
		return caps.checkSize(PublishSize(version, p))
	}
	return nil
}

// checkSize returns an error if a packet of n bytes is too large for the peer [MQTT-3.1.2-24]
// [MQTT-3.2.2-15].
func (caps *Capabilities) checkSize(n int) error {
	if uint64(n) > uint64(caps.MaximumPacketSize) {
		return limitError(PropMaximumPacketSize, int(caps.MaximumPacketSize), n)
	}
	return nil
}

// CheckFilter returns a *PeerLimitError if the peer does not allow the subscription f: that it has
// wildcards, that it is shared, or that its SUBSCRIBE has a Subscription Identifier (hasSubID). It
// checks nothing in 3.1.1.
func (caps *Capabilities) CheckFilter(version uint8, f Filter, hasSubID bool) error {
	if version != 5 {
		return nil
	}
	switch {
	case !caps.SharedAvailable && strings.HasPrefix(f.Topic, sharePrefix): // section 3.2.2.3.13
		return limitError(PropSharedSubAvailable, 0, 1)
	case !caps.WildcardAvailable && strings.ContainsAny(f.Topic, "+#"): // section 3.2.2.3.11
		return limitError(PropWildcardSubAvailable, 0, 1)
	case !caps.SubIDsAvailable && hasSubID: // section 3.2.2.3.12
		return limitError(PropSubIDsAvailable, 0, 1)
	}
	return nil
}
