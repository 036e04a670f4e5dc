package session

import (
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Message is an application message to publish. Publish copies what it needs.
type Message struct {
	Topic  string
	Data   []byte
	QoS    uint8
	Retain bool
	// Expiry is how long the message may wait until it is sent. In 5.0 the server gets the rest
	// of this time as Message Expiry Interval, in whole seconds, rounded up. Zero means that
	// the message does not expire.
	Expiry time.Duration
	Props  []mqtt.Property // 5.0 only; without Message Expiry Interval and Topic Alias
	// Done gets the outcome. If it is nil, the handler gets it with EvSessionPub.
	Done func(*Outcome)
}

// Handle is the number of a published message. It is not 0. With a durable store no other message
// of the store has had it.
type Handle uint64

// Result says what has become of a message.
type Result uint8

// The results. Each message has exactly one.
const (
	Sent         Result = 1 + iota // QoS 0: the socket, or TLS, has taken it. There is no acknowledgement
	Acknowledged                   // QoS 1 and 2: the server has it
	Rejected                       // the server, or its limits, refuse it: see Code and Err
	Dropped                        // it was removed from the queue, or the server has lost the session
	Expired                        // it was not sent within Message.Expiry
	Abandoned                      // the session was closed before
)

// Outcome is what has become of a message. It and its slices are valid until the handler returns.
type Outcome struct {
	Handle Handle
	Result Result
	Code   mqtt.ReasonCode // Acknowledged, Rejected: of the packet that ended the exchange
	Props  []byte          // 5.0: the encoded properties of that packet, see mqtt.Message.NextProp
	Err    error           // nil for Sent and Acknowledged; else why
	// Message is the PUBLISH with its topic, payload and properties. It is nil for a message of
	// QoS 0 that was given to a connection.
	Message *mqtt.Message
	// Stored says that a durable store still has the message: the next session that opens the
	// store sends it. It is set for Abandoned. After the store has failed, it may be set for each
	// result, because the store could not delete the message.
	Stored bool
}

// Delivery identifies a received message, for Ack. It is a value: keep it as long as you like.
type Delivery struct {
	epoch uint32
	id    uint16
	qos   uint8
}

// Subscription is a topic filter with its options and its handler.
type Subscription struct {
	Filter            string          // may be a shared one, $share/group/filter
	QoS               uint8           // the highest wanted
	NoLocal           bool            // 5.0
	RetainAsPublished bool            // 5.0
	RetainHandling    uint8           // 5.0: 0 to 2
	Props             []mqtt.Property // 5.0: user properties of the SUBSCRIBE
	// Fn gets EvMQTTMsg for each message that matches the filter, from the call of Subscribe
	// on. It is not called any more after the call of Unsubscribe, or after the server has
	// refused the filter. A message that matches no filter with an Fn goes to the session's
	// handler.
	Fn reactor.Handler
	// Done gets the result, also each time that the session was lost and the filter is
	// subscribed again. If it is nil, the handler gets it with EvSessionSub.
	Done func(*SubResult)

	first bool // sent before others that wait
}

// SubResult is the result for one topic filter of a Subscribe or an Unsubscribe. Each has one. It
// is the data of EvSessionSub, and valid until the handler returns.
type SubResult struct {
	Filter       string
	Unsubscribed bool // of Unsubscribe
	// Code is the server's: for Subscribe the granted QoS, which may be lower than wanted. From
	// 0x80 on the filter is not subscribed, and Err says why. It is 0x80 if the server was not
	// asked.
	Code mqtt.ReasonCode
	// Err wraps *mqtt.RefusedError if the server refuses the filter, *mqtt.PeerLimitError if a
	// limit of the server does not allow it, ErrReplaced, or ErrClosed if the session has
	// ended. After a refusal the session forgets the filter: it does not subscribe it again by
	// itself.
	Err     error
	Resumed bool   // the session was lost, and this is a repeated subscription
	Props   []byte // 5.0: the encoded properties of the packet
}

// Up is the data of EvSessionUp.
type Up struct {
	Session *Session
	URL     string // without the password
	Present bool   // the server has kept the session
	Server  mqtt.Capabilities
}

// Down is the data of EvSessionDown.
type Down struct {
	Session *Session
	Err     error         // why; nil after Close or Drain, reactor.ErrClosed after those of the manager
	Final   bool          // the session has ended: it does not connect again
	Next    time.Duration // until the next attempt, if Final is false
}

// Retry is the data of EvSessionRetry.
type Retry struct {
	Session *Session
	URL     string // of the failed attempt, without the password
	Attempt int    // 1 is the first after a connection was up
	Err     error
	Final   bool // the session has ended: it does not connect again
	Next    time.Duration
}
