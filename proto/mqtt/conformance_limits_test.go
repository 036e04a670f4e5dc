package mqtt_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// limited is a row of a 5.0 client whose server sends properties in CONNACK.
func limited(name, shows, props string, call func(x *pair) error, fails, sends string) row {
	n := byte(len(pack(props)))
	return row{name: name, shows: shows, v: 5, side: "client", connack: "20" + hexa(n+3) + "00 00" + hexa(n) + props,
		call: call, fails: fails, sends: sends}
}

// asking returns the options of a client with properties in CONNECT.
func asking(props ...mqtt.Property) mqtt.Options {
	return mqtt.Options{ClientID: "c", Clean: true, Props: props}
}

// aliased returns options of a message with a topic alias.
func aliased(topic string, alias uint32) mqtt.Options {
	return mqtt.Options{Topic: topic, Props: []mqtt.Property{number(mqtt.PropTopicAlias, alias)}}
}

// limitRows are about the limits that both sides of a 5.0 connection tell each other.
func limitRows() []tester {
	const (
		onlyOne   = "21 0001"     // Receive Maximum 1
		small     = "27 00000014" // Maximum Packet Size 20
		twoAlias  = "22 0002"     // Topic Alias Maximum 2
		published = "32 0a 0003'a/b' 0001 00 'hi'"
	)
	hi := func(qos uint8) func(x *pair) error { return publishing(*pubOptions(qos)) }
	long := mqtt.Options{Topic: "a", Message: []byte(strings.Repeat("x", 15))} // 21 bytes
	fits := mqtt.Options{Topic: "a", Message: []byte(strings.Repeat("x", 14))}
	return []tester{
		limited("QoS above Maximum QoS", "/3.2.2-11", "24 00", hi(1), "Maximum QoS", ""),
		limited("QoS 2 above Maximum QoS", "/3.2.2-11", "24 01", hi(2), "Maximum QoS", ""),
		limited("QoS of Maximum QoS", "/3.2.2-11", "24 01", hi(1), "", published),
		limited("RETAIN where it is not available", "/3.2.2-14", "25 00", publishing(mqtt.Options{Topic: "a", Retain: true}), "Retain Available", ""),
		limited("message above Maximum Packet Size", "/3.2.2-15", small, publishing(long), "Maximum Packet Size", ""),
		limited("message of Maximum Packet Size", "/3.2.2-15", small, publishing(fits), "", "30 12 0001'a' 00"+xs(14)),
		limited("SUBSCRIBE above Maximum Packet Size", "/3.2.2-15", small, subscribing(mqtt.Options{Topic: strings.Repeat("a", 13)}), "Maximum Packet Size", ""),
		limited("UNSUBSCRIBE above Maximum Packet Size", "/3.2.2-15", small, unsubscribing(strings.Repeat("a", 14)), "Maximum Packet Size", ""),
		limited("Topic Alias above the maximum", "/3.2.2-17 /3.3.2-9", twoAlias, publishing(aliased("a", 3)), "Topic Alias Maximum", ""),
		limited("Topic Alias of the maximum", "/3.2.2-17 /3.3.2-9", twoAlias, publishing(aliased("a", 2)), "", "30 07 0001'a' 03 23 0002"),
		limited("Topic Alias without a maximum", "/3.2.2-18", "", publishing(aliased("a", 1)), "Topic Alias Maximum", ""),
		limited("messages beyond Receive Maximum", "/3.3.4-7 /4.9.0-1 /4.9.0-2", onlyOne, inTurn(hi(1), hi(1)), "Receive Maximum", published),
		limited("other packets at Receive Maximum", "/3.3.4-8 /4.9.0-3", onlyOne, inTurn(hi(2), hi(0), subscribing(mqtt.Options{Topic: "a"}), pinging), "",
			"34 0a 0003'a/b' 0001 00 'hi' | 30 08 0003'a/b' 00 'hi' | 82 07 0002 00 0001'a' 00 | c0 00"),
		received(limited("packets received at Receive Maximum", "/4.9.0-3", onlyOne, hi(2), "", "34 0a 0003'a/b' 0001 00 'hi' | 62 02 0001 | 40 02 0007"),
			"50 02 0001 | 32 06 0001'a' 0007 00", "pubrec a= publish"),

		row{name: "more than Receive Maximum received", shows: "/3.3.4-9", v: 5, side: "client", opts: asking(number(mqtt.PropReceiveMaximum, 1)),
			in: "34 06 0001'a' 0001 00 | 34 06 0001'a' 0002 00", events: "a= publish", sends: "50 02 0001", code: mqtt.ReasonReceiveMaximumExceeded},
		row{name: "Receive Maximum received", shows: "/3.3.4-9", v: 5, side: "client", opts: asking(number(mqtt.PropReceiveMaximum, 1)),
			in: "34 06 0001'a' 0001 00 | 62 02 0001 | 34 06 0001'a' 0002 00", events: "a= publish pubrel a= publish", sends: "50 02 0001 | 70 02 0001 | 50 02 0002"},
		row{name: "more than Maximum Packet Size received", shows: "/3.1.2-24", v: 5, side: "client", opts: asking(number(mqtt.PropMaximumPacketSize, 20)),
			in: "30 13 0001'a' 00" + xs(15), at: 2, code: mqtt.ReasonPacketTooLarge, is: mqtt.ErrTooLarge},
		row{name: "Maximum Packet Size received", shows: "/3.1.2-24", v: 5, side: "client", opts: asking(number(mqtt.PropMaximumPacketSize, 20)),
			in: "30 12 0001'a' 00" + xs(14), events: "a=" + strings.Repeat("x", 14) + " publish"},
		row{name: "Topic Alias received", shows: "/3.3.2-10", v: 5, side: "client", opts: asking(number(mqtt.PropTopicAliasMaximum, 2)),
			in:     "30 08 0001'a' 03 23 0002 'x' | 30 07 0000 03 23 0002 'y' | 30 08 0001'b' 03 23 0002 'x' | 30 07 0000 03 23 0002 'y'",
			events: "a=x publish a=y publish b=x publish b=y publish"},
		row{name: "Topic Alias above the maximum received", shows: "/3.1.2-26 /3.3.2-11", v: 5, side: "client", opts: asking(number(mqtt.PropTopicAliasMaximum, 2)),
			in: "30 07 0001'a' 03 23 0003", code: mqtt.ReasonTopicAliasInvalid, rule: "MQTT-3.3.2-11"},
		row{name: "Topic Alias without a maximum received", shows: "/3.1.2-27", v: 5, side: "client", in: "30 07 0001'a' 03 23 0001", code: mqtt.ReasonTopicAliasInvalid},
		row{name: "Topic Alias that this connection has not seen", shows: "/3.3.2-7", v: 5, side: "client", opts: asking(number(mqtt.PropTopicAliasMaximum, 2)),
			in: "30 06 0000 03 23 0001", code: mqtt.ReasonTopicAliasInvalid},
		row{name: "Topic Alias that this connection has not sent", shows: "/3.3.2-7", v: 5, side: "client", connack: "20 06 00 00 03" + twoAlias,
			call: publishing(aliased("", 1)), fails: "Topic Alias 1"},
		row{name: "Topic Alias received by a server", shows: "/3.3.2-12", v: 5, side: "server", early: true,
			call: onCmd(mqtt.CmdConnect, answering(0, number(mqtt.PropTopicAliasMaximum, 1))), in: "$C | 30 07 0001'a' 03 23 0001 | 30 06 0000 03 23 0001",
			events: "connect a= publish a= publish", sends: "20 06 00 00 03 22 0001"},
		row{name: "Topic Alias that a server did not allow", shows: "/3.3.2-9", v: 5, side: "server", in: "30 07 0001'a' 03 23 0001", code: mqtt.ReasonTopicAliasInvalid},
		row{name: "Session Present after a clean session", shows: "3.2.2-1/", v: 4, side: "client", early: true, in: "20 02 01 00", code: protocol, rule: "MQTT-3.2.2-1"},
		row{name: "Session Present after a clean start", shows: "/3.2.2-4 /3.2.2-2", v: 5, side: "client", early: true, in: "20 03 01 00 00", code: protocol, rule: "MQTT-3.2.2-4"},
		row{name: "Session Present of a session that is kept", shows: "3.2.2-2/", v: 4, side: "client", early: true, opts: mqtt.Options{ClientID: "c"},
			in: "20 02 01 00", events: "MQTT_OPEN:0 connack"},

		row{name: "Subscription Identifier not sent by a client", shows: "/3.3.4-6", v: 5, side: "client",
			call: publishing(mqtt.Options{Topic: "a", Props: []mqtt.Property{number(mqtt.PropSubscriptionIdentifier, 1)}}), fails: "MQTT-3.3.4-6"},
		row{name: "Subscription Identifier from a client", shows: "/3.3.4-6", v: 5, side: "server", in: "30 06 0001'a' 02 0b 01", code: protocol, rule: "MQTT-3.3.4-6"},
		row{name: "Subscription Identifiers from a server", shows: "/3.3.2-1", v: 5, side: "client", in: "30 08 0001'a' 04 0b 01 0b 02", events: "a= publish"},
		row{name: "Session Expiry Interval in DISCONNECT from a server", shows: "/3.14.2-2", v: 5, side: "client", in: "e0 07 00 05 11 00000001", code: protocol, rule: "MQTT-3.14.2-2"},
		row{name: "Session Expiry Interval in DISCONNECT not sent by a server", shows: "/3.14.2-2", v: 5, side: "server",
			call: disconnecting(number(mqtt.PropSessionExpiryInterval, 1)), fails: "MQTT-3.14.2-2"},
		tooLarge("PUBACK", "/3.4.2-2 /3.4.2-3", mqtt.CmdPublish, "32 06 0001'a' 0007 00", "a= publish", "40 02 0007"),
		tooLarge("PUBREC", "/3.5.2-2 /3.5.2-3", mqtt.CmdPublish, "34 06 0001'a' 0007 00", "a= publish", "50 02 0007"),
		tooLarge("PUBREL", "/3.6.2-2 /3.6.2-3", mqtt.CmdPubrec, "50 02 0001", "pubrec", "62 02 0001"),
		tooLarge("PUBCOMP", "/3.7.2-2 /3.7.2-3", mqtt.CmdPubrel, "62 02 0007", "pubrel", "70 03 0007 92"),
		limited("Reason String that makes DISCONNECT too large", "/3.14.2-3", small, disconnecting(tooLong20), "Maximum Packet Size", ""),
		limited("User Property that makes DISCONNECT too large", "/3.14.2-4", small, disconnecting(tooLongPair), "Maximum Packet Size", ""),
		row{name: "Reason String that makes CONNACK too large", shows: "/3.2.2-19", v: 5, side: "server", early: true, call: onCmd(mqtt.CmdConnect, connackTooLarge(tooLong20)),
			in: "10 13 0004'MQTT' 05 02 0000 05" + small + "0001'c'", events: "connect", sends: "$A"},
		row{name: "User Property that makes CONNACK too large", shows: "/3.2.2-20", v: 5, side: "server", early: true, call: onCmd(mqtt.CmdConnect, connackTooLarge(tooLongPair)),
			in: "10 13 0004'MQTT' 05 02 0000 05" + small + "0001'c'", events: "connect", sends: "$A"},
		problem("Reason String in PUBACK", "40 07 0001 00 03 1f 0000", hi(1), published),
		problem("User Property in PUBREC", "50 09 0001 00 05 26 0000 0000", hi(2), "34 0a 0003'a/b' 0001 00 'hi'"),
		problem("Reason String in PUBREL", "62 07 0001 00 03 1f 0000", nil, ""),
		problem("Reason String in SUBACK", "90 07 0001 03 1f 0000 00", subscribing(mqtt.Options{Topic: "a"}), "82 07 0001 00 0001'a' 00"),
		problem("User Property in UNSUBACK", "b0 09 0001 05 26 0000 0000 00", unsubscribing("a"), "a2 06 0001 00 0001'a'"),
		row{name: "User Property in PUBLISH without problem information", shows: "/3.1.2-29", v: 5, side: "client", opts: asking(number(mqtt.PropRequestProblemInformation, 0)),
			in: "30 09 0001'a' 05 26 0000 0000", events: "a= publish"},
	}
}

