package ws_test

import (
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/ws"
)

func fragmentRules() []rule {
	return []rule{
		{"5.4", "The fragments of a message make one message, of the first one's type, in their order.", []tester{
			row{name: "text in two fragments", in: []part{fr(text, "ab"), fr(fin|cont, "cd")}, hears: []string{msg("text", "abcd")}},
			row{name: "binary in two fragments", in: []part{fr(bin, "a\xff"), fr(fin|cont, "\xfe")}, hears: []string{msg("binary", "a\xff\xfe")}},
			row{name: "text in three fragments", in: []part{fr(text, "ab"), fr(cont, "cd"), fr(fin|cont, "ef")}, hears: []string{msg("text", "abcdef")}},
			row{name: "text a byte at a time", in: []part{fr(text, "H"), fr(cont, "a"), fr(cont, "l"), fr(cont, "l"), fr(fin|cont, "o")}, hears: []string{msg("text", "Hallo")}},
			row{name: "empty first fragment", in: []part{fr(text, ""), fr(fin|cont, "x")}, hears: []string{msg("text", "x")}},
			row{name: "empty middle fragment", in: []part{fr(text, "a"), fr(cont, ""), fr(fin|cont, "x")}, hears: []string{msg("text", "ax")}},
			row{name: "empty last fragment", in: []part{fr(text, "a"), fr(fin|cont, "")}, hears: []string{msg("text", "a")}},
			row{name: "empty fragments only", in: []part{fr(text, ""), fr(cont, ""), fr(fin|cont, "")}, hears: []string{msg("text", "")}},
			row{name: "empty binary fragments only", in: []part{fr(bin, ""), fr(fin|cont, "")}, hears: []string{msg("binary", "")}},
			row{name: "100 fragments of a byte", in: []part{fr(bin, ""), times(100, fr(cont, "z")), fr(fin|cont, "!")}, hears: []string{msg("binary", strings.Repeat("z", 100)+"!")}},
			row{name: "fragments of all length forms", in: []part{fr(text, pattern(125)), fr(cont, pattern(126)), fr(cont, pattern(65535)), fr(fin|cont, pattern(65536))},
				hears: []string{msg("text", pattern(125)+pattern(126)+pattern(65535)+pattern(65536))}},
			row{name: "two fragmented messages", in: []part{fr(text, "a"), fr(fin|cont, "b"), fr(bin, "c"), fr(fin|cont, "d")},
				hears: []string{msg("text", "ab"), msg("binary", "cd")}},
			row{name: "whole message behind a fragmented one", in: []part{fr(text, "a"), fr(fin|cont, "b"), fr(fin|bin, "c")},
				hears: []string{msg("text", "ab"), msg("binary", "c")}},
			row{name: "message that never ends", in: []part{fr(text, "a"), fr(cont, "b")}},
			row{name: "stream ends in a fragmented message", in: []part{fr(text, "a"), fr(cont, "b")}, fate: breaks},
		}},
		{"5.4", "Control frames may come between fragments and are dealt with at once.", []tester{
			row{name: "ping between fragments", in: []part{fr(text, "a"), fr(fin|ping, "p"), fr(fin|cont, "b")}, hears: []string{ctl("ping", "p"), msg("text", "ab")}},
			row{name: "pong between fragments", in: []part{fr(text, "a"), fr(fin|pong, "p"), fr(fin|cont, "b")}, hears: []string{ctl("pong", "p"), msg("text", "ab")}},
			row{name: "ping before the last fragment comes", in: []part{fr(text, "a"), fr(fin|ping, "p")}, hears: []string{ctl("ping", "p")}},
			row{name: "ping between all fragments", in: []part{fr(bin, "1"), fr(fin|ping, "a"), fr(cont, "2"), fr(fin|ping, "b"), fr(cont, "3"), fr(fin|ping, "c"), fr(fin|cont, "4")},
				hears: []string{ctl("ping", "a"), ctl("ping", "b"), ctl("ping", "c"), msg("binary", "1234")}},
			row{name: "ten pings between two fragments", in: []part{fr(text, "a"), times(10, fr(fin|ping, "p")), fr(fin|cont, "b")},
				hears: append(repeatAll(10, ctl("ping", "p")), msg("text", "ab"))},
			row{name: "ping between the bytes of a rune", in: []part{fr(text, "\xe2"), fr(fin|ping, "\xff"), fr(cont, "\x82"), fr(fin|ping, "\xac"), fr(fin|cont, "\xac")},
				hears: []string{ctl("ping", "\xff"), ctl("ping", "\xac"), msg("text", "€")}},
			row{name: "Close between fragments", in: []part{fr(text, "a"), fr(fin|closs, closing(1001, ""))}, after: []part{fr(fin|cont, "b")},
				hears: []string{`CTL close 1001 ""`}, fate: closes},
			row{name: "ping in mid-rune and a bad byte", in: []part{fr(text, "\xe2"), fr(fin|ping, ""), fr(fin|cont, "\x82\x41")}, of: 2,
				hears: []string{ctl("ping", "")}, code: ws.CloseInvalidData},
		}},
		{"5.4", "A continuation continues something.", []tester{
			refused("continuation at the beginning", 1, fr(fin|cont, "x")),
			refused("continuation at the beginning, not final", 1, fr(cont, "x")),
			refused("empty continuation at the beginning", 1, fr(fin|cont, "")),
			refused("continuation behind a whole message", 1, fr(fin|text, "a"), fr(fin|cont, "b")).hearing(msg("text", "a")),
			refused("continuation not final behind a whole message", 1, fr(fin|bin, "a"), fr(cont, "b")).hearing(msg("binary", "a")),
			refused("continuation behind a fragmented message", 1, fr(text, "a"), fr(fin|cont, "b"), fr(fin|cont, "c")).hearing(msg("text", "ab")),
			refused("continuation not final behind a fragmented message", 1, fr(text, "a"), fr(fin|cont, "b"), fr(cont, "c")).hearing(msg("text", "ab")),
			refused("continuation behind a ping", 1, fr(fin|ping, "p"), fr(fin|cont, "c")).hearing(ctl("ping", "p")),
		}},
		{"5.4", "The fragments of one message are not mixed with those of another.", interleavedRows()},
		{"5.5", "Control frames are not fragmented.", []tester{
			refused("Close not final", 1, fr(closs, closing(1000, ""))),
			refused("ping not final", 1, fr(ping, "a")),
			refused("pong not final", 1, fr(pong, "a")),
			refused("empty ping not final", 1, fr(ping, "")),
			refused("ping not final inside a fragmented message", 1, fr(text, "a"), fr(ping, "b")),
			refused("Close not final inside a fragmented message", 1, fr(text, "a"), fr(closs, "")),
			refused("ping not final behind a message", 1, fr(fin|text, "a"), fr(ping, "b")).hearing(msg("text", "a")),
		}},
		{"5.5", "The payload of a control frame is 125 bytes at most.", controlSizeRows()},
	}
}

