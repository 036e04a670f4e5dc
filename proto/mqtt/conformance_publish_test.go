package mqtt_test

import (
	"github.com/rikki-go/rikki/proto/mqtt"
)

// publishStatements are those about PUBLISH and its acknowledgements, sections 3.3 to 3.7.
var publishStatements = []statement{
	{"3.3.1-1", "3.3.1-1", both, "DUP is 1 when a PUBLISH is sent again.", ""},
	{"3.3.1-2", "3.3.1-2", form, "DUP is 0 at QoS 0.", ""},
	{"3.3.1-3", "3.3.1-3", server, "DUP of a message that is passed on does not depend on the DUP that was received.", ""},
	{"3.3.1-4", "3.3.1-4", form, "The QoS is not 3. A receiver closes the connection otherwise.", ""},
	{"3.3.1-5", "3.3.1-5", server, "A server stores a message with RETAIN for later subscriptions, in place of the one before.", ""},
	{"3.3.1-6", "3.3.1-9", server, "A new subscription (5.0: Retain Handling 0) gets the retained messages that match.", ""},
	{"", "3.3.1-10", server, "With Retain Handling 1 only a subscription that is new gets them.", ""},
	{"", "3.3.1-11", server, "With Retain Handling 2 a subscription gets none.", ""},
	{"3.3.1-7", "", server, "A message of QoS 0 with RETAIN replaces the retained one too.", ""},
	{"3.3.1-8", "", server, "A message that is sent because of a new subscription has RETAIN 1.", ""},
	{"3.3.1-9", "3.3.1-12", server, "A message for an existing subscription has RETAIN 0 (5.0: unless it asks for Retain As Published).", ""},
	{"", "3.3.1-13", server, "With Retain As Published a message has the RETAIN of the publisher.", ""},
	{"3.3.1-10", "3.3.1-6", server, "A message with RETAIN and an empty payload removes the retained one, and is delivered.", ""},
	{"3.3.1-11", "3.3.1-7", server, "An empty message is not stored as retained.", ""},
	{"3.3.1-12", "3.3.1-8", server, "A message without RETAIN does not change what is retained.", ""},
	{"3.3.2-1", "3.3.2-1", form, "The topic name is text and the first field of the variable header.", ""},
	{"3.3.2-2", "3.3.2-2", form, "The topic name has no wildcards.", ""},
	{"3.3.2-3", "3.3.2-3", server, "The topic name of a message matches the filter of the subscription.", ""},
	{"", "3.3.2-4 3.3.2-15 3.3.2-16 3.3.2-17 3.3.2-20", server, "A server passes on Payload Format Indicator, Response Topic, Correlation Data, User Properties and Content Type unchanged.", ""},
	{"", "3.3.2-5", server, "A server deletes a message whose Message Expiry Interval has passed before its delivery began.", ""},
	{"", "3.3.2-6", server, "The interval that is sent is the received one less the time in the server.", ""},
	{"", "3.3.2-7", both, "Topic aliases end with the connection.", ""},
	{"", "3.3.2-8", form, "Topic Alias is not 0.", ""},
	{"", "3.3.2-9", client, "A client sends no Topic Alias above the server's Topic Alias Maximum.", ""},
	{"", "3.3.2-10", client, "A client accepts each Topic Alias up to the Topic Alias Maximum that it sent.", ""},
	{"", "3.3.2-11", server, "A server sends no Topic Alias above the client's Topic Alias Maximum. A client refuses it with code 0x94.", ""},
	{"", "3.3.2-12", server, "A server accepts each Topic Alias up to the Topic Alias Maximum that it sent.", ""},
	{"", "3.3.2-13", form, "Response Topic is text.", ""},
	{"", "3.3.2-14", form, "Response Topic has no wildcards.", ""},
	{"", "3.3.2-18", server, "A server keeps the order of User Properties.", ""},
	{"", "3.3.2-19", form, "Content Type is text.", ""},
	{"3.3.4-1", "3.3.4-1", both, "A receiver answers a PUBLISH as its QoS requires: nothing, PUBACK or PUBREC.", ""},
	{"3.3.5-1", "3.3.4-2", server, "A message for overlapping subscriptions is delivered with the highest QoS of them.", ""},
	{"3.3.5-2", "", server, "A server that does not authorize a PUBLISH acknowledges it or closes the connection.", "server: the example broker authorizes each PUBLISH"},
	{"", "3.3.4-3 3.3.4-4 3.3.4-5", server, "A message has the Subscription Identifiers of the subscriptions that match.", ""},
	{"", "3.3.4-6", client, "A client sends no Subscription Identifier in PUBLISH.", ""},
	{"", "3.3.4-7", client, "A client has no more messages of QoS 1 and 2 in flight than the server's Receive Maximum.", ""},
	{"", "3.3.4-8", client, "At that limit a client does not delay other packets.", ""},
	{"", "3.3.4-9", server, "A server has no more in flight than the client's Receive Maximum. A client refuses more with code 0x93.", ""},
	{"", "3.3.4-10", server, "At that limit a server does not delay other packets.", ""},
	{"", "3.4.2-1", both, "PUBACK has one of its reason codes.", ""},
	{"", "3.4.2-2 3.4.2-3", both, "PUBACK leaves out Reason String and User Property if it would be too large with them.", ""},
	{"", "3.5.2-1", both, "PUBREC has one of its reason codes.", ""},
	{"", "3.5.2-2 3.5.2-3", both, "PUBREC leaves out Reason String and User Property if it would be too large with them.", ""},
	{"3.6.1-1", "3.6.1-1", form, "The flags of PUBREL are 0010. A receiver closes the connection otherwise.", ""},
	{"", "3.6.2-1", both, "PUBREL has one of its reason codes.", ""},
	{"", "3.6.2-2 3.6.2-3", both, "PUBREL leaves out Reason String and User Property if it would be too large with them.", ""},
	{"", "3.7.2-1", both, "PUBCOMP has one of its reason codes.", ""},
	{"", "3.7.2-2 3.7.2-3", both, "PUBCOMP leaves out Reason String and User Property if it would be too large with them.", ""},
}

