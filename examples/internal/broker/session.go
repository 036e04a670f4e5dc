package broker

import (
	"crypto/rand"
	"time"

	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// session is an accepted connection. After CONNECT it is a client.
type session struct {
	b         *Broker
	conn      *reactor.Conn
	state     state
	id        string // client identifier
	version   uint8
	keepAlive time.Duration // longest time between two packets; 0: no limit
	maxPacket int           // largest packet that the client accepts, in bytes
	silence   reactor.Deadline
	will      *message
	subs      subs
	fetches   []*fetch // subscriptions that wait for retained messages
	fetching  bool     // the session is a job in Broker.work, or runs as one
	outbox
	account
}

// state is the phase of a session. It only increases.
type state uint8

const (
	connecting    state = iota // before CONNECT
	connected                  // in Broker.clients
	disconnecting              // disconnected or refused: the mqtt layer ignores its packets
)

// timeout returns how long the client may send no packet; 0 means without limit.
func (s *session) timeout() time.Duration {
	if s.state == connected {
		return s.keepAlive
	}
	return ConnectWait
}

// anySize is the size in bytes of the largest packet that MQTT allows.
const anySize = 1<<28 + 4

func (b *Broker) accept(c *reactor.Conn) {
	c.SetWater(0, b.limits.closeAbove())
	s := &session{b: b, conn: c}
	s.silence = reactor.Deadline{Name: "keep-alive", Expired: func(*reactor.Conn) { b.timedOut(s) }}
	b.sessions[c.ID()] = s
	s.await()
}

// await restarts the deadline for the next packet. Before a deadline expires, the loop reads
// what the socket holds. Therefore a broker that was suspended does not disconnect clients
// that kept sending.
func (s *session) await() {
	if d := s.timeout(); d > 0 {
		s.conn.Stack().StartDeadline(&s.silence, d)
	} else {
		s.conn.Stack().StopDeadline(&s.silence)
	}
}

// timedOut closes a connection after its deadline [MQTT-3.1.2-24] (5.0: [MQTT-3.1.2-22]).
func (b *Broker) timedOut(s *session) {
	switch s.state {
	case connecting:
		b.expel(s, 0, errNoConnect)
	case connected:
		b.expel(s, mqtt.ReasonKeepAliveTimeout, errKeepAlive)
	case disconnecting:
		s.conn.Close()
	}
}

// connect makes the session a client.
func (b *Broker) connect(s *session, m *mqtt.Message) {
	req := m.Connect()
	s.id, s.version = req.ClientID, m.Version
	s.subs = make(subs)
	keepAlive, changed := b.limits.keepAlive(req.KeepAlive, s.version)
	s.keepAlive = time.Duration(keepAlive) * time.Second * 3 / 2
	s.window, s.maxPacket = MaxInflight, anySize
	s.will = newWill(req.Will)

	var answer []mqtt.Property
	for _, p := range req.Props {
		switch p.ID {
		case mqtt.PropReceiveMaximum:
			s.window = min(s.window, int(p.Int))
		case mqtt.PropMaximumPacketSize:
			s.maxPacket = int(min(p.Int, anySize))
		case mqtt.PropSessionExpiryInterval: // sessions end with the connection
			if p.Int > 0 {
				answer = append(answer, mqtt.Property{ID: p.ID, Int: 0})
			}
		case mqtt.PropAuthenticationMethod: // [MQTT-4.12.0-1]
			b.refuse(s, mqtt.ReasonBadAuthMethod)
			return
		}
	}
	if changed {
		answer = append(answer, mqtt.Property{ID: mqtt.PropServerKeepAlive, Int: uint32(keepAlive)})
	}
	if code := b.chargeConnect(s); code != mqtt.ReasonSuccess {
		b.refuse(s, code)
		return
	}
	if s.id == "" { // the mqtt layer enforces [MQTT-3.1.3-8]
		s.id = "auto-" + rand.Text()[:16] // [MQTT-3.1.3-6]
		answer = append(answer, mqtt.Property{ID: mqtt.PropAssignedClientIdentifier, Value: []byte(s.id)})
	}
	if old := b.clients[s.id]; old != nil { // [MQTT-3.1.4-2] (5.0: [MQTT-3.1.4-3])
		b.expel(old, mqtt.ReasonSessionTakenOver, errTakenOver)
	}
	s.state = connected
	b.clients[s.id] = s
	b.log.Info("connected", "id", s.conn.ID(), "client", s.id, "version", s.version, clog.Addr("remote", s.conn.RemoteAddr()))
	if s.version != 5 {
		mqtt.Connack(s.conn, false, mqtt.ReasonSuccess)
		return
	}
	answer = append(answer,
		mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: uint32(b.limits.Packet)},
		mqtt.Property{ID: mqtt.PropSubIDsAvailable, Int: 0},
		mqtt.Property{ID: mqtt.PropSharedSubAvailable, Int: 0})
	mqtt.Connack(s.conn, false, mqtt.ReasonSuccess, answer...)
}

