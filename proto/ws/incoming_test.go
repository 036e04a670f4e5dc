package ws_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestMessageSizes: payloads with lengths around the limits of the three forms arrive unchanged.
func TestMessageSizes(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 200_000} {
			payload := strings.Repeat("0123456789abcdef", n/16+1)[:n]
			f := tc.frame(fin|bin, payload)
			for len(f) > 0 { // not more than the socket takes while the loop does not run
				k := min(len(f), 30_000)
				tc.peerSends(f[:k])
				f = f[k:]
			}
			tc.events.WantLines(t, "MSG binary "+brief(payload))
		}
	})
}

// TestFragments: fragments are delivered as one message.
func TestFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		f := tc.frame
		for _, tt := range []struct{ name, in, want string }{
			{"5.4 one fragment and nothing", f(text, "a") + f(fin|cont, ""), `MSG text "a"`},
			{"5.4 nothing at all", f(bin, "") + f(cont, "") + f(fin|cont, ""), `MSG binary ""`},
			{"5.4 many", f(bin, "") + strings.Repeat(f(cont, "z"), 30) + f(fin|cont, "!"), `MSG binary "` + strings.Repeat("z", 30) + `!"`},
			{"8.1 a rune in two fragments", f(text, "\xe2\x82") + f(fin|cont, "\xac"), `MSG text "€"`},
			{"5.4 the next message is a new one", f(fin|text, "b"), `MSG text "b"`},
			{"8.1 binary need not be UTF-8", f(bin, "\xff") + f(fin|cont, "\xfe"), `MSG binary "\xff\xfe"`},
		} {
			tc.peerSends(tt.in)
			if len(tc.events.Lines) != 1 || tc.events.Lines[0] != tt.want {
				t.Fatalf("%s: %v, want %s", tt.name, tc.events.Lines, tt.want)
			}
			tc.events.Lines = nil
		}
	})
}

// TestMessageDataMayBeChanged: a handler may change the slices of an event. Their capacity ends
// with the message.
func TestMessageDataMayBeChanged(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWSMsg || ev == reactor.EvWSCtl {
				m := data.(*ws.Message)
				clear(m.Data)
				m.Data = append(m.Data, "XXXXXXXXXXXXXXXXXXXXXX"...)
			}
		})
		tc.peerSends(tc.frame(fin|text, "abc") + tc.frame(fin|ping, "def") + tc.frame(bin, "g") + tc.frame(cont, "h") + tc.frame(fin|cont, "i") + tc.frame(fin|text, "jkl"))
		tc.events.WantLines(t, `MSG text "abc"`, `CTL ping "def"`, `MSG binary "ghi"`, `MSG text "jkl"`)
		tc.wantSent(`pong "def"`)
	})
}

// TestStreamEndsBetweenFragments: a stream that ends inside a fragmented message has an error
// of its own.
func TestStreamEndsBetweenFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		tc.peerSends(tc.frame(text, "a") + tc.frame(fin|ping, ""))
		tc.peer.Shutdown()
		tc.awaitEnd()
		tc.events.WantLines(t, `CTL ping ""`, "ERROR", "CLOSE")
		looptest.WantErr(t, tc.events.LastErr(), nil, "fragmented message")
		if !errors.Is(tc.events.LastErr(), io.ErrUnexpectedEOF) {
			t.Errorf("error is %v", tc.events.LastErr())
		}
	})
}

// conversation returns a stream with frames of all kinds, the events that it must raise, and the
// frames that must be sent.
func conversation(r role) (in string, events, sent []string) {
	masked := r == asServer
	f := func(first byte, payload string) string { return buildFrame(first, masked, -1, payload) }
	long := strings.Repeat("x", 126)
	in = f(fin|text, "hello") +
		f(bin, "ab") + f(fin|ping, "p") + f(cont, "") + f(fin|pong, "q") + f(fin|cont, "cd") +
		f(fin|bin, "") + f(fin|text, long) +
		f(fin|opClose, closePayload(1000, "bye")) + f(fin|text, "late") + "\xff\xff"
	events = []string{`MSG text "hello"`, `CTL ping "p"`, `CTL pong "q"`, `MSG binary "abcd"`,
		`MSG binary ""`, "MSG text " + brief(long), `CTL close 1000 "bye"`, "CLOSE"}
	sent = []string{`pong "p"`, `close 1000 ""`}
	return in, events, sent
}

