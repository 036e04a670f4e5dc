package reactor

import "strconv"

// Event says what happened on a connection. The numbers follow Mongoose's order.
//
// Each event has one type of data, which the list below names after the colon. Data that is a
// pointer points to scratch memory of the manager or of a protocol. Such data, and every slice
// reachable from it, is valid until the handler returns. A program may keep the error of EvError.
type Event int

// The events.
//
// Input events are those that the peer or the resolver causes. No input event is delivered
// after Fail or Close. All events are input events, except EvError, EvOpen, EvPoll, EvWrite,
// EvClose, EvWakeup, EvHighWater, EvLowWater, the events of sessions, and the numbers from EvUser
// to EvUserInput-1.
//
// The error of EvError wraps the cause: use errors.Is and errors.As.
const (
	EvError        Event = iota // something failed; EvClose follows: error
	EvOpen                      // the connection exists: nil
	EvPoll                      // raised by each Poll, after SetPoll(true): *time.Time
	EvResolve                   // the host name is resolved: nil
	EvConnect                   // an outgoing connection is established: nil
	EvAccept                    // an incoming connection was accepted: nil
	EvTLSHS                     // the TLS handshake succeeded: nil
	EvRead                      // bytes arrived in Recv: *int, how many since the last EvRead
	EvWrite                     // bytes of Send were written to the socket: *int, how many
	EvClose                     // the connection is closed, always last: nil
	EvHTTPHdrs                  // the header of an HTTP message is complete: *http.Message
	EvHTTPMsg                   // an HTTP message is complete: *http.Message
	EvWSOpen                    // the WebSocket handshake succeeded: *http.Message
	EvWSMsg                     // a WebSocket data message arrived: *ws.Message
	EvWSCtl                     // a WebSocket control frame arrived: *ws.Message
	EvMQTTCmd                   // an MQTT packet of any type arrived: *mqtt.Message
	EvMQTTMsg                   // an MQTT PUBLISH arrived: *mqtt.Message
	EvMQTTOpen                  // an MQTT CONNACK arrived: mqtt.ReasonCode
	EvWakeup                    // Manager.Wakeup was called for this connection: *[]byte
	EvHighWater                 // Send holds more than the high-water mark: nil
	EvLowWater                  // Send is down to the low-water mark again, or a write has failed: nil
	EvEnd                       // the peer has ended its side; only after SetHalfClose(true): nil
	EvSessionUp                 // an MQTT session is connected: *session.Up
	EvSessionDown               // an MQTT session has lost its connection, or has ended: *session.Down
	EvSessionRetry              // an MQTT session could not connect: *session.Retry
	EvSessionPub                // a message that an MQTT session published has its outcome: *session.Outcome
	EvSessionSub                // the server answered a subscription of an MQTT session: *session.SubResult
	EvHTTPBody                  // a piece of the body of an HTTP message arrived, after StreamBody: *http.Piece
	EvSNTPTime                  // a time server has answered: *sntp.Time
	EvMDNSResp                  // a record of multicast DNS arrived: *mdns.Response
	EvUser                      // the first number for a program's own events
)

// EvUserInput is the first number for a program's own events that input causes. It and all
// larger numbers are input events, so none is delivered after Fail or Close. A program's own
// events below it are delivered until EvClose.
const EvUserInput Event = 1 << 16

var eventNames = [...]string{
	"ERROR", "OPEN", "POLL", "RESOLVE", "CONNECT", "ACCEPT", "TLS_HS", "READ", "WRITE", "CLOSE",
	"HTTP_HDRS", "HTTP_MSG", "WS_OPEN", "WS_MSG", "WS_CTL", "MQTT_CMD", "MQTT_MSG", "MQTT_OPEN",
	"WAKEUP", "HIGH_WATER", "LOW_WATER", "END",
	"SESSION_UP", "SESSION_DOWN", "SESSION_RETRY", "SESSION_PUB", "SESSION_SUB",
	"HTTP_BODY",
	"SNTP_TIME", "MDNS_RESP",
}

// String returns Mongoose's name of the event without its MG_EV_ prefix. Events from EvUser
// on are "USER", "USER+1" and so on. Events from EvUserInput on are "USER_INPUT",
// "USER_INPUT+1" and so on. Negative numbers are "Event(-1)" and so on.
func (ev Event) String() string {
	switch {
	case ev >= 0 && int(ev) < len(eventNames):
		return eventNames[ev]
	case ev == EvUserInput:
		return "USER_INPUT"
	case ev > EvUserInput:
		return "USER_INPUT+" + strconv.Itoa(int(ev-EvUserInput))
	case ev == EvUser:
		return "USER"
	case ev > EvUser:
		return "USER+" + strconv.Itoa(int(ev-EvUser))
	}
	return "Event(" + strconv.Itoa(int(ev)) + ")"
}

// isInput reports whether ev is an input event. No such event is delivered on a connection
// that has failed or is closing.
func (ev Event) isInput() bool {
	return uint(ev) < uint(EvUser) && inputEvents>>uint(ev)&1 != 0 || ev >= EvUserInput
}

// inputEvents has one bit for each event below EvUser that is an input event.
const inputEvents = (1<<EvUser - 1) &^
	(1<<EvError | 1<<EvOpen | 1<<EvPoll | 1<<EvWrite | 1<<EvClose | 1<<EvWakeup | 1<<EvHighWater | 1<<EvLowWater |
		1<<EvSessionUp | 1<<EvSessionDown | 1<<EvSessionRetry | 1<<EvSessionPub | 1<<EvSessionSub)
