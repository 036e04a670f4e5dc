// Package broker is a small MQTT broker for the examples and for tests: a port of Mongoose's
// mqtt-server tutorial. It speaks MQTT 3.1.1 and 5.0 over TCP and WebSocket, QoS 0 to 2, with
// wildcards, shared subscriptions, retained messages, wills, and sessions that outlive their
// connections. For production use mosquitto or a cluster: this broker keeps nothing on disk.
//
// A broker runs on one manager and does all its work in one handler. All state is in
// memory.
//
//	file              what it has
//	broker.go         the handler
//	client.go         a connection: keep-alive, DISCONNECT, the end
//	connect.go        CONNECT; password.go checks passwords, hash.go reads their file
//	session.go        what outlives a connection; keep.go has those that are away
//	subscribe.go      SUBSCRIBE, UNSUBSCRIBE
//	subs.go           subscriptions; group.go has the shared ones
//	fetch.go          retained messages for a new subscription; retained.go stores them
//	publication.go    a message on its way to all subscribers; will.go publishes wills
//	route.go          a message on its way to one client
//	outbox.go         messages of a session: the queue, and those in flight
//	alias.go          topic aliases
//	limits.go         the limits; account.go counts bytes per session
//	work.go           work that takes several turns of the loop
//
// # Connections and sessions
//
// A client is an accepted connection. A session belongs to a client identifier. It has the
// subscriptions, the queue, the messages in flight, the identifiers of unfinished QoS 2 messages
// that the client has sent, and the will. A session has one client or none.
//
//	a client                             a session
//
//	[connecting]                         [connected] <-------------+
//	    |  CONNECT, the password is      |  the connection ends    |  CONNECT of the same
//	    |  checked, CONNACK 0            v                         |  client identifier
//	[connected]                        expiry > 0? ----yes---> [away]
//	    |  DISCONNECT, expelled,         | no                      |  the expiry passes, or
//	    |  taken over, closed            v                         |  CONNECT with clean start,
//	[disconnecting]                    [ended] <-------------------+  or removed for room
//
// The expiry is the Session Expiry Interval of CONNECT, or of DISCONNECT [MQTT-3.1.2-23]. In 3.1.1
// a session without clean session does not expire [MQTT-3.1.2-4]. Limits.Expiry bounds both.
//
//	event                  what happens to the session
//	connection ends        it is away: its queue grows up to a limit, without QoS 0
//	taken over             the old connection ends first [MQTT-3.1.4-2] (5.0: [MQTT-3.1.4-3])
//	resumed                PUBLISH with DUP and PUBREL go out again, in order, with the same
//	                       identifiers, and then the queue [MQTT-4.4.0-1] [MQTT-4.6.0-1]
//	ended                  its subscriptions end, its will is published, and other members of
//	                       shared subscriptions get its messages
//
// The will is published when the connection has closed without a DISCONNECT of reason code 0 and
// the Will Delay Interval has passed, or when the session ends. If the session is resumed before
// that, it is not published [MQTT-3.1.3-9].
//
// # Shared subscriptions
//
// Each message goes to one member: in turn, to the next that is connected and has nothing waiting,
// or else to the next that is connected, or else into the queue of one that is away. If a member's
// session ends, its messages go to other members that have room for them, except those of QoS 2 in
// flight [MQTT-4.8.2-5].
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
//	leaves sessions behind           bounds their number, bytes and age; the session that is away
//	                                 longest ends first
//	sends a large will               counts it with all its properties, refuses the CONNECT
//	sets topic aliases               allows few, and counts their bytes
//	guesses passwords                checks one after the other on a goroutine beside the loop; if
//	                                 many clients wait for that, it refuses the next
//	sends nothing                    has a deadline for CONNECT and for each packet
//	makes log records                cuts their texts, and writes 100 at once and 10 in a second
//
// The type Limits has a table of the limits. TCP keep-alive probes and the deadlines of package
// reactor find clients that have vanished.
//
// # What it does not support
//
// Sessions and retained messages end with the process. Enhanced authentication is refused with its
// reason code. There is no authorization: a client that is let in may publish and subscribe to
// everything. In 3.1.1 a filter that begins with $share/ is an ordinary filter.
package broker

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// The reasons why the broker closes a connection. They are logged.
var (
	errTakenOver   = errors.New("broker: another connection uses the client identifier")
	errKeepAlive   = errors.New("broker: no packet within one and a half times the keep alive")
	errNoConnect   = errors.New("broker: no CONNECT, or no answer to it, within the time allowed")
	errTooSlow     = errors.New("broker: the client reads or acknowledges too slowly")
	errMemory      = errors.New("broker: the clients use too much memory, and this one uses most")
	errUnderway    = errors.New("broker: too many bytes are being delivered")
	errLevels      = errors.New("broker: the topic has too many levels")
	errAliases     = errors.New("broker: the topic aliases have too many bytes")
	errUnreleased  = errors.New("broker: too many QoS 2 messages wait for PUBREL")
	errNotSent     = errors.New("broker: a message cannot be sent")
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
	passwords *Passwords          // nil: everyone is let in
	checks    checks              // of passwords
	clients   map[uint64]*client  // all accepted connections, by ID
	sessions  map[string]*session // by client identifier
	away      away                // the sessions without a client
	subs      subTree             // the subscriptions of all sessions
	retained  retained
	used      int                       // what the accounts of all sessions and clients count
	work      work                      // what needs several turns of the loop
	lanes     map[string][]*publication // by client identifier: what needs several turns, in order
	atOnce    *publication              // that publish has begun and that is in no lane yet
	spread    int                       // publications with many targets, at most maxSpread
	underway  int                       // bytes of the messages in lanes and handovers
	spare     *publication              // for the next message
	out       mqtt.Options              // scratch for send
}

