package ws_test

import (
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/ws"
)

// kinds are the types of frames. A continuation frame needs a fragment before it.
var kinds = []struct {
	name   string
	op     byte
	before []part
}{
	{"text", text, nil}, {"binary", bin, nil}, {"close", opClose, nil}, {"ping", ping, nil}, {"pong", pong, nil},
	{"continuation", cont, []part{fr(text, "a")}},
}

// framingRules are about the headers of frames.
func framingRules() []rule {
	return []rule{
		{"5.1", "An unmasked frame to a server fails the connection.", maskRows(asServer, "unmasked")},
		{"5.1", "A masked frame to a client fails the connection.", maskRows(asClient, "masked")},
		{"5.2", "A reserved bit without an extension that uses it fails the connection.", reservedBitRows()},
		{"5.2", "A reserved opcode fails the connection.", opcodeRows()},
		{"5.2", "A payload length that is not in its shortest form fails the connection.", longFormRows()},
		{"5.2", "A 64-bit length whose top bit is set fails the connection.", topBitRows()},
		{"5.2", "The rest of an incomplete frame is awaited. If the stream ends first, that is an error.", incompleteRows()},
		{"5.3", "A server unmasks each frame with that frame's key.", keyRows()},
		{"5.6", "Text is delivered as text and binary as binary, with all bytes.", []tester{
			row{name: "text message", in: []part{fr(fin|text, "Grüße")}, events: []string{msg("text", "Grüße")}},
			row{name: "binary message of all bytes", in: []part{fr(fin|bin, allBytes())}, events: []string{msg("binary", allBytes())}},
			row{name: "text message with NUL and DEL", in: []part{fr(fin|text, "a\x00b\x7f")}, events: []string{msg("text", "a\x00b\x7f")}},
		}},
		{"5.7", "The examples of the RFC are understood as it says.", exampleRows()},
		{"5.8", "Without an extension, bits and opcodes are reserved in every state of a message.", []tester{
			row{name: "reserved bit after a fragmented message", in: []part{fr(bin, "a"), fr(fin|cont, "b"), fr(fin|rsv1|bin, "c")}, at: 1,
				events: []string{msg("binary", "ab")}, code: ws.StatusProtocolError},
			row{name: "reserved opcode after a ping", in: []part{fr(fin|ping, ""), fr(fin|0x3, "c")}, at: 1,
				events: []string{ctl("ping", "")}, code: ws.StatusProtocolError},
		}},
	}
}

// allBytes returns each byte once.
func allBytes() string {
	var b strings.Builder
	for i := range 256 {
		b.WriteByte(byte(i))
	}
	return b.String()
}

// refused is a violation with the code 1002.
func refused(name string, at int, in ...part) row {
	return row{name: name, in: in, at: at, code: ws.StatusProtocolError}
}

// maskRows are frames that are masked, or not masked, against the rules.
func maskRows(only role, how string) (rows []tester) {
	add := func(c row) {
		c.only = only
		rows = append(rows, c)
	}
	for _, k := range kinds {
		add(refused(how+" "+k.name+" frame", 2, append(k.before[:len(k.before):len(k.before)], wrongly(fin|k.op, "ab"))...))
	}
	add(refused(how+" empty frame", 2, wrongly(fin|bin, "")))
	add(refused(how+" first fragment", 2, wrongly(bin, "ab")))
	add(refused(how+" frame with 16-bit length", 2, wrongly(fin|bin, pattern(200))))
	add(refused(how+" frame with 64-bit length", 2, wrongly(fin|bin, pattern(70_000))))
	return rows
}

// reservedBitRows are frames with reserved bits.
func reservedBitRows() (rows []tester) {
	for _, k := range kinds {
		for rsv := byte(rsv3); rsv <= rsv1|rsv2|rsv3; rsv += rsv3 {
			rows = append(rows, refused(fmt.Sprintf("reserved bits %03b in %s frame", rsv>>4, k.name), 1,
				append(k.before[:len(k.before):len(k.before)], fr(fin|rsv|k.op, ""))...))
		}
	}
	return append(rows,
		refused("RSV1 in first fragment", 1, fr(rsv1|text, "x")),
		refused("RSV2 after payload", 1, fr(fin|text, "before"), fr(fin|rsv2|text, "x")).withEvents(msg("text", "before")),
		refused("RSV3 after a ping", 1, fr(fin|ping, "p"), fr(fin|rsv3|text, "x")).withEvents(ctl("ping", "p")),
	)
}

// withEvents sets the events before the violation.
func (c row) withEvents(events ...string) row {
	c.events = events
	return c
}

// opcodeRows are frames with reserved opcodes.
func opcodeRows() (rows []tester) {
	for _, op := range []byte{0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		name := fmt.Sprintf("opcode 0x%x", op)
		rows = append(rows,
			refused(name, 1, fr(fin|op, "")),
			refused(name+" with payload", 1, fr(fin|op, "payload")),
			refused(name+" not final", 1, fr(op, "")),
			refused(name+" inside a fragmented message", 1, fr(bin, "a"), fr(fin|op, "b")),
			refused(name+" after a message", 1, fr(fin|text, "a"), fr(fin|op, "b")).withEvents(msg("text", "a")))
	}
	return rows
}

