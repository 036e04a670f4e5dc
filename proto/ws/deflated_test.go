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

// inflated undoes deflated.
func inflated(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(flate.NewReader(strings.NewReader(s + "\x00\x00\xff\xff\x01\x00\x00\xff\xff"))); err != nil {
		t.Fatalf("%s does not inflate: %v", brief(s), err)
	}
	return b.String()
}

// agreed is a world whose sides have agreed to compress.
func agreed(t testing.TB, o ws.Options) *world {
	t.Helper()
	w := newWorld(t)
	if o.Deflate == nil {
		o.Deflate = &ws.Deflate{}
	}
	w.opts, w.ext = &o, "permessage-deflate" // which a peer offers as well as agrees to
	if o.Deflate.PeerNoContextTakeover {
		w.ext += "; server_no_context_takeover"
	}
	if bits := o.Deflate.PeerWindowBits; bits != 0 {
		w.ext += fmt.Sprint("; server_max_window_bits=", bits)
	}
	return w
}

// noise is a payload that cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// What the peer compressed is handed on as it was, in whichever frames it comes
// and however it is delivered.
func TestInflatedMessages(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		for _, r := range roles {
			var got string
			w := agreed(t, ws.Options{Delivery: how})
			e := w.open(r, func(_ *reactor.Conn, ev reactor.Event, data any) {
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
					e.frame(fin|rsv1|op, c),
					e.frame(rsv1|op, "") + e.frame(fin|cont, c),
					e.frame(rsv1|op, c[:len(c)/2]) + e.frame(fin|ping, "p") + e.frame(fin|cont, c[len(c)/2:]),
				} {
					got = ""
					for len(in) > 0 {
						k := min(len(in), 5000)
						e.feed(in[:k])
						in = in[k:]
					}
					spin(t, w.m)
					if got != s {
						t.Fatalf("%s, delivery %d: %s, want %s", r, how, brief(got), brief(s))
					}
				}
			}
			e.feed(e.frame(fin|text, "not compressed"))
			e.drop()
		}
	}
}

// A message in pieces has one first and one last piece.
func TestInflatedPieces(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *world, r role) {
		w := agreed(t, ws.Options{Delivery: ws.Chunks})
		e := w.open(r, nil)
		e.feed(e.frame(fin|rsv1|text, deflated("ab")) + e.frame(fin|ping, "p") + e.frame(fin|rsv1|bin, deflated("")))
		e.rec.want(t, `PIECE first text "ab"`, `PIECE fin text ""`, `CTL ping "p"`, `MSG binary ""`)
	})
}

// What is wrong with a compressed message is found whatever its delivery.
func TestInflateRefused(t *testing.T) {
	bomb := strings.Repeat("\x00", 200_000)
	for _, tt := range []struct {
		name string
		opts ws.Options
		in   func(t *testing.T, f func(byte, string) string) string
		code ws.CloseCode
		word string
	}{
		{"corrupt", ws.Options{}, one(fin|rsv1|bin, "\xff\xff\xff"), ws.CloseInvalidData, "corrupt"},
		{"cut off", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			c := deflated(noise(100))
			return f(fin|rsv1|bin, c[:50])
		}, ws.CloseInvalidData, "compressed"},
		{"not UTF-8", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|text, deflated("ab\xff"))
		}, ws.CloseInvalidData, "UTF-8"},
		{"cut inside a rune", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|text, deflated("ab\xe2\x82"))
		}, ws.CloseInvalidData, "UTF-8"},
		{"too large", ws.Options{Limits: ws.Limits{Message: 199_999}}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|bin, deflated(bomb))
		}, ws.CloseTooLarge, "199999"},
		{"too large as it comes", ws.Options{Limits: ws.Limits{Message: 1000}}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|bin, noise(3000))
		}, ws.CloseTooLarge, "1000"},
		{"too large in its second frame", ws.Options{Limits: ws.Limits{Message: 1000}}, func(t *testing.T, f func(byte, string) string) string {
			return f(rsv1|bin, noise(1000)) + f(fin|cont, noise(2000))
		}, ws.CloseTooLarge, "1000"},
		{"beyond the ratio", ws.Options{Deflate: &ws.Deflate{MaxRatio: 100}}, func(t *testing.T, f func(byte, string) string) string {
			return f(fin|rsv1|bin, deflated(bomb))
		}, ws.CloseTooLarge, "100 times"},
		{"RSV1 on a continuation", ws.Options{}, func(t *testing.T, f func(byte, string) string) string {
			return f(rsv1|bin, "") + f(fin|rsv1|cont, "")
		}, ws.CloseProtocolError, "RSV1"},
		{"RSV1 on a control frame", ws.Options{}, one(fin|rsv1|ping, ""), ws.CloseProtocolError, "RSV1"},
	} {
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			t.Run(tt.name, func(t *testing.T) {
				eachRole(t, func(t *testing.T, _ *world, r role) {
					tt.opts.Delivery = how
					e := agreed(t, tt.opts).open(r, nil)
					e.feed(tt.in(t, e.frame))
					if how != ws.Whole {
						spin(t, e.m)
					}
					e.wantRefused(tt.code, tt.word)
				})
			})
		}
	}
}