// Properties with which no packet of Maximum Packet Size 20 fits.
var (
	tooLong20   = text(mqtt.PropReasonString, strings.Repeat("r", 20))
	tooLongPair = mqtt.Property{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte(strings.Repeat("v", 20))}
)

// tooLarge is a row of a handler whose acknowledgement would be too large with a property. The
// layer acknowledges the packet instead.
func tooLarge(what, shows string, cmd mqtt.Cmd, in, events, sends string) tester {
	fails := func(x *pair, m *mqtt.Message, p mqtt.Property) error {
		if err := mqtt.AckCode(x.c, m, 0, p); err == nil || !strings.Contains(err.Error(), "Maximum Packet Size") {
			return fmt.Errorf("AckCode returns error %v, want one about Maximum Packet Size", err)
		}
		return nil
	}
	return row{name: "properties that make " + what + " too large", shows: shows, v: 5, side: "client", connack: "20 08 00 00 05 27 00000014", in: in, events: events, sends: sends,
		call: func(x *pair) error {
			x.r.On = hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
				if m := data.(*mqtt.Message); m.Cmd == cmd && m.ID != 0 {
					if err := errors.Join(fails(x, m, tooLong20), fails(x, m, tooLongPair)); err != nil {
						x.t.Error(err)
					}
				}
			}}
			return nil
		}}
}

