package ws_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// inflated inflates what deflated has compressed.
func inflated(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(flate.NewReader(strings.NewReader(s + "\x00\x00\xff\xff\x01\x00\x00\xff\xff"))); err != nil {
		t.Fatalf("%s does not inflate: %v", brief(s), err)
	}
	return b.String()
}

// newEnvDeflating returns an environment in which both sides agree to compress. The peer offers or
// chooses what the options ask for.
func newEnvDeflating(t testing.TB, o ws.Options) *testEnv {
	t.Helper()
	env := newEnv(t)
	if o.Deflate == nil {
		o.Deflate = &ws.Deflate{}
	}
	env.opts, env.extensions = &o, pmd
	if o.Deflate.PeerNoContextTakeover {
		env.extensions += "; server_no_context_takeover"
	}
	if bits := o.Deflate.PeerWindowBits; bits != 0 {
		env.extensions += fmt.Sprint("; server_max_window_bits=", bits)
	}
	return env
}

// noise returns n bytes that cannot be compressed. A longer result begins with a shorter
// one.
func noise(n int) string {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// A compressed message is delivered as the peer had it, in any frames and with each
// Delivery.
func TestReceiveCompressed(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		for _, r := range roles {
			var got string
			env := newEnvDeflating(t, ws.Options{Delivery: how})
			tc := env.open(r, func(_ *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvWSMsg {
					got += string(data.(*ws.Message).Data)
				}
			})
			for _, s := range []string{"", "a", "€uro", strings.Repeat("0123456789", 7000), noise(20_000)} {
				c := deflated(s)
				op := byte(text)
				if len(s) == 20_000 {
					op = bin
				}
				for _, in := range []string{
					tc.frame(fin|rsv1|op, c),
					tc.frame(rsv1|op, "") + tc.frame(fin|cont, c),
					tc.frame(rsv1|op, c[:len(c)/2]) + tc.frame(fin|ping, "p") + tc.frame(fin|cont, c[len(c)/2:]),
				} {
					got = ""
					for len(in) > 0 {
						k := min(len(in), 5000)
						tc.peerSends(in[:k])
						in = in[k:]
					}
					spin(t, env.manager)
					if got != s {
						t.Fatalf("%s, delivery %d: got %s, want %s", r, how, brief(got), brief(s))
					}
				}
			}
			tc.peerSends(tc.frame(fin|text, "not compressed"))
			tc.closeBoth()
		}
	}
}

// A compressed message that is delivered in pieces has one first piece and one last piece.
func TestReceiveCompressedInPieces(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *testEnv, r role) {
		env := newEnvDeflating(t, ws.Options{Delivery: ws.Chunks})
		tc := env.open(r, nil)
		tc.peerSends(tc.frame(fin|rsv1|text, deflated("ab")) + tc.frame(fin|ping, "p") + tc.frame(fin|rsv1|bin, deflated("")))
		tc.events.WantLines(t, `PIECE first text "ab"`, `PIECE fin text ""`, `CTL ping "p"`, `MSG binary ""`)
	})
}

// A bad compressed message is refused with each Delivery.
func TestReceiveCompressedRefused(t *testing.T) {
	bomb := strings.Repeat("\x00", 200_000)
	for _, tt := range []struct {
		name string
		opts ws.Options
		in   func(t *testing.T, f func(byte, string) string) string
		code ws.StatusCode
		word string
	}{
		{"corrupt", ws.Options{}, one(fin|rsv1|bin, "\xff\xff\xff"), ws.StatusInvalidFramePayloadData, "corrupt"},
		{"incomplete", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			c := deflated(noise(100))
			return f(fin|rsv1|bin, c[:50])
		}, ws.StatusInvalidFramePayloadData, "compressed"},
		{"not UTF-8", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|text, deflated("ab\xff"))
		}, ws.StatusInvalidFramePayloadData, "UTF-8"},
		{"ends inside a rune", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|text, deflated("ab\xe2\x82"))
		}, ws.StatusInvalidFramePayloadData, "UTF-8"},
		{"too large", ws.Options{Limits: ws.Limits{Message: 199_999}}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|bin, deflated(bomb))
		}, ws.StatusMessageTooBig, "199999"},
		{"frame too large", ws.Options{Limits: ws.Limits{Message: 1000}}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|bin, noise(3000))
		}, ws.StatusMessageTooBig, "1000"},
		{"second frame too large", ws.Options{Limits: ws.Limits{Message: 1000}}, func(t *testing.T, f func(byte, string) string) string {
			return f(rsv1|bin, noise(1000)) + f(fin|cont, noise(2000))
		}, ws.StatusMessageTooBig, "1000"},
		{"beyond the ratio", ws.Options{Deflate: &ws.Deflate{MaxRatio: 100}}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|bin, deflated(bomb))
		}, ws.StatusMessageTooBig, "100 times"},
		{"RSV1 on a continuation", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			return f(rsv1|bin, "") + f(fin|rsv1|cont, "")
		}, ws.StatusProtocolError, "RSV1"},
		{"RSV1 on a control frame", ws.Options{}, one(fin|rsv1|ping, ""), ws.StatusProtocolError, "RSV1"},
	} {
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			t.Run(tt.name, func(t *testing.T) {
				eachRole(t, func(t *testing.T, _ *testEnv, r role) {
					tt.opts.Delivery = how
					tc := newEnvDeflating(t, tt.opts).open(r, nil)
					tc.peerSends(tt.in(t, tc.frame))
					if how != ws.Whole {
						spin(t, tc.manager)
					}
					tc.wantRefused(tt.code, tt.word)
				})
			})
		}
	}
}

