package mqtt_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// endStatements are those about PINGREQ, DISCONNECT and AUTH, sections 3.12 to 3.15.
var endStatements = []statement{
	{"3.12.4-1", "3.12.4-1", server, "A server answers PINGREQ with PINGRESP.", ""},
	{"", "3.14.0-1", server, "A server sends no DISCONNECT before a CONNACK that accepts the client.", ""},
	{"3.14.1-1", "3.14.1-1", form, "The reserved flags of DISCONNECT are 0. A receiver refuses others (5.0: with code 0x81).", ""},
	{"", "3.14.2-1", both, "DISCONNECT has one of its reason codes.", ""},
	{"", "3.14.2-2", server, "A server sends no Session Expiry Interval in DISCONNECT.", ""},
	{"", "3.14.2-3 3.14.2-4", both, "DISCONNECT leaves out Reason String and User Property if it would be too large with them.", ""},
	{"3.14.4-2", "3.14.4-1", both, "After DISCONNECT nothing more is sent.", ""},
	{"3.14.4-1", "3.14.4-2", both, "After DISCONNECT the sender closes the connection.", ""},
	{"3.14.4-3", "3.14.4-3", server, "A server discards the will when a normal DISCONNECT comes.", ""},
	{"", "3.15.1-1", form, "The flags of AUTH are 0. A receiver closes the connection otherwise.", ""},
	{"", "3.15.2-1", both, "AUTH has one of its reason codes.", ""},
	{"", "3.15.2-2 3.15.2-3", both, "AUTH leaves out Reason String and User Property if it would be too large with them.", ""},
}

// trapStatements are mistakes that implementations often make. They have no numbers in the
// standards.
var trapStatements = []statement{
	{"", "trap1", both, "a PUBLISH of 5.0 with an empty payload and without properties", ""},
	{"", "trap2", both, "a PUBLISH of 5.0 with a payload of one byte and without properties", ""},
	{"trap3", "trap3", both, "acknowledgements with a remaining length of 2, 3 and 4", ""},
	{"trap4", "trap4", both, "SUBACK after a later PUBACK, and messages before SUBACK", ""},
	{"trap5", "trap5", both, "the own message before its PUBACK, and with the same packet identifier", ""},
	{"trap6", "trap6", both, "a bare end of stream after DISCONNECT, and without it", ""},
	{"trap7", "trap7", both, "CONNACK codes of the other version", ""},
	{"trap8", "trap8", both, "several packets in a WebSocket message: each row is played so", ""},
	{"trap9", "trap9", both, "one packet over several WebSocket messages: each row is played so", ""},
}

// hexa returns a byte as two hexadecimal digits.
func hexa(b byte) string { return fmt.Sprintf("%02x", b) }

func lower(s string) string { return strings.ToLower(s) }

// hangingUp calls Disconnect and then Drain.
func hangingUp(x *pair) error {
	err := mqtt.Disconnect(x.c, nil)
	x.c.Drain()
	return err
}

func endingRows() []tester {
	rows := []tester{
		row{name: "PINGREQ and PINGRESP", shows: "3.12.4-1", side: "client", call: pinging, in: "d0 00", events: "pingresp", sends: "c0 00"},
		row{name: "PINGREQ answered", shows: "3.12.4-1", side: "server", call: onCmd(mqtt.CmdPingreq, func(x *pair) error { return mqtt.Pong(x.c) }), in: "c0 00", events: "pingreq", sends: "d0 00"},
		row{name: "DISCONNECT sent", shows: "3.14.4-1/3.14.4-2 3.14.4-2/3.14.4-1", side: "client",
			call:  inTurn(hangingUp, failing(mqtt.ErrDisconnected, pinging, publishing(*pubOptions(0)), publishing(*pubOptions(1)), subscribing(mqtt.Options{Topic: "a"}), unsubscribing("a"))),
			sends: "e0 00", end: "CLOSE", eof: true},
		row{name: "input after our DISCONNECT", shows: "3.14.4-2/3.14.4-1", side: "client", call: hangingUp,
			in: "32 05 0001'a' 0007 $v | 62 02 0001", sends: "e0 00", end: "CLOSE", eof: true},
		row{name: "DISCONNECT received", shows: "3.14.4-1/3.14.4-2", side: "server", in: "e0 00", events: "disconnect", end: "CLOSE", eof: true},
		row{name: "packets after DISCONNECT", shows: "3.14.4-2/3.14.4-1", side: "server", in: "e0 00 | 32 05 0001'a' 0007 $v", events: "disconnect", end: "CLOSE", eof: true},
		row{name: "end of stream after DISCONNECT", shows: "trap6 3.14.4-1/3.14.4-2", side: "server", in: "e0 00", events: "disconnect", end: "CLOSE", eof: true},
		row{name: "end of stream after DISCONNECT of a server", shows: "/trap6", v: 5, side: "client", in: "e0 00", events: "disconnect", end: "ERROR CLOSE", eof: true},
		row{name: "end of stream without DISCONNECT of a server", shows: "trap6", side: "client", end: "ERROR CLOSE", eof: true, is: io.ErrUnexpectedEOF},
		row{name: "end of stream inside a packet of a server", shows: "trap6", side: "client", in: "30 04 0001", end: "ERROR CLOSE", eof: true, is: io.ErrUnexpectedEOF},
		row{name: "end of stream without DISCONNECT of a client", shows: "trap6", side: "server", end: "CLOSE", eof: true},
		row{name: "end of stream inside a packet of a client", shows: "trap6", side: "server", in: "30 04 0001", end: "ERROR CLOSE", eof: true, is: io.ErrUnexpectedEOF},
		row{name: "end of stream after our DISCONNECT", shows: "trap6", side: "client", call: hangingUp, in: "", sends: "e0 00", end: "CLOSE", eof: true},
		row{name: "DISCONNECT of 3.1.1 from a server", shows: "4.8.0-1/", v: 4, side: "client", in: "e0 00", code: protocol},
		row{name: "two packets in one message", shows: "trap8 6.0.0-2", in: "30 04 0001'a'$v 'x' | 32 06 0001'b' 0007 $v 'y'", events: "a=x publish b=y publish", sends: "40 02 0007"},
		row{name: "packet in several messages", shows: "trap9 6.0.0-2", in: "34 09 0003'a/b' 0007 $v 'hi' | 62 02 0007", events: "a/b=hi publish pubrel", sends: "50 02 0007 | 70 02 0007"},
		row{name: "AUTH in 3.1.1", shows: "4.8.0-1/", v: 4, in: "f0 00", at: 1, code: malformed},
		row{name: "packet of type 0", shows: "4.8.0-1/4.13.1-1", in: "00 00", at: 1, code: malformed},
	}
	for _, code := range []byte{0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x93, 0x94, 0x95, 0x98, 0x9c, 0x9d, 0xa0} {
		rows = append(rows, row{name: "DISCONNECT code 0x" + hexa(code), shows: "/3.14.2-1 /4.13.2-1", v: 5, side: "client",
			in: "e0 01 " + hexa(code), events: "disconnect", end: "ERROR CLOSE", refused: mqtt.ReasonCode(code)})
	}
	return rows
}

// failing makes calls that must all fail with an error.
func failing(want error, calls ...func(x *pair) error) func(x *pair) error {
	return func(x *pair) error {
		for i, call := range calls {
			if err := call(x); err != want {
				return fmt.Errorf("call %d returns error %v, want %v", i+1, err, want)
			}
		}
		return nil
	}
}
