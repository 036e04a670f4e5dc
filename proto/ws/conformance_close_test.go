package ws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// peerCloses is a row in which the peer sends a Close frame.
func peerCloses(name, payload string, event string) row {
	return row{name: name, in: []part{fr(fin|opClose, payload)}, events: []string{event}, fate: closes}
}

// closeRules are about Close frames and the end of the stream.
func closeRules() []rule {
	late := func(name string, after ...part) row {
		return row{name: name + " after the Close frame", in: []part{fr(fin|opClose, closePayload(1000, ""))}, after: after,
			events: []string{`CTL close 1000 ""`}, fate: closes}
	}
	ours := func(name string, in ...part) row {
		return row{name: name, first: closeFirst(1000), in: in, sends: []string{`close 1000 ""`}}
	}
	withEvents := func(c row, f fate, events ...string) row {
		c.events, c.fate = events, f
		return c
	}
	return []rule{
		{"5.5.1", "A Close frame is answered with a Close frame that has the same code. Then the connection closes.", []tester{
			peerCloses("Close with code", closePayload(1000, ""), `CTL close 1000 ""`),
			peerCloses("Close with code and reason", closePayload(1000, "bye"), `CTL close 1000 "bye"`),
			row{name: "Close after a message", in: []part{fr(fin|text, "a"), fr(fin|opClose, closePayload(1000, ""))}, events: []string{msg("text", "a"), `CTL close 1000 ""`}, fate: closes},
			row{name: "Close after a ping", in: []part{fr(fin|ping, "p"), fr(fin|opClose, closePayload(1001, ""))}, events: []string{ctl("ping", "p"), `CTL close 1001 ""`}, fate: closes},
			row{name: "Close after a message of 200,000 bytes", in: []part{fr(fin|bin, pattern(200_000)), fr(fin|opClose, closePayload(1000, ""))},
				events: []string{msg("binary", pattern(200_000)), `CTL close 1000 ""`}, fate: closes},
		}},
		{"5.5.1", "Bytes after a Close frame are ignored.", []tester{
			late("text message", fr(fin|text, "late")), late("ping", fr(fin|ping, "late")), late("pong", fr(fin|pong, "late")),
			late("second Close", fr(fin|opClose, closePayload(1001, ""))), late("malformed frame", raw("\xff\xff\xff\xff")), late("half of a frame", raw("\x81")),
			late("text that is not UTF-8", fr(fin|text, "\xff")), late("fragment", fr(text, "a")), late("large message", fr(fin|bin, pattern(20_000))),
		}},
		{"5.5.1", "The payload of a Close frame is empty, or it is a code and a reason in UTF-8.", closePayloadRows()},
		{"7.1.5", "A Close frame without a code is reported as 1005. The code 1005 is never sent.", []tester{
			peerCloses("Close without payload", "", `CTL close 1005 ""`),
		}},
		{"7.1.6", "The reason is delivered unchanged.", []tester{
			peerCloses("reason in UTF-8", closePayload(1000, "Tschüß €"), `CTL close 1000 "Tschüß €"`),
			peerCloses("reason of 122 bytes", closePayload(1000, pattern(122)), "CTL close 1000 "+brief(pattern(122))),
			peerCloses("reason of 123 bytes", closePayload(1000, pattern(123)), "CTL close 1000 "+brief(pattern(123))),
		}},
		{"7.1.2", "If our Close frame was sent first, the peer's Close frame ends the connection and is not answered.", []tester{
			withEvents(ours("our Close, then the peer's", fr(fin|opClose, closePayload(1000, ""))), closes, `CTL close 1000 ""`),
			withEvents(ours("our Close, then another code", fr(fin|opClose, closePayload(4001, "x"))), closes, `CTL close 4001 "x"`),
			withEvents(ours("our Close, then one without code", fr(fin|opClose, "")), closes, `CTL close 1005 ""`),
			withEvents(ours("our Close, then a message, then the peer's", fr(fin|text, "still"), fr(fin|opClose, closePayload(1000, ""))), closes, msg("text", "still"), `CTL close 1000 ""`),
			withEvents(ours("our Close, then a pong", fr(fin|pong, "p")), stays, ctl("pong", "p")),
			withEvents(ours("our Close, then fragments", fr(text, "a"), fr(fin|cont, "b")), stays, msg("text", "ab")),
			withEvents(ours("our Close, then the stream ends"), leaves),
			withEvents(ours("our Close, then the stream ends in a frame", raw("\x82")), breaks),
		}},
		{"7.1.7", "A violation after our Close frame fails the connection. No second Close frame is sent.", []tester{
			row{name: "our Close, then a reserved bit", first: closeFirst(1000), in: []part{fr(fin|rsv1|text, "x")}, at: 1, code: ws.StatusProtocolError, sends: []string{`close 1000 ""`}},
			row{name: "our Close, then a bad code", first: closeFirst(1000), in: []part{fr(fin|opClose, closePayload(1005, ""))}, early: 1, code: ws.StatusProtocolError, sends: []string{`close 1000 ""`}},
			row{name: "our Close, then text that is not UTF-8", first: closeFirst(1000), in: []part{fr(fin|text, "\xff")}, code: ws.StatusInvalidFramePayloadData, sends: []string{`close 1000 ""`}},
		}},
		{"7.1.7", "Bytes after a violation are ignored.", []tester{
			row{name: "message after a violation", in: []part{fr(fin|0x3, "")}, at: 1, after: []part{fr(fin|text, "late"), fr(fin|ping, "late")}, code: ws.StatusProtocolError},
			row{name: "Close after a violation", in: []part{fr(fin|text, "\xff")}, after: []part{fr(fin|opClose, closePayload(1000, ""))}, code: ws.StatusInvalidFramePayloadData},
			row{name: "second violation", in: []part{fr(fin|text, "\xff")}, after: []part{fr(fin|0x3, "")}, code: ws.StatusInvalidFramePayloadData},
		}},
		{"7.2.1", "If the stream ends between messages, the connection closes without a Close frame.", []tester{
			row{name: "stream ends at once", fate: leaves},
			row{name: "stream ends after a message", in: []part{fr(fin|text, "a")}, events: []string{msg("text", "a")}, fate: leaves},
			row{name: "stream ends after a ping", in: []part{fr(fin|ping, "p")}, events: []string{ctl("ping", "p")}, fate: leaves},
		}},
		{"7.4.1", "Codes that are defined for Close frames are accepted.", codeRows(true, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)},
		{"7.4.1", "Codes that are reserved, or must not appear in a frame, are refused.", codeRows(false, 1004, 1005, 1006, 1015)},
		{"7.4.2", "Codes for libraries (3000 to 3999) and applications (4000 to 4999) are accepted.", codeRows(true, 3000, 3001, 3999, 4000, 4001, 4999)},
		{"7.4.2", "Codes that are in no range or not registered are refused.",
			codeRows(false, 0, 1, 255, 256, 999, 1016, 1099, 1100, 1999, 2000, 2001, 2999, 5000, 5001, 32768, 65535)},
	}
}