func one(first byte, payload string) func(*testing.T, func(byte, string) string) string {
	return func(_ *testing.T, f func(byte, string) string) string { return f(first, payload) }
}

// Limits.Message is about what a message becomes: one that cannot be compressed, and
// so comes a little larger, is taken. The largest int is as good as no limit.
func TestInflateLimits(t *testing.T) {
	for _, limit := range []int{1000, math.MaxInt, math.MaxInt - 1, -1, math.MinInt} {
		eachRole(t, func(t *testing.T, _ *world, r role) {
			e := agreed(t, ws.Options{Limits: ws.Limits{Message: limit}}).open(r, nil)
			s := noise(1000)
			e.feed(e.frame(fin|rsv1|bin, deflated(s)))
			e.rec.want(t, "MSG binary "+brief(s))
			pieces := ""
			for i := range 100 { // one that was flushed after every byte
				c := deflated(s[i:i+1]) + "\x00\x00\xff\xff"
				if i == 99 {
					c = strings.TrimSuffix(c, "\x00\x00\xff\xff")
				}
				pieces += c
			}
			e.feed(e.frame(fin|rsv1|bin, pieces))
			e.rec.want(t, "MSG binary "+brief(s[:100]))
		})
	}
}

// The end of stream does not overtake pieces that wait for Resume.
func TestEndBehindPieces(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	eachRole(t, func(t *testing.T, _ *world, r role) {
		a := &assembler{TB: t}
		e := agreed(t, ws.Options{Delivery: ws.Chunks}).open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			a.hear(c, ev, data)
			if ev == reactor.EvWSMsg {
				c.Pause()
			}
		})
		e.feed(e.frame(fin|rsv1|text, deflated(long)) + e.frame(fin|text, "last"))
		e.p.shutdown()
		for turn := 0; len(a.log) < 2; turn++ {
			if spin(t, e.m); e.rec.closed || turn > 50 {
				t.Fatalf("%d messages, closed %v", len(a.log), e.rec.closed)
			}
			e.c.Resume()
		}
		e.c.Resume()
		await(t, e.m, "CLOSE", func() bool { return e.rec.closed })
		wantLines(t, "messages", a.log, []string{"text " + long, "text last"})
		must(t, e.rec.err)
	})
}

// What a handler does between the pieces of a message holds for those to come.
func TestInflatedPiecesAndTheHandler(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	cause := errors.New("enough")
	for _, tt := range []struct {
		name string
		do   func(c *reactor.Conn)
		ends []string // events but pieces
		all  bool     // of the message is delivered
	}{
		{"pause", func(c *reactor.Conn) { c.Pause(); c.Manager().Post(c.Resume) }, nil, true},
		{"nested read", func(c *reactor.Conn) { c.Call(reactor.EvRead, new(int)) }, nil, true},
		{"close frame", func(c *reactor.Conn) { ws.Close(c, ws.CloseNormal, "") }, nil, true},
		{"close", (*reactor.Conn).Close, []string{"CLOSE"}, false},
		{"fail", func(c *reactor.Conn) { c.Fail(cause) }, []string{"ERROR", "CLOSE"}, false},
		{"pause and close", func(c *reactor.Conn) { c.Pause(); c.Close() }, []string{"CLOSE"}, false},
		{"drain", (*reactor.Conn).Drain, []string{"CLOSE"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, _ *world, r role) {
				got := ""
				e := agreed(t, ws.Options{Delivery: ws.Frames}).open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
					if ev == reactor.EvWSMsg {
						got += string(data.(*ws.Message).Data)
						tt.do(c)
					}
				})
				e.p.write(e.frame(fin|rsv1|text, deflated(long)))
				if tt.all {
					await(t, e.m, "the message", func() bool { return len(got) >= len(long) })
				}
				if tt.ends != nil {
					e.ends()
				} else {
					spin(t, e.m)
				}
				var others []string
				for _, l := range e.rec.log {
					if !strings.HasPrefix(l, "PIECE") {
						others = append(others, l)
					}
				}
				wantLines(t, "events", others, tt.ends)
				if tt.all != (got == long) || got == "" {
					t.Errorf("%d bytes of the message came", len(got))
				}
			})
		})
	}
}
