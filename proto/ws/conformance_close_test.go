package ws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// shut is a row of a peer's Close frame.
func shut(name, payload string, hears string) row {
	return row{name: name, in: []part{fr(fin|closs, payload)}, hears: []string{hears}, fate: closes}
}

func closeRules() []rule {
	late := func(name string, after ...part) row {
		return row{name: name + " after the Close frame", in: []part{fr(fin|closs, closing(1000, ""))}, after: after,
			hears: []string{`CTL close 1000 ""`}, fate: closes}
	}
	ours := func(name string, in ...part) row {
		return row{name: name, first: closeFirst(1000), in: in, sends: []string{`close 1000 ""`}}
	}
	hearing := func(c row, f fate, events ...string) row {
		c.hears, c.fate = events, f
		return c
	}
	return []rule{
		{"5.5.1", "A Close frame is answered by one with its code, and the connection ends.", []tester{
			shut("Close with code", closing(1000, ""), `CTL close 1000 ""`),
			shut("Close with code and reason", closing(1000, "bye"), `CTL close 1000 "bye"`),
			row{name: "Close behind a message", in: []part{fr(fin|text, "a"), fr(fin|closs, closing(1000, ""))}, hears: []string{msg("text", "a"), `CTL close 1000 ""`}, fate: closes},
			row{name: "Close behind a ping", in: []part{fr(fin|ping, "p"), fr(fin|closs, closing(1001, ""))}, hears: []string{ctl("ping", "p"), `CTL close 1001 ""`}, fate: closes},
			row{name: "Close behind a message of 200,000 bytes", in: []part{fr(fin|bin, pattern(200_000)), fr(fin|closs, closing(1000, ""))},
				hears: []string{msg("binary", pattern(200_000)), `CTL close 1000 ""`}, fate: closes},
		}},
		{"5.5.1", "What follows a Close frame is not looked at.", []tester{
			late("text message", fr(fin|text, "late")), late("ping", fr(fin|ping, "late")), late("pong", fr(fin|pong, "late")),
			late("second Close", fr(fin|closs, closing(1001, ""))), late("malformed frame", raw("\xff\xff\xff\xff")), late("half of a frame", raw("\x81")),
			late("text that is not UTF-8", fr(fin|text, "\xff")), late("fragment", fr(text, "a")), late("large message", fr(fin|bin, pattern(20_000))),
		}},
		{"5.5.1", "A Close frame's payload is empty, or a code and a reason in UTF-8.", closePayloadRows()},
		{"7.1.5", "A Close frame without a code means 1005, which is never sent.", []tester{
			shut("Close without payload", "", `CTL close 1005 ""`),
		}},
		{"7.1.6", "The reason is handed on as it is.", []tester{
			shut("reason in UTF-8", closing(1000, "Tschüß €"), `CTL close 1000 "Tschüß €"`),
			shut("reason of 122 bytes", closing(1000, pattern(122)), "CTL close 1000 "+brief(pattern(122))),
			shut("reason of 123 bytes", closing(1000, pattern(123)), "CTL close 1000 "+brief(pattern(123))),
		}},
		{"7.1.2", "If our Close frame came first, the peer's ends the connection and is not answered again.", []tester{
			hearing(ours("our Close, then the peer's", fr(fin|closs, closing(1000, ""))), closes, `CTL close 1000 ""`),
			hearing(ours("our Close, then another code", fr(fin|closs, closing(4001, "x"))), closes, `CTL close 4001 "x"`),
			hearing(ours("our Close, then one without code", fr(fin|closs, "")), closes, `CTL close 1005 ""`),
			hearing(ours("our Close, then a message, then the peer's", fr(fin|text, "still"), fr(fin|closs, closing(1000, ""))), closes, msg("text", "still"), `CTL close 1000 ""`),
			hearing(ours("our Close, then a pong", fr(fin|pong, "p")), stays, ctl("pong", "p")),
			hearing(ours("our Close, then fragments", fr(text, "a"), fr(fin|cont, "b")), stays, msg("text", "ab")),
			hearing(ours("our Close, then the stream ends"), leaves),
			hearing(ours("our Close, then the stream ends in a frame", raw("\x82")), breaks),
		}},
		{"7.1.7", "A violation after our Close frame fails the connection without another one.", []tester{
			row{name: "our Close, then a reserved bit", first: closeFirst(1000), in: []part{fr(fin|rsv1|text, "x")}, at: 1, code: ws.CloseProtocolError, sends: []string{`close 1000 ""`}},
			row{name: "our Close, then a bad code", first: closeFirst(1000), in: []part{fr(fin|closs, closing(1005, ""))}, early: 1, code: ws.CloseProtocolError, sends: []string{`close 1000 ""`}},
			row{name: "our Close, then text that is not UTF-8", first: closeFirst(1000), in: []part{fr(fin|text, "\xff")}, code: ws.CloseInvalidData, sends: []string{`close 1000 ""`}},
		}},
		{"7.1.7", "What follows a violation is not looked at.", []tester{
			row{name: "message after a violation", in: []part{fr(fin|0x3, "")}, at: 1, after: []part{fr(fin|text, "late"), fr(fin|ping, "late")}, code: ws.CloseProtocolError},
			row{name: "Close after a violation", in: []part{fr(fin|text, "\xff")}, after: []part{fr(fin|closs, closing(1000, ""))}, code: ws.CloseInvalidData},
			row{name: "second violation", in: []part{fr(fin|text, "\xff")}, after: []part{fr(fin|0x3, "")}, code: ws.CloseInvalidData},
		}},
		{"7.2.1", "The end of the stream between messages is an end without a Close frame.", []tester{
			row{name: "stream ends at once", fate: leaves},
			row{name: "stream ends behind a message", in: []part{fr(fin|text, "a")}, hears: []string{msg("text", "a")}, fate: leaves},
			row{name: "stream ends behind a ping", in: []part{fr(fin|ping, "p")}, hears: []string{ctl("ping", "p")}, fate: leaves},
		}},
		{"7.4.1", "Codes that are defined may be received.", codeRows(true, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)},
		{"7.4.1", "Codes that are reserved, or only for use inside a program, are refused.", codeRows(false, 1004, 1005, 1006, 1015)},
		{"7.4.2", "Codes for libraries (3000 to 3999) and programs (4000 to 4999) may be received.", codeRows(true, 3000, 3001, 3999, 4000, 4001, 4999)},
		{"7.4.2", "Codes in no range, and those that nobody has registered, are refused.",
			codeRows(false, 0, 1, 255, 256, 999, 1016, 1099, 1100, 1999, 2000, 2001, 2999, 5000, 5001, 32768, 65535)},
	}
}