// codeRows are Close frames with codes that are accepted, or refused.
func codeRows(good bool, codes ...int) (rows []tester) {
	for _, code := range codes {
		name := fmt.Sprintf("code %d", code)
		if good {
			rows = append(rows, peerCloses(name, closePayload(code, ""), fmt.Sprintf(`CTL close %d ""`, code)))
			continue
		}
		c := row{name: name, in: []part{fr(fin|opClose, closePayload(code, ""))}, code: ws.StatusProtocolError}
		c.early = 1 // the high byte may prove it
		rows = append(rows, c)
		c.name, c.in, c.of = name+" before the reason arrives", []part{fr(fin|opClose, closePayload(code, "reason"))}, 2
		rows = append(rows, c)
	}
	return rows
}

// closePayloadRows are malformed payloads of Close frames.
func closePayloadRows() (rows []tester) {
	one := row{name: "Close of one byte", in: []part{fr(fin|opClose, "\x03")}, at: 2, code: ws.StatusProtocolError}
	inside := row{name: "Close of one byte inside a fragmented message", in: []part{fr(text, "a"), fr(fin|opClose, "\x03")}, at: 2, code: ws.StatusProtocolError}
	rows = append(rows, one, inside)
	for _, x := range []struct{ name, reason string }{
		{"lone continuation byte", "\x80"}, {"incomplete rune", "bye \xe2\x82"}, {"overlong", "\xc0\xaf"}, {"surrogate", "\xed\xa0\x80"},
		{"beyond U+10FFFF", "\xf4\x90\x80\x80"}, {"FF", "\xff"}, {"bad byte in the middle", "Grüße \xfe bye"}, {"123 bytes, the last one bad", strings.Repeat("x", 122) + "\xff"},
	} {
		rows = append(rows, row{name: "reason with " + x.name, in: []part{fr(fin|opClose, closePayload(1000, x.reason))}, early: len(x.reason), code: ws.StatusInvalidFramePayloadData})
	}
	return rows
}

