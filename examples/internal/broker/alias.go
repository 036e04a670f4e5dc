package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// aliases are the topic aliases of a connection. The mqtt layer resolves those that the client
// sets. This type counts their bytes, and chooses those that the broker sets.
type aliases struct {
	in     [MaxAliases]int   // length of the topic, by alias - 1
	stored int               // the sum of in, charged to the session
	most   int               // aliases that the client accepts, at most MaxAliases
	out    map[string]uint16 // by topic
}

// maxAliasTopic is the length of the longest topic for which the broker sets an alias. So the
// memory for these aliases is bounded by the number of connections.
const maxAliasTopic = 1024

// noteAlias counts the topic if m sets or uses an alias. It returns false if the session has no
// room for it.
func (b *Broker) noteAlias(c *client, m *mqtt.Message) bool {
	if c.version != 5 || len(m.Props) == 0 {
		return true
	}
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID != mqtt.PropTopicAlias || p.Int > MaxAliases {
			continue
		}
		n := len(m.Topic) - c.aliases.in[p.Int-1]
		if n > 0 && !b.charge(c.session, n) {
			return false
		}
		if n < 0 {
			b.release(c.session, -n)
		}
		c.aliases.in[p.Int-1] += n
		c.aliases.stored += n
	}
	return true
}

// dropAliases forgets the aliases of a connection that ends [MQTT-3.3.2-7].
func (b *Broker) dropAliases(c *client) {
	b.release(c.session, c.aliases.stored)
	c.aliases = aliases{}
}

// choose returns the alias for a topic, and whether the client knows it already. The first topics
// get one. It returns 0 if the topic has none.
func (a *aliases) choose(topic string) (alias uint16, known bool) {
	if alias, known = a.out[topic]; known {
		return alias, true
	}
	if len(a.out) >= a.most || len(topic) > maxAliasTopic {
		return 0, false
	}
	return uint16(len(a.out) + 1), false
}

// set notes that an alias was sent with its topic.
func (a *aliases) set(topic string, alias uint16) {
	if a.out == nil {
		a.out = make(map[string]uint16)
	}
	a.out[topic] = alias
}
