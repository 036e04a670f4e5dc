package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Whatever a connection holds when it ends, in the middle of a message or not, is
// there for the next one, once.
func TestMemoryIsGivenBack(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	for _, tt := range []struct {
		name                           string
		opts                           ws.Options
		do                             func(t *testing.T, e *end)
		messages, deflaters, inflaters int // for reuse, at the least
	}{
		{"nothing", ws.Options{}, func(*testing.T, *end) {}, 0, 0, 0},
		{"a message in frames", ws.Options{}, func(t *testing.T, e *end) { e.feed(e.frame(text, "a")) }, 1, 0, 0},
		{"a compressed one", ws.Options{}, func(t *testing.T, e *end) { e.feed(e.frame(rsv1|text, "a")) }, 1, 0, 0},
		{"one that was inflated", ws.Options{}, func(t *testing.T, e *end) { e.feed(e.frame(fin|rsv1|text, deflated("a"))) }, 2, 0, 1},
		{"one that cannot be", ws.Options{}, func(t *testing.T, e *end) { e.feed(e.frame(fin|rsv1|text, "\xff\xff")) }, 2, 0, 1},
		{"pieces to come", ws.Options{Delivery: ws.Frames}, func(t *testing.T, e *end) {
			e.rec.hook = first(reactor.EvWSMsg, (*reactor.Conn).Pause)
			e.feed(e.frame(fin|rsv1|text, deflated(long)))
		}, 2, 0, 1},
		{"pieces that were closed", ws.Options{Delivery: ws.Frames}, func(t *testing.T, e *end) {
			e.rec.hook = first(reactor.EvWSMsg, (*reactor.Conn).Close)
			e.feed(e.frame(fin|rsv1|text, deflated(long)))
		}, 2, 0, 1},
		{"pieces that cannot be inflated", ws.Options{Delivery: ws.Frames}, func(t *testing.T, e *end) {
			e.feed(e.frame(fin|rsv1|text, "\xff\xff"))
		}, 2, 0, 1},
		{"a context", ws.Options{}, func(t *testing.T, e *end) {
			must(t, ws.Send(e.c, []byte(long), ws.OpText))
		}, 0, 1, 0},
		{"no context", ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true}}, func(t *testing.T, e *end) {
			must(t, ws.Send(e.c, []byte(long), ws.OpText))
		}, 0, 1, 0},
		{"a Writer", ws.Options{}, func(t *testing.T, e *end) { open(t, e) }, 1, 1, 0},
		{"a Writer without context", ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true}}, func(t *testing.T, e *end) { open(t, e) }, 1, 1, 0},
		{"a Writer behind a Close frame", ws.Options{}, func(t *testing.T, e *end) {
			open(t, e)
			must(t, ws.Close(e.c, ws.CloseNormal, ""))
		}, 1, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, _ *world, r role) {
				w := agreed(t, tt.opts)
				e := w.open(r, nil)
				if _, _, _, spent := ws.Spares(w.m); spent == 0 {
					t.Error("an open connection takes nothing out of the budget")
				}
				tt.do(t, e)
				e.drop()
				messages, deflaters, inflaters, spent := ws.Spares(w.m)
				if messages != tt.messages || deflaters != tt.deflaters || inflaters != tt.inflaters || spent != 0 {
					t.Errorf("%d messages, %d deflaters, %d inflaters are there again, %d bytes are taken; want %d, %d, %d, 0",
						messages, deflaters, inflaters, spent, tt.messages, tt.deflaters, tt.inflaters)
				}
			})
		})
	}
}

// open leaves a Writer open.
func open(t *testing.T, e *end) {
	t.Helper()
	wr, err := ws.NewWriter(e.c, ws.OpText, 10)
	must(t, err)
	_, err = wr.Write([]byte(strings.Repeat("abc", 1000)))
	must(t, err)
}
