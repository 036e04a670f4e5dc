package mqtt

// ackRules are the statements about the reason codes of the four packets that acknowledge a
// PUBLISH.
var ackRules = [16]string{
	CmdPuback:  "MQTT-3.4.2-1",
	CmdPubrec:  "MQTT-3.5.2-1",
	CmdPubrel:  "MQTT-3.6.2-1",
	CmdPubcomp: "MQTT-3.7.2-1",
}

// ack parses PUBACK, PUBREC, PUBREL and PUBCOMP.
func (c *cursor) ack(m *Message) {
	m.ID = c.packetID("MQTT-2.3.1-6", "MQTT-2.2.1-5")
	if c.version != 5 || len(c.rest) == 0 {
		return // a missing reason code means 0x00. 5.0 section 3.4.2.1
	}
	m.Ack = c.reason(m.Cmd, ruleMalformedV4, ackRules[m.Cmd])
	if len(c.rest) > 0 { // the property length may be missing. 5.0 section 3.4.2.2.1
		m.Props, _ = c.properties(1 << m.Cmd)
	}
}

// AppendAck appends a PUBACK, PUBREC, PUBREL or PUBCOMP in its shortest form. id must not be
// 0. In 3.1.1 code must be 0 and props empty.
func AppendAck(dst []byte, version uint8, cmd Cmd, id uint16, code ReasonCode, props []Property) ([]byte, error) {
	b := begin(dst, version)
	if cmd < CmdPuback || cmd > CmdPubcomp {
		b.fail(ReasonProtocolError, "section 4.3", "section 4.3", "want PUBACK, PUBREC, PUBREL or PUBCOMP")
		return b.finish(dst, cmd, 0, 0)
	}
	if b.err == nil && id != 0 && code == ReasonSuccess && len(props) == 0 {
		// Nothing is left that the parser could refuse. Without it this takes 0.4 of the time.
		return append(dst, byte(cmd)<<4|flagRules[cmd].want, 2, byte(id>>8), byte(id)), nil
	}
	b.reserve()
	b.u16(id)
	if code != ReasonSuccess || len(props) > 0 {
		b.code(cmd, code)
	}
	if len(props) > 0 {
		b.properties(props)
	}
	return b.seal(dst, cmd, flagRules[cmd].want)
}
