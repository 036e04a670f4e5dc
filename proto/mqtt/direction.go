package mqtt

// checkProps refuses the packet in l.msg if it has a property that its sender must not send: one
// that only the other side may send, one that CONNECT has ruled out, or one that this side has
// asked not to get.
func (l *layer) checkProps() error {
	m := &l.msg
	if l.version != 5 || len(m.Props) == 0 {
		return nil
	}
	switch {
	case l.role == server && m.Cmd == CmdPublish:
		if m.hasProp(1 << PropSubscriptionIdentifier) {
			return l.protocolError("", "MQTT-3.3.4-6", "the client sent a Subscription Identifier")
		}
	case l.role == server && m.Cmd == CmdDisconnect:
		if seconds, _ := m.intProp(PropSessionExpiryInterval); seconds > 0 && !l.v5.mayExpire() {
			return l.protocolError("", "section 3.14.2.2.2", "the client sent a Session Expiry Interval, but that of CONNECT was 0")
		}
	case l.role == client && m.Cmd == CmdDisconnect:
		if m.hasProp(1 << PropSessionExpiryInterval) {
			return l.protocolError("", "MQTT-3.14.2-2", "the server sent a Session Expiry Interval")
		}
	case l.role == client && l.v5.noProblemInfo && 1<<m.Cmd&mayHaveProblemInfo == 0:
		if m.hasProp(1<<PropReasonString | 1<<PropUserProperty) {
			return l.protocolError("", "MQTT-3.1.2-29", "the server sent problem information, but CONNECT asked for none")
		}
	}
	return nil
}

// mayHaveProblemInfo are the packets that may have a Reason String and User Properties even if the
// client has asked for no problem information [MQTT-3.1.2-29].
const mayHaveProblemInfo = 1<<CmdPublish | 1<<CmdConnack | 1<<CmdDisconnect

// hasProp reports whether m has one of the properties in set: bit n is PropID(n).
func (m *Message) hasProp(set uint64) bool {
	var p Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if set&(1<<p.ID) != 0 {
			return true
		}
	}
	return false
}

// intProp returns the value of an integer property of m, and whether m has the property.
func (m *Message) intProp(id PropID) (value uint32, ok bool) {
	var p Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == id {
			return p.Int, true
		}
	}
	return 0, false
}

// checkSentProps refuses a PUBLISH of this side with a property that only the other side may send.
func (l *layer) checkSentProps(p *PublishPacket) error {
	if l.role == server || propValue(p.Props, PropSubscriptionIdentifier, 0) == 0 {
		return nil
	}
	err := newParseError(l.version, ReasonProtocolError, ruleMalformedV4, "MQTT-3.3.4-6", "a client must not send a Subscription Identifier")
	err.Cmd = CmdPublish
	return err
}
