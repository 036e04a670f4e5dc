package broker

import (
	"crypto/rand"
	"math"
	"time"

	"github.com/rikki-go/rikki/internal/topics"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// connect handles CONNECT. If there is a password file, the answer follows when the password has
// been checked. Until then the mqtt layer holds back what the client sends.
func (b *Broker) connect(c *client, m *mqtt.Message) {
	req := m.Connect()
	c.id, c.version = req.ClientID, m.Version
	for i := range req.Props {
		if req.Props[i].ID == mqtt.PropAuthenticationMethod { // [MQTT-4.12.0-1]
			b.refuse(c, mqtt.ReasonBadAuthMethod)
			return
		}
	}
	switch {
	case b.passwords == nil:
		b.admit(c, &req)
	case !req.HasUser:
		b.refuse(c, mqtt.ReasonNotAuthorized)
	default:
		if !b.checks.add(check{c, b.passwords, req.User, req.Password, len(m.Dgram),
			func(right bool) { b.checked(c, &req, right) }}) {
			b.refuse(c, mqtt.ReasonServerBusy)
		}
	}
}

// checked continues after the password of a CONNECT has been checked.
func (b *Broker) checked(c *client, req *mqtt.ConnectPacket, right bool) {
	switch {
	case c.phase != connecting: // it has gone meanwhile
	case right:
		b.admit(c, req)
		b.meter(c)
		c.await()
	default:
		b.refuse(c, mqtt.ReasonBadUserNameOrPassword)
	}
}

// admit gives the client its session and answers CONNECT.
func (b *Broker) admit(c *client, req *mqtt.ConnectPacket) {
	if c.id == "" { // the mqtt layer enforces [MQTT-3.1.3-8]
		c.id = "auto-" + rand.Text()[:16] // [MQTT-3.1.3-6]
	}
	will := newWill(req.Will)
	size := sessionSize(c.id)
	if will != nil {
		size += will.size()
	}
	switch {
	case will != nil && topics.Levels(will.topic) > b.limits.Levels:
		b.refuse(c, mqtt.ReasonTopicNameInvalid)
		return
	case size > b.limits.Client:
		b.refuse(c, mqtt.ReasonQuotaExceeded)
		return
	}
	answer := b.negotiate(c, req)
	if old := b.sessions[c.id]; old != nil && old.client != nil { // [MQTT-3.1.4-2] (5.0: [MQTT-3.1.4-3])
		b.expel(old.client, mqtt.ReasonSessionTakenOver, errTakenOver)
	}
	if old := b.sessions[c.id]; old != nil && req.CleanStart { // [MQTT-3.1.2-6] (5.0: [MQTT-3.1.2-4])
		b.end(old)
	}
	s, present := b.sessions[c.id], true // [MQTT-3.2.2-2] (5.0: [MQTT-3.1.2-5])
	if s == nil {
		if s, present = b.newSession(c.id), false; s == nil {
			b.refuse(c, mqtt.ReasonQuotaExceeded)
			return
		}
	}
	if !b.attach(c, s, will, req) {
		b.refuse(c, mqtt.ReasonQuotaExceeded)
		return
	}
	b.logConnected(c, present)
	if err := mqtt.Connack(c.conn, present, mqtt.ReasonSuccess, answer...); err != nil { // too large
		b.expel(c, mqtt.ReasonPacketTooLarge, err)
		return
	}
	b.resume(s)
}

// negotiate notes what the client asks for in CONNECT. It returns the properties of CONNACK, none
// in 3.1.1.
func (b *Broker) negotiate(c *client, req *mqtt.ConnectPacket) (answer []mqtt.Property) {
	caps, _ := mqtt.PeerCapabilities(c.conn)
	keepAlive, changed := b.limits.keepAlive(req.KeepAlive, c.version)
	c.keepAlive = time.Duration(keepAlive) * time.Second * 3 / 2
	c.asked, c.window = caps.SessionExpiry, min(int(caps.ReceiveMaximum), MaxInflight)
	c.aliases.most = min(int(caps.TopicAliasMaximum), MaxAliases)
	if c.version != 5 {
		return nil
	}
	if expiry := uint32(min(b.limits.expiry(c.asked)/time.Second, math.MaxUint32)); expiry != c.asked {
		answer = append(answer, mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: expiry})
	}
	if changed {
		answer = append(answer, mqtt.Property{ID: mqtt.PropServerKeepAlive, Int: uint32(keepAlive)})
	}
	if req.ClientID == "" { // [MQTT-3.2.2-16]
		answer = append(answer, mqtt.Property{ID: mqtt.PropAssignedClientIdentifier, Value: []byte(c.id)})
	}
	return append(answer,
		mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: ReceiveMaximum},
		mqtt.Property{ID: mqtt.PropTopicAliasMaximum, Int: MaxAliases},
		mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: uint32(b.limits.Packet)})
}

// attach gives a session to a client. It returns false, and keeps the session as it was, if the
// will would exceed the limit of the session.
func (b *Broker) attach(c *client, s *session, will *message, req *mqtt.ConnectPacket) bool {
	if will != nil && !b.charge(s, will.size()) {
		if s.expiry == 0 { // it is new
			b.end(s)
		}
		return false
	}
	b.dropWill(s) // of the connection before: the session continues [MQTT-3.1.3-9]
	b.retrieve(s)
	s.will, s.willDelay = will, willDelay(req.Will)
	s.expiry = b.limits.expiry(c.asked)
	s.restart(c.window)
	s.client, c.session, c.phase = c, s, connected
	mqtt.KeepUnreleased(c.conn, &s.unreleased)
	return true
}

// v4Codes are the return codes of 3.1.1 for the reason codes with which the broker refuses.
var v4Codes = map[mqtt.ReasonCode]mqtt.ReasonCode{
	mqtt.ReasonBadUserNameOrPassword: mqtt.ConnackBadUserNameOrPassword,
	mqtt.ReasonNotAuthorized:         mqtt.ConnackNotAuthorized,
}

// refuse answers CONNECT with an error and closes the connection [MQTT-3.2.2-5] (5.0:
// [MQTT-3.2.2-7]). The will is not published, because the client was never connected.
func (b *Broker) refuse(c *client, code mqtt.ReasonCode) {
	if c.version != 5 {
		v4, ok := v4Codes[code]
		if code = v4; !ok {
			code = mqtt.ConnackServerUnavailable // 3.1.1 has no better one
		}
	}
	b.log.Info("refused", "id", c.conn.ID(), "client", c.id, "code", codeName(code, c.version))
	c.phase = disconnecting
	mqtt.Connack(c.conn, false, code) // drains the connection
	c.await()
}