// longFormRows are frames with a longer form of the length than necessary.
func longFormRows() (rows []tester) {
	for _, n := range []int{0, 1, 125} {
		rows = append(rows, refused(fmt.Sprintf("16-bit length %d", n), 4, wide(fin|bin, 2, pattern(n))))
	}
	for _, n := range []int{0, 1, 125, 126, 127, 65535} {
		c := refused(fmt.Sprintf("64-bit length %d", n), 10, wide(fin|bin, 8, pattern(n)))
		c.early = 2 // the first six bytes, which are zero, prove it
		rows = append(rows, c)
	}
	return append(rows, refused("16-bit length 5 of a fragment", 4, fr(text, "a"), wide(cont, 2, "12345")),
		refused("16-bit length 5 of a text frame", 4, wide(fin|text, 2, "12345")))
}

// topBitRows are frames with a 64-bit length of more than 63 bits.
func topBitRows() (rows []tester) {
	for _, l := range []string{"\x80\x00\x00\x00\x00\x00\x00\x00", "\x80\x00\x00\x00\x00\x01\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff"} {
		rows = append(rows,
			refused(fmt.Sprintf("length %x", l), 3, head(fin|bin, 127, l)),
			refused(fmt.Sprintf("length %x of a fragment", l), 3, fr(bin, ""), head(cont, 127, l)))
	}
	return rows
}

// incompleteRows are parts of frames.
func incompleteRows() (rows []tester) {
	for _, x := range []struct {
		name string
		in   part
	}{
		{"one byte", raw("\x82")},
		{"two bytes of a short frame", head(fin|bin, 1, "")},
		{"half of a 16-bit length", head(fin|bin, 126, "\x01")},
		{"half of a 64-bit length", head(fin|bin, 127, "\x00\x00\x00\x00")},
		{"all but the last byte of payload", func(r role) string { s := fr(fin|bin, "payload")(r); return s[:len(s)-1] }},
		{"all but the last byte of a ping", func(r role) string { s := fr(fin|ping, "payload")(r); return s[:len(s)-1] }},
		{"half of a Close frame", func(r role) string { s := fr(fin|opClose, closePayload(1000, "bye"))(r); return s[:len(s)-3] }},
	} {
		rows = append(rows,
			row{name: "rest missing after " + x.name, in: []part{x.in}},
			row{name: "stream ends after " + x.name, in: []part{x.in}, fate: breaks})
	}
	return rows
}

// keyRows are frames with several keys and sizes.
func keyRows() (rows []tester) {
	for _, key := range []string{"\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x01\x02\x03\x04", "\x80\x00\x00\x00", "\x00\x00\x00\x7f"} {
		for _, n := range []int{0, 1, 3, 4, 5, 16, 17, 125, 126, 1000} {
			p := pattern(n)
			rows = append(rows, row{name: fmt.Sprintf("%d bytes with key %x", n, key), only: asServer,
				in: []part{keyed(key, fin|text, p)}, events: []string{msg("text", p)}})
		}
	}
	return append(rows,
		row{name: "different keys for frames", only: asServer,
			in:     []part{keyed("abcd", fin|bin, "one"), keyed("\x00\x00\x00\x00", fin|bin, "two"), keyed("efgh", fin|ping, "three")},
			events: []string{msg("binary", "one"), msg("binary", "two"), ctl("ping", "three")}},
		row{name: "different keys for fragments", only: asServer,
			in:     []part{keyed("abcd", text, "\xe2"), keyed("ijkl", fin|ping, "p"), keyed("efgh", cont, "\x82"), keyed("\xff\x00\xff\x00", fin|cont, "\xac12345")},
			events: []string{ctl("ping", "p"), msg("text", "€12345")}},
		row{name: "masked frame whose payload looks like a frame", only: asServer,
			in: []part{fr(fin|bin, "\x81\x03abc\xff\xff")}, events: []string{msg("binary", "\x81\x03abc\xff\xff")}})
}

// exampleRows are the examples in section 5.7.
func exampleRows() []tester {
	kb := strings.Repeat("\xa5", 256)
	big := strings.Repeat("\x5a", 65536)
	return []tester{
		row{name: "unmasked Hello", only: asClient, in: []part{raw("\x81\x05Hello")}, events: []string{msg("text", "Hello")}},
		row{name: "masked Hello", only: asServer, in: []part{raw("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")}, events: []string{msg("text", "Hello")}},
		row{name: "Hello in two fragments", only: asClient, in: []part{raw("\x01\x03Hel"), raw("\x80\x02lo")}, events: []string{msg("text", "Hello")}},
		row{name: "ping with Hello", only: asClient, in: []part{raw("\x89\x05Hello")}, events: []string{ctl("ping", "Hello")}},
		row{name: "masked pong with Hello", only: asServer, in: []part{raw("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")}, events: []string{ctl("pong", "Hello")}},
		row{name: "256 bytes", only: asClient, in: []part{raw("\x82\x7e\x01\x00" + kb)}, events: []string{msg("binary", kb)}},
		row{name: "64 KiB", only: asClient, in: []part{raw("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + big)}, events: []string{msg("binary", big)}},
	}
}