// TestStreamSplitAnywhere: the events and the answers do not depend on where the stream is cut.
func TestStreamSplitAnywhere(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env := newEnv(t)
			in, events, sent := conversation(r)
			for name, pieces := range splits(in) {
				tc := env.open(r, nil)
				tc.peerSends(pieces...)
				tc.awaitEnd()
				wantLines(t, name+": events", tc.events.Lines, events)
				wantLines(t, name+": frames sent", tc.sent(), sent)
				tc.peer.Close()
			}
		})
	}
}

// TestHandshakeAndFramesSplitAnywhere does the same with a stream that begins with the handshake.
func TestHandshakeAndFramesSplitAnywhere(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env := newEnv(t)
			frames, events, sent := conversation(r)
			events = append([]string{"OPEN"}, events...)
			hello := request
			if r == asServer {
				events = append([]string{"HTTP GET"}, events...)
			} else {
				hello = looptest.Agreement(sampleKey, "") // of the right length
			}
			for name, pieces := range splits(hello + frames[:40]) {
				tc := env.startHandshake(r)
				if r == asClient {
					key := headerField(t, tc.readHead(), "Sec-WebSocket-Key")
					pieces = recut(strings.Replace(strings.Join(pieces, ""), sampleAccept, looptest.AcceptKey(key), 1), pieces)
				}
				tc.peerSends(pieces...)
				tc.peerSends(frames[40:])
				if r == asServer {
					tc.readHead()
				}
				tc.awaitEnd()
				wantLines(t, name+": events", tc.events.Lines, events)
				wantLines(t, name+": frames sent", tc.sent(), sent)
				tc.peer.Close()
			}
		})
	}
}

// recut cuts s into pieces of the same lengths as those of like.
func recut(s string, like []string) (pieces []string) {
	for _, p := range like {
		pieces, s = append(pieces, s[:len(p)]), s[len(p):]
	}
	return pieces
}

// TestStreamEndsAtEveryByte: an end of stream is an error, except between messages.
func TestStreamEndsAtEveryByte(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env := newEnv(t)
			masked := r == asServer
			pieces := []string{buildFrame(fin|text, masked, -1, "hello"), buildFrame(fin|ping, masked, -1, "p"),
				buildFrame(bin, masked, -1, "ab") + buildFrame(fin|pong, masked, -1, "") + buildFrame(fin|cont, masked, -1, "cd"),
				buildFrame(fin|bin, masked, -1, strings.Repeat("y", 130))}
			between := map[int]bool{0: true}
			n := 0
			for _, p := range pieces {
				n += len(p)
				between[n] = true
			}
			in := strings.Join(pieces, "")
			for i := range len(in) + 1 {
				tc := env.open(r, nil)
				tc.peerSends(in[:i])
				tc.peer.Shutdown()
				tc.awaitEnd()
				last := tc.events.Lines[max(0, len(tc.events.Lines)-2):]
				switch {
				case between[i] && tc.events.LastErr() != nil:
					t.Errorf("cut at %d: %v", i, tc.events.LastErr())
				case !between[i] && !errors.Is(tc.events.LastErr(), io.ErrUnexpectedEOF):
					t.Errorf("cut at %d: error is %v", i, tc.events.LastErr())
				case !between[i]:
					looptest.WantErr(t, tc.events.LastErr(), nil, "closed inside a f")
					wantLines(t, "last events", last, []string{"ERROR", "CLOSE"})
				}
				tc.peer.Close()
			}
		})
	}
}
