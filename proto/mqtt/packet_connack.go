package mqtt

var fieldConnackFlags = field{"acknowledge flags", "section 3.2.2.1", "section 3.2.2.1"}

const sessionPresent = 1

func (c *cursor) connack(m *Message) {
	if c.oldRefusal() {
		return
	}
	flags := c.u8(&fieldConnackFlags)
	if flags&^sessionPresent != 0 {
		c.malformed("section 3.2.2.1", "MQTT-3.2.2-1", "the reserved acknowledge flags are set")
	}
	m.SessionPresent = flags&sessionPresent != 0
	m.Ack = c.reason(CmdConnack, "MQTT-3.2.2-6", "MQTT-3.2.2-8")
	if m.SessionPresent && m.Ack != 0 {
		c.protocolError("MQTT-3.2.2-4", "MQTT-3.2.2-6", "Session Present is set in a refusal")
	}
	m.Props, _ = c.properties(ofConnack)
}

// oldRefusal notices the answer of a server that speaks 3.1.1 only to a CONNECT
// of 5.0: a CONNACK in its own format [3.1.1: MQTT-3.1.2-2]. As a packet of 5.0 it
// is malformed, but that would not tell what the matter is.
func (c *cursor) oldRefusal() bool {
	if c.version != 5 || len(c.rest) != 2 || c.rest[0] != 0 || ReasonCode(c.rest[1]) != ConnackBadProtocolVersion {
		return false
	}
	c.fail(ReasonUnsupportedVersion, "", "MQTT-3.1.2-2", "the server does not speak 5.0")
	return true
}

// AppendConnack appends a CONNACK. code is a 3.1.1 return code or a 5.0 reason
// code, as the version has it.
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