// endRules are about the side that ends the TCP connection.
func endRules() []rule {
	return []rule{
		{"7.1.1", "The server ends the stream first. It does not wait for the client.", []tester{
			action{"server ends after the Close frames", asServer, func(t *testing.T, env *testEnv, r role) {
				tc := env.open(r, echoing)
				tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
				await(t, env.manager, "end of stream", tc.peer.Ended)
				tc.gets("Close", []string{`close 1000 ""`})
				tc.awaitEnd()
			}},
			action{"server ends after its own Close was answered", asServer, func(t *testing.T, env *testEnv, r role) {
				tc := env.open(r, echoing)
				must(t, ws.Close(tc.conn, 1000, ""))
				spin(t, env.manager)
				if tc.peer.Ended() {
					t.Fatal("the server ended the stream before the client's Close frame")
				}
				tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
				await(t, env.manager, "end of stream", tc.peer.Ended)
				tc.awaitEnd()
			}},
		}},
		{"7.1.1", "After both Close frames the client waits for the server to end the stream.", []tester{
			action{"client waits after answering", asClient, func(t *testing.T, env *testEnv, r role) {
				tc := env.open(r, echoing)
				tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
				tc.gets("Close", []string{`close 1000 ""`})
				waits(t, tc)
			}},
			action{"client waits after its own Close was answered", asClient, func(t *testing.T, env *testEnv, r role) {
				tc := env.open(r, echoing)
				must(t, ws.Close(tc.conn, 1000, ""))
				tc.gets("Close", []string{`close 1000 ""`})
				tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
				waits(t, tc)
			}},
		}},
		{"7.1.7", "We end a connection that has failed. The bytes that we sent before arrive.", []tester{
			action{"answer and Close frame before a failure arrive", "", func(t *testing.T, env *testEnv, r role) {
				tc := env.open(r, echoing)
				tc.peerSends(tc.frame(fin|text, "a") + tc.frame(fin|0x3, "") + strings.Repeat(tc.frame(fin|text, "late"), 1000))
				tc.gets("Close", []string{`text "a"`, `close 1002 ""`})
				tc.awaitEnd()
			}},
		}},
	}
}

// waits fails the test if the client ends the stream first.
func waits(t *testing.T, tc *testConn) {
	t.Helper()
	spin(t, tc.manager)
	if tc.peer.Ended() {
		t.Fatal("the client ended the stream first")
	}
	tc.peer.Shutdown()
	await(t, tc.manager, "CLOSE", func() bool { return tc.events.Closed() })
	if tc.events.LastErr() != nil {
		t.Errorf("EvError has %v, want none", tc.events.LastErr())
	}
}
