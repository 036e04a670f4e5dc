package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestMemoryIsReused: when a connection ends, the memory that it used can be used again, once.
// That also holds inside a message.
func TestMemoryIsReused(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	for _, tt := range []struct {
		name                           string
		opts                           ws.Options
		do                             func(t *testing.T, tc *testConn)
		messages, deflaters, inflaters int // unused ones at the end
	}{
		{"nothing", ws.Options{}, func(*testing.T, *testConn) {}, 0, 0, 0},
		{"a message in frames", ws.Options{}, func(t *testing.T, tc *testConn) { tc.peerSends(tc.frame(text, "a")) }, 1, 0, 0},
		{"a compressed message", ws.Options{}, func(t *testing.T, tc *testConn) { tc.peerSends(tc.frame(rsv1|text, "a")) }, 1, 0, 0},
		{"a message that was inflated", ws.Options{}, func(t *testing.T, tc *testConn) { tc.peerSends(tc.frame(fin|rsv1|text, deflated("a"))) }, 2, 0, 1},
		{"a message that cannot be inflated", ws.Options{}, func(t *testing.T, tc *testConn) { tc.peerSends(tc.frame(fin|rsv1|text, "\xff\xff")) }, 2, 0, 1},
		{"pieces that are not delivered yet", ws.Options{Delivery: ws.Frames}, func(t *testing.T, tc *testConn) {
			tc.events.hook = onFirst(reactor.EvWSMsg, (*reactor.Conn).Pause)
			tc.peerSends(tc.frame(fin|rsv1|text, deflated(long)))
		}, 2, 0, 1},
		{"connection closed at a piece", ws.Options{Delivery: ws.Frames}, func(t *testing.T, tc *testConn) {
			tc.events.hook = onFirst(reactor.EvWSMsg, (*reactor.Conn).Close)
			tc.peerSends(tc.frame(fin|rsv1|text, deflated(long)))
		}, 2, 0, 1},
		{"pieces that cannot be inflated", ws.Options{Delivery: ws.Frames}, func(t *testing.T, tc *testConn) {
			tc.peerSends(tc.frame(fin|rsv1|text, "\xff\xff"))
		}, 2, 0, 1},
		{"a context", ws.Options{}, func(t *testing.T, tc *testConn) {
			must(t, ws.Send(tc.conn, []byte(long), ws.OpText))
		}, 0, 1, 0},
		{"no context", ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true}}, func(t *testing.T, tc *testConn) {
			must(t, ws.Send(tc.conn, []byte(long), ws.OpText))
		}, 0, 1, 0},
		{"a Writer", ws.Options{}, func(t *testing.T, tc *testConn) { openWriter(t, tc) }, 1, 1, 0},
		{"a Writer without context", ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true}}, func(t *testing.T, tc *testConn) { openWriter(t, tc) }, 1, 1, 0},
		{"a Writer behind a Close frame", ws.Options{}, func(t *testing.T, tc *testConn) {
			openWriter(t, tc)
			must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		}, 1, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, _ *testEnv, r role) {
				env := newEnvDeflating(t, tt.opts)
				tc := env.open(r, nil)
				if _, _, _, spent := ws.Spares(env.manager); spent == 0 {
					t.Error("an open connection uses nothing of the budget")
				}
				tt.do(t, tc)
				tc.closeBoth()
				messages, deflaters, inflaters, spent := ws.Spares(env.manager)
				if messages != tt.messages || deflaters != tt.deflaters || inflaters != tt.inflaters || spent != 0 {
					t.Errorf("%d messages, %d deflaters, %d inflaters can be reused, %d bytes of the budget are used; want %d, %d, %d, 0",
						messages, deflaters, inflaters, spent, tt.messages, tt.deflaters, tt.inflaters)
				}
			})
		})
	}
}

// openWriter opens a Writer.
func openWriter(t *testing.T, tc *testConn) {
	t.Helper()
	wr, err := ws.NewWriter(tc.conn, ws.OpText, 10)
	must(t, err)
	_, err = wr.Write([]byte(strings.Repeat("abc", 1000)))
	must(t, err)
}
