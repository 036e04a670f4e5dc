package mqtt_test

import (
	"github.com/rikki-go/rikki/proto/mqtt"
)

// subscribeStatements are those about subscriptions, sections 3.8 to 3.11.
var subscribeStatements = []statement{
	{"3.8.1-1", "3.8.1-1", form, "The flags of SUBSCRIBE are 0010. A server closes the connection otherwise.", ""},
	{"3.8.3-1", "3.8.3-1", form, "Topic filters are text.", ""},
	{"3.8.3-2", "", server, "A server that does not support wildcards refuses filters with them.", "the servers of this project support wildcards"},
	{"3.8.3-3", "3.8.3-2", form, "SUBSCRIBE has at least one topic filter with its options.", ""},
	{"", "3.8.3-3", server, "With No Local a client does not get its own messages.", ""},
	{"", "3.8.3-4", form, "No Local on a shared subscription is a protocol error.", ""},
	{"3.8.3-4", "3.8.3-5", form, "The reserved bits of the options are 0. In 3.1.1 the QoS is not 3 either.", ""},
	{"3.8.4-1", "3.8.4-1", server, "A server answers SUBSCRIBE with SUBACK.", ""},
	{"3.8.4-2", "3.8.4-2", server, "SUBACK has the packet identifier of SUBSCRIBE.", ""},
	{"3.8.4-3", "3.8.4-3 3.8.4-4", server, "The same filter replaces the subscription. Retained messages are sent again, and none is lost.", ""},
	{"3.8.4-4", "3.8.4-5", server, "Several filters in a SUBSCRIBE count like several SUBSCRIBE packets, with one SUBACK.", ""},
	{"3.8.4-5", "3.8.4-6 3.8.4-7", server, "SUBACK has a code for each filter: the granted QoS or a failure.", ""},
	{"3.8.4-6", "3.8.4-8", server, "A message has the lower QoS of that of the publisher and the granted one.", ""},
	{"", "3.9.2-1 3.9.2-2", server, "SUBACK leaves out Reason String and User Property if it would be too large with them.", "server: Suback sends no properties"},
	{"3.9.3-1", "3.9.3-1", server, "The codes of SUBACK are in the order of the filters.", ""},
	{"3.9.3-2", "3.9.3-2", server, "SUBACK has only codes of the table.", ""},
	{"3.10.1-1", "3.10.1-1", form, "The flags of UNSUBSCRIBE are 0010. A server closes the connection otherwise.", ""},
	{"3.10.3-1", "3.10.3-1", form, "Topic filters of UNSUBSCRIBE are text.", ""},
	{"3.10.3-2", "3.10.3-2", form, "UNSUBSCRIBE has at least one topic filter.", ""},
	{"3.10.4-1", "3.10.4-1", server, "Filters are compared byte by byte. One that is equal is deleted.", ""},
	{"3.10.4-2", "3.10.4-2", server, "After UNSUBSCRIBE a server adds no new messages of the filter.", ""},
	{"3.10.4-3", "3.10.4-3", server, "It completes each delivery that has begun.", ""},
	{"3.10.4-4", "3.10.4-4", server, "A server answers UNSUBSCRIBE with UNSUBACK.", ""},
	{"3.10.4-5", "3.10.4-5", server, "It does so with the same identifier, even if no subscription was deleted.", ""},
	{"3.10.4-6", "3.10.4-6", server, "Several filters in an UNSUBSCRIBE count like several packets, with one UNSUBACK.", ""},
	{"", "3.11.2-1 3.11.2-2", server, "UNSUBACK leaves out Reason String and User Property if it would be too large with them.", "server: Unsuback sends no properties"},
	{"", "3.11.3-1", server, "The codes of UNSUBACK are in the order of the filters.", ""},
	{"", "3.11.3-2", server, "UNSUBACK has only codes of the table.", ""},
}