// chargeConnect charges what the CONNECT makes the broker store. It returns the code for a refusal.
func (b *Broker) chargeConnect(s *session) mqtt.ReasonCode {
	n, code := overhead+len(s.id), mqtt.ReasonSuccess
	if s.will != nil {
		n += s.will.size()
	}
	if s.will != nil && levels(s.will.topic) > b.limits.Levels {
		code = mqtt.ReasonTopicNameInvalid
	} else if !b.charge(s, n) {
		code = mqtt.ReasonQuotaExceeded
	}
	if code != mqtt.ReasonSuccess && s.version != 5 {
		return mqtt.ConnackServerUnavailable // 3.1.1 has no better one
	}
	return code
}

// refuse answers CONNECT with an error and closes the connection [MQTT-3.2.2-5] (5.0:
// [MQTT-3.2.2-7]). The will is not published, because the client was never connected.
func (b *Broker) refuse(s *session, code mqtt.ReasonCode) {
	b.log.Info("refused", "id", s.conn.ID(), "client", s.id, "code", codeName(code, s.version))
	s.will = nil
	b.remove(s)
	mqtt.Connack(s.conn, false, code) // drains the connection
}

// disconnect handles the client's DISCONNECT. The mqtt layer closes the connection. The will
// is dropped unless the reason code asks for it [MQTT-3.14.4-3].
func (b *Broker) disconnect(s *session, m *mqtt.Message) {
	if m.Ack != mqtt.ReasonDisconnectWithWill {
		s.will = nil
	}
	b.remove(s)
}

// expel disconnects a client, or closes a connection that has not sent CONNECT. The will is
// published when the connection has closed.
func (b *Broker) expel(s *session, code mqtt.ReasonCode, why error) {
	if s.state == connected {
		b.remove(s)
		if s.version == 5 { // in 3.1.1 a server cannot send DISCONNECT
			mqtt.DisconnectCode(s.conn, code)
		}
	}
	s.conn.Fail(why)
}

// remove removes a session from the clients. Nothing more is sent to it, and only the will is
// kept.
func (b *Broker) remove(s *session) {
	s.state, s.fetches = disconnecting, nil
	for _, sub := range s.subs {
		b.removeSub(sub)
	}
	s.subs, s.outbox = nil, outbox{}
	b.settleAccount(s)
	if b.clients[s.id] == s {
		delete(b.clients, s.id)
	}
}

// closed deletes a session and publishes its will [MQTT-3.1.2-8]. There is no Will Delay
// Interval to wait for, because the session ends with the connection.
func (b *Broker) closed(s *session) {
	b.log.Info("closed", "id", s.conn.ID(), "client", s.id)
	b.remove(s)
	delete(b.sessions, s.conn.ID())
	if s.will != nil {
		b.publish(s.will.published(b.m.Now()), s)
	}
}
