// Package mqtt speaks MQTT 3.1.1 and 5.0: a codec, connections to brokers over
// tcp and WebSocket, and what a broker needs.
//
//	c, err := mqtt.Connect(m, "mqtt://127.0.0.1", &mqtt.Options{Clean: true}, handler, nil)
//
// The handler hears reactor.EvMQTTOpen when the broker has answered, then calls
// Sub, Pub, Unsub, Ping and Disconnect; each appends a packet to c.Send.
// It hears reactor.EvMQTTMsg for a message and reactor.EvMQTTCmd for every packet.
// Listen is the same for a broker, whose handler answers with Connack, Suback,
// Unsuback and Pong.
//
// # The connection's phases
//
//	       Connect                                Listen
//	sends CONNECT, over WebSocket          a client's CONNECT comes
//	when that is open                      first, or the connection fails
//	          |                                      |
//	       [asked] ---- CONNACK that refuses ---> [over]
//	          |         Connack that refuses
//	       CONNACK                                Connack
//	          |                                      |
//	          +-------------> [ready] <--------------+
//	                             |
//	         DISCONNECT, either way, or a packet that is wrong
//	                             |
//	                          [over]
//
// A client may send from [asked] on, a server from [ready] on; what a client
// sends behind CONNECT waits until the server has answered. In [ready] the layer
// acknowledges what comes with QoS 1 and leads the handshakes of QoS 2,
// after the handlers have returned. In [over] nothing is sent, and what comes is
// dropped.
//
// MQTT is a stream of bytes. Over WebSocket a packet may be split over many
// messages and many may share one [MQTT-6.0.0-2]; each that is sent has a
// message of its own.
//
// # By hand
//
// On a connection of ws.Connect's, or any other that the program set up itself,
// Login, Sub and Pub append bare packets, which the program frames with ws.Wrap,
// and it parses what comes with Parse. Login makes the connection speak MQTT: it hangs
// the state on it that they share, the version and the last packet identifier. Before
// Login the other calls return ErrNotMQTT. A server that parses packets itself writes
// its answers with the Append functions.
//
// # Limits
//
// SetLimits bounds what a peer can make us hold, for a connection or for all that a
// listener accepts from then on. In each field of Limits zero is the default and a
// negative value is no limit, as in the packages http and ws.
//
// # The codec
//
// Parse and the Append functions are pure: bytes in, values out. All fifteen
// packet types go both ways, for both versions, whichever side of the
// connection one is on. Versions are named by their protocol level: 4 is
// MQTT 3.1.1, 5 is MQTT 5.0, and 0 stands for 4.
//
// Parse checks everything that the standard says about a packet on its own.
// What needs the state of the connection (a second CONNECT, a packet that the
// other side may not send, an alias beyond the agreed maximum) is left to the
// caller. The iterators NextProp and NextFilter therefore cannot fail on a
// message that came out of Parse.
//
// The Append functions append one packet to a slice and return the extended
// slice, or the slice as it was together with an error. What they wrote is
// checked by the same code that Parse uses, so one side never sends what the
// other refuses.
//
// Comments and errors cite the standards by statement number, as in
// [MQTT-3.3.1-4], or by section where a rule has no number. Where the
// two versions number a rule differently, 3.1.1's comes first.
package mqtt