func subscribeRows() []tester {
	rows := []tester{
		row{name: "SUBSCRIBE sent", shows: "3.8.1-1 3.8.3-1 3.8.3-3/3.8.3-2 3.8.3-4/3.8.3-5", side: "client", call: subscribing(mqtt.Options{Topic: "a/#", QoS: 2}),
			sends: "82 08 0001 $v 0003'a/#' 02"},
		row{name: "UNSUBSCRIBE sent", shows: "3.10.1-1 3.10.3-1 3.10.3-2", side: "client", call: unsubscribing("a/#"), sends: "a2 07 0001 $v 0003'a/#'"},
		row{name: "SUBSCRIBE received", shows: "3.8.3-1 3.8.3-3/3.8.3-2", side: "server", in: "82 0b 0007 $v 0001'a' 00 0002'b' 'c' 02", events: "subscribe"},
		row{name: "each option of SUBSCRIBE received", shows: "/3.8.3-5", v: 5, side: "server", in: "82 07 0007 00 0001'a' 2e", events: "subscribe"},
		row{name: "SUBACK answered", shows: "2.3.1-7/2.2.1-6 3.8.4-1 3.8.4-2 3.8.4-5/3.8.4-6 3.9.3-1", side: "server", in: "82 0b 0007 $v 0001'a' 00 0002'b' 'c' 02",
			call: onCmd(mqtt.CmdSubscribe, func(x *pair) error { return mqtt.Suback(x.c, 7, 0, 2) }), events: "subscribe", sends: "90 04 0007 $v 00 02"},
		row{name: "SUBACK received", shows: "2.3.1-7/2.2.1-6 3.9.3-2", side: "client", call: subscribing(mqtt.Options{Topic: "a"}), in: "90 03 0001 $v 00",
			events: "suback", sends: "82 06 0001 $v 0001'a' 00"},
		row{name: "SUBACK that refuses", shows: "3.8.4-5/3.8.4-7 3.9.3-2", side: "client", call: subscribing(mqtt.Options{Topic: "a"}), in: "90 03 0001 $v 80",
			events: "suback", sends: "82 06 0001 $v 0001'a' 00"},
		row{name: "SUBACK after PUBACK", shows: "trap4", side: "client", call: inTurn(subscribing(mqtt.Options{Topic: "a"}), publishing(*pubOptions(1))),
			in: "40 02 0002 | 90 03 0001 $v 01", events: "puback suback", sends: "82 06 0001 $v 0001'a' 00 | 32 09 0003'a/b' 0002 $v 'hi'"},
		row{name: "message before SUBACK", shows: "trap4", side: "client", call: subscribing(mqtt.Options{Topic: "a"}),
			in: "31 04 0001'a' $v'x' | 90 03 0001 $v 01", events: "a=x publish suback", sends: "82 06 0001 $v 0001'a' 00"},
		row{name: "UNSUBACK received", shows: "2.3.1-7/", v: 4, side: "client", call: unsubscribing("a"), in: "b0 02 0001", events: "unsuback", sends: "a2 05 0001 0001'a'"},
		row{name: "UNSUBACK of 5.0 received", shows: "/2.2.1-6 /3.11.3-2", v: 5, side: "client", call: unsubscribing("a"), in: "b0 04 0001 00 11",
			events: "unsuback", sends: "a2 06 0001 00 0001'a'"},
	}
	codes := map[uint8][]byte{4: {0, 1, 2, 0x80}, 5: {0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2}}
	for _, v := range bothVersions {
		for _, code := range codes[v] {
			rows = append(rows, row{name: "SUBACK code 0x" + hexa(code), shows: "3.9.3-2", v: v, side: "client",
				call: subscribing(mqtt.Options{Topic: "a"}), in: "90 03 0001 $v " + hexa(code), events: "suback", sends: "82 06 0001 $v 0001'a' 00"})
		}
	}
	for _, code := range []byte{0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91} {
		rows = append(rows, row{name: "UNSUBACK code 0x" + hexa(code), shows: "/3.11.3-2", v: 5, side: "client",
			call: unsubscribing("a"), in: "b0 04 0001 00 " + hexa(code), events: "unsuback", sends: "a2 06 0001 00 0001'a'"})
	}
	return rows
}
