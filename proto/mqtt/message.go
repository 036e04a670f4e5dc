package mqtt

import "math"

// Message is a packet that Parse has decoded. Its slices point into the buffer that Parse
// got: they are valid as long as the bytes of the buffer do not change. The Message of an
// event is valid until the handler returns.
type Message struct {
	Cmd     Cmd
	Version uint8 // protocol level of the connection; for a CONNECT the level in the packet

	Dup            bool   // PUBLISH
	QoS            uint8  // PUBLISH: 0 to 2
	Retain         bool   // PUBLISH
	SessionPresent bool   // CONNACK
	ID             uint16 // packet identifier, not 0; 0 for a packet that has none

	// Ack is the code of CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH. It
	// is 0 if the packet leaves the code out. For SUBACK and UNSUBACK it is the first code.
	Ack ReasonCode

	// Topic is the topic name of PUBLISH. In 5.0 Parse may leave it empty: the property Topic
	// Alias identifies the topic then. A connection of Connect or Listen fills it in.
	Topic []byte

	// Data is the payload:
	//
	//	PUBLISH                           the application message
	//	SUBACK, UNSUBACK                  one ReasonCode per filter; empty for UNSUBACK in 3.1.1
	//	CONNECT, SUBSCRIBE, UNSUBSCRIBE   the encoded payload, for Connect and NextFilter
	Data []byte

	Props []byte // 5.0: encoded properties without the property length, for NextProp
	Dgram []byte // the whole packet
}

// Parse decodes the packet at the front of buf into msg. It returns the size of the packet
// in bytes. version is the protocol level of the connection; 0 means 4. A CONNECT contains
// its own level, which Parse stores in msg.Version.
//
// It returns ErrIncomplete if more bytes are needed. Every other error is a *ParseError: the
// connection cannot continue. An error in the fixed header is reported as soon as the bytes
// show it. Other errors are reported when the packet is complete.
//
// After an error n is 0. A *ParseError sets msg.Cmd, and ErrVersion also sets msg.Version. The
// other fields have no meaning.
//
// Parse copies nothing. It allocates memory only for an error. It panics if msg is nil. Limits
// do not apply: a connection of Connect or Listen has them.
func Parse(buf []byte, version uint8, msg *Message) (n int, err error) {
	if msg == nil {
		panic("mqtt: Parse into a nil Message")
	}
	return parse(buf, version, nil, math.MaxInt, msg)
}

// parse is Parse with limits, which may be nil, and the size in bytes of the largest packet. A
// packet that exceeds a limit is refused when the count passes the limit: the rest of the packet is
// not looked at. A packet that is too large is refused like one by CheckSize.
func parse(buf []byte, version uint8, limits *Limits, maxSize int, msg *Message) (n int, err error) {
	version, parseErr := checkVersion(version)
	if parseErr != nil {
		return 0, parseErr
	}
	h, headerSize, parseErr := parseHeader(buf, version)
	if parseErr != nil {
		*msg = Message{Cmd: parseErr.Cmd, Version: version}
		return 0, parseErr
	}
	size := headerSize + h.Remaining
	if headerSize > 0 && size > maxSize {
		return 0, tooLarge(h.Cmd, size, maxSize)
	}
	if headerSize == 0 || len(buf) < size {
		return 0, ErrIncomplete
	}
	*msg = Message{Cmd: h.Cmd, Version: version, Dgram: buf[:size:size]}
	c := cursor{rest: buf[headerSize:size:size], version: version, limits: limits}
	c.packet(msg, h.Flags)
	if c.err == nil && h.Cmd == CmdConnect && msg.Version == 5 {
		c.err = checkMinimal(uint32(h.Remaining), headerSize-1)
	}
	if c.err != nil {
		c.err.Cmd = h.Cmd
		return 0, c.err
	}
	return size, nil
}

// packet decodes and checks the bytes after the fixed header. m.Cmd is the packet type.
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
	c.checkEnd()
}
