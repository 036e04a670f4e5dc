package mqtt

var fieldConnackFlags = field{"acknowledge flags", "section 3.2.2.1", "section 3.2.2.1"}

const sessionPresent = 1

// connack parses CONNACK.
func (c *cursor) connack(m *Message) {
	if c.isV4Refusal() {
		return
	}
	flags := c.u8(&fieldConnackFlags)
	if flags&^sessionPresent != 0 {
		c.malformed("section 3.2.2.1", "MQTT-3.2.2-1", "the reserved acknowledge flags are set")
	}
	m.SessionPresent = flags&sessionPresent != 0
	m.Ack = c.reason(CmdConnack, "MQTT-3.2.2-6", "MQTT-3.2.2-8")
	if m.SessionPresent && m.Ack != 0 {
		c.protocolError("MQTT-3.2.2-4", "MQTT-3.2.2-6", "Session Present is set, but the code refuses the client")
	}
	m.Props, _ = c.properties(ofConnack)
}

// isV4Refusal reports whether the packet is the CONNACK with which a 3.1.1 server refuses a
// CONNECT of 5.0 [3.1.1: MQTT-3.1.2-2]. Such a server answers in the format of 3.1.1, which
// is malformed in 5.0. isV4Refusal sets an error that names the real cause.
func (c *cursor) isV4Refusal() bool {
	if c.version != 5 || len(c.rest) != 2 || c.rest[0] != 0 || ReasonCode(c.rest[1]) != ConnackBadProtocolVersion {
		return false
	}
	c.fail(ReasonUnsupportedVersion, "", "MQTT-3.1.2-2", "the server does not speak MQTT 5.0: connect with version 4 (MQTT 3.1.1)")
	return true
}

// AppendConnack appends a CONNACK. code is a return code of 3.1.1 or a reason code of 5.0,
// depending on version. In 3.1.1 props must be empty.
func AppendConnack(dst []byte, version uint8, present bool, code ReasonCode, props []Property) ([]byte, error) {
	b := begin(dst, version)
	b.reserve()
	if present {
		b.u8(sessionPresent)
	} else {
		b.u8(0)
	}
	b.code(CmdConnack, code)
	b.properties(props)
	return b.seal(dst, CmdConnack, 0)
}
