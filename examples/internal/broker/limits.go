package broker

import (
	"cmp"
	"math"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Limits limits what clients can make the broker hold. In each field zero means the default and a
// negative value means no limit. Sizes are in bytes. They count an amount for each message,
// property, filter and level besides its content: see overhead and topics.NodeSize.
//
//	field      default         beyond it
//	Conns      MaxConns        the oldest connection without a CONNECT closes, or else the new one
//	Packet     MaxPacket       the client is disconnected, 0x95
//	Filters    MaxFilters      SUBACK 0x97 for the filter
//	Levels     MaxLevels       SUBACK 0x8F for the filter; CONNACK 0x90 for the topic of a will;
//	                           for another topic the client is disconnected, 0x90
//	Client     ClientLimit     SUBACK 0x97 for the filter; CONNACK 0x97 for a will; for a message
//	                           in its queue the client is disconnected, 0x97
//	Queue      MaxQueue        the message is not queued for the session
//	Sessions   MaxSessions     the session that is away longest ends
//	Kept       KeptLimit       at the end of a connection: the session that is away longest ends;
//	                           for a message in a queue: it is not queued
//	Expiry     MaxExpiry       the session ends; in 5.0 the CONNACK sets Session Expiry Interval
//	Send       SendLimit       messages of QoS 0 are dropped, others wait in the queue; beyond
//	                           twice Send and one packet the client is disconnected
//	Total      TotalLimit      the session that is away longest ends; if there is none, the client
//	                           that uses most is disconnected, 0x97
//	                           messages that need several turns are counted separately: a client
//	                           whose message would exceed Total is disconnected, 0x97
//	Retained   RetainedLimit   the message is not stored
//	KeepAlive  MaxKeepAlive    5.0: the CONNACK sets Server Keep Alive; 3.1.1: not limited
type Limits struct {
	Conns     int           // open connections of each listener
	Packet    int           // size of a packet
	Filters   int           // subscriptions of a client
	Levels    int           // of a topic or a topic filter
	Client    int           // a session's subscriptions, will, queue, messages in flight, and aliases
	Queue     int           // messages in the queue of a session that is away
	Sessions  int           // sessions that are away
	Kept      int           // what Client counts, for all sessions that are away together
	Expiry    time.Duration // how long a session may be away, in whole seconds
	Send      int           // a client's unsent bytes
	Total     int           // what Client and Send count, for all sessions and clients together
	Retained  int           // retained messages
	KeepAlive time.Duration // in whole seconds
}

// The defaults of Limits.
const (
	MaxConns      = 1000
	MaxPacket     = 4 << 20
	MaxFilters    = 1000
	MaxLevels     = 128
	ClientLimit   = 4 << 20
	MaxQueue      = 1000
	MaxSessions   = 1000
	KeptLimit     = 64 << 20
	MaxExpiry     = 24 * time.Hour
	SendLimit     = 1 << 20
	TotalLimit    = 256 << 20
	RetainedLimit = 4 << 20
	MaxKeepAlive  = time.Hour
)

// Other limits, which are fixed. Package mqtt limits the filters and properties of a packet.
const (
	ConnectWait = 10 * time.Second // to send CONNECT, and to close after DISCONNECT
	MaxInflight = 100              // QoS 1 and 2 messages to a client without acknowledgement
	MaxAliases  = 16               // topic aliases, in each direction
	// ReceiveMaximum is how many QoS 1 and 2 messages a client may send without acknowledgement. It
	// is told in 5.0; in 3.1.1 all packet identifiers may be in use.
	ReceiveMaximum = 1000
)

// SetLimits sets the limits. Call it before Listen.
func (b *Broker) SetLimits(l Limits) { b.limits = l.resolved() }

// resolved returns the limits with the defaults filled in. Limits that are off are very large.
func (l Limits) resolved() Limits {
	value := func(n, fallback int) int {
		if n = cmp.Or(n, fallback); n < 0 {
			return math.MaxInt / 4 // sums do not overflow
		}
		return n
	}
	return Limits{
		Conns:     value(l.Conns, MaxConns),
		Packet:    min(value(l.Packet, MaxPacket), anySize),
		Filters:   value(l.Filters, MaxFilters),
		Levels:    value(l.Levels, MaxLevels),
		Client:    value(l.Client, ClientLimit),
		Queue:     value(l.Queue, MaxQueue),
		Sessions:  value(l.Sessions, MaxSessions),
		Kept:      value(l.Kept, KeptLimit),
		Expiry:    cmp.Or(l.Expiry, MaxExpiry),
		Send:      value(l.Send, SendLimit),
		Total:     value(l.Total, TotalLimit),
		Retained:  value(l.Retained, RetainedLimit),
		KeepAlive: cmp.Or(l.KeepAlive, MaxKeepAlive),
	}
}

// closeAbove is the number of unsent bytes above which a client is disconnected. A client that
// only gets messages cannot reach it, one that sends requests and does not read can.
func (l *Limits) closeAbove() int { return 2*l.Send + l.Packet }

// forPackets returns the limits of the mqtt layer.
func (l *Limits) forPackets() mqtt.Limits {
	return mqtt.Limits{Packet: l.Packet, Filters: max(mqtt.DefaultMaxFilters, min(l.Filters, anySize))}
}

// keepAlive returns the keep-alive of a client in seconds. changed says that it is not the one
// that the client has asked for: in 5.0 the server may set it [MQTT-3.1.2-21].
func (l *Limits) keepAlive(asked uint16, version uint8) (seconds uint16, changed bool) {
	most := min(l.KeepAlive/time.Second, math.MaxUint16)
	if version != 5 || most <= 0 || asked > 0 && time.Duration(asked) <= most {
		return asked, false
	}
	return uint16(most), true
}
