package mqtt_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
)

// operationStatements are those of chapters 4, 6 and 7.
var operationStatements = []statement{
	{"4.1.0-1", "4.1.0-1", both, "Session state is kept for the duration of the session (5.0: while the connection is open).", ""},
	{"4.1.0-2", "", both, "A session lasts at least as long as its connection.", ""},
	{"", "4.1.0-2", server, "A server discards the session when it has expired after the connection.", ""},
	{"", "4.2.0-1", both, "The transport is an ordered, lossless stream of bytes.", ""},
	{"4.3.1-1", "4.3.1-1", both, "A message of QoS 0 is sent with QoS 0 and DUP 0.", ""},
	{"4.3.2-1", "", both, "QoS 1, sender: an unused identifier, QoS 1 and DUP 0, in flight until PUBACK.", ""},
	{"", "4.3.2-1", both, "QoS 1, sender: a new message gets an unused identifier.", ""},
	{"", "4.3.2-2", both, "QoS 1, sender: PUBLISH has this identifier, QoS 1 and DUP 0.", ""},
	{"", "4.3.2-3", both, "QoS 1, sender: the message is unacknowledged until PUBACK.", ""},
	{"4.3.2-2", "", both, "QoS 1, receiver: PUBACK with the identifier. After it the identifier is of a new message.", ""},
	{"", "4.3.2-4", both, "QoS 1, receiver: PUBACK has the identifier of the message.", ""},
	{"", "4.3.2-5", both, "QoS 1, receiver: after PUBACK the identifier is of a new message, with DUP too.", ""},
	{"4.3.3-1", "", both, "QoS 2, sender: an unused identifier, QoS 2 and DUP 0; PUBREL after PUBREC; no PUBLISH after PUBREL; in flight until PUBCOMP.", ""},
	{"", "4.3.3-1", both, "QoS 2, sender: a new message gets an unused identifier.", ""},
	{"", "4.3.3-2", both, "QoS 2, sender: PUBLISH has this identifier, QoS 2 and DUP 0.", ""},
	{"", "4.3.3-3", both, "QoS 2, sender: the message is unacknowledged until PUBREC.", ""},
	{"", "4.3.3-4", both, "QoS 2, sender: PUBREC with a code below 0x80 is answered with PUBREL of the same identifier.", ""},
	{"", "4.3.3-5", both, "QoS 2, sender: PUBREL is unacknowledged until PUBCOMP.", ""},
	{"", "4.3.3-6", both, "QoS 2, sender: PUBLISH is not sent again after PUBREL.", ""},
	{"", "4.3.3-7", both, "QoS 2, sender: a message that was sent does not expire.", ""},
	{"4.3.3-2", "", both, "QoS 2, receiver: PUBREC for each PUBLISH, delivery once until PUBREL, PUBCOMP for PUBREL.", ""},
	{"", "4.3.3-8", both, "QoS 2, receiver: PUBREC has the identifier of the message.", ""},
	{"", "4.3.3-9", both, "QoS 2, receiver: after PUBREC with a code of 0x80 or more the identifier is of a new message.", ""},
	{"", "4.3.3-10", both, "QoS 2, receiver: until PUBREL the same identifier is a duplicate. It gets PUBREC and is not delivered.", ""},
	{"", "4.3.3-11", both, "QoS 2, receiver: PUBREL is answered with PUBCOMP of the same identifier.", ""},
	{"", "4.3.3-12", both, "QoS 2, receiver: after PUBCOMP the identifier is of a new message.", ""},
	{"", "4.3.3-13", both, "QoS 2, receiver: the handshake goes on if the message has expired.", "no message expires at a receiver: the program gets it at once"},
	{"4.4.0-1", "4.4.0-1", both, "When the session is resumed, PUBLISH and PUBREL in flight are sent again with their identifiers, and at no other time.", ""},
	{"", "4.4.0-2", both, "A message whose PUBACK or PUBREC has a code of 0x80 or more is not sent again.", ""},
	{"4.5.0-1", "4.5.0-1", server, "A server adds a message to the sessions with matching subscriptions.", ""},
	{"4.5.0-2", "4.5.0-2", client, "A client acknowledges each PUBLISH, also one that it does not use.", ""},
	{"4.6.0-1", "4.6.0-1", client, "Messages are sent again in their original order.", ""},
	{"4.6.0-2", "4.6.0-2", client, "PUBACK packets are in the order of the messages.", ""},
	{"4.6.0-3", "4.6.0-3", client, "PUBREC packets are in the order of the messages.", ""},
	{"4.6.0-4", "4.6.0-4", client, "PUBREL packets are in the order of the PUBREC packets.", ""},
	{"4.6.0-5", "4.6.0-6", server, "By default each topic is ordered.", ""},
	{"4.6.0-6", "4.6.0-5", server, "Messages of an ordered topic and of one QoS are delivered in the order of their publisher.", ""},
	{"4.7.1-1", "4.7.0-1", form, "Wildcards are for topic filters, not for topic names.", ""},
	{"4.7.1-2", "4.7.1-1", form, "# is the last level of a topic filter and a whole level.", ""},
	{"4.7.1-3", "4.7.1-2", form, "+ is a whole level.", ""},
	{"4.7.2-1", "4.7.2-1", server, "A filter that begins with a wildcard does not match a topic that begins with $.", ""},
	{"4.7.3-1", "4.7.3-1", form, "Topic names and filters have at least one character.", ""},
	{"4.7.3-2", "4.7.3-2", form, "Topic names and filters have no U+0000.", ""},
	{"4.7.3-3", "4.7.3-3", form, "Topic names and filters have at most 65,535 bytes.", ""},
	{"4.7.3-4", "4.7.3-4", server, "Topics are matched without normalization.", ""},
	{"4.8.0-1", "", both, "A side closes the connection on which a protocol violation came.", ""},
	{"4.8.0-2", "", both, "A side closes the connection after a transient error in the processing of a packet.", ""},
	{"", "4.8.2-1", form, "A shared subscription begins with $share/ and has a share name.", ""},
	{"", "4.8.2-2", form, "The share name has no /, + or #. A / and a topic filter follow it.", ""},
	{"", "4.8.2-3", server, "A message of a shared subscription has at most the granted QoS of the client.", ""},
	{"", "4.8.2-4", server, "A message of QoS 2 whose delivery has begun is completed with that client when it connects again.", ""},
	{"", "4.8.2-5", server, "If the session of that client ends, the message goes to no other client.", ""},
	{"", "4.8.2-6", server, "A message that a client refuses goes to no other client.", ""},
	{"", "4.9.0-1", both, "The send quota begins above 0 and is at most Receive Maximum.", ""},
	{"", "4.9.0-2", both, "At a quota of 0 no PUBLISH of QoS 1 or 2 is sent.", ""},
	{"", "4.9.0-3", both, "At a quota of 0 all other packets are processed.", ""},
	{"", "4.12.0-1", server, "A server closes if it does not support the Authentication Method.", ""},
	{"", "4.12.0-2", server, "AUTH of a server that needs more has the code 0x18.", ""},
	{"", "4.12.0-3", client, "The answer of the client is AUTH with the code 0x18.", ""},
	{"", "4.12.0-4", server, "A server that rejects the authentication closes.", ""},
	{"", "4.12.0-5", both, "Each AUTH and the CONNACK have the Authentication Method of CONNECT.", ""},
	{"", "4.12.0-6", server, "If CONNECT had none, a server sends no AUTH and no Authentication Method.", ""},
	{"", "4.12.0-7", client, "If CONNECT had none, a client sends no AUTH.", ""},
	{"", "4.12.1-1", client, "To authenticate again a client sends AUTH with the code 0x19 and the same method.", ""},
	{"", "4.12.1-2", both, "A side that finds that this failed sends DISCONNECT and closes.", ""},
	{"", "4.13.1-1", both, "A side that detects a malformed packet or a protocol error closes the connection, with the reason code if there is one.", ""},
	{"", "4.13.2-1", both, "A code of 0x80 or more in CONNACK or DISCONNECT ends the connection.", ""},
	{"6.0.0-1", "6.0.0-1", both, "Packets are in binary WebSocket messages. A receiver of others closes the connection.", ""},
	{"6.0.0-2", "6.0.0-2", both, "A WebSocket message may have several packets and parts of packets.", ""},
	{"6.0.0-3", "6.0.0-3", client, "A client offers the subprotocol mqtt.", ""},
	{"6.0.0-4", "6.0.0-4", server, "A server chooses the subprotocol mqtt. A client refuses another one.", ""},
	{"7.0.0-1", "", server, "A server that connects to others conforms as a client too.", "for bridges; both roles are tested here"},
	{"7.0.0-2", "", both, "Nothing outside the standard is needed to work together.", "the interop tests run against other brokers and clients"},
	{"7.1.1-1 7.1.2-1", "", both, "The transport is an ordered, lossless stream of bytes.", ""},
}

