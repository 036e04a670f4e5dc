package reactor

import "strconv"

// Event says what happened on a connection. The numbers follow Mongoose's
// order; the dynamic type of the data that comes with each is fixed and is
// the last column below. Data is a pointer to scratch of the manager or of a
// protocol's state (or nil): it, and every slice reachable from it, is valid
// until the handler returns.
type Event int

// The events. "Input" events are those that the peer causes, by connecting, or by
// sending; none of them is delivered after Fail or Close. The error of EvError wraps the
// cause: use errors.Is and errors.As.
const (
	EvError     Event = iota // something failed, EvClose follows: error
	EvOpen                   // the connection exists: nil
	EvPoll                   // once per Poll, if asked for with SetPoll: *time.Time
	EvResolve                // the host name is resolved: nil
	EvConnect                // an outgoing connection is established: nil
	EvAccept                 // an incoming connection was accepted: nil
	EvTLSHS                  // the TLS handshake succeeded: nil
	EvRead                   // bytes arrived in Recv: *int, how many since the last EvRead
	EvWrite                  // bytes of Send were written to the socket: *int, how many
	EvClose                  // the connection is closed, always last: nil
	EvHTTPHdrs               // the header of an HTTP message is complete: *http.Message
	EvHTTPMsg                // an HTTP message is complete: *http.Message
	EvWSOpen                 // the WebSocket handshake succeeded: *http.Message
	EvWSMsg                  // a WebSocket data message: *ws.Message
	EvWSCtl                  // a WebSocket control frame: *ws.Message
	EvMQTTCmd                // any MQTT packet: *mqtt.Message
	EvMQTTMsg                // an MQTT PUBLISH: *mqtt.Message
	EvMQTTOpen               // CONNACK: mqtt.ReasonCode
	EvWakeup                 // Manager.Wakeup was called for this connection: *[]byte
	EvHighWater              // Send has grown beyond the high-water mark: nil
	EvLowWater               // Send has shrunk to the low-water mark again: nil
	EvEnd                    // the peer has ended its side, see SetHalfClose: nil
	EvUser                   // the first number that is free for programs' own events
)

// EvUserInput is the first number for programs' own events that input causes. It and all
// larger numbers are input events: none of them is delivered after Fail or Close. Programs'
// own events below it are delivered until EvClose.
const EvUserInput Event = 1 << 16

var eventNames = [...]string{
	"ERROR", "OPEN", "POLL", "RESOLVE", "CONNECT", "ACCEPT", "TLS_HS", "READ", "WRITE", "CLOSE",
	"HTTP_HDRS", "HTTP_MSG", "WS_OPEN", "WS_MSG", "WS_CTL", "MQTT_CMD", "MQTT_MSG", "MQTT_OPEN",
	"WAKEUP", "HIGH_WATER", "LOW_WATER", "END",
}

// String returns Mongoose's name of the event without its MG_EV_ prefix;
// events from EvUser on are "USER", "USER+1" and so on, from EvUserInput on "USER_INPUT",
// "USER_INPUT+1".
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

// isInput reports whether the event exists because the peer did something. Such events
// stop when the connection fails or closes.
func (ev Event) isInput() bool {
	return uint(ev) < uint(EvUser) && inputEvents>>uint(ev)&1 != 0 || ev >= EvUserInput
}

const inputEvents = (1<<EvUser - 1) &^
	(1<<EvError | 1<<EvOpen | 1<<EvPoll | 1<<EvWrite | 1<<EvClose | 1<<EvWakeup | 1<<EvHighWater | 1<<EvLowWater)
