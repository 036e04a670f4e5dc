package mqtt

// Filter is one subscription of a SUBSCRIBE. UNSUBSCRIBE uses only Topic. NextFilter stores a
// copy in Topic.
type Filter struct {
	Topic string // topic filter
	QoS   uint8  // maximum QoS of the messages that the server sends

	// The options below exist in 5.0 only, section 3.8.3.1.

	// NoLocal makes the server skip the messages that this client publishes itself. It is
	// not allowed for a shared subscription.
	NoLocal bool
	// RetainAsPublished makes the server keep the RETAIN flag of forwarded messages.
	RetainAsPublished bool
	// RetainHandling says when the server sends retained messages: 0 at every SUBSCRIBE, 1
	// only if the subscription is new, 2 never.
	RetainHandling uint8
}

// The bits of the subscription options.
const (
	optQoS               = 3
	optNoLocal           = 1 << 2
	optRetainAsPublished = 1 << 3
	optRetainMask        = 3 << 4
	optReservedV4        = 0xfc
	optReservedV5        = 0xc0
)

var (
	fieldFilter  = field{"topic filter", "MQTT-3.8.3-1", "MQTT-3.8.3-1"}
	fieldOptions = field{"subscription options", "section 3.8.3", "section 3.8.3.1"}
	fieldUnsub   = field{"topic filter", "MQTT-3.10.3-1", "MQTT-3.10.3-1"}
)

// subscribe parses SUBSCRIBE.
func (c *cursor) subscribe(m *Message) {
	m.ID = c.packetID("MQTT-2.3.1-1", "MQTT-2.2.1-3")
	m.Props, _ = c.properties(ofSubscribe)
	m.Data = c.rest
	if len(c.rest) == 0 {
		c.protocolError("MQTT-3.8.3-3", "MQTT-3.8.3-2", "the topic filter is missing")
	}
	for count := 1; len(c.rest) > 0; count++ {
		c.checkLimit(count, c.filterLimit(), "topic filters")
		filter := c.filter(&fieldFilter)
		c.options(c.u8(&fieldOptions), filter)
	}
}

// unsubscribe parses UNSUBSCRIBE.
func (c *cursor) unsubscribe(m *Message) {
	m.ID = c.packetID("MQTT-2.3.1-1", "MQTT-2.2.1-3")
	m.Props, _ = c.properties(1 << CmdUnsubscribe)
	m.Data = c.rest
	if len(c.rest) == 0 {
		c.protocolError("MQTT-3.10.3-2", "MQTT-3.10.3-2", "the topic filter is missing")
	}
	for count := 1; len(c.rest) > 0; count++ {
		c.checkLimit(count, c.filterLimit(), "topic filters")
		c.filter(&fieldUnsub)
	}
}

// filter reads a topic filter. In 5.0 it may be a shared subscription.
func (c *cursor) filter(f *field) []byte {
	b := c.text(f)
	if c.err != nil {
		return nil
	}
	inner := b
	if c.version == 5 && isShared(b) {
		var group []byte
		var ok bool
		if group, inner, ok = splitShare(b); len(group) == 0 {
			c.malformed("", "MQTT-4.8.2-1", "the share name is empty")
			return nil
		} else if !ok {
			c.malformed("", "MQTT-4.8.2-2", "the share name contains a wildcard, or no topic filter follows it")
			return nil
		}
	}
	switch checkFilter(inner) {
	case filterEmpty:
		c.malformed("MQTT-4.7.3-1", "MQTT-4.7.3-1", "the topic filter is empty")
	case filterHash:
		c.malformed("MQTT-4.7.1-2", "MQTT-4.7.1-1", "# is not the last level of the topic filter")
	case filterPlus:
		c.malformed("MQTT-4.7.1-3", "MQTT-4.7.1-2", "+ does not occupy a whole level of the topic filter")
	}
	return b
}

