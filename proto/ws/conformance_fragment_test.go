package ws_test

import (
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/ws"
)

// fragmentRules are about fragments and the sizes of control frames.
func fragmentRules() []rule {
	return []rule{
		{"5.4", "The fragments of a message are joined in order. The first one has the type.", []tester{
			row{name: "text in two fragments", in: []part{fr(text, "ab"), fr(fin|cont, "cd")}, events: []string{msg("text", "abcd")}},
			row{name: "binary in two fragments", in: []part{fr(bin, "a\xff"), fr(fin|cont, "\xfe")}, events: []string{msg("binary", "a\xff\xfe")}},
			row{name: "text in three fragments", in: []part{fr(text, "ab"), fr(cont, "cd"), fr(fin|cont, "ef")}, events: []string{msg("text", "abcdef")}},
			row{name: "text in fragments of a byte", in: []part{fr(text, "H"), fr(cont, "a"), fr(cont, "l"), fr(cont, "l"), fr(fin|cont, "o")}, events: []string{msg("text", "Hallo")}},
			row{name: "empty first fragment", in: []part{fr(text, ""), fr(fin|cont, "x")}, events: []string{msg("text", "x")}},
			row{name: "empty middle fragment", in: []part{fr(text, "a"), fr(cont, ""), fr(fin|cont, "x")}, events: []string{msg("text", "ax")}},
			row{name: "empty last fragment", in: []part{fr(text, "a"), fr(fin|cont, "")}, events: []string{msg("text", "a")}},
			row{name: "empty fragments only", in: []part{fr(text, ""), fr(cont, ""), fr(fin|cont, "")}, events: []string{msg("text", "")}},
			row{name: "empty binary fragments only", in: []part{fr(bin, ""), fr(fin|cont, "")}, events: []string{msg("binary", "")}},
			row{name: "100 fragments of a byte", in: []part{fr(bin, ""), times(100, fr(cont, "z")), fr(fin|cont, "!")}, events: []string{msg("binary", strings.Repeat("z", 100)+"!")}},
			row{name: "fragments of all length forms", in: []part{fr(text, pattern(125)), fr(cont, pattern(126)), fr(cont, pattern(65535)), fr(fin|cont, pattern(65536))},
				events: []string{msg("text", pattern(125)+pattern(126)+pattern(65535)+pattern(65536))}},
			row{name: "two fragmented messages", in: []part{fr(text, "a"), fr(fin|cont, "b"), fr(bin, "c"), fr(fin|cont, "d")},
				events: []string{msg("text", "ab"), msg("binary", "cd")}},
			row{name: "whole message after a fragmented one", in: []part{fr(text, "a"), fr(fin|cont, "b"), fr(fin|bin, "c")},
				events: []string{msg("text", "ab"), msg("binary", "c")}},
			row{name: "message that never ends", in: []part{fr(text, "a"), fr(cont, "b")}},
			row{name: "stream ends in a fragmented message", in: []part{fr(text, "a"), fr(cont, "b")}, fate: breaks},
		}},
		{"5.4", "Control frames may come between fragments. They are handled at once.", []tester{
			row{name: "ping between fragments", in: []part{fr(text, "a"), fr(fin|ping, "p"), fr(fin|cont, "b")}, events: []string{ctl("ping", "p"), msg("text", "ab")}},
			row{name: "pong between fragments", in: []part{fr(text, "a"), fr(fin|pong, "p"), fr(fin|cont, "b")}, events: []string{ctl("pong", "p"), msg("text", "ab")}},
			row{name: "ping before the last fragment comes", in: []part{fr(text, "a"), fr(fin|ping, "p")}, events: []string{ctl("ping", "p")}},
			row{name: "ping between all fragments", in: []part{fr(bin, "1"), fr(fin|ping, "a"), fr(cont, "2"), fr(fin|ping, "b"), fr(cont, "3"), fr(fin|ping, "c"), fr(fin|cont, "4")},
				events: []string{ctl("ping", "a"), ctl("ping", "b"), ctl("ping", "c"), msg("binary", "1234")}},
			row{name: "ten pings between two fragments", in: []part{fr(text, "a"), times(10, fr(fin|ping, "p")), fr(fin|cont, "b")},
				events: append(repeatAll(10, ctl("ping", "p")), msg("text", "ab"))},
			row{name: "ping between the bytes of a rune", in: []part{fr(text, "\xe2"), fr(fin|ping, "\xff"), fr(cont, "\x82"), fr(fin|ping, "\xac"), fr(fin|cont, "\xac")},
				events: []string{ctl("ping", "\xff"), ctl("ping", "\xac"), msg("text", "€")}},
			row{name: "Close between fragments", in: []part{fr(text, "a"), fr(fin|opClose, closePayload(1001, ""))}, after: []part{fr(fin|cont, "b")},
				events: []string{`CTL close 1001 ""`}, fate: closes},
			row{name: "ping inside a rune, then a bad byte", in: []part{fr(text, "\xe2"), fr(fin|ping, ""), fr(fin|cont, "\x82\x41")}, of: 2,
				events: []string{ctl("ping", "")}, code: ws.StatusInvalidFramePayloadData},
		}},
		{"5.4", "A continuation frame without a fragmented message fails the connection.", []tester{
			refused("continuation at the beginning", 1, fr(fin|cont, "x")),
			refused("continuation at the beginning, not final", 1, fr(cont, "x")),
			refused("empty continuation at the beginning", 1, fr(fin|cont, "")),
			refused("continuation after a whole message", 1, fr(fin|text, "a"), fr(fin|cont, "b")).withEvents(msg("text", "a")),
			refused("continuation not final after a whole message", 1, fr(fin|bin, "a"), fr(cont, "b")).withEvents(msg("binary", "a")),
			refused("continuation after a fragmented message", 1, fr(text, "a"), fr(fin|cont, "b"), fr(fin|cont, "c")).withEvents(msg("text", "ab")),
			refused("continuation not final after a fragmented message", 1, fr(text, "a"), fr(fin|cont, "b"), fr(cont, "c")).withEvents(msg("text", "ab")),
			refused("continuation after a ping", 1, fr(fin|ping, "p"), fr(fin|cont, "c")).withEvents(ctl("ping", "p")),
		}},
		{"5.4", "The fragments of two messages must not be mixed.", interleavedRows()},
		{"5.5", "A fragmented control frame fails the connection.", []tester{
			refused("Close not final", 1, fr(opClose, closePayload(1000, ""))),
			refused("ping not final", 1, fr(ping, "a")),
			refused("pong not final", 1, fr(pong, "a")),
			refused("empty ping not final", 1, fr(ping, "")),
			refused("ping not final inside a fragmented message", 1, fr(text, "a"), fr(ping, "b")),
			refused("Close not final inside a fragmented message", 1, fr(text, "a"), fr(opClose, "")),
			refused("ping not final after a message", 1, fr(fin|text, "a"), fr(ping, "b")).withEvents(msg("text", "a")),
		}},
		{"5.5", "A control frame with more than 125 bytes of payload fails the connection.", controlSizeRows()},
	}
}

