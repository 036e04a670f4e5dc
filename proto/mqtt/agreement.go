package mqtt

import (
	"math"
	"strconv"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/reactor"
)

// PeerCapabilities returns what the peer of the connection allows. ok is false before the peer has
// said so: on a client before CONNACK, on a server before CONNECT. On a connection of Login the
// program passes CONNACK to Ack first.
func PeerCapabilities(c *reactor.Conn) (caps Capabilities, ok bool) {
	l, found := reactor.Find[*layer](c)
	switch {
	case !found || !l.peerKnown:
		return Capabilities{}, false
	case l.v5 != nil:
		return l.v5.peer, true
	}
	caps = NewCapabilities(l.version)
	caps.KeepAlive = time.Duration(l.askedKeepAlive) * time.Second
	if !l.cleanStart {
		caps.SessionExpiry = math.MaxUint32 // as in 5.0 section 3.1.2.11.2
	}
	return caps, true
}

// agreement is what both sides of a 5.0 connection have said about themselves in CONNECT and
// CONNACK, and the topic aliases. Connections of 3.1.1 have none.
type agreement struct {
	peer          Capabilities      // what the peer allows; the defaults until it has said so
	own           ownLimits         // what this side has told the peer
	authMethod    string            // Authentication Method of CONNECT; "" if there was none
	noProblemInfo bool              // CONNECT has Request Problem Information 0
	expires       bool              // CONNECT has a Session Expiry Interval above 0
	aliases       map[uint16][]byte // the topics of the peer's aliases
	aliasesSent   packetid.Set      // the aliases for which this side has sent a topic
}

// ownLimits are limits in the properties that this side has sent.
type ownLimits struct {
	maxPacket  uint32
	receiveMax uint16
	aliasMax   uint16
}

// newAgreement returns the agreement before anything was said: all defaults of the standard.
func newAgreement() *agreement {
	return &agreement{
		peer: NewCapabilities(5),
		own:  ownLimits{maxPacket: maxPacketSize, receiveMax: noReceiveMax},
	}
}

// propValue returns the value of an integer property, or fallback if props does not contain it.
func propValue(props []Property, id PropID, fallback uint32) uint32 {
	for i := range props {
		if props[i].ID == id {
			return props[i].Int
		}
	}
	return fallback
}

// announce notes the limits in the properties of the CONNECT or CONNACK that this side sends.
func (a *agreement) announce(props []Property) {
	a.own.maxPacket = propValue(props, PropMaximumPacketSize, maxPacketSize)
	a.own.receiveMax = uint16(propValue(props, PropReceiveMaximum, noReceiveMax))
	a.own.aliasMax = uint16(propValue(props, PropTopicAliasMaximum, 0))
}

// learn notes the properties in the CONNECT or CONNACK of the peer.
func (a *agreement) learn(m *Message) {
	var p Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		a.peer.learn(&p)
		if p.ID == PropAuthenticationMethod && m.Cmd == CmdConnect {
			a.authMethod = string(p.Value)
		}
	}
}

// learn notes a property of CONNECT or CONNACK.
func (caps *Capabilities) learn(p *Property) {
	switch p.ID {
	case PropReceiveMaximum:
		caps.ReceiveMaximum = uint16(p.Int)
	case PropMaximumPacketSize:
		caps.MaximumPacketSize = p.Int
	case PropTopicAliasMaximum:
		caps.TopicAliasMaximum = uint16(p.Int)
	case PropMaximumQoS:
		caps.MaximumQoS = uint8(p.Int)
	case PropRetainAvailable:
		caps.RetainAvailable = p.Int == 1
	case PropWildcardSubAvailable:
		caps.WildcardAvailable = p.Int == 1
	case PropSharedSubAvailable:
		caps.SharedAvailable = p.Int == 1
	case PropSubIDsAvailable:
		caps.SubIDsAvailable = p.Int == 1
	case PropSessionExpiryInterval:
		caps.SessionExpiry = p.Int
	case PropServerKeepAlive:
		caps.KeepAlive = time.Duration(p.Int) * time.Second
	case PropAssignedClientIdentifier:
		caps.AssignedClientID = string(p.Value)
	case PropResponseInformation:
		caps.ResponseInfo = string(p.Value)
	case PropServerReference:
		caps.ServerReference = string(p.Value)
	case PropReasonString:
		caps.ReasonString = string(p.Value)
	}
}