// one is a single frame.
func one(first byte, payload string) func(*testing.T, func(byte, string) string) string {
	return func(_ *testing.T, f func(byte, string) string) string { return f(first, payload) }
}

// Limits.Message applies to the inflated message. A message that compression makes larger
// is accepted if its inflated size is. The largest int works like no limit.
func TestLimitOfInflatedSize(t *testing.T) {
	s := noise(1000)
	whole, pieces := deflated(s), ""
	for i := range 100 { // flushed after each byte
		pieces += deflated(s[i:i+1]) + "\x00\x00\xff\xff"
	}
	pieces = strings.TrimSuffix(pieces, "\x00\x00\xff\xff")
	for _, limit := range []int{1000, math.MaxInt, math.MaxInt - 1, -1, math.MinInt} {
		eachRole(t, func(t *testing.T, _ *testEnv, r role) {
			tc := newEnvDeflating(t, ws.Options{Limits: ws.Limits{Message: limit}}).open(r, nil)
			tc.peerSends(tc.frame(fin|rsv1|bin, whole))
			tc.events.WantLines(t, "MSG binary "+brief(s))
			tc.peerSends(tc.frame(fin|rsv1|bin, pieces))
			tc.events.WantLines(t, "MSG binary "+brief(s[:100]))
		})
	}
}

// The end of the stream is reported after the pieces that wait for Resume.
func TestEndAfterPieces(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	eachRole(t, func(t *testing.T, _ *testEnv, r role) {
		a := &assembler{TB: t}
		tc := newEnvDeflating(t, ws.Options{Delivery: ws.Chunks}).open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			a.handle(c, ev, data)
			if ev == reactor.EvWSMsg {
				c.Pause()
			}
		})
		tc.peerSends(tc.frame(fin|rsv1|text, deflated(long)) + tc.frame(fin|text, "last"))
		tc.peer.Shutdown()
		for turn := 0; len(a.log) < 2; turn++ {
			if spin(t, tc.manager); tc.events.Closed() || turn > 50 {
				t.Fatalf("%d messages, want 2; closed %v", len(a.log), tc.events.Closed())
			}
			tc.conn.Resume()
		}
		tc.conn.Resume()
		await(t, tc.manager, "CLOSE", func() bool { return tc.events.Closed() })
		wantLines(t, "messages", a.log, []string{"text " + long, "text last"})
		must(t, tc.events.LastErr())
	})
}

// A handler may pause, close or fail the connection between the pieces of a message. That
// applies to the pieces after it.
func TestHandlerBetweenPieces(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	cause := errors.New("enough")
	for _, tt := range []struct {
		name string
		do   func(c *reactor.Conn)
		ends []string // the events, without pieces
		all  bool     // the whole message is delivered
	}{
		{"pause", func(c *reactor.Conn) { c.Pause(); c.Manager().Post(c.Resume) }, nil, true},
		{"nested read", func(c *reactor.Conn) { c.Call(reactor.EvRead, new(int)) }, nil, true},
		{"close frame", func(c *reactor.Conn) { ws.Close(c, ws.StatusNormalClosure, "") }, nil, true},
		{"close", (*reactor.Conn).Close, []string{"CLOSE"}, false},
		{"fail", func(c *reactor.Conn) { c.Fail(cause) }, []string{"ERROR", "CLOSE"}, false},
		{"pause and close", func(c *reactor.Conn) { c.Pause(); c.Close() }, []string{"CLOSE"}, false},
		{"drain", (*reactor.Conn).Drain, []string{"CLOSE"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, _ *testEnv, r role) {
				got := ""
				tc := newEnvDeflating(t, ws.Options{Delivery: ws.Frames}).open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
					if ev == reactor.EvWSMsg {
						got += string(data.(*ws.Message).Data)
						tt.do(c)
					}
				})
				tc.peer.WriteIfOpen(tc.frame(fin|rsv1|text, deflated(long)))
				if tt.all {
					await(t, tc.manager, "the message", func() bool { return len(got) >= len(long) })
				}
				if tt.ends != nil {
					tc.awaitEnd()
				} else {
					spin(t, tc.manager)
				}
				var others []string
				for _, l := range tc.events.Lines {
					if !strings.HasPrefix(l, "PIECE") {
						others = append(others, l)
					}
				}
				wantLines(t, "events", others, tt.ends)
				if tt.all != (got == long) || got == "" {
					t.Errorf("%d of %d bytes were delivered, want all: %v", len(got), len(long), tt.all)
				}
			})
		})
	}
}