// interleavedRows are data frames inside a fragmented message.
func interleavedRows() (rows []tester) {
	for _, first := range []byte{text, bin} {
		for _, second := range []byte{fin | text, fin | bin, text, bin} {
			a, b := ws.OpName(ws.OpCode(first)), ws.OpName(ws.OpCode(second&0xf))
			name := fmt.Sprintf("%s frame in a fragmented %s message", b, a)
			if second&fin == 0 {
				name = "first fragment of a " + name[:strings.Index(name, " frame")] + " message in a fragmented " + a + " message"
			}
			rows = append(rows, refused(name, 1, fr(first, "a"), fr(second, "b")))
		}
	}
	return append(rows,
		refused("data frame in a fragmented message after a ping", 1, fr(bin, "a"), fr(fin|ping, ""), fr(fin|bin, "b")).withEvents(ctl("ping", "")),
		refused("data frame after the second fragment", 1, fr(bin, "a"), fr(cont, "b"), fr(fin|bin, "c")))
}

// controlSizeRows are control frames of allowed and of larger sizes.
func controlSizeRows() (rows []tester) {
	for _, n := range []int{0, 1, 124, 125} {
		p := pattern(n)
		rows = append(rows,
			row{name: fmt.Sprintf("ping of %d bytes", n), in: []part{fr(fin|ping, p)}, events: []string{ctl("ping", p)}},
			row{name: fmt.Sprintf("pong of %d bytes", n), in: []part{fr(fin|pong, p)}, events: []string{ctl("pong", p)}})
	}
	for _, k := range []struct {
		name string
		op   byte
	}{{"Close", opClose}, {"ping", ping}, {"pong", pong}} {
		p := closePayload(1000, pattern(124))
		rows = append(rows,
			refused(k.name+" of 126 bytes", 2, fr(fin|k.op, p)),
			refused(k.name+" of 65536 bytes", 2, fr(fin|k.op, closePayload(1000, pattern(65534)))),
			refused(k.name+" of 2 bytes with 16-bit length", 2, wide(fin|k.op, 2, p[:2])),
			refused(k.name+" of 2 bytes with 64-bit length", 2, wide(fin|k.op, 8, p[:2])),
			refused(k.name+" of 126 bytes inside a fragmented message", 2, fr(text, "a"), fr(fin|k.op, p)))
	}
	return rows
}