// knowsPeer reports whether the limits of the peer are known. On a connection of Login they are not
// if the program does not pass CONNACK to Ack: then the program itself looks at them.
func (l *layer) knowsPeer() bool { return l.v5 != nil && (l.peerKnown || l.role != manual) }

// checkPeerAllows returns an error if the peer does not allow the message p.
func (l *layer) checkPeerAllows(p *PublishPacket) error {
	if !l.knowsPeer() {
		return nil
	}
	if err := l.v5.peer.CheckPublish(l.version, p); err != nil {
		return err
	}
	if p.Topic == "" {
		if alias := propValue(p.Props, PropTopicAlias, 0); alias > 0 && !l.v5.aliasesSent.Has(uint16(alias)) {
			err := newParseError(5, ReasonTopicAliasInvalid, "", "section 3.3.4", "the topic name is empty, and no topic was sent with the "+
				"Topic Alias "+strconv.Itoa(int(alias))+" on this connection")
			err.Cmd = CmdPublish
			return err
		}
	}
	return nil
}

// noteAlias notes that the message p, which was sent, has given its Topic Alias a topic.
func (l *layer) noteAlias(p *PublishPacket) {
	if l.v5 == nil || p.Topic == "" || len(p.Props) == 0 {
		return
	}
	if alias := propValue(p.Props, PropTopicAlias, 0); alias > 0 {
		l.v5.aliasesSent.Add(uint16(alias))
	}
}

// checkWindow returns an error if the peer has not acknowledged as many messages as its Receive
// Maximum allows [MQTT-3.3.4-7] [MQTT-3.3.4-9].
func (l *layer) checkWindow() error {
	if l.ownFlows || l.ids == nil || !l.knowsPeer() {
		return nil
	}
	inFlight, limit := l.ids.sent.Len()-l.ids.subs.Len(), int(l.v5.peer.ReceiveMaximum)
	if inFlight < limit {
		return nil
	}
	return limitError(PropReceiveMaximum, limit, inFlight+1)
}

// sentConnect notes the CONNECT that this side sends.
func (l *layer) sentConnect(p *ConnectPacket) {
	l.askedKeepAlive, l.cleanStart, l.v5 = p.KeepAlive, p.CleanStart, nil
	if l.version != 5 {
		return
	}
	l.v5 = newAgreement()
	l.v5.announce(p.Props)
	l.v5.noProblemInfo = propValue(p.Props, PropRequestProblemInformation, 1) == 0
	l.v5.peer.KeepAlive = time.Duration(p.KeepAlive) * time.Second
	l.v5.peer.SessionExpiry = sessionExpiry(p.Props)
	l.v5.expires = l.v5.peer.SessionExpiry > 0
	for i := range p.Props {
		if p.Props[i].ID == PropAuthenticationMethod {
			l.v5.authMethod = string(p.Props[i].Value)
		}
	}
}

// receivedConnect notes the CONNECT in m.
func (l *layer) receivedConnect(m *Message) {
	flags, keepAlive, _ := m.connectFixed()
	l.peerKnown, l.askedKeepAlive, l.cleanStart = true, keepAlive, flags&connClean != 0
	if m.Version == 5 {
		l.v5 = newAgreement()
		l.v5.peer.KeepAlive = time.Duration(keepAlive) * time.Second
		l.v5.learn(m)
		l.v5.expires = l.v5.peer.SessionExpiry > 0
	}
}

// mayExpire reports whether DISCONNECT may have a Session Expiry Interval above 0: only if that of
// CONNECT was above 0. 5.0 section 3.14.2.2.2.
func (a *agreement) mayExpire() bool { return a != nil && a.expires }

// sentConnack notes the properties of the CONNACK that this side sends.
func (l *layer) sentConnack(props []Property) {
	if l.v5 == nil {
		return
	}
	l.v5.announce(props)
	for i := range props {
		if id := props[i].ID; id == PropSessionExpiryInterval || id == PropServerKeepAlive || id == PropAssignedClientIdentifier {
			l.v5.peer.learn(&props[i])
		}
	}
}

// receivedConnack notes the CONNACK in m, which accepts the connection.
func (l *layer) receivedConnack(m *Message) {
	l.peerKnown = true
	if l.v5 != nil {
		l.v5.learn(m)
	}
}
