package mqtt_test

import (
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// formatStatements are those of chapters 1 and 2.
var formatStatements = []statement{
	{"1.5.3-1", "1.5.4-1", form, "Text is UTF-8 without surrogates. A receiver closes the connection otherwise.", ""},
	{"1.5.3-2", "1.5.4-2", form, "Text has no U+0000. A receiver closes the connection otherwise.", ""},
	{"1.5.3-3", "1.5.4-3", both, "The bytes EF BB BF are the character U+FEFF. A receiver keeps them.", ""},
	{"", "1.5.5-1", form, "A variable byte integer has no more bytes than it needs.", ""},
	{"", "1.5.7-1", form, "Both strings of a pair follow the rules of text.", ""},
	{"2.2.2-1", "2.1.3-1", form, "Reserved flags of the fixed header have the values in the table.", ""},
	{"2.2.2-2", "", both, "A receiver of other flags closes the connection.", ""},
	{"2.3.1-1", "", form, "SUBSCRIBE, UNSUBSCRIBE, and PUBLISH at QoS 1 and 2 have a packet identifier, which is not 0.", ""},
	{"2.3.1-2", "2.2.1-3", client, "A new packet gets an identifier that is not in use, and not 0.", ""},
	{"2.3.1-3", "", client, "A packet is repeated with its identifier, which is in use until the answer has come.", ""},
	{"2.3.1-4", "2.2.1-4", server, "A new PUBLISH of the server gets an identifier that is not in use, and not 0.", ""},
	{"2.3.1-5", "2.2.1-2", form, "A PUBLISH at QoS 0 has no packet identifier.", ""},
	{"2.3.1-6", "2.2.1-5", both, "The packets that acknowledge a PUBLISH have its packet identifier.", ""},
	{"2.3.1-7", "2.2.1-6", server, "SUBACK and UNSUBACK have the identifier of the packet that they answer.", ""},
	{"", "2.2.2-1", form, "A packet without properties has the property length 0.", ""},
}

// xs returns n bytes as hexadecimal digits.
func xs(n int) string { return strings.Repeat("78", n) }

func formatRows() []tester {
	return []tester{
		row{name: "byte order mark received", shows: "1.5.3-3/1.5.4-3", in: "30 06 0004 efbbbf 'a' $v", events: "\ufeffa= publish"},
		row{name: "byte order mark sent", shows: "1.5.3-3/1.5.4-3", call: publishing(mqtt.Options{Topic: "\ufeffa"}), sends: "30 06 0004 efbbbf 'a' $v"},
		row{name: "largest remaining length of one byte", shows: "/1.5.5-1", v: 5, in: "30 7f 0001 'a' 00" + xs(123),
			events: "a=" + strings.Repeat("x", 123) + " publish"},
		row{name: "smallest remaining length of two bytes", shows: "/1.5.5-1", v: 5, in: "30 8001 0001 'a' 00" + xs(124),
			events: "a=" + strings.Repeat("x", 124) + " publish"},
		row{name: "remaining length of two bytes sent", shows: "/1.5.5-1", v: 5,
			call: publishing(mqtt.Options{Topic: "a", Message: []byte(strings.Repeat("x", 124))}), sends: "30 8001 0001 'a' 00" + xs(124)},
		row{name: "pair with text", shows: "/1.5.7-1", v: 5, in: "30 0b 0001 'a' 07 26 0001 'k' 0001 'v'", events: "a= publish"},
		row{name: "flags of the packets of a client", shows: "2.2.2-1/2.1.3-1 3.8.1-1 3.10.1-1", side: "client",
			call: inTurn(subscribing(mqtt.Options{Topic: "a"}), unsubscribing("a"), pinging), sends: "82 06 0001 $v 0001'a' 00 | a2 05 0002 $v 0001'a' | c0 00"},
		row{name: "identifiers of calls in turn", shows: "2.3.1-1/ 2.3.1-2/2.2.1-3", side: "client",
			call:  inTurn(publishing(*pubOptions(1)), subscribing(mqtt.Options{Topic: "a"}), unsubscribing("a"), publishing(*pubOptions(2))),
			sends: "32 09 0003'a/b' 0001 $v 'hi' | 82 06 0002 $v 0001'a' 00 | a2 05 0003 $v 0001'a' | 34 09 0003'a/b' 0004 $v 'hi'"},
		row{name: "identifiers of a server in turn", shows: "2.3.1-4/2.2.1-4", side: "server",
			call:  inTurn(publishing(*pubOptions(1)), publishing(*pubOptions(2))),
			sends: "32 09 0003'a/b' 0001 $v 'hi' | 34 09 0003'a/b' 0002 $v 'hi'"},
		row{name: "PUBLISH repeated with its identifier", shows: "2.3.1-3/ 3.3.1-1", call: inTurn(publishing(*pubOptions(1)),
			publishing(mqtt.Options{Topic: "a/b", Message: []byte("hi"), QoS: 1, RetransmitID: 1})),
			sends: "32 09 0003'a/b' 0001 $v 'hi' | 3a 09 0003'a/b' 0001 $v 'hi'"},
		row{name: "PUBLISH at QoS 0 sent", shows: "2.3.1-5/2.2.1-2 4.3.1-1", call: publishing(*pubOptions(0)), sends: "30 07 0003'a/b' $v 'hi'"},
		row{name: "PUBLISH at QoS 0 received", shows: "2.3.1-5/2.2.1-2 3.3.4-1", in: "30 07 0003'a/b' $v 'hi'", events: "a/b=hi publish"},
		row{name: "packets without properties sent", shows: "/2.2.2-1", v: 5, side: "client",
			call:  inTurn(publishing(*pubOptions(0)), subscribing(mqtt.Options{Topic: "a"}), unsubscribing("a")),
			sends: "30 08 0003'a/b' 00 'hi' | 82 07 0001 00 0001'a' 00 | a2 06 0002 00 0001'a'"},
	}
}