func interleavedRows() (rows []tester) {
	for _, first := range []byte{text, bin} {
		for _, second := range []byte{fin | text, fin | bin, text, bin} {
			a, b := ws.OpCode(first), ws.OpCode(second&0xf)
			name := fmt.Sprintf("%s frame in a fragmented %s message", b, a)
			if second&fin == 0 {
				name = "first fragment of a " + name[:strings.Index(name, " frame")] + " message in a fragmented " + a.String() + " message"
			}
			rows = append(rows, refused(name, 1, fr(first, "a"), fr(second, "b")))
		}
	}
	return append(rows,
		refused("data frame in a fragmented message behind a ping", 1, fr(bin, "a"), fr(fin|ping, ""), fr(fin|bin, "b")).hearing(ctl("ping", "")),
		refused("data frame behind the second fragment", 1, fr(bin, "a"), fr(cont, "b"), fr(fin|bin, "c")))
}

func controlSizeRows() (rows []tester) {
	for _, n := range []int{0, 1, 124, 125} {
		p := pattern(n)
		rows = append(rows,
			row{name: fmt.Sprintf("ping of %d bytes", n), in: []part{fr(fin|ping, p)}, hears: []string{ctl("ping", p)}},
			row{name: fmt.Sprintf("pong of %d bytes", n), in: []part{fr(fin|pong, p)}, hears: []string{ctl("pong", p)}})
	}
	for _, k := range []struct {
		name string
		op   byte
	}{{"Close", closs}, {"ping", ping}, {"pong", pong}} {
		p := closing(1000, pattern(124))
		rows = append(rows,
			refused(k.name+" of 126 bytes", 2, fr(fin|k.op, p)),
			refused(k.name+" of 65536 bytes", 2, fr(fin|k.op, closing(1000, pattern(65534)))),
			refused(k.name+" of 2 bytes with 16-bit length", 2, wide(fin|k.op, 2, p[:2])),
			refused(k.name+" of 2 bytes with 64-bit length", 2, wide(fin|k.op, 8, p[:2])),
			refused(k.name+" of 126 bytes inside a fragmented message", 2, fr(text, "a"), fr(fin|k.op, p)))
	}
	return rows
}