// New makes a broker that has no listener yet. It logs to log.
func New(m *reactor.Manager, log *slog.Logger) *Broker {
	return &Broker{m: m, log: termlog.Limit(log), verbose: log, limits: Limits{}.resolved(),
		clients: make(map[uint64]*client), sessions: make(map[string]*session), checks: checks{m: m},
		lanes: make(map[string][]*publication), work: work{m: m, left: turnWork}}
}

// Listen accepts clients on another URL, mqtt://host:port or ws://host:port/path. For
// mqtts:// and wss:// the caller must call StartTLS on the listener. If the port is 0, the
// listener's LocalAddr has the port that the system chose. origins are the patterns of
// ws.Options.Origins: pages of other servers that may connect over WebSocket. Errors are those
// of mqtt.Listen.
func (b *Broker) Listen(url string, origins ...string) (*reactor.Conn, error) {
	var opts []*ws.Options
	if strings.HasPrefix(strings.ToLower(url), "ws") && len(origins) > 0 {
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
		b.verbose.Info("listening", "url", u.Redacted(), "local", c.LocalAddr())
	}
	return c, nil
}

// Close closes the listeners, disconnects all clients and ends all sessions. Wills of sessions
// without a client are not published. Close takes effect in the manager's next Poll.
func (b *Broker) Close() {
	for _, l := range b.listeners {
		l.Close()
	}
	for _, c := range b.clients {
		b.expel(c, mqtt.ReasonServerShuttingDown, errShutdown)
	}
	for _, s := range b.sessions {
		b.dropWill(s)
		b.end(s)
	}
}

// Clients returns the number of connected clients.
func (b *Broker) Clients() int { return len(b.sessions) - b.away.list.Len() }

// handle is the handler of the listeners and of the connections that they accept.
func (b *Broker) handle(conn *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvAccept {
		b.accept(conn)
	}
	c := b.clients[conn.ID()]
	if c == nil {
		return // conn is a listener
	}
	switch ev {
	case reactor.EvMQTTMsg:
		b.received(c, data.(*mqtt.Message))
	case reactor.EvMQTTCmd:
		b.command(c, data.(*mqtt.Message))
	case reactor.EvWrite:
		b.meter(c)
		if conn.Send.Len() <= b.limits.Send/2 {
			b.resume(c.session)
		}
	case reactor.EvHighWater:
		b.expel(c, mqtt.ReasonQuotaExceeded, errTooSlow)
	case reactor.EvError:
		b.log.Info("connection failed", "id", conn.ID(), "client", c.id, "error", data.(error))
		if c.phase == connected {
			b.depart(c)
		}
	case reactor.EvClose:
		b.closed(c)
	}
}

// command answers the packets that the mqtt layer does not answer itself.
func (b *Broker) command(c *client, m *mqtt.Message) {
	if c.phase != connected && m.Cmd != mqtt.CmdConnect {
		return // it was disconnected in the EvMQTTMsg of this packet
	}
	switch m.Cmd {
	case mqtt.CmdConnect:
		b.connect(c, m)
	case mqtt.CmdSubscribe:
		b.subscribe(c.session, m)
	case mqtt.CmdUnsubscribe:
		b.unsubscribe(c.session, m)
	case mqtt.CmdPuback:
		b.acknowledged(c.session, m.ID, 1)
	case mqtt.CmdPubcomp:
		b.acknowledged(c.session, m.ID, 2)
	case mqtt.CmdPubrec:
		if m.Ack >= mqtt.ReasonUnspecified { // refused: the handshake ends here
			b.acknowledged(c.session, m.ID, 2)
		} else {
			b.halfway(c.session, m.ID)
		}
	case mqtt.CmdPingreq:
		mqtt.Pong(c.conn) // [MQTT-3.12.4-1]
	case mqtt.CmdDisconnect:
		b.disconnect(c, m)
	}
	if c.session != nil {
		b.chargeUnreleased(c.session)
	}
	b.resume(c.session)
	b.meter(c) // with the answers
	c.await()
}