// options checks the options of a filter. MQTT-3-8.3-4 is not a mistake here: the standard
// 3.1.1 has this number instead of MQTT-3.8.3-4.
func (c *cursor) options(opts byte, filter []byte) {
	switch {
	case c.version != 5:
		if opts&optReservedV4 != 0 || opts&optQoS == 3 {
			c.malformed("MQTT-3-8.3-4", "", "the requested QoS is not 0, 1 or 2, or reserved bits are set")
		}
	case opts&optReservedV5 != 0:
		c.malformed("", "MQTT-3.8.3-5", "reserved bits of the subscription options are set")
	case opts&optQoS == 3:
		c.protocolError("", "section 3.8.3.1", "the maximum QoS is 3, want 0, 1 or 2")
	case opts&optRetainMask == optRetainMask:
		c.protocolError("", "section 3.8.3.1", "Retain Handling is 3, want 0, 1 or 2")
	case opts&optNoLocal != 0 && isShared(filter):
		c.protocolError("", "MQTT-3.8.3-4", "No Local is set on a shared subscription")
	}
}

// NextFilter decodes the filter of a SUBSCRIBE or UNSUBSCRIBE at offset ofs into f. It
// returns the offset of the next filter, or 0 if there is no filter at ofs. Use it like
// NextProp: start with 0. It panics if f is nil.
func (m *Message) NextFilter(f *Filter, ofs int) int {
	if f == nil {
		panic("mqtt: NextFilter into a nil Filter")
	}
	withOptions := m.Cmd == CmdSubscribe
	if !withOptions && m.Cmd != CmdUnsubscribe || ofs < 0 || ofs >= len(m.Data) {
		return 0
	}
	topic, n := readPrefixed(m.Data[ofs:])
	if n == 0 {
		return 0
	}
	*f = Filter{Topic: string(topic)}
	if withOptions {
		if ofs+n >= len(m.Data) {
			return 0
		}
		opts := m.Data[ofs+n]
		n++
		f.QoS = opts & optQoS
		f.NoLocal = opts&optNoLocal != 0
		f.RetainAsPublished = opts&optRetainAsPublished != 0
		f.RetainHandling = opts & optRetainMask >> 4
	}
	return ofs + n
}

// AppendSubscribe appends a SUBSCRIBE. id must not be 0, and there must be at least one
// filter. In 3.1.1 the options of 5.0 must be zero and props empty.
func AppendSubscribe(dst []byte, version uint8, id uint16, filters []Filter, props []Property) ([]byte, error) {
	b := begin(dst, version)
	b.reserve()
	b.u16(id)
	b.properties(props)
	for i := range filters {
		f := &filters[i]
		b.text(f.Topic, fieldFilter.name)
		b.options(f)
	}
	return b.seal(dst, CmdSubscribe, flagRules[CmdSubscribe].want)
}

// options appends the options of a filter.
func (b *builder) options(f *Filter) {
	if f.QoS > 3 || f.RetainHandling > 3 { // 3 fits into the bits; check refuses it later
		b.fail(ReasonProtocolError, "MQTT-3-8.3-4", "section 3.8.3.1", "the QoS or Retain Handling is not 0, 1 or 2")
		return
	}
	opts := f.QoS | f.RetainHandling<<4
	if f.NoLocal {
		opts |= optNoLocal
	}
	if f.RetainAsPublished {
		opts |= optRetainAsPublished
	}
	b.u8(opts)
}

// AppendUnsubscribe appends an UNSUBSCRIBE. id must not be 0, and there must be at least one
// filter. In 3.1.1 props must be empty.
func AppendUnsubscribe(dst []byte, version uint8, id uint16, filters []string, props []Property) ([]byte, error) {
	b := begin(dst, version)
	b.reserve()
	b.u16(id)
	b.properties(props)
	for _, f := range filters {
		b.text(f, fieldUnsub.name)
	}
	return b.seal(dst, CmdUnsubscribe, flagRules[CmdUnsubscribe].want)
}
