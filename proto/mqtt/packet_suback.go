package mqtt

// suback parses SUBACK, which has one code per topic filter of SUBSCRIBE.
func (c *cursor) suback(m *Message) {
	m.ID = c.packetID("MQTT-2.3.1-7", "MQTT-2.2.1-6")
	m.Props, _ = c.properties(1 << CmdSuback)
	c.codes(m, "MQTT-3.8.4-5", "MQTT-3.8.4-6", "MQTT-3.9.3-2", "MQTT-3.9.3-2")
}

// unsuback parses UNSUBACK. It has codes, one per topic filter, in 5.0 only.
func (c *cursor) unsuback(m *Message) {
	m.ID = c.packetID("MQTT-2.3.1-7", "MQTT-2.2.1-6")
	if c.version != 5 {
		return
	}
	m.Props, _ = c.properties(1 << CmdUnsuback)
	c.codes(m, "", "MQTT-3.11.3-1", "", "MQTT-3.11.3-2")
}

// codes parses the rest of the packet as reason codes, one per topic filter. If there is no
// code, the packet breaks the rules none4 and none5. If the packet type does not allow a code,
// the packet breaks the rules bad4 and bad5.
func (c *cursor) codes(m *Message, none4, none5, bad4, bad5 string) {
	m.Data = c.rest
	if len(c.rest) == 0 {
		c.protocolError(none4, none5, "the reason codes are missing")
	}
	c.checkLimit(len(c.rest), c.filterLimit(), "reason codes")
	for len(c.rest) > 0 {
		c.reason(m.Cmd, bad4, bad5)
	}
	if c.err == nil {
		m.Ack = ReasonCode(m.Data[0])
	}
}

// AppendSuback appends a SUBACK with one code per topic filter. In 3.1.1 props must be empty.
func AppendSuback(dst []byte, version uint8, id uint16, codes []ReasonCode, props []Property) ([]byte, error) {
	return appendCodes(dst, version, CmdSuback, id, codes, props)
}

// AppendUnsuback appends an UNSUBACK with one code per topic filter. In 3.1.1 codes and props
// must be empty.
func AppendUnsuback(dst []byte, version uint8, id uint16, codes []ReasonCode, props []Property) ([]byte, error) {
	return appendCodes(dst, version, CmdUnsuback, id, codes, props)
}

func appendCodes(dst []byte, version uint8, cmd Cmd, id uint16, codes []ReasonCode, props []Property) ([]byte, error) {
	b := begin(dst, version)
	if len(codes) > maxVarint && b.err == nil { // do not copy codes that are refused later
		b.err = sizeError(b.version)
	}
	if b.err != nil {
		return b.finish(dst, cmd, 0, 0)
	}
	b.reserve()
	b.u16(id)
	b.properties(props)
	for _, code := range codes {
		b.code(cmd, code)
	}
	return b.seal(dst, cmd, 0)
}
