package mqtt

import (
	"bytes"
	"strconv"

	"github.com/rikki-go/rikki/reactor"
)

// noReceiveMax is the Receive Maximum of a side that sends none. 5.0 section 3.1.2.11.3.
const noReceiveMax = 65535

// checkPublish checks a PUBLISH in l.msg against what this side has told the peer. It fills in the
// topic of a topic alias.
func (l *layer) checkPublish(c *reactor.Conn) error {
	m := &l.msg
	if m.Cmd != CmdPublish {
		return nil
	}
	if m.QoS > 0 && !l.ownFlows {
		if err := l.checkUnreleased(); err != nil {
			return err
		}
	}
	if len(m.Props) > 0 {
		return l.resolveAlias(c)
	}
	return nil
}

// checkUnreleased refuses a QoS 2 message in l.msg if too many of the peer's messages wait for
// PUBREL, and in 5.0 a message of QoS 1 or 2 beyond the Receive Maximum that this side has sent. A
// message of QoS 1 does not wait, because it is acknowledged when its handlers have returned.
func (l *layer) checkUnreleased() error {
	m, unreleased := &l.msg, 0
	if l.ids != nil {
		unreleased = l.ids.unreleased.Len()
		if m.QoS == 2 && l.ids.unreleased.Has(m.ID) {
			return nil // a duplicate
		}
	}
	what, limit := "messages are not acknowledged", noReceiveMax
	if l.v5 != nil {
		limit = int(l.v5.own.receiveMax)
	}
	if m.QoS == 2 && l.limits.Unreleased < limit {
		what, limit = "QoS 2 messages wait for PUBREL", l.limits.Unreleased
	}
	if unreleased < limit {
		return nil
	}
	return l.refusal(ReasonReceiveMaximumExceeded, ruleLimitV4, l.byRole("MQTT-3.3.4-7", "MQTT-3.3.4-9"),
		"more than "+strconv.Itoa(limit)+" "+what)
}

// byRole returns the rule of 5.0 that the peer breaks: ofClient on a server, ofServer on a client.
func (l *layer) byRole(ofClient, ofServer string) string {
	if l.role == server {
		return ofClient
	}
	return ofServer
}

// resolveAlias handles the Topic Alias of the PUBLISH in l.msg, if it has one. An empty topic
// becomes the topic of the alias. For another topic the alias stands from now on. 5.0 section
// 3.3.4. The mappings belong to the connection [MQTT-3.3.2-7].
func (l *layer) resolveAlias(c *reactor.Conn) error {
	m, a := &l.msg, l.v5
	var p Property
	for ofs := m.NextProp(&p, 0); p.ID != PropTopicAlias; ofs = m.NextProp(&p, ofs) {
		if ofs == 0 {
			return nil
		}
	}
	alias := uint16(p.Int)
	if alias > a.own.aliasMax {
		return l.refusal(ReasonTopicAliasInvalid, "", l.byRole("MQTT-3.3.2-9", "MQTT-3.3.2-11"), "the Topic Alias is "+
			strconv.Itoa(int(alias))+", the Topic Alias Maximum is "+strconv.Itoa(int(a.own.aliasMax)))
	}
	topic, known := a.aliases[alias]
	switch {
	case len(m.Topic) == 0 && !known:
		return l.refusal(ReasonTopicAliasInvalid, "", "section 3.3.4", "the topic name is empty, and the Topic Alias "+
			strconv.Itoa(int(alias))+" is unknown")
	case len(m.Topic) == 0:
		m.Topic = topic[:len(topic):len(topic)]
	case !bytes.Equal(topic, m.Topic):
		if a.aliases == nil {
			a.aliases = make(map[uint16][]byte)
		}
		before := cap(topic)
		topic = append(topic[:0], m.Topic...)
		a.aliases[alias] = topic
		c.Stack().AddHeld(cap(topic) - before) // until the connection ends
	}
	return nil
}
