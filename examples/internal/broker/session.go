package broker

import (
	"crypto/rand"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// session is an accepted connection and, once it has sent CONNECT, a client.
type session struct {
	conn      *reactor.Conn
	state     state
	id        string // client identifier
	version   uint8
	keepAlive time.Duration // longest silence allowed; 0: any
	maxPacket int           // largest packet that the client takes, in bytes
	quiet     reactor.Deadline
	will      *message
	subs      subs
	outbox
}

// state is how far a session has come.
type state uint8

const (
	arriving  state = iota // no CONNECT yet
	connected              // in Broker.clients
	leaving                // disconnected or refused: the mqtt layer ignores what it sends
)

// silence is how long a session may send nothing; 0: for ever.
func (s *session) silence() time.Duration {
	if s.state == connected {
		return s.keepAlive
	}
	return ConnectWait
}

// anySize is more than any packet has, in bytes.
const anySize = 1<<28 + 5

func (b *Broker) accept(c *reactor.Conn) {
	c.SetWater(0, CloseAbove)
	c.SetLimits(reactor.Limits{Unsent: -1}) // a client that is slow to read goes on acknowledging
	s := &session{conn: c}
	s.quiet = reactor.Deadline{Name: "keep-alive", Expired: func(*reactor.Conn) { b.silent(s) }}
	b.sessions[c.ID()] = s
	s.await()
}

// await starts the wait for the next packet. The loop takes in what has come before it
// lets the wait end, so a broker that was suspended gives up no client that has kept alive.
func (s *session) await() {
	if d := s.silence(); d > 0 {
		s.conn.Stack().StartDeadline(&s.quiet, d)
	} else {
		s.conn.Stack().StopDeadline(&s.quiet)
	}
}

// silent ends a connection that was silent for too long [MQTT-3.1.2-24] (5.0:
// [MQTT-3.1.2-22]).
func (b *Broker) silent(s *session) {
	switch s.state {
	case arriving:
		b.expel(s, 0, errNoConnect)
	case connected:
		b.expel(s, mqtt.ReasonKeepAliveTimeout, errKeepAlive)
	case leaving:
		s.conn.Close()
	}
}

// connect makes the session a client.
func (b *Broker) connect(s *session, m *mqtt.Message) {
	req := m.Connect()
	s.id, s.version = req.ClientID, m.Version
	s.subs = make(subs)
	s.keepAlive = time.Duration(req.KeepAlive) * time.Second * 3 / 2
	s.window, s.maxPacket = MaxInflight, anySize
	s.will = newWill(req.Will)

	var answer []mqtt.Property
	for _, p := range req.Props {
		switch p.ID {
		case mqtt.PropReceiveMaximum:
			s.window = min(s.window, int(p.Int))
		case mqtt.PropMaximumPacketSize:
			s.maxPacket = int(min(p.Int, anySize))
		case mqtt.PropSessionExpiryInterval: // it expires at once, whatever was asked for
			if p.Int > 0 {
				answer = append(answer, mqtt.Property{ID: p.ID, Int: 0})
			}
		case mqtt.PropAuthenticationMethod: // [MQTT-4.12.0-1]
			b.refuse(s, mqtt.ReasonBadAuthMethod)
			return
		}
	}
	if s.id == "" { // the mqtt layer sees to [MQTT-3.1.3-8]
		s.id = "auto-" + rand.Text()[:16] // [MQTT-3.1.3-6]
		answer = append(answer, mqtt.Property{ID: mqtt.PropAssignedClientIdentifier, Value: []byte(s.id)})
	}
	if old := b.clients[s.id]; old != nil { // [MQTT-3.1.4-2] (5.0: [MQTT-3.1.4-3])
		b.expel(old, mqtt.ReasonSessionTakenOver, errTakenOver)
	}
	s.state = connected
	b.clients[s.id] = s
	b.log.Info("connected", "id", s.conn.ID(), "client", s.id, "version", s.version, "remote", s.conn.RemoteAddr())
	if s.version != 5 {
		mqtt.Connack(s.conn, false, mqtt.ReasonSuccess)
		return
	}
	answer = append(answer,
		mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: MaxPacket},
		mqtt.Property{ID: mqtt.PropSubIDsAvailable, Int: 0},
		mqtt.Property{ID: mqtt.PropSharedSubAvailable, Int: 0})
	mqtt.Connack(s.conn, false, mqtt.ReasonSuccess, answer...)
}

// refuse answers CONNECT with an error and hangs up [MQTT-3.2.2-5] (5.0:
// [MQTT-3.2.2-7]). The will is not published: nobody was connected.
func (b *Broker) refuse(s *session, code mqtt.ReasonCode) {
	b.log.Info("refused", "id", s.conn.ID(), "client", s.id, "reason", code.Name(s.version))
	s.will = nil
	b.leave(s)
	mqtt.Connack(s.conn, false, code) // which drains
}

// disconnect is the client's own end: the mqtt layer hangs up. The will is
// dropped unless the client wants it published [MQTT-3.14.4-3].
func (b *Broker) disconnect(s *session, m *mqtt.Message) {
	if m.Ack != mqtt.ReasonDisconnectWithWill {
		s.will = nil
	}
	b.leave(s)
}

// expel ends a connection from the broker's side. The will is published when
// it is closed, which is soon.
func (b *Broker) expel(s *session, code mqtt.ReasonCode, why error) {
	if s.state == connected {
		b.leave(s)
		if s.version == 5 { // 3.1.1 has no DISCONNECT for servers to send
			mqtt.DisconnectCode(s.conn, code)
		}
	}
	s.conn.Fail(why)
}

// leave takes a session out of the clients: nothing more is sent to it.
func (b *Broker) leave(s *session) {
	s.state = leaving
	s.outbox = outbox{}
	if b.clients[s.id] == s {
		delete(b.clients, s.id)
	}
}

// closed forgets a session and publishes its will [MQTT-3.1.2-8]. Without
// sessions to come back to, a Will Delay Interval is cut short: the session ends now.
func (b *Broker) closed(s *session) {
	b.log.Info("closed", "id", s.conn.ID(), "client", s.id)
	b.leave(s)
	delete(b.sessions, s.conn.ID())
	if s.will != nil {
		b.publish(s.will.published(b.m.Now()), s)
	}
}
