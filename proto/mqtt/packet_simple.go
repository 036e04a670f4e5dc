package mqtt

// disconnect parses DISCONNECT, which in 3.1.1 is nothing but its fixed header.
func (c *cursor) disconnect(m *Message) {
	if len(c.rest) == 0 || c.version != 5 {
		return // without a reason code it is 0x00. 5.0 section 3.14.2.1
	}
	m.Ack = c.reason(CmdDisconnect, brokenV4, "MQTT-3.14.2-1")
	if len(c.rest) > 0 { // the property length may be left out. 5.0 section 3.14.2.2.1
		m.Props, _ = c.properties(ofDisconnect)
	}
}

// auth parses AUTH. It is complete or empty, and empty stands for success.
// 5.0 section 3.15.2.1.
func (c *cursor) auth(m *Message) {
	if len(c.rest) == 0 {
		return
	}
	m.Ack = c.reason(CmdAuth, "", "MQTT-3.15.2-1")
	props, seen := c.properties(ofAuth)
	m.Props = props
	if c.err == nil && !seen.has(PropAuthenticationMethod) {
		c.protocolError("", "section 3.15.2.2.2", "there is no Authentication Method")
	}
}

// AppendPingreq appends a PINGREQ.
func AppendPingreq(dst []byte) []byte { return append(dst, byte(CmdPingreq)<<4, 0) }

// AppendPingresp appends a PINGRESP.
func AppendPingresp(dst []byte) []byte { return append(dst, byte(CmdPingresp)<<4, 0) }

// AppendDisconnect appends a DISCONNECT. In 3.1.1 code must be 0 and props empty.
func AppendDisconnect(dst []byte, version uint8, code ReasonCode, props []Property) ([]byte, error) {
	b := begin(dst, version)
	b.reserve()
	b.codeAndProps(CmdDisconnect, code, props)
	return b.seal(dst, CmdDisconnect, 0)
}

// AppendAuth appends an AUTH, which 3.1.1 does not have. Unless code is 0 and
// props are empty there must be an Authentication Method.
func AppendAuth(dst []byte, version uint8, code ReasonCode, props []Property) ([]byte, error) {
	b := begin(dst, version)
	b.reserve()
	b.codeAndProps(CmdAuth, code, props)
	return b.seal(dst, CmdAuth, 0)
}

// codeAndProps writes both or, if there is nothing to say, neither. A property
// length of zero could be left out of DISCONNECT, but there are receivers that
// then do not read the code.
func (b *builder) codeAndProps(cmd Cmd, code ReasonCode, props []Property) {
	if code == ReasonSuccess && len(props) == 0 {
		return
	}
	b.code(cmd, code)
	b.properties(props)
}