func controlRules() []rule {
	return []rule{
		{"5.5.2", "A ping is answered by a pong with the same payload.", []tester{
			row{name: "ping without payload", in: []part{fr(fin|ping, "")}, hears: []string{ctl("ping", "")}},
			row{name: "ping with text", in: []part{fr(fin|ping, "Hallo")}, hears: []string{ctl("ping", "Hallo")}},
			row{name: "ping with bytes that are no text", in: []part{fr(fin|ping, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}, hears: []string{ctl("ping", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}},
			row{name: "ten pings in a row", in: []part{times(10, fr(fin|ping, "payload"))}, hears: repeatAll(10, ctl("ping", "payload"))},
			row{name: "ten different pings", in: []part{fr(fin|ping, "0"), fr(fin|ping, "1"), fr(fin|ping, "2"), fr(fin|ping, "3"), fr(fin|ping, "4"), fr(fin|ping, "5"), fr(fin|ping, "6"), fr(fin|ping, "7"), fr(fin|ping, "8"), fr(fin|ping, "9")},
				hears: []string{ctl("ping", "0"), ctl("ping", "1"), ctl("ping", "2"), ctl("ping", "3"), ctl("ping", "4"), ctl("ping", "5"), ctl("ping", "6"), ctl("ping", "7"), ctl("ping", "8"), ctl("ping", "9")}},
			row{name: "ping between messages", in: []part{fr(fin|text, "a"), fr(fin|ping, "p"), fr(fin|text, "b")}, hears: []string{msg("text", "a"), ctl("ping", "p"), msg("text", "b")}},
			row{name: "ping after our Close frame, before the peer's", first: closeFirst(1000), in: []part{fr(fin|ping, "p")},
				hears: []string{ctl("ping", "p")}, sends: []string{`close 1000 ""`, `pong "p"`}},
		}},
		{"5.5.3", "A pong that nobody asked for is not answered.", []tester{
			row{name: "unasked pong", in: []part{fr(fin|pong, "")}, hears: []string{ctl("pong", "")}},
			row{name: "unasked pong with payload", in: []part{fr(fin|pong, "unasked")}, hears: []string{ctl("pong", "unasked")}},
			row{name: "ten unasked pongs", in: []part{times(10, fr(fin|pong, "p"))}, hears: repeatAll(10, ctl("pong", "p"))},
			row{name: "unasked pong, then a ping", in: []part{fr(fin|pong, "unasked"), fr(fin|ping, "p")}, hears: []string{ctl("pong", "unasked"), ctl("ping", "p")}},
			row{name: "pong to a ping of ours", first: pingFirst("mine"), in: []part{fr(fin|pong, "mine")}, hears: []string{ctl("pong", "mine")}, sends: []string{`ping "mine"`}},
			row{name: "pong with another payload than our ping", first: pingFirst("mine"), in: []part{fr(fin|pong, "other")}, hears: []string{ctl("pong", "other")}, sends: []string{`ping "mine"`}},
		}},
	}
}

func pingFirst(payload string) func(e *end) {
	return func(e *end) { must(e, ws.Send(e.c, []byte(payload), ws.OpPing)) }
}

func closeFirst(code ws.CloseCode) func(e *end) {
	return func(e *end) { must(e, ws.Close(e.c, code, "")) }
}
