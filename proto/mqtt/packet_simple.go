package mqtt

// disconnect parses DISCONNECT. In 3.1.1 it consists of the fixed header only.
func (c *cursor) disconnect(m *Message) {
	if len(c.rest) == 0 || c.version != 5 {
		return // a missing reason code means 0x00. 5.0 section 3.14.2.1
	}
	m.Ack = c.reason(CmdDisconnect, ruleMalformedV4, "MQTT-3.14.2-1")
	if len(c.rest) > 0 { // the property length may be missing. 5.0 section 3.14.2.2.1
		m.Props, _ = c.properties(ofDisconnect)
	}
}

// auth parses AUTH. An empty AUTH means success. 5.0 section 3.15.2.1.
func (c *cursor) auth(m *Message) {
	if len(c.rest) == 0 {
		return
	}
	m.Ack = c.reason(CmdAuth, "", "MQTT-3.15.2-1")
	props, seen := c.properties(ofAuth)
	m.Props = props
	if c.err == nil && !seen.has(PropAuthenticationMethod) {
		c.protocolError("", "section 3.15.2.2.2", "the Authentication Method is missing")
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

// AppendAuth appends an AUTH, which exists in 5.0 only. props must contain an Authentication
// Method, unless code is 0 and props is empty.
func AppendAuth(dst []byte, version uint8, code ReasonCode, props []Property) ([]byte, error) {
	b := begin(dst, version)
	b.reserve()
	b.codeAndProps(CmdAuth, code, props)
	return b.seal(dst, CmdAuth, 0)
}

// codeAndProps appends the code and the properties, or nothing if the code is 0 and there
// are no properties. The standard allows a DISCONNECT with a code and without a property
// length, but some receivers do not read the code of such a packet.
func (b *builder) codeAndProps(cmd Cmd, code ReasonCode, props []Property) {
	if code == ReasonSuccess && len(props) == 0 {
		return
	}
	b.code(cmd, code)
	b.properties(props)
}
