package mqtt

import (
	"bytes"
	"errors"
	"strconv"
)

// ConnectPacket is the content of a CONNECT packet.
type ConnectPacket struct {
	ClientID   string // empty: the server chooses one; in 3.1.1 only with CleanStart
	CleanStart bool   // in 3.1.1 it is called clean session
	KeepAlive  uint16 // in seconds; 0 turns keep-alive off

	// CONNECT contains a user name if HasUser is set or User is not empty. It contains a
	// password if HasPassword is set or Password is not empty. 3.1.1 does not allow a
	// password without a user name.
	User        string
	Password    []byte
	HasUser     bool
	HasPassword bool

	Will  *Will      // nil means no will
	Props []Property // 5.0 only
}

// Will is the message that the server publishes if the client disappears without a
// DISCONNECT.
type Will struct {
	Topic  string
	Data   []byte
	QoS    uint8
	Retain bool
	Props  []Property // 5.0 only
}

// The connect flags. 3.1.1 and 5.0 section 3.1.2.3.
const (
	connReserved   = 1 << 0
	connClean      = 1 << 1
	connWill       = 1 << 2
	connWillQoS    = 3 << 3
	connWillRetain = 1 << 5
	connPassword   = 1 << 6
	connUser       = 1 << 7
)

// connFixedSize is the size in bytes of the part before the properties: protocol name, level,
// flags and keep alive. connFlagsOffset is the offset of the flags in that part.
const (
	connFixedSize   = 10
	connFlagsOffset = 7
)

var (
	fieldProtocol    = field{"protocol name", "MQTT-3.1.2-1", "MQTT-3.1.2-1"}
	fieldLevel       = field{"protocol level", "section 3.1.2.2", "section 3.1.2.2"}
	fieldConnFlags   = field{"connect flags", "section 3.1.2.3", "section 3.1.2.3"}
	fieldKeepAlive   = field{"keep alive", "section 3.1.2.10", "section 3.1.2.10"}
	fieldClientID    = field{"client identifier", "MQTT-3.1.3-3", "MQTT-3.1.3-3"}
	fieldWillTopic   = field{"will topic", "MQTT-3.1.2-9", "MQTT-3.1.2-9"}
	fieldWillPayload = field{"will payload", "MQTT-3.1.2-9", "MQTT-3.1.2-9"}
	fieldUser        = field{"user name", "MQTT-3.1.2-19", "MQTT-3.1.2-17"}
	fieldPassword    = field{"password", "MQTT-3.1.2-21", "MQTT-3.1.2-19"}
)

// connect parses CONNECT.
func (c *cursor) connect(m *Message) {
	c.protocol(m)
	flags := c.u8(&fieldConnFlags)
	c.connectFlags(flags)
	c.u16(&fieldKeepAlive)
	props, seen := c.properties(ofConnect)
	if seen.has(PropAuthenticationData) && !seen.has(PropAuthenticationMethod) {
		c.protocolError("", "section 3.1.2.11.10", "Authentication Data without Authentication Method")
	}
	m.Props, m.Data = props, c.rest
	c.connectPayload(flags)
}

// protocol reads the protocol name and level. It refuses every version except 3.1.1 and 5.0
// before it reads any field that another version may define differently.
func (c *cursor) protocol(m *Message) {
	name := c.binary(&fieldProtocol)
	level := c.u8(&fieldLevel)
	if c.err != nil {
		return
	}
	m.Version, c.version = level, level
	switch {
	case string(name) == "MQIsdp": // MQTT 3.1
		c.fail(ReasonUnsupportedVersion, "MQTT-3.1.2-2", "MQTT-3.1.2-2", "the client speaks MQTT 3.1, want 3.1.1 or 5.0")
	case string(name) != "MQTT":
		c.malformed("MQTT-3.1.2-1", "MQTT-3.1.2-1", "the protocol name is not MQTT")
	case level != 4 && level != 5:
		c.rest, c.err = nil, versionError(level)
	}
}

// connectFlags checks the connect flags, which must not contradict each other.
func (c *cursor) connectFlags(flags byte) {
	will := flags&connWill != 0
	switch {
	case flags&connReserved != 0:
		c.malformed("MQTT-3.1.2-3", "MQTT-3.1.2-3", "the reserved connect flag is set")
	case flags&connWillQoS == connWillQoS:
		c.malformed("MQTT-3.1.2-14", "MQTT-3.1.2-12", "the will QoS is 3, want 0, 1 or 2")
	case !will && flags&connWillQoS != 0:
		c.malformed("MQTT-3.1.2-13", "MQTT-3.1.2-11", "the will QoS is set but there is no will")
	case !will && flags&connWillRetain != 0:
		c.malformed("MQTT-3.1.2-15", "MQTT-3.1.2-13", "the will retain flag is set but there is no will")
	case c.version != 5 && flags&connPassword != 0 && flags&connUser == 0: // 5.0 allows it
		c.malformed("MQTT-3.1.2-22", "", "password without user name")
	}
}