func codeRows(good bool, codes ...int) (rows []tester) {
	for _, code := range codes {
		name := fmt.Sprintf("code %d", code)
		if good {
			rows = append(rows, shut(name, closing(code, ""), fmt.Sprintf(`CTL close %d ""`, code)))
			continue
		}
		c := row{name: name, in: []part{fr(fin|closs, closing(code, ""))}, code: ws.CloseProtocolError}
		c.early = 1 // the high byte may be enough
		rows = append(rows, c)
		c.name, c.in, c.of = name+", the reason still to come", []part{fr(fin|closs, closing(code, "reason"))}, 2
		rows = append(rows, c)
	}
	return rows
}

func closePayloadRows() (rows []tester) {
	one := row{name: "Close of one byte", in: []part{fr(fin|closs, "\x03")}, at: 2, code: ws.CloseProtocolError}
	inside := row{name: "Close of one byte inside a fragmented message", in: []part{fr(text, "a"), fr(fin|closs, "\x03")}, at: 2, code: ws.CloseProtocolError}
	rows = append(rows, one, inside)
	for _, x := range []struct{ name, reason string }{
		{"lone continuation byte", "\x80"}, {"rune cut short", "bye \xe2\x82"}, {"overlong", "\xc0\xaf"}, {"surrogate", "\xed\xa0\x80"},
		{"beyond U+10FFFF", "\xf4\x90\x80\x80"}, {"FF", "\xff"}, {"bad byte among good ones", "Grüße \xfe bye"}, {"123 bytes, the last one bad", strings.Repeat("x", 122) + "\xff"},
	} {
		rows = append(rows, row{name: "reason with " + x.name, in: []part{fr(fin|closs, closing(1000, x.reason))}, early: len(x.reason), code: ws.CloseInvalidData})
	}
	return rows
}

// endRules are about who ends the TCP connection.
func endRules() []rule {
	return []rule{
		{"7.1.1", "The server ends the stream first, and does not wait for the client.", []tester{
			deed{"server ends after the Close frames", asServer, func(t *testing.T, w *world, r role) {
				e := w.open(r, echoing)
				e.feed(e.frame(fin|closs, closing(1000, "")))
				await(t, w.m, "end of stream", e.p.ended)
				e.gets("Close", []string{`close 1000 ""`})
				e.ends()
			}},
			deed{"server ends after its own Close was answered", asServer, func(t *testing.T, w *world, r role) {
				e := w.open(r, echoing)
				must(t, ws.Close(e.c, 1000, ""))
				spin(t, w.m)
				if e.p.ended() {
					t.Fatal("ended before the client's Close frame")
				}
				e.feed(e.frame(fin|closs, closing(1000, "")))
				await(t, w.m, "end of stream", e.p.ended)
				e.ends()
			}},
		}},
		{"7.1.1", "A client that has exchanged Close frames lets the server end the stream.", []tester{
			deed{"client waits after answering", asClient, func(t *testing.T, w *world, r role) {
				e := w.open(r, echoing)
				e.feed(e.frame(fin|closs, closing(1000, "")))
				e.gets("Close", []string{`close 1000 ""`})
				waits(t, e)
			}},
			deed{"client waits after it was answered", asClient, func(t *testing.T, w *world, r role) {
				e := w.open(r, echoing)
				must(t, ws.Close(e.c, 1000, ""))
				e.gets("Close", []string{`close 1000 ""`})
				e.feed(e.frame(fin|closs, closing(1000, "")))
				waits(t, e)
			}},
		}},
		{"7.1.7", "A connection that failed is ended by us, and what we sent arrives.", []tester{
			deed{"last words arrive", "", func(t *testing.T, w *world, r role) {
				e := w.open(r, echoing)
				e.feed(e.frame(fin|text, "a") + e.frame(fin|0x3, "") + strings.Repeat(e.frame(fin|text, "late"), 1000))
				e.gets("Close", []string{`text "a"`, `close 1002 ""`})
				e.ends()
			}},
		}},
	}
}

// waits sees that a client leaves the end of the stream to the server.
func waits(t *testing.T, e *end) {
	t.Helper()
	spin(t, e.m)
	if e.p.ended() {
		t.Fatal("the client ended the stream first")
	}
	e.p.shutdown()
	await(t, e.m, "CLOSE", func() bool { return e.rec.closed })
	if e.rec.err != nil {
		t.Errorf("error %v", e.rec.err)
	}
}