// disconnecting returns a call of Disconnect.
func disconnecting(p ...mqtt.Property) func(x *pair) error {
	return func(x *pair) error { return mqtt.Disconnect(x.c, &mqtt.Options{Props: p}) }
}

// connackTooLarge answers CONNECT with a property that does not fit, and then without.
func connackTooLarge(p mqtt.Property) func(x *pair) error {
	return func(x *pair) error {
		if err := mqtt.Connack(x.c, false, 0, p); err == nil || !strings.Contains(err.Error(), "Maximum Packet Size") {
			return fmt.Errorf("Connack returns error %v, want one about Maximum Packet Size", err)
		}
		return mqtt.Connack(x.c, false, 0)
	}
}

// received adds an input to a row.
func received(r row, in, events string) row {
	r.in, r.events = in, events
	return r
}

// problem is a row of a client that has asked for no problem information, and gets some.
func problem(what, in string, call func(x *pair) error, sends string) tester {
	return row{name: what + " without problem information", shows: "/3.1.2-29", v: 5, side: "client",
		opts: asking(number(mqtt.PropRequestProblemInformation, 0)), call: call, in: in, sends: sends, code: protocol, rule: "MQTT-3.1.2-29"}
}

// authRows are about the enhanced authentication of 5.0.
func authRows() []tester {
	const method = "15 0001'm'"
	withMethod := asking(text(mqtt.PropAuthenticationMethod, "m"))
	auth := func(code mqtt.ReasonCode, props ...mqtt.Property) func(x *pair) error {
		return func(x *pair) error { return mqtt.Auth(x.c, code, props...) }
	}
	other := text(mqtt.PropAuthenticationMethod, "o")
	return []tester{
		row{name: "AUTH answered before CONNACK", shows: "/4.12.0-2 /4.12.0-3 /4.12.0-5 /3.15.2-1 /3.2.0-1", v: 5, side: "client", early: true, opts: withMethod,
			call: onCmd(mqtt.CmdAuth, auth(0x18)), in: "f0 06 18 04" + method + " | 20 07 00 00 04" + method, events: "auth MQTT_OPEN:0 connack",
			sends: "10 12 0004'MQTT' 05 02 0000 04" + method + "0001'c' | f0 06 18 04" + method},
		row{name: "AUTH of another method", shows: "/4.12.0-5", v: 5, side: "client", early: true, opts: withMethod, in: "f0 06 18 04 15 0001'o'", code: protocol, rule: "MQTT-4.12.0-5"},
		row{name: "AUTH of success before CONNACK", shows: "/4.12.0-2", v: 5, side: "client", early: true, opts: withMethod, in: "f0 06 00 04" + method, code: protocol, rule: "MQTT-4.12.0-2"},
		row{name: "CONNACK of another method", shows: "/4.12.0-5", v: 5, side: "client", early: true, opts: withMethod, in: "20 07 00 00 04 15 0001'o'", code: protocol, rule: "MQTT-4.12.0-5"},
		row{name: "AUTH that was not asked for", shows: "/4.12.0-6", v: 5, side: "client", in: "f0 06 18 04" + method, code: protocol, rule: "MQTT-4.12.0-6"},
		row{name: "AUTH before CONNACK that was not asked for", shows: "/4.12.0-6", v: 5, side: "client", early: true, in: "f0 06 18 04" + method, code: protocol, rule: "MQTT-4.12.0-6"},
		row{name: "method in CONNACK that was not asked for", shows: "/4.12.0-6", v: 5, side: "client", early: true, in: "20 07 00 00 04" + method, code: protocol, rule: "MQTT-4.12.0-6"},
		row{name: "AUTH without a method in CONNECT not sent", shows: "/4.12.0-7", v: 5, side: "client", call: auth(0x19), fails: "AUTH needs"},
		row{name: "AUTH from a client without a method in CONNECT", shows: "/4.12.0-7", v: 5, side: "server", in: "f0 06 19 04" + method, code: protocol, rule: "MQTT-4.12.0-7"},
		row{name: "authentication again", shows: "/4.12.1-1 /4.12.0-5", v: 5, side: "client", opts: withMethod, call: auth(0x19), in: "f0 06 18 04" + method,
			events: "auth", sends: "f0 06 19 04" + method},
		row{name: "authentication again with another method", shows: "/4.12.1-1", v: 5, side: "client", opts: withMethod, call: auth(0x19, other), fails: "MQTT-4.12.0-5"},
		row{name: "Reason String that makes AUTH too large", shows: "/3.15.2-2", v: 5, side: "client", opts: withMethod, connack: "20 08 00 00 05 27 00000014",
			call: auth(0x19, tooLong20), fails: "Maximum Packet Size"},
		row{name: "User Property that makes AUTH too large", shows: "/3.15.2-3", v: 5, side: "client", opts: withMethod, connack: "20 08 00 00 05 27 00000014",
			call: auth(0x19, tooLongPair), fails: "Maximum Packet Size"},
		row{name: "authentication again that fails", shows: "/4.12.1-2", v: 5, side: "client", opts: withMethod, call: auth(0x19), in: "e0 01 87",
			events: "disconnect", sends: "f0 06 19 04" + method, end: "ERROR CLOSE", refused: 0x87},
		row{name: "message before CONNACK with a method", shows: "/3.1.2-30", v: 5, side: "client", early: true, opts: withMethod, call: publishing(*pubOptions(0)),
			fails: "mqtt:", sends: "10 12 0004'MQTT' 05 02 0000 04" + method + "0001'c'"},
		row{name: "CONNACK that rejects the authentication", shows: "/4.12.0-4 /4.12.0-1", v: 5, side: "client", early: true, opts: withMethod, in: "20 03 00 8c 00",
			events: "MQTT_OPEN:140 connack", end: "ERROR CLOSE", refused: 0x8c},
	}
}
