package ws_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// conversation is a stream with a bit of everything, what the handler is to
// hear of it, and what is to be answered.
func conversation(r role) (in string, events, sent []string) {
	masked := r == asServer
	f := func(first byte, payload string) string { return build(first, masked, -1, payload) }
	long := strings.Repeat("x", 126)
	in = f(fin|text, "hello") +
		f(bin, "ab") + f(fin|ping, "p") + f(cont, "") + f(fin|pong, "q") + f(fin|cont, "cd") +
		f(fin|bin, "") + f(fin|text, long) +
		f(fin|closs, closing(1000, "bye")) + f(fin|text, "late") + "\xff\xff"
	events = []string{`MSG text "hello"`, `CTL ping "p"`, `CTL pong "q"`, `MSG binary "abcd"`,
		`MSG binary ""`, "MSG text " + brief(long), `CTL close 1000 "bye"`, "CLOSE"}
	sent = []string{`pong "p"`, `close 1000 ""`}
	return in, events, sent
}

// However a stream is cut, the same is heard and answered.
func TestStreamSplitAnywhere(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w := newWorld(t)
			in, events, sent := conversation(r)
			for name, pieces := range ways(in) {
				e := w.open(r, nil)
				e.feed(pieces...)
				e.ends()
				wantLines(t, name+": events", e.rec.log, events)
				wantLines(t, name+": frames sent", e.sent(), sent)
				e.p.close()
			}
		})
	}
}

// The handshake and what follows it are one stream, which may be cut anywhere.
func TestHandshakeAndFramesSplitAnywhere(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w := newWorld(t)
			frames, events, sent := conversation(r)
			events = append([]string{"OPEN"}, events...)
			hello := request
			if r == asServer {
				events = append([]string{"HTTP GET"}, events...)
			} else {
				hello = answer(sampleKey) // as long as the one there will be
			}
			for name, pieces := range ways(hello + frames[:40]) {
				e := w.begin(r)
				if r == asClient {
					key := field(t, e.head(), "Sec-WebSocket-Key")
					pieces = recut(strings.Replace(strings.Join(pieces, ""), sampleAccept, accept(key), 1), pieces)
				}
				e.feed(pieces...)
				e.feed(frames[40:])
				if r == asServer {
					e.head()
				}
				e.ends()
				wantLines(t, name+": events", e.rec.log, events)
				wantLines(t, name+": frames sent", e.sent(), sent)
				e.p.close()
			}
		})
	}
}

// begin makes a connection whose handshake is still to come.
func (w *world) begin(r role) *end {
	w.Helper()
	if r == asClient {
		return w.connect("", nil)
	}
	return w.accept(func(c *reactor.Conn, ev reactor.Event, data any) { upgradeAll(c, ev, data, w) })
}

// recut cuts s into pieces as long as those.
func recut(s string, like []string) (pieces []string) {
	for _, p := range like {
		pieces, s = append(pieces, s[:len(p)]), s[len(p):]
	}
	return pieces
}

// An end of stream between messages is none of our business; anywhere else it
// is an error.
func TestCutAtEveryByte(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w := newWorld(t)
			masked := r == asServer
			pieces := []string{build(fin|text, masked, -1, "hello"), build(fin|ping, masked, -1, "p"),
				build(bin, masked, -1, "ab") + build(fin|pong, masked, -1, "") + build(fin|cont, masked, -1, "cd"),
				build(fin|bin, masked, -1, strings.Repeat("y", 130))}
			between := map[int]bool{0: true}
			n := 0
			for _, p := range pieces {
				n += len(p)
				between[n] = true
			}
			in := strings.Join(pieces, "")
			for i := range len(in) + 1 {
				e := w.open(r, nil)
				e.feed(in[:i])
				e.p.shutdown()
				e.ends()
				last := e.rec.log[max(0, len(e.rec.log)-2):]
				switch {
				case between[i] && e.rec.err != nil:
					t.Errorf("cut at %d: %v", i, e.rec.err)
				case !between[i] && !errors.Is(e.rec.err, io.ErrUnexpectedEOF):
					t.Errorf("cut at %d: error is %v", i, e.rec.err)
				case !between[i]:
					contains(t, e.rec.err, "closed inside a f")
					wantLines(t, "last events", last, []string{"ERROR", "CLOSE"})
				}
				e.p.close()
			}
		})
	}
}
