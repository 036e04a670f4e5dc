package ws_test

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/ws"
)

// limitRules are about sizes and Limits.Message.
func limitRules() []rule {
	return []rule{
		{"5.2", "Payloads of all sizes are delivered, in each form of the length.", sizeRows()},
		{"5.4", "Messages in many fragments are delivered.", manyFragmentRows()},
		{"6.2", "Messages are delivered one by one and in order, however many arrive at once.", []tester{
			row{name: "100 messages in a row", in: []part{times(50, both(fr(fin|text, "a"), fr(fin|bin, "bc")))}, events: repeatAll(50, msg("text", "a"), msg("binary", "bc"))},
			row{name: "empty messages in a row", in: []part{times(20, fr(fin|bin, ""))}, events: repeatAll(20, msg("binary", ""))},
			row{name: "message, ping, message, pong, message", in: []part{fr(fin|text, "1"), fr(fin|ping, "2"), fr(fin|bin, "3"), fr(fin|pong, "4"), fr(fin|text, "5")},
				events: []string{msg("text", "1"), ctl("ping", "2"), msg("binary", "3"), ctl("pong", "4"), msg("text", "5")}},
			row{name: "large message between small ones", in: []part{fr(fin|text, "1"), fr(fin|bin, pattern(100_000)), fr(fin|text, "3")},
				events: []string{msg("text", "1"), msg("binary", pattern(100_000)), msg("text", "3")}},
		}},
		{"10.4", "A message that exceeds the limit is refused with 1009 before its payload arrives. Fragments are added up.", []tester{
			within("message as long as the limit", 10, fr(fin|text, "0123456789")).withEvents(msg("text", "0123456789")),
			within("fragments as long as the limit", 10, fr(text, "01234"), fr(cont, ""), fr(fin|cont, "56789")).withEvents(msg("text", "0123456789")),
			within("two messages as long as the limit", 10, fr(fin|text, "0123456789"), fr(text, "01234"), fr(fin|cont, "56789")).
				withEvents(msg("text", "0123456789"), msg("text", "0123456789")),
			within("ping longer than the limit", 10, fr(fin|ping, "0123456789AB")).withEvents(ctl("ping", "0123456789AB")),
			within("ping inside a fragmented message as long as the limit", 10, fr(text, "01234567"), fr(fin|ping, "0123456789AB"), fr(fin|cont, "89")).
				withEvents(ctl("ping", "0123456789AB"), msg("text", "0123456789")),
			beyond("frame with a byte more than the limit", 10, 0, headOf(fin|text, 11)),
			beyond("first fragment with a byte more than the limit", 10, 0, headOf(text, 11)),
			beyond("fragments with a byte more than the limit", 10, 0, fr(text, "01234"), headOf(fin|cont, 6)),
			beyond("third fragment beyond the limit", 10, 0, fr(text, "01234"), fr(cont, "56789"), headOf(cont, 1)),
			beyond("frame of 16-bit length beyond the limit", 10, 0, headOf(fin|bin, 1000)),
			beyond("frame of 64-bit length beyond the limit", 65536, 8, sized(fin|bin, 65537)),
			beyond("frame of 4 GiB", 65536, 8, sized(fin|bin, 1<<32)),
			beyond("frame of 63-bit length", 65536, 8, sized(fin|bin, 1<<63-1)),
			beyond("fragment of 63-bit length after another", 65536, 8, fr(bin, "0123456789"), sized(fin|cont, 1<<63-1)),
			beyond("frame beyond the default limit", 0, 8, sized(fin|bin, ws.DefaultMaxMessage+1)),
			beyond("fragment that exceeds the default limit", 0, 8, fr(bin, "x"), sized(fin|cont, ws.DefaultMaxMessage)),
			within("limit of one byte and an empty message", 1, fr(fin|bin, "")).withEvents(msg("binary", "")),
			beyond("limit of one byte and a message of two", 1, 0, headOf(fin|bin, 2)),
			within("incomplete message as long as the default limit", 0, sized(fin|bin, ws.DefaultMaxMessage)),
			within("incomplete message beyond the default limit without a limit", -1, sized(fin|bin, ws.DefaultMaxMessage+1)),
		}},
	}
}

// both joins two parts.
func both(a, b part) part { return func(r role) string { return a(r) + b(r) } }

// repeatAll repeats a list of events.
func repeatAll(n int, events ...string) (all []string) {
	for range n {
		all = append(all, events...)
	}
	return all
}

// headOf is the header of a frame with a short or 16-bit length. The payload is missing.
func headOf(first byte, n int) part {
	return func(r role) string {
		if n < 126 {
			return head(first, byte(n), "")(r) + maskOf(r)
		}
		return head(first, 126, string(binary.BigEndian.AppendUint16(nil, uint16(n))))(r) + maskOf(r)
	}
}

// within and beyond are rows with a limit. Zero is the default limit, -1 is no limit.
func within(name string, limit int, in ...part) row {
	return row{name: name, first: limited(limit), in: in}
}

func beyond(name string, limit, early int, in ...part) row {
	early += 4 // the masking key
	return row{name: name, first: limited(limit), in: in, early: early, code: ws.StatusMessageTooBig}
}

// limited sets the limit, unless n is 0.
func limited(n int) func(tc *testConn) {
	return func(tc *testConn) {
		if n != 0 {
			must(tc, ws.SetLimits(tc.conn, ws.Limits{Message: n}))
		}
	}
}

// sizeRows are messages of sizes around the limits of each form of the length.
func sizeRows() (rows []tester) {
	for _, n := range []int{0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 131072} {
		p := pattern(n)
		rows = append(rows,
			row{name: fmt.Sprintf("text of %d bytes", n), in: []part{fr(fin|text, p)}, events: []string{msg("text", p)}},
			row{name: fmt.Sprintf("binary of %d bytes", n), in: []part{fr(fin|bin, p)}, events: []string{msg("binary", p)}})
	}
	for _, x := range []struct {
		n    int
		only role // large messages take long with the race detector
	}{{256 << 10, ""}, {1 << 20, asClient}, {2 << 20, asServer}} {
		load := strings.Repeat("0123456789abcdef", x.n/16)
		rows = append(rows, row{name: fmt.Sprintf("binary of %d KiB", x.n>>10), only: x.only, in: []part{fr(fin|bin, load)}, big: true,
			events: []string{msg("binary", load)}})
	}
	return rows
}

// manyFragmentRows are messages in up to 1000 fragments.
func manyFragmentRows() (rows []tester) {
	for _, x := range []struct{ size, n int }{{1, 1000}, {64, 1000}, {125, 500}, {126, 500}, {1024, 100}, {16384, 16}} {
		p := pattern(x.size)
		rows = append(rows, row{name: fmt.Sprintf("%d fragments of %d bytes", x.n, x.size), big: x.n*x.size > 20_000,
			in:     []part{fr(bin, p), times(x.n-2, fr(cont, p)), fr(fin|cont, p)},
			events: []string{msg("binary", strings.Repeat(p, x.n))}})
	}
	return rows
}
