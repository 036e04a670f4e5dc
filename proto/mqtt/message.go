package mqtt

// Message is a packet that was parsed. All slices alias the buffer given to
// Parse and are valid as long as its bytes are.
type Message struct {
	Cmd     Cmd
	Version uint8 // protocol level; a CONNECT's own

	Dup            bool   // PUBLISH
	QoS            uint8  // PUBLISH: 0 to 2
	Retain         bool   // PUBLISH
	SessionPresent bool   // CONNACK
	ID             uint16 // packet identifier; 0 for packets without one, never otherwise

	// Ack is the code of CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and
	// AUTH, 0 where it was left out, and the first of SUBACK and UNSUBACK.
	Ack ReasonCode

	// Topic is PUBLISH's topic name. In 5.0 it may be empty: then Topic Alias, a
	// property, stands for it.
	Topic []byte

	// Data is the payload. PUBLISH: the application message. SUBACK, UNSUBACK:
	// a ReasonCode per filter (none in UNSUBACK of 3.1.1). CONNECT, SUBSCRIBE,
	// UNSUBSCRIBE: raw, for Connect and NextFilter to decode.
	Data []byte

	Props []byte // 5.0 properties, raw and without their length, for NextProp
	Dgram []byte // the whole packet
}

// Parse decodes the packet at the front of buf into msg and returns the bytes it
// takes. version is the protocol level of the connection, 0 meaning 4; a CONNECT
// brings its own, which msg.Version then tells.
//
// It returns ErrIncomplete when more bytes are needed. Any other error is a
// *ParseError; the connection is then beyond repair. A fault of the fixed header is
// reported as soon as the bytes show it, others when the packet is complete.
// With an error n is 0, and of msg only Cmd, and Version after ErrVersion, mean
// something (none after ErrIncomplete).
//
// Nothing is copied, nor allocated unless there is an error. Parse panics if msg is
// nil.
func Parse(buf []byte, version uint8, msg *Message) (n int, err error) {
	if msg == nil {
		panic("mqtt: Parse into a nil Message")
	}
	version, f := checkVersion(version)
	if f != nil {
		return 0, f
	}
	h, n, f := parseHeader(buf, version)
	if f != nil {
		*msg = Message{Cmd: f.Cmd, Version: version}
		return 0, f
	}
	size := n + h.Remaining
	if n == 0 || len(buf) < size {
		return 0, ErrIncomplete
	}
	*msg = Message{Cmd: h.Cmd, Version: version, Dgram: buf[:size:size]}
	c := cursor{rest: buf[n:size:size], version: version}
	c.packet(msg, h.Flags)
	if c.err == nil && h.Cmd == CmdConnect && msg.Version == 5 {
		c.err = checkMinimal(uint32(h.Remaining), n-1)
	}
	if c.err != nil {
		c.err.Cmd = h.Cmd
		return 0, c.err
	}
	return size, nil
}

// packet decodes and checks what follows the fixed header. m.Cmd says what it is.
func (c *cursor) packet(m *Message, flags byte) {
	switch m.Cmd {
	case CmdConnect:
		c.connect(m)
	case CmdConnack:
		c.connack(m)
	case CmdPublish:
		c.publish(m, flags)
	case CmdPuback, CmdPubrec, CmdPubrel, CmdPubcomp:
		c.ack(m)
	case CmdSubscribe:
		c.subscribe(m)
	case CmdSuback:
		c.suback(m)
	case CmdUnsubscribe:
		c.unsubscribe(m)
	case CmdUnsuback:
		c.unsuback(m)
	case CmdDisconnect:
		c.disconnect(m)
	case CmdAuth:
		c.auth(m)
	}
	c.end()
}