// connectPayload checks the fields that the flags announce, in the order of the standard
// [MQTT-3.1.3-1]. Bytes after these fields are left in c.rest: the caller reports them.
func (c *cursor) connectPayload(flags byte) {
	id := c.text(&fieldClientID) // [MQTT-3.1.3-4]
	if len(id) == 0 && c.version != 5 && flags&connClean == 0 {
		c.fail(ReasonClientIDNotValid, "MQTT-3.1.3-7", "", "the client identifier is empty and clean session is not set")
	}
	if flags&connWill != 0 {
		c.properties(ofWill)
		topic := c.topicName(&fieldWillTopic) // [MQTT-3.1.3-10] [MQTT-3.1.3-11]
		if len(topic) == 0 {
			c.malformed("MQTT-4.7.3-1", "MQTT-4.7.3-1", "the will topic is empty")
		}
		c.binary(&fieldWillPayload)
	}
	if flags&connUser != 0 {
		c.text(&fieldUser) // [MQTT-3.1.3-11] [MQTT-3.1.3-12]
	}
	if flags&connPassword != 0 {
		c.binary(&fieldPassword)
	}
}

// Connect decodes the content of a CONNECT that Parse has returned. The result is a copy. For
// other messages Connect returns the zero value.
func (m *Message) Connect() ConnectPacket {
	flags, keepAlive, ok := m.connectFixed()
	if !ok {
		return ConnectPacket{}
	}
	c := cursor{rest: m.Data, version: m.Version}
	conn := ConnectPacket{
		CleanStart:  flags&connClean != 0,
		KeepAlive:   keepAlive,
		HasUser:     flags&connUser != 0,
		HasPassword: flags&connPassword != 0,
		Props:       cloneProps(m.Props),
		ClientID:    string(c.binary(&fieldClientID)),
	}
	if flags&connWill != 0 {
		props, _ := c.properties(ofWill)
		conn.Will = &Will{
			Props:  cloneProps(props),
			Topic:  string(c.binary(&fieldWillTopic)),
			Data:   bytes.Clone(c.binary(&fieldWillPayload)),
			QoS:    flags & connWillQoS >> 3,
			Retain: flags&connWillRetain != 0,
		}
	}
	if conn.HasUser {
		conn.User = string(c.binary(&fieldUser))
	}
	if conn.HasPassword {
		conn.Password = bytes.Clone(c.binary(&fieldPassword))
	}
	return conn
}

// connectFixed returns the connect flags and the keep-alive of a CONNECT that Parse has returned.
func (m *Message) connectFixed() (flags byte, keepAlive uint16, ok bool) {
	h, headerSize, err := ParseHeader(m.Dgram, 0)
	if err != nil || m.Cmd != CmdConnect || h.Cmd != CmdConnect || len(m.Dgram) < headerSize+connFixedSize {
		return 0, 0, false
	}
	fixed := cursor{rest: m.Dgram[headerSize+connFlagsOffset:]}
	return fixed.u8(&fieldConnFlags), fixed.u16(&fieldKeepAlive), true
}

// cloneProps decodes encoded properties into copies. It returns nil if there are none.
func cloneProps(raw []byte) (props []Property) {
	var p Property
	m := Message{Props: raw}
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		p.Key, p.Value = bytes.Clone(p.Key), bytes.Clone(p.Value)
		props = append(props, p)
	}
	return props
}

// AppendConnect appends a CONNECT. It returns an error if conn is nil.
func AppendConnect(dst []byte, version uint8, conn *ConnectPacket) ([]byte, error) {
	if conn == nil {
		return dst, errors.New("mqtt: AppendConnect of a nil ConnectPacket")
	}
	b := begin(dst, version)
	flags := b.connectFlags(conn)
	b.reserve()
	b.text("MQTT", fieldProtocol.name) // [MQTT-3.1.2-1]
	b.u8(b.version)
	b.u8(flags)
	b.u16(conn.KeepAlive)
	b.properties(conn.Props)
	b.text(conn.ClientID, fieldClientID.name)
	if w := conn.Will; w != nil {
		b.properties(w.Props)
		b.text(w.Topic, fieldWillTopic.name)
		b.binary(w.Data, fieldWillPayload.name)
	}
	if flags&connUser != 0 {
		b.text(conn.User, fieldUser.name)
	}
	if flags&connPassword != 0 {
		b.binary(conn.Password, fieldPassword.name)
	}
	return b.seal(dst, CmdConnect, 0)
}

// connectFlags returns the connect flags for conn.
func (b *builder) connectFlags(conn *ConnectPacket) (flags byte) {
	if conn.CleanStart {
		flags |= connClean
	}
	if w := conn.Will; w != nil {
		if w.QoS > 2 {
			b.fail(ReasonMalformedPacket, "MQTT-3.1.2-14", "MQTT-3.1.2-12", "the will QoS is "+strconv.Itoa(int(w.QoS))+", want 0, 1 or 2")
		}
		flags |= connWill | w.QoS<<3&connWillQoS
		if w.Retain {
			flags |= connWillRetain
		}
	}
	if conn.HasPassword || len(conn.Password) > 0 {
		flags |= connPassword
	}
	if conn.HasUser || conn.User != "" {
		flags |= connUser
	}
	return flags
}
