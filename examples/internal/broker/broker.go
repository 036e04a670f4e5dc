// Package broker is a small MQTT broker for the examples and their tests: a port of
// Mongoose's mqtt-server tutorial. It speaks MQTT 3.1.1 and 5.0 over TCP and WebSocket,
// QoS 0 to 2, with the wildcards + and #, retained messages and wills. It accepts any user
// name and password.
//
// A broker runs on one manager and does all its work in one handler. All state is in
// memory.
//
// Sessions end with their connection. A CONNECT that asks for a persistent session is
// accepted, but Session Present is always 0, and in 5.0 the Session Expiry Interval of the
// CONNACK is 0. Shared subscriptions, subscription identifiers, topic aliases and enhanced
// authentication are refused with their reason codes.
package broker

import (
	"errors"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Limits per client, except RetainedLimit, which is for the whole broker. Sizes are in
// bytes. QueueLimit and RetainedLimit count 256 bytes for each message besides its content.
const (
	ConnectWait   = 10 * time.Second // to send CONNECT, and to close after DISCONNECT
	MaxPacket     = 4 << 20          // of a packet that the broker accepts
	MaxFilters    = 1000             // subscriptions; the SUBACK refuses more
	MaxInflight   = 100              // QoS 1 and 2 messages without acknowledgement
	QueueLimit    = 4 << 20          // QoS 1 and 2 messages in the queue; above, the client is disconnected
	DropAbove     = 1 << 20          // unsent bytes; above, QoS 0 messages are dropped
	CloseAbove    = 16 << 20         // unsent bytes; above, the client is disconnected
	RetainedLimit = 4 << 20          // retained messages; above, new ones are not stored
)

// The reasons why the broker closes a connection. They are logged.
var (
	errTakenOver   = errors.New("broker: another connection uses the client identifier")
	errKeepAlive   = errors.New("broker: no packet within one and a half times the keep alive")
	errNoConnect   = errors.New("broker: no CONNECT within the time allowed")
	errTooSlow     = errors.New("broker: the client reads or acknowledges too slowly")
	errUnsupported = errors.New("broker: the client uses a feature that the CONNACK excludes")
	errShutdown    = errors.New("broker: shutting down")
)

// Broker is an MQTT broker. It may be used only on its manager's goroutine.
type Broker struct {
	m         *reactor.Manager
	log       *slog.Logger
	listeners []*reactor.Conn
	sessions  map[uint64]*session // all accepted connections, by ID
	clients   map[string]*session // the connected clients, by client identifier
	retained  retained
	out       mqtt.Options // scratch for send
}

// New makes a broker that has no listener yet. It logs to log.
func New(m *reactor.Manager, log *slog.Logger) *Broker {
	return &Broker{m: m, log: log, sessions: make(map[uint64]*session), clients: make(map[string]*session)}
}

// Listen accepts clients on another URL, mqtt://host:port or ws://host:port/path. For
// mqtts:// and wss:// the caller must call StartTLS on the listener. If the port is 0, the
// listener's LocalAddr has the port that the system chose. Errors are those of
// mqtt.Listen.
func (b *Broker) Listen(url string) (*reactor.Conn, error) {
	c, err := mqtt.Listen(b.m, url, b.handle, nil)
	if err != nil {
		return nil, err
	}
	if err := mqtt.SetLimits(c, mqtt.Limits{Packet: MaxPacket}); err != nil { // for accepted connections
		return nil, err
	}
	b.listeners = append(b.listeners, c)
	if u, err := reactor.ParseURL(url); err == nil {
		b.log.Info("listening", "url", u.Redacted(), clog.Addr("local", c.LocalAddr()))
	}
	return c, nil
}

// Close closes the listeners and disconnects all clients. It takes effect in the manager's
// next Poll.
func (b *Broker) Close() {
	for _, l := range b.listeners {
		l.Close()
	}
	for _, s := range b.sessions {
		b.expel(s, mqtt.ReasonServerShuttingDown, errShutdown)
	}
}

// Clients returns the number of connected clients.
func (b *Broker) Clients() int { return len(b.clients) }

// handle is the handler of the listeners and of the connections that they accept.
func (b *Broker) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvAccept {
		b.accept(c)
	}
	s := b.sessions[c.ID()]
	if s == nil {
		return // c is a listener
	}
	switch ev {
	case reactor.EvMQTTMsg:
		b.received(s, data.(*mqtt.Message))
	case reactor.EvMQTTCmd:
		b.command(s, data.(*mqtt.Message))
	case reactor.EvHighWater:
		b.expel(s, mqtt.ReasonQuotaExceeded, errTooSlow)
	case reactor.EvError:
		b.log.Info("connection failed", "id", c.ID(), "client", s.id, "error", data.(error))
	case reactor.EvClose:
		b.closed(s)
	}
}

// command answers the packets that the mqtt layer does not answer itself.
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
		if m.Ack >= mqtt.ReasonUnspecified { // refused: the handshake ends here
			s.acknowledged(m.ID, 2)
		}
	case mqtt.CmdPingreq:
		mqtt.Pong(s.conn) // [MQTT-3.12.4-1]
	case mqtt.CmdDisconnect:
		b.disconnect(s, m)
	case mqtt.CmdAuth: // no enhanced authentication was begun [MQTT-4.12.0-1]
		b.expel(s, mqtt.ReasonProtocolError, errUnsupported)
	}
	b.pump(s)
	s.await()
}