// controlRules are about pings and pongs.
func controlRules() []rule {
	return []rule{
		{"5.5.2", "A ping is answered by a pong with the same payload.", []tester{
			row{name: "ping without payload", in: []part{fr(fin|ping, "")}, events: []string{ctl("ping", "")}},
			row{name: "ping with text", in: []part{fr(fin|ping, "Hallo")}, events: []string{ctl("ping", "Hallo")}},
			row{name: "ping with bytes that are not UTF-8", in: []part{fr(fin|ping, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}, events: []string{ctl("ping", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}},
			row{name: "ten pings in a row", in: []part{times(10, fr(fin|ping, "payload"))}, events: repeatAll(10, ctl("ping", "payload"))},
			row{name: "ten different pings", in: []part{fr(fin|ping, "0"), fr(fin|ping, "1"), fr(fin|ping, "2"), fr(fin|ping, "3"), fr(fin|ping, "4"), fr(fin|ping, "5"), fr(fin|ping, "6"), fr(fin|ping, "7"), fr(fin|ping, "8"), fr(fin|ping, "9")},
				events: []string{ctl("ping", "0"), ctl("ping", "1"), ctl("ping", "2"), ctl("ping", "3"), ctl("ping", "4"), ctl("ping", "5"), ctl("ping", "6"), ctl("ping", "7"), ctl("ping", "8"), ctl("ping", "9")}},
			row{name: "ping between messages", in: []part{fr(fin|text, "a"), fr(fin|ping, "p"), fr(fin|text, "b")}, events: []string{msg("text", "a"), ctl("ping", "p"), msg("text", "b")}},
			row{name: "ping after our Close frame, before the peer's", first: closeFirst(1000), in: []part{fr(fin|ping, "p")},
				events: []string{ctl("ping", "p")}, sends: []string{`close 1000 ""`, `pong "p"`}},
		}},
		{"5.5.3", "A pong is never answered, also if no ping was sent.", []tester{
			row{name: "unsolicited pong", in: []part{fr(fin|pong, "")}, events: []string{ctl("pong", "")}},
			row{name: "unsolicited pong with payload", in: []part{fr(fin|pong, "unasked")}, events: []string{ctl("pong", "unasked")}},
			row{name: "ten unsolicited pongs", in: []part{times(10, fr(fin|pong, "p"))}, events: repeatAll(10, ctl("pong", "p"))},
			row{name: "unsolicited pong, then a ping", in: []part{fr(fin|pong, "unasked"), fr(fin|ping, "p")}, events: []string{ctl("pong", "unasked"), ctl("ping", "p")}},
			row{name: "pong to a ping of ours", first: pingFirst("mine"), in: []part{fr(fin|pong, "mine")}, events: []string{ctl("pong", "mine")}, sends: []string{`ping "mine"`}},
			row{name: "pong with another payload than our ping", first: pingFirst("mine"), in: []part{fr(fin|pong, "other")}, events: []string{ctl("pong", "other")}, sends: []string{`ping "mine"`}},
		}},
	}
}

// pingFirst and closeFirst send a frame before the input.
func pingFirst(payload string) func(tc *testConn) {
	return func(tc *testConn) { must(tc, ws.Send(tc.conn, []byte(payload), ws.OpPing)) }
}

func closeFirst(code ws.StatusCode) func(tc *testConn) {
	return func(tc *testConn) { must(tc, ws.Close(tc.conn, code, "")) }
}
