// Package broker is a small MQTT broker, for the examples and their tests: a
// port of Mongoose's mqtt-server tutorial. It speaks MQTT 3.1.1 and 5.0 over tcp
// and WebSocket, QoS 0 to 2, with + and # filters, retained messages and wills.
//
// It lives on the manager that it was made with, and everything it does happens in
// one handler there. All state is in memory and ends with the connection: there
// are no sessions to come back to. A CONNECT that asks for one is accepted, and
// told so: Session Present is always 0, and in 5.0 the Session Expiry Interval of
// the CONNACK is 0. Shared subscriptions, subscription identifiers, topic aliases
// and enhanced authentication are refused with the reason codes that say so. Any
// user name and password will do.
package broker

import (
	"errors"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Limits, per client unless said otherwise. Sizes are in bytes and count 256
// for each message besides its content.
const (
	ConnectWait   = 10 * time.Second // to send CONNECT, and to hang up after the end
	MaxPacket     = 4 << 20          // size of a packet that is taken
	MaxFilters    = 1000             // subscriptions; more are refused in the SUBACK
	MaxInflight   = 100              // QoS 1 and 2 messages without acknowledgement
	QueueLimit    = 4 << 20          // QoS 1 and 2 messages waiting for those; beyond, the client is disconnected
	DropAbove     = 1 << 20          // unsent bytes above which QoS 0 messages are dropped
	CloseAbove    = 16 << 20         // unsent bytes above which the client is disconnected
	RetainedLimit = 4 << 20          // retained messages of the whole broker; beyond, they are not kept
)

// Why the broker ends a connection: what is logged of it.
var (
	errTakenOver   = errors.New("broker: another connection uses the client identifier")
	errKeepAlive   = errors.New("broker: nothing came for one and a half times the keep alive")
	errNoConnect   = errors.New("broker: no CONNECT came")
	errTooSlow     = errors.New("broker: the client does not take what is sent to it")
	errUnsupported = errors.New("broker: the client uses what it was told is not available")
	errShutdown    = errors.New("broker: shutting down")
)

// Broker is a broker on a manager. It belongs to the manager's goroutine.
type Broker struct {
	m         *reactor.Manager
	log       *slog.Logger
	listeners []*reactor.Conn
	sessions  map[uint64]*session // all accepted connections, by ID
	clients   map[string]*session // those that messages go to, by client identifier
	retained  retained
	out       mqtt.Options // scratch
}

// New makes a broker that does not listen yet.
func New(m *reactor.Manager, log *slog.Logger) *Broker {
	return &Broker{m: m, log: log, sessions: make(map[uint64]*session), clients: make(map[string]*session)}
}

// Listen accepts clients on mqtt://host:port or ws://host:port/path, beside the
// URLs that it listens on already; on mqtts:// and wss:// once the listener has a
// Config, by StartTLS. The errors are those of mqtt.Listen; the
// listener's LocalAddr tells the port if it was 0.
func (b *Broker) Listen(url string) (*reactor.Conn, error) {
	c, err := mqtt.Listen(b.m, url, b.handle, nil)
	if err != nil {
		return nil, err
	}
	if err := mqtt.SetLimits(c, mqtt.Limits{Packet: MaxPacket}); err != nil { // of those that it accepts
		return nil, err
	}
	b.listeners = append(b.listeners, c)
	if u, err := reactor.ParseURL(url); err == nil {
		b.log.Info("listening", "url", u.Redacted(), "local", c.LocalAddr())
	}
	return c, nil
}

// Close stops listening and disconnects all clients. It takes effect in the
// manager's next Poll.
func (b *Broker) Close() {
	for _, l := range b.listeners {
		l.Close()
	}
	for _, s := range b.sessions {
		b.expel(s, mqtt.ReasonServerShuttingDown, errShutdown)
	}
}

// Clients returns how many clients are connected.
func (b *Broker) Clients() int { return len(b.clients) }

// handle is the handler of the listeners and of all that they accept.
func (b *Broker) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvAccept {
		b.accept(c)
	}
	s := b.sessions[c.ID()]
	if s == nil {
		return // a listener
	}
	switch ev {
	case reactor.EvMQTTMsg:
		b.received(s, data.(*mqtt.Message))
	case reactor.EvMQTTCmd:
		b.command(s, data.(*mqtt.Message))
	case reactor.EvHighWater:
		b.expel(s, mqtt.ReasonQuotaExceeded, errTooSlow)
	case reactor.EvError:
		b.log.Info("failed", "id", c.ID(), "client", s.id, "error", data.(error))
	case reactor.EvClose:
		b.closed(s)
	}
}

// command answers the packets that the mqtt layer leaves to the server.
func (b *Broker) command(s *session, m *mqtt.Message) {
	switch m.Cmd {
	case mqtt.CmdConnect:
		b.connect(s, m)
	case mqtt.CmdSubscribe:
		b.subscribe(s, m)
	case mqtt.CmdUnsubscribe:
		b.unsubscribe(s, m)
	case mqtt.CmdPuback:
		s.acknowledged(m.ID, 1)
	case mqtt.CmdPubcomp:
		s.acknowledged(m.ID, 2)
	case mqtt.CmdPubrec:
		if m.Ack >= mqtt.ReasonUnspecified { // refused: no PUBREL and PUBCOMP follow
			s.acknowledged(m.ID, 2)
		}
	case mqtt.CmdPingreq:
		mqtt.Pong(s.conn) // [MQTT-3.12.4-1]
	case mqtt.CmdDisconnect:
		b.disconnect(s, m)
	case mqtt.CmdAuth: // none was begun [MQTT-4.12.0-1]
		b.expel(s, mqtt.ReasonProtocolError, errUnsupported)
	}
	b.pump(s)
	s.await()
}
