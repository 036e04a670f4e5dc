package broker

import (
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// client is an accepted connection.
type client struct {
	b         *Broker
	conn      *reactor.Conn
	phase     phase
	id        string // client identifier
	version   uint8
	session   *session      // nil unless the phase is connected
	keepAlive time.Duration // longest time between two packets; 0: no limit
	asked     uint32        // the Session Expiry Interval of CONNECT
	window    int           // the most messages in flight to the client
	silence   reactor.Deadline
	will      *message // to publish when the connection has closed
	unsent    int      // bytes in Send, when metered last: after each packet and each write
	aliases   aliases
}

// phase is the phase of a client. It only increases.
type phase uint8

const (
	connecting    phase = iota // before CONNACK
	connected                  // has a session
	disconnecting              // disconnected or refused: the mqtt layer ignores its packets
)

// timeout returns how long the client may send no packet; 0 means without limit.
func (c *client) timeout() time.Duration {
	if c.phase == connected {
		return c.keepAlive
	}
	return ConnectWait
}

// anySize is the size in bytes of the largest packet that MQTT allows.
const anySize = 1<<28 + 4

func (b *Broker) accept(conn *reactor.Conn) {
	conn.SetWater(0, b.limits.closeAbove())
	c := &client{b: b, conn: conn}
	c.silence = reactor.Deadline{Name: "keep-alive", Expired: func(*reactor.Conn) { b.timedOut(c) }}
	b.clients[conn.ID()] = c
	c.await()
}

// await restarts the deadline for the next packet. Before a deadline expires, the loop reads
// what the socket holds. Therefore a broker that was suspended does not disconnect clients
// that kept sending.
func (c *client) await() {
	if d := c.timeout(); d > 0 {
		c.conn.Stack().StartDeadline(&c.silence, d)
	} else {
		c.conn.Stack().StopDeadline(&c.silence)
	}
}

// timedOut closes a connection after its deadline [MQTT-3.1.2-24] (5.0: [MQTT-3.1.2-22]).
func (b *Broker) timedOut(c *client) {
	switch c.phase {
	case connecting:
		b.expel(c, 0, errNoConnect)
	case connected:
		b.expel(c, mqtt.ReasonKeepAliveTimeout, errKeepAlive)
	case disconnecting:
		c.conn.Close()
	}
}

// disconnect handles the client's DISCONNECT. The mqtt layer closes the connection. The will is
// dropped if the reason code is 0 [MQTT-3.14.4-3]. The other codes ask for the will or report an
// error: it is published [MQTT-3.1.2-8].
func (b *Broker) disconnect(c *client, m *mqtt.Message) {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == mqtt.PropSessionExpiryInterval {
			c.session.expiry = b.limits.expiry(p.Int)
		}
	}
	if m.Ack == mqtt.ReasonSuccess {
		b.dropWill(c.session)
	}
	b.depart(c)
}

// expel disconnects a client, or closes a connection that is not connected yet.
func (b *Broker) expel(c *client, code mqtt.ReasonCode, why error) {
	if c.phase == connected {
		b.depart(c)
		if c.version == 5 { // in 3.1.1 a server cannot send DISCONNECT
			mqtt.DisconnectCode(c.conn, code)
		}
	}
	c.phase = disconnecting
	c.conn.Fail(why)
}

// depart separates a client from its session. Nothing more is sent to the client. The session
// is kept or ends.
func (b *Broker) depart(c *client) {
	s := c.session
	b.dropAliases(c)
	b.chargeUnreleased(s)
	c.phase, c.session, s.client = disconnecting, nil, nil
	b.used -= c.unsent
	c.unsent = 0
	if s.will != nil && (s.expiry == 0 || s.willDelay == 0) {
		c.will = s.will
		b.dropWill(s)
	}
	if s.expiry == 0 {
		b.end(s)
	} else {
		b.keep(s)
	}
}

// closed deletes a client. Its will is published now, unless it has to wait longer
// [MQTT-3.1.2-8].
func (b *Broker) closed(c *client) {
	b.log.Info("closed", "id", c.conn.ID(), "client", c.id)
	if c.phase == connected {
		b.depart(c)
	}
	c.phase = disconnecting
	delete(b.clients, c.conn.ID())
	b.checks.remove(c)
	if c.will != nil {
		b.publishWill(c.id, c.will)
	}
}

// logConnected logs a client that is let in.
func (b *Broker) logConnected(c *client, present bool) {
	b.log.Info("connected", "id", c.conn.ID(), "client", c.id, "version", c.version, "present", present,
		"remote", c.conn.RemoteAddr())
}
