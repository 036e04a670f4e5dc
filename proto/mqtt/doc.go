// Package mqtt implements MQTT 3.1.1 and MQTT 5.0. It has a codec, client connections over
// tcp and WebSocket, and the connection layer of a broker.
//
// A client:
//
//	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
//		switch ev {
//		case reactor.EvMQTTOpen: // the broker has accepted the connection
//			mqtt.Sub(c, &mqtt.Options{Topic: "rooms/+/light", QoS: 1})
//			mqtt.Pub(c, &mqtt.Options{Topic: "rooms/7/light", Message: []byte("on"), QoS: 1})
//		case reactor.EvMQTTMsg: // a message; the layer acknowledges it afterwards
//			msg := data.(*mqtt.Message)
//			fmt.Printf("%s: %s\n", msg.Topic, msg.Data) // valid until the handler returns
//		case reactor.EvMQTTCmd: // every packet, for example the SUBACK
//		case reactor.EvError: // at most once: refused, lost, timed out
//			log.Print(data.(error))
//		case reactor.EvClose: // always, and last
//		}
//	}
//	opts := &mqtt.Options{ClientID: "lamp", Clean: true, KeepAlive: time.Minute}
//	c, err := mqtt.Connect(m, "mqtt://127.0.0.1", opts, handler, nil)
//
// The schemes are mqtt, mqtts, ws, wss and unix. Options.TLS is the Config of mqtts and wss. Sub,
// Pub, Unsub, Ping and Disconnect append one packet to c.Send each. Each call has an error, which
// is logged once if the program does not use it.
//
// A broker calls Listen instead of Connect. Its handler also gets EvMQTTMsg and EvMQTTCmd. It
// answers packets with Connack, Suback, Unsuback and Pong.
//
// This package is about one connection. Package session reconnects, sends again what was not
// acknowledged, and tells the outcome of each message.
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
// handshakes. It sends each acknowledgement after the handlers of the packet have returned. A
// handler that wants another reason code or properties calls AckCode for its message. With
// Options.Manual the program runs the handshakes.
//
// A packet identifier is in use until the peer has sent the packet that ends the exchange. No
// call gives it out before.
//
// MQTT is a stream of bytes. Over WebSocket the peer may split a packet over several
// messages or send several packets in one message [MQTT-6.0.0-2]. This package sends each
// packet in one message.
//
// # What MQTT 5 peers tell each other
//
// In CONNECT and CONNACK both sides name limits. PeerCapabilities returns those of the peer. Pub,
// Sub and the other calls return a *PeerLimitError for a packet beyond them, and send nothing. The
// limits of this side are properties in Options.Props or of Connack. The layer enforces Receive
// Maximum (0x93), Topic Alias Maximum (0x94) and Maximum Packet Size (0x95).
//
// The layer resolves the topic aliases of the peer: the Topic of a Message is never empty. To send
// a topic alias, put it into Options.Props.
//
// AUTH packets need an Authentication Method in CONNECT, see Auth.
//
// # Packets that the program frames and parses
//
// A program may also speak MQTT on a connection that it set up itself, for example with
// ws.Connect. There Login, Sub and Pub append packets without a WebSocket frame. The program
// frames them with ws.Wrap and parses the input with Parse.
//
// Call Login first: it adds the layer that stores the version and the packet identifiers in use.
// Pass each packet that was parsed to Ack: it sends the acknowledgement, and frees identifiers.
// Before Login the other calls return ErrNotMQTT. A server that parses packets itself writes its
// answers with the Append functions.
//
// # Deadlines
//
// The deadlines of reactor.Deadlines are on by default. Handshake bounds the time until CONNECT or
// CONNACK has arrived, Message and MessageRate a packet that has begun to arrive, and Stall a peer
// that does not read. A connection that is logged in has no deadline between packets. A broker
// that enforces the keep-alive of CONNECT uses Stack.StartDeadline with RestartOnRead.
//
// A client with Options.KeepAlive sends PINGREQ before the interval without packets is over. It
// fails if the server does not answer within Options.PingTimeout.
//
// # The end of a connection
//
// A client ends a connection with Disconnect, and then calls c.Drain. If the server ends it first,
// the client gets EvError: a *RefusedError with the code and the texts of the server's DISCONNECT
// or CONNACK, or a *ClosedError if there was neither, over WebSocket with the code of the Close
// frame. A server gets no error when a client vanishes between two packets.
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
// not send, a topic alias above the agreed maximum. Connections of Connect and Listen do that. The
// iterators NextProp and NextFilter cannot fail on a message that Parse returned.
//
// Each Append function appends one packet to a slice and returns the extended slice. On an
// error it returns the slice unchanged. The Append functions check their packets with the
// code of Parse. So they never append a packet that Parse refuses.
//
// Comments and errors cite the standards by statement number, such as [MQTT-3.3.1-4], or by
// section if a rule has no number. If the two versions number a rule differently, the
// number of 3.1.1 comes first.
package mqtt
