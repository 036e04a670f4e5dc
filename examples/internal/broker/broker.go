// Package broker is a small MQTT broker for the examples and their tests: a port of
// Mongoose's mqtt-server tutorial. It speaks MQTT 3.1.1 and 5.0 over TCP and WebSocket,
// QoS 0 to 2, with the wildcards + and #, retained messages and wills. It accepts any user
// name and password.
//
// A broker runs on one manager and does all its work in one handler. All state is in
// memory.
//
//	file              what it has
//	broker.go         the handler
//	session.go        a connection: CONNECT, keep-alive, DISCONNECT, the end
//	subscribe.go      SUBSCRIBE, UNSUBSCRIBE; subs.go has the subscriptions
//	fetch.go          retained messages for a new subscription; retained.go stores them
//	publication.go    a message on its way to all subscribers
//	route.go          a message on its way to one client; outbox.go has the client's queue
//	tree.go, walk.go  trees of filters and of topics, and the searches in them
//	limits.go         the limits; account.go counts bytes per client
//	work.go           work that takes several turns of the loop
//
// # What clients cannot do
//
// All clients share one goroutine and its memory. So the broker bounds what a client can make
// it hold and how long it can make it work.
//
//	a client                         the broker
//	subscribes to many filters       counts them and their bytes; a message costs the visit of the
//	                                 filters that match it, or begin like it, and no others
//	subscribes beside many retained  sends what the client reads, in several turns of the loop
//	publishes to many subscribers    delivers in several turns; the publisher waits meanwhile
//	does not read or acknowledge     drops QoS 0, queues other messages up to a limit, disconnects
//	sends a large will               counts it with all its properties, refuses the CONNECT
//	sends nothing                    has a deadline for CONNECT and for each packet
//	makes log records                cuts their texts, and writes 100 at once and 10 in a second
//
// The type Limits has a table of the limits. TCP keep-alive probes and the deadlines of package
// reactor find clients that have vanished.
//
// # What it does not support
//
// Sessions end with their connection. A CONNECT that asks for a persistent session is
// accepted, but Session Present is always 0, and in 5.0 the Session Expiry Interval of the
// CONNACK is 0. Shared subscriptions, subscription identifiers, topic aliases and enhanced
// authentication are refused with their reason codes.
package broker

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The reasons why the broker closes a connection. They are logged.
var (
	errTakenOver   = errors.New("broker: another connection uses the client identifier")
	errKeepAlive   = errors.New("broker: no packet within one and a half times the keep alive")
	errNoConnect   = errors.New("broker: no CONNECT within the time allowed")
	errTooSlow     = errors.New("broker: the client reads or acknowledges too slowly")
	errMemory      = errors.New("broker: the clients use too much memory, and this one uses most")
	errUnderway    = errors.New("broker: too many bytes are being delivered")
	errLevels      = errors.New("broker: the topic has too many levels")
	errUnsupported = errors.New("broker: the client uses a feature that the CONNACK excludes")
	errShutdown    = errors.New("broker: shutting down")
)

// Broker is an MQTT broker. It may be used only on its manager's goroutine.
type Broker struct {
	m         *reactor.Manager
	log       *slog.Logger // limited: clients cause the records
	verbose   *slog.Logger // not limited
	limits    Limits
	listeners []*reactor.Conn
	sessions  map[uint64]*session // all accepted connections, by ID
	clients   map[string]*session // the connected clients, by client identifier
	subs      subTree             // the subscriptions of all clients
	retained  retained
	used      int                       // what the accounts of all clients count
	work      work                      // what needs several turns of the loop
	lanes     map[string][]*publication // by client identifier: what needs several turns, in order
	underway  int                       // bytes of the messages in lanes
	spare     *publication              // for the next message
	out       mqtt.Options              // scratch for send
}

// New makes a broker that has no listener yet. It logs to log.
func New(m *reactor.Manager, log *slog.Logger) *Broker {
	return &Broker{m: m, log: clog.Limit(log), verbose: log, limits: Limits{}.resolved(),
		sessions: make(map[uint64]*session), clients: make(map[string]*session),
		lanes: make(map[string][]*publication), work: work{m: m, left: turnWork}}
}

// Listen accepts clients on another URL, mqtt://host:port or ws://host:port/path. For
// mqtts:// and wss:// the caller must call StartTLS on the listener. If the port is 0, the
// listener's LocalAddr has the port that the system chose. origins are the patterns of
// ws.Options.Origins: pages of other servers that may connect over WebSocket. Errors are those
// of mqtt.Listen.
func (b *Broker) Listen(url string, origins ...string) (*reactor.Conn, error) {
	var opts []*ws.Options
	if strings.HasPrefix(url, "ws") && len(origins) > 0 {
		opts = append(opts, &ws.Options{Origins: origins})
	}
	c, err := mqtt.Listen(b.m, url, b.handle, nil, opts...)
	if err != nil {
		return nil, err
	}
	if err := mqtt.SetLimits(c, b.limits.forPackets()); err != nil { // for accepted connections
		return nil, err
	}
	c.SetLimits(reactor.Limits{Conns: b.limits.Conns, // beyond it, the oldest without a CONNECT closes
		Backpressure: -1}) // acknowledgements must get in while Send is full
	b.listeners = append(b.listeners, c)
	if u, err := reactor.ParseURL(url); err == nil {
		b.verbose.Info("listening", "url", u.Redacted(), clog.Addr("local", c.LocalAddr()))
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
	case reactor.EvWrite:
		b.meter(s)
		if s.conn.Send.Len() <= b.limits.Send/2 {
			b.resume(s)
		}
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
	b.resume(s)
	b.meter(s) // with the answers
	s.await()
}
