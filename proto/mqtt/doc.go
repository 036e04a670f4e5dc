// Package mqtt implements MQTT 3.1.1 and MQTT 5.0. It has a codec, client connections over
// tcp and WebSocket, and the connection layer of a broker.
//
//	c, err := mqtt.Connect(m, "mqtt://127.0.0.1", &mqtt.Options{Clean: true}, handler, nil)
//
// The handler gets reactor.EvMQTTOpen when the broker has answered CONNECT. It then calls
// Sub, Pub, Unsub, Ping and Disconnect. Each call appends one packet to c.Send. The handler
// gets reactor.EvMQTTMsg for each message and reactor.EvMQTTCmd for each packet.
//
// A broker calls Listen instead of Connect. Its handler also gets EvMQTTMsg and EvMQTTCmd. It
// answers packets with Connack, Suback, Unsuback and Pong.
//
// # The phases of a connection
//
//	       Connect                                Listen
//	sends CONNECT, over WebSocket          receives CONNECT, which must
//	after the WebSocket handshake          be the first packet
//	          |                                      |
//	          +-----------> [connecting] <-----------+
//	                         |        |
//	       CONNACK accepts   |        |   CONNACK refuses
//	                         v        |
//	                    [connected]   |
//	                         |        |
//	  DISCONNECT in either   |        |
//	  direction, or failure  |        |
//	                         v        v
//	                       [disconnected]
//
// The table says what is possible in each phase.
//
//	phase          a client            a server
//	connecting     may send packets    answers with Connack; what the client sent
//	                                   after CONNECT waits in the input buffer
//	connected      may send packets    may send packets
//	disconnected   sends nothing, and ignores all input
//
// In the connected phase the layer acknowledges QoS 1 messages and runs the QoS 2
// handshakes. It sends each acknowledgement after the handlers of the packet have returned.
//
// MQTT is a stream of bytes. Over WebSocket the peer may split a packet over several
// messages or send several packets in one message [MQTT-6.0.0-2]. This package sends each
// packet in one message.
//
// # Packets that the program frames and parses
//
// A program may also speak MQTT on a connection that it set up itself, for example with
// ws.Connect. There Login, Sub and Pub append packets without a WebSocket frame. The program
// frames them with ws.Wrap and parses the input with Parse.
//
// Call Login first: it adds the layer that stores the version and the last packet
// identifier. Before Login the other calls return ErrNotMQTT. A server that parses packets
// itself writes its answers with the Append functions.
//
// # Deadlines
//
// The deadlines of reactor.Deadlines are on by default. Handshake bounds the time until CONNECT or
// CONNACK has arrived, Message and MessageRate a packet that has begun to arrive, and Stall a peer
// that does not read. A connection that is logged in has no deadline between packets. A broker
// that enforces the keep-alive of CONNECT uses Stack.StartDeadline with RestartOnRead.
//
// # Limits
//
// SetLimits limits the memory that a peer can make a connection use. On a listener it
// applies to all connections that are accepted later. In each field of Limits zero means
// the default and a negative value means no limit, as in the packages http and ws.
//
// # The codec
//
// Parse and the Append functions do no input or output: they take bytes and return values.
// They support all fifteen packet types in both versions, for both sides of a connection. A
// version is named by its protocol level: 4 is MQTT 3.1.1, 5 is MQTT 5.0, and 0 means 4.
//
// Parse checks every rule that concerns a single packet. The caller checks the rules that
// depend on the state of the connection: a second CONNECT, a packet that the other side must
// not send, a topic alias above the agreed maximum. The iterators NextProp and NextFilter
// cannot fail on a message that Parse returned.
//
// Each Append function appends one packet to a slice and returns the extended slice. On an
// error it returns the slice unchanged. The Append functions check their packets with the
// code of Parse. So they never append a packet that Parse refuses.
//
// Comments and errors cite the standards by statement number, such as [MQTT-3.3.1-4], or by
// section if a rule has no number. If the two versions number a rule differently, the
// number of 3.1.1 comes first.
package mqtt
