package session

import (
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Options say how a session behaves. New copies them.
type Options struct {
	// URLs are the servers, in the forms of mqtt.Connect. The session tries them in turn, beginning
	// with the first, and stays with one as long as its connection lives. If the session is kept
	// (Expiry), they must lead to the same session, such as the nodes of a cluster.
	URLs []string
	// Login is what each attempt passes to mqtt.Connect: client identifier, credentials, will,
	// version (zero is MQTT 3.1.1), TLS, WebSocket headers, deadlines, properties of CONNECT.
	// Login.KeepAlive of zero is DefaultKeepAlive, a negative value turns keep-alive off.
	// Login.Clean removes an earlier session's state on the server at the first connection only,
	// if the session is kept (Expiry).
	Login mqtt.Options
	// Expiry is how long the server keeps the session after a connection has ended. It needs
	// Login.ClientID, or AssignID. In 5.0 it is sent as Session Expiry Interval; Forever never
	// expires. 3.1.1 only knows kept sessions, for any value above zero. Zero: the session's
	// state on the server ends with each connection.
	Expiry time.Duration
	// Before is called before each attempt. It may change the attempt. If it returns an error, the
	// attempt has failed. It must not block.
	Before func(*Attempt) error
	// RetryRefused makes the session try again after a refusal that will not heal by itself, such
	// as bad credentials. By default the session ends when every URL has refused it like that.
	RetryRefused bool
	Backoff      Backoff
	// Auth is the enhanced authentication of 5.0. Nil is none.
	Auth Authenticator

	Queue Queue
	// Inflight is the largest number of QoS 1 and 2 messages that are sent and not acknowledged.
	// The server's Receive Maximum applies, if it is lower. Zero is DefaultInflight. In 3.1.1 a
	// server cannot announce its maximum, and mosquitto, whose maximum is 20 unless it is
	// configured, disconnects a client that has more QoS 2 messages in flight.
	Inflight int
	// ReceiveMaximum is the largest number of received QoS 1 and 2 messages that are not
	// acknowledged. 5.0 servers are told. Zero is 65,535.
	ReceiveMaximum uint16
	// ManualAck makes the session acknowledge a message when the program calls Ack, not when the
	// handler returns.
	ManualAck bool
	// Store makes messages of QoS 1 and 2 survive the process. Nil keeps them in memory. The
	// session closes the store when it ends.
	Store Store

	random func(n int64) int64 // for tests; nil is rand.Int64N
}

// Attempt is an attempt to connect, for Options.Before. Changes apply to this attempt only.
type Attempt struct {
	Session *Session
	Number  int          // 1 is the first after a connection was up
	URL     string       // may be changed
	Login   mqtt.Options // a copy; may be changed, except for ClientID and Version
}

// Backoff is the delay between attempts. The delay is random, from 0 to a bound that begins with
// Min and doubles with each failed attempt, up to Max (exponential back-off with full jitter). A
// connection that was up for Stable resets the bound. Zero fields have the defaults.
type Backoff struct {
	Min    time.Duration // default DefaultBackoffMin
	Max    time.Duration // default DefaultBackoffMax
	Stable time.Duration // default DefaultBackoffStable
}

// Queue bounds the messages that are published and have no outcome. In each field zero means the
// default and a negative value means no limit. A message counts with the size of its packet.
type Queue struct {
	Messages int // default DefaultQueueMessages
	Bytes    int // default DefaultQueueBytes
	Full     WhenFull
}

// WhenFull says what Publish does when the queue is full.
type WhenFull uint8

// What Publish does when the queue is full. A message that is in flight is never dropped.
const (
	Refuse     WhenFull = iota // return ErrQueueFull
	DropOldest                 // drop waiting messages, the oldest first
	DropQoS0                   // drop waiting messages of QoS 0, the oldest first; if none is left, refuse
)

// The defaults of Options.
const (
	DefaultKeepAlive     = 60 * time.Second
	DefaultInflight      = 20
	DefaultQueueMessages = 10_000
	DefaultQueueBytes    = 16 << 20
	DefaultBackoffMin    = time.Second
	DefaultBackoffMax    = time.Minute
	DefaultBackoffStable = 30 * time.Second
)

// Forever is an Expiry that never ends.
const Forever time.Duration = 1<<63 - 1

// Authenticator runs the enhanced authentication of MQTT 5.0, section 4.12. The session calls it
// on the loop's goroutine. Its slices are copied.
type Authenticator interface {
	// Method returns the Authentication Method, such as "SCRAM-SHA-256".
	Method() string
	// Start begins an exchange, with CONNECT, or with AUTH if the program has called
	// Session.Reauthenticate. It returns the Authentication Data of that packet, nil for none.
	Start(again bool) ([]byte, error)
	// Next answers the server's AUTH with reason Continue authentication.
	Next(data []byte) ([]byte, error)
	// Finish gets the data with which the server ends the exchange successfully. An error fails the
	// connection.
	Finish(data []byte) error
}