// acks is a row for the four packets that acknowledge a PUBLISH, with each code of 5.0.
func ackCodes(cmd mqtt.Cmd, name, number string, codes ...byte) (rows []tester) {
	first := byte(cmd) << 4
	if cmd == mqtt.CmdPubrel {
		first |= 2
	}
	for _, code := range codes {
		in := []byte{first, 3, 0, 9, code}
		r := row{name: name + " code 0x" + hexa(code), shows: "/" + number, v: 5, in: "'" + string(in) + "'", events: lower(name)}
		switch {
		case cmd == mqtt.CmdPubrec && code < 0x80:
			r.sends = "62 02 0009"
		case cmd == mqtt.CmdPubrel:
			r.sends = "70 03 0009 92"
		}
		rows = append(rows, r)
	}
	return rows
}

func publishRows() []tester {
	hi := func(qos uint8) func(x *pair) error { return publishing(*pubOptions(qos)) }
	rows := []tester{
		row{name: "PUBLISH at QoS 1 sent", shows: "/2.2.1-5 4.3.2-1/4.3.2-2 /4.3.2-1", call: hi(1), sends: "32 09 0003'a/b' 0001 $v 'hi'"},
		row{name: "PUBLISH at QoS 2 sent", shows: "4.3.3-1/4.3.3-2 /4.3.3-1", call: hi(2), sends: "34 09 0003'a/b' 0001 $v 'hi'"},
		row{name: "PUBLISH with RETAIN and no payload sent", shows: "3.3.2-1", call: publishing(mqtt.Options{Topic: "a", Retain: true}), sends: "31 03 0001'a' $v"},
		row{name: "PUBLISH at QoS 1 received", shows: "3.3.4-1 2.3.1-6/2.2.1-5 4.3.2-2/4.3.2-4 4.5.0-2", in: "32 07 0001'a' 0007 $v 'hi'", events: "a=hi publish", sends: "40 02 0007"},
		row{name: "PUBLISH at QoS 2 received", shows: "3.3.4-1 2.3.1-6/2.2.1-5 4.3.3-2/4.3.3-8 4.5.0-2", in: "34 07 0001'a' 0007 $v 'hi'", events: "a=hi publish", sends: "50 02 0007"},
		row{name: "PUBREC answered", shows: "2.3.1-6/2.2.1-5 4.3.3-1/4.3.3-4", call: hi(2), in: "50 02 0001", events: "pubrec",
			sends: "34 09 0003'a/b' 0001 $v 'hi' | 62 02 0001"},
		row{name: "PUBREC that refuses", shows: "/4.3.3-4 /4.4.0-2", v: 5, call: hi(2), in: "50 03 0001 97", events: "pubrec", sends: "34 09 0003'a/b' 0001 $v 'hi'"},
		row{name: "PUBREL answered", shows: "4.3.3-2/4.3.3-11 2.3.1-6/2.2.1-5", in: "34 05 0001'a' 0007 $v | 62 02 0007", events: "a= publish pubrel", sends: "50 02 0007 | 70 02 0007"},
		row{name: "PUBLISH at QoS 2 twice", shows: "4.3.3-2/4.3.3-10 4.3.3-2/4.3.3-8", in: "34 05 0001'a' 0007 $v | 3c 05 0001'a' 0007 $v | 62 02 0007",
			events: "a= publish publish pubrel", sends: "50 02 0007 | 50 02 0007 | 70 02 0007"},
		row{name: "PUBLISH at QoS 2 twice without DUP", shows: "4.3.3-2/4.3.3-10", in: "34 05 0001'a' 0007 $v | 34 05 0001'a' 0007 $v",
			events: "a= publish publish", sends: "50 02 0007 | 50 02 0007"},
		row{name: "identifier used again after PUBCOMP", shows: "4.3.3-2/4.3.3-12", in: "34 05 0001'a' 0007 $v | 62 02 0007 | 3c 05 0001'b' 0007 $v",
			events: "a= publish pubrel b= publish", sends: "50 02 0007 | 70 02 0007 | 50 02 0007"},
		row{name: "identifier used again after PUBACK", shows: "4.3.2-2/4.3.2-5", in: "32 05 0001'a' 0007 $v | 3a 05 0001'b' 0007 $v",
			events: "a= publish b= publish", sends: "40 02 0007 | 40 02 0007"},
		row{name: "PUBREL for an unknown identifier", shows: "4.3.3-2/", v: 4, in: "62 02 0009", events: "pubrel", sends: "70 02 0009"},
		row{name: "PUBREL for an identifier that 5.0 does not know", shows: "/4.3.3-11", v: 5, in: "62 02 0009", events: "pubrel", sends: "70 03 0009 92"},
		row{name: "acknowledgements in the order of the messages", shows: "4.6.0-2 4.6.0-3",
			in:     "32 05 0001'a' 0003 $v | 34 05 0001'a' 0002 $v | 32 05 0001'a' 0001 $v | 34 05 0001'a' 0004 $v",
			events: "a= publish a= publish a= publish a= publish", sends: "40 02 0003 | 50 02 0002 | 40 02 0001 | 50 02 0004"},
		row{name: "PUBREL in the order of PUBREC", shows: "4.6.0-4", call: inTurn(hi(2), hi(2), hi(2)), in: "50 02 0003 | 50 02 0001 | 50 02 0002",
			events: "pubrec pubrec pubrec", sends: "34 09 0003'a/b' 0001 $v 'hi' | 34 09 0003'a/b' 0002 $v 'hi' | 34 09 0003'a/b' 0003 $v 'hi' | 62 02 0003 | 62 02 0001 | 62 02 0002"},
		row{name: "PUBLISH of 5.0 with an empty payload and no properties", shows: "/trap1 /3.3.2-1", v: 5, in: "30 04 0001'a' 00", events: "a= publish"},
		row{name: "PUBLISH of 5.0 with a payload of one byte and no properties", shows: "/trap2", v: 5, in: "30 05 0001'a' 00 'x'", events: "a=x publish"},
		row{name: "PUBLISH of 5.0 with a payload of one byte 0", shows: "/trap2", v: 5, in: "30 05 0001'a' 00 00", events: "a=\x00 publish"},
		row{name: "PUBLISH of 5.0 at QoS 1 with an empty payload", shows: "/trap1", v: 5, in: "32 06 0001'a' 0007 00", events: "a= publish", sends: "40 02 0007"},
		row{name: "PUBACK of 2 bytes", shows: "trap3 2.3.1-6/2.2.1-5 4.3.2-1/4.3.2-3", call: hi(1), in: "40 02 0001", events: "puback", sends: "32 09 0003'a/b' 0001 $v 'hi'"},
		row{name: "PUBACK of 3 bytes", shows: "/trap3", v: 5, call: hi(1), in: "40 03 0001 10", events: "puback", sends: "32 0a 0003'a/b' 0001 00 'hi'"},
		row{name: "PUBACK of 4 bytes", shows: "/trap3", v: 5, call: hi(1), in: "40 04 0001 00 00", events: "puback", sends: "32 0a 0003'a/b' 0001 00 'hi'"},
		row{name: "PUBACK of 3 bytes in 3.1.1", shows: "trap3/ 4.8.0-1/", v: 4, in: "40 03 0001 00", at: 2, code: malformed},
		row{name: "PUBREC of 3 bytes", shows: "/trap3", v: 5, call: hi(2), in: "50 03 0001 10", events: "pubrec", sends: "34 0a 0003'a/b' 0001 00 'hi' | 62 02 0001"},
		row{name: "PUBACK with a property length longer than the packet", shows: "/4.13.1-1", v: 5, in: "40 04 0001 00 01", code: malformed},
		row{name: "message before PUBACK of our own", shows: "trap5", side: "client", call: hi(1), in: "32 07 0003'a/b' 0001 $v | 40 02 0001",
			events: "a/b= publish puback", sends: "32 09 0003'a/b' 0001 $v 'hi' | 40 02 0001"},
		row{name: "message with the identifier of our own", shows: "trap5 2.3.1-4/2.2.1-4", side: "client", call: hi(2), in: "34 07 0003'a/b' 0001 $v | 50 02 0001 | 62 02 0001 | 70 02 0001",
			events: "a/b= publish pubrec pubrel pubcomp", sends: "34 09 0003'a/b' 0001 $v 'hi' | 50 02 0001 | 62 02 0001 | 70 02 0001"},
	}
	rows = append(rows, ackCodes(mqtt.CmdPuback, "PUBACK", "3.4.2-1", 0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)...)
	rows = append(rows, ackCodes(mqtt.CmdPubrec, "PUBREC", "3.5.2-1", 0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)...)
	rows = append(rows, ackCodes(mqtt.CmdPubrel, "PUBREL", "3.6.2-1", 0x00, 0x92)...)
	return append(rows, ackCodes(mqtt.CmdPubcomp, "PUBCOMP", "3.7.2-1", 0x00, 0x92)...)
}