// filterRow is a row of a server that receives a SUBSCRIBE or UNSUBSCRIBE with a filter.
func filterRow(name, shows, filter string) tester {
	in := "82" + hexa(byte(5+len(filter))) + "0007 $v 00" + hexa(byte(len(filter))) + hexString(filter) + "00"
	return row{name: name, shows: shows, side: "server", in: in, events: "subscribe"}
}

// sharedRow is a filterRow of 5.0.
func sharedRow(name, shows, filter string) tester {
	r := filterRow(name, shows, filter).(row)
	r.v = 5
	return r
}

// hexString returns the bytes of s as hexadecimal digits.
func hexString(s string) (digits string) {
	for i := range len(s) {
		digits += hexa(s[i])
	}
	return digits
}

func operationRows() []tester {
	long := strings.Repeat("a", 65535)
	return []tester{
		filterRow("filter #", "4.7.1-2/4.7.1-1", "#"),
		filterRow("filter with # at the end", "4.7.1-2/4.7.1-1", "a/b/#"),
		filterRow("filter with + in each level", "4.7.1-3/4.7.1-2", "+/+/a/+"),
		filterRow("filter of one slash", "4.7.3-1", "/"),
		filterRow("filter with a space and a $", "4.7.3-1", "$SYS/ "),
		sharedRow("shared subscription", "/4.8.2-1 /4.8.2-2", "$share/g/a/#"),
		sharedRow("shared subscription of a filter with slashes", "/4.8.2-1 /4.8.2-2", "$share/g//a"),
		row{name: "topic of 65,536 bytes", shows: "4.7.3-3", side: "client", call: publishing(mqtt.Options{Topic: long + "a"}), fails: "65535"},
		row{name: "filter of 65,536 bytes", shows: "4.7.3-3", side: "client", call: subscribing(mqtt.Options{Topic: long + "a"}), fails: "65535"},
		row{name: "topic with a wildcard not sent", shows: "4.7.1-1/4.7.0-1 3.3.2-2", call: publishing(mqtt.Options{Topic: "a/+"}), fails: "wildcard"},
		row{name: "empty topic not sent", shows: "4.7.3-1", call: publishing(mqtt.Options{}), fails: "empty"},
		row{name: "topic with U+0000 not sent", shows: "4.7.3-2", call: publishing(mqtt.Options{Topic: "a\x00"}), fails: "U+0000"},
		row{name: "filter with U+0000 not sent", shows: "4.7.3-2", side: "client", call: subscribing(mqtt.Options{Topic: "a\x00"}), fails: "U+0000"},
		row{name: "ill-formed topic not sent", shows: "1.5.3-1/1.5.4-1 3.3.2-1", call: publishing(mqtt.Options{Topic: "\xed\xa0\x80"}), fails: "UTF-8"},
		row{name: "PUBLISH acknowledged without a use for it", shows: "4.5.0-2", side: "client", in: "32 07 0003'z/z' 0001 $v | 34 07 0003'z/z' 0002 $v",
			events: "z/z= publish z/z= publish", sends: "40 02 0001 | 50 02 0002"},
		wsRow{"text message", "6.0.0-1", 1, "0 \x02\x00\x00"},
		wsRow{"packets in a binary message", "6.0.0-1 6.0.0-2", 2, "\x30\x03\x00\x01a"},
	}
}

// wsRow sends a WebSocket message of a kind to a client and a server. Only a binary one is good.
type wsRow struct {
	name, shows string
	op          byte
	payload     string
}

func (x wsRow) title() string     { return x.name }
func (x wsRow) shown() string     { return x.shows }
func (x wsRow) versions() []uint8 { return bothVersions }

func (x wsRow) run(t *testing.T, version uint8) {
	for _, side := range []string{"client", "server"} {
		p := connectedAs(t, "ws", side, version, nil)
		payload := x.payload
		if version == 5 {
			payload = "\x30\x04" + payload[2:] + "\x00"
		}
		p.writeRead(p.p.frame(x.op, []byte(payload)))
		if x.op == 2 {
			p.r.wantPackets("a= publish")
			continue
		}
		p.waitClose()
		p.r.wantPackets("ERROR CLOSE")
		looptest.WantErr(t, p.r.Err(t), nil, "6.0.0-1")
		p.p.wantLastFrame(0x88, []byte{byte(ws.StatusUnsupportedData >> 8), byte(ws.StatusUnsupportedData & 0xff)})
	}
}
