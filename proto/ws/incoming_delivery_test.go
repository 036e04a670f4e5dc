package ws_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// newEnvDelivering returns an environment with that Delivery.
func newEnvDelivering(t testing.TB, how ws.Delivery) *testEnv {
	env := newEnv(t)
	env.opts = &ws.Options{Delivery: how}
	return env
}

// TestDeliveryOfFrames: each frame is delivered when it is complete.
func TestDeliveryOfFrames(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *testEnv, r role) {
		tc := newEnvDelivering(t, ws.Frames).open(r, nil)
		f := tc.frame
		in := f(fin|text, "whole") + f(text, "€"[:1]) + f(fin|ping, "p") + f(cont, "") + f(fin|cont, "€"[1:]) + f(bin, "") + f(fin|cont, "")
		for how, pieces := range splits(in) {
			tc.peerSends(pieces...)
			if len(tc.events.Lines) != 7 {
				t.Fatalf("%s: %v", how, tc.events.Lines)
			}
			tc.events.WantLines(t, `MSG text "whole"`, `PIECE first text "\xe2"`, `CTL ping "p"`, `PIECE text ""`, `PIECE fin text "\x82\xac"`,
				`PIECE first binary ""`, `PIECE fin binary ""`)
		}
	})
}

// assembler is a handler that joins the pieces of messages and checks their flags.
type assembler struct {
	testing.TB
	log     []string
	message string
	inside  bool
	op      ws.OpCode
	pieces  int
}

func (a *assembler) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvWSCtl:
		m := data.(*ws.Message)
		if !m.First || !m.Fin {
			a.Errorf("a control frame in pieces: %+v", m)
		}
		a.log = append(a.log, fmt.Sprintf("%v %s", ws.OpName(m.Op), m.Data))
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		if m.First == a.inside || a.inside && m.Op != a.op {
			a.Errorf("%v piece %q: first %v inside a message %v", ws.OpName(m.Op), m.Data, m.First, a.inside)
		}
		a.pieces++
		a.op, a.inside = m.Op, !m.Fin
		a.message += string(m.Data)
		clear(m.Data) // the handler may change it
		if m.Fin {
			a.log = append(a.log, fmt.Sprintf("%v %s", ws.OpName(m.Op), a.message))
			a.message = ""
		}
	}
}

// TestDeliveryOfChunks: the chunks make up the message wherever the stream is cut, even if the
// handler pauses or raises EvRead.
func TestDeliveryOfChunks(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *testEnv, r role) {
		for _, do := range []hook{
			func(*reactor.Conn, reactor.Event, any) {},
			func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvWSMsg || ev == reactor.EvWSCtl {
					c.Pause()
					c.Manager().Post(c.Resume)
				}
			},
			func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvWSMsg || ev == reactor.EvWSCtl {
					c.Call(reactor.EvRead, new(int))
				}
			},
		} {
			a := &assembler{TB: t}
			tc := newEnvDelivering(t, ws.Chunks).open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
				a.handle(c, ev, data)
				do(c, ev, data)
			})
			f := tc.frame
			in := f(fin|text, "ab€cd") + f(text, "x€y") + f(fin|ping, "pp") + f(cont, "") + f(fin|cont, "z") + f(fin|bin, "\xff\xfe\xfd\xfc\xfb") + f(fin|text, "")
			want := []string{"text ab€cd", "ping pp", "text x€yz", "binary \xff\xfe\xfd\xfc\xfb", "text "}
			for how, pieces := range splits(in) {
				for _, s := range pieces {
					tc.peer.WriteIfOpen(s)
					tc.bytesSent += len(s)
					await(t, tc.manager, "arrival", func() bool { return tc.events.Read >= tc.bytesSent })
				}
				await(t, tc.manager, "all of it", func() bool { return len(a.log) == len(want) })
				wantLines(t, how, a.log, want)
				if how == "byte by byte" && a.pieces < 16 { // the bytes of a rune may come together
					t.Errorf("%d pieces: none was delivered before its frame was complete", a.pieces)
				}
				a.log, a.pieces = nil, 0
			}
		}
	})
}

// TestChunkBeforeEndOfFrame: a chunk is delivered before the rest of its frame arrives.
func TestChunkBeforeEndOfFrame(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *testEnv, r role) {
		tc := newEnvDelivering(t, ws.Chunks).open(r, nil)
		f := tc.frame(text, "0123456789")
		tc.peerSends(f[:len(f)-7])
		tc.events.WantLines(t, `PIECE first text "012"`)
		tc.peerSends(f[len(f)-7 : len(f)-6])
		tc.events.WantLines(t, `PIECE text "3"`)
		tc.peerSends(f[len(f)-6:])
		tc.events.WantLines(t, `PIECE text "456789"`)
		tc.peerSends(tc.frame(fin|cont, ""))
		tc.events.WantLines(t, `PIECE fin text ""`)
		tc.peerSends(f[:len(f)-1])
		tc.events.WantLines(t, `PIECE first text "012345678"`)
		tc.peer.Shutdown()
		tc.awaitEnd()
		tc.events.WantLines(t, "ERROR", "CLOSE")
		if !errors.Is(tc.events.LastErr(), io.ErrUnexpectedEOF) {
			t.Error(tc.events.LastErr())
		}
	})
}

// TestDeliveryRefuses: with each Delivery, limits hold for the whole message, and text is checked
// as it arrives.
func TestDeliveryRefuses(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		for _, tt := range []struct {
			name   string
			limit  int
			in     func(f func(byte, string) string, masked bool) string
			code   ws.StatusCode
			pieces int // delivered before that, unless Delivery is Whole
		}{
			{"second frame beyond the limit", 10, func(f func(byte, string) string, masked bool) string {
				return f(text, "01234567") + header(fin|cont, 3, "")(f, masked) + strings.Repeat("\x00", 4)
			}, ws.StatusMessageTooBig, 1},
			{"negative is no limit", -1, frames(bin, strings.Repeat("x", 100), cont, "\x00", fin|cont, "", fin|text, "\xff"), ws.StatusInvalidFramePayloadData, 3},
			{"rune broken by the next frame", 0, frames(text, "\xe2\x82", cont, "a"), ws.StatusInvalidFramePayloadData, 1},
			{"rune cut by the end", 0, frames(text, "\xe2", fin|cont, "\x82"), ws.StatusInvalidFramePayloadData, 1},
			{"control frame between is no part of the text", 0, frames(text, "\xe2", fin|ping, "", fin|cont, "a"), ws.StatusInvalidFramePayloadData, 1},
			{"new message in a message", 0, frames(text, "a", fin|text, "b"), ws.StatusProtocolError, 1},
		} {
			t.Run(fmt.Sprint(tt.name, " ", how), func(t *testing.T) {
				eachRole(t, func(t *testing.T, env *testEnv, r role) {
					env.opts = &ws.Options{Delivery: how, Limits: ws.Limits{Message: tt.limit}}
					tc := env.open(r, nil)
					tc.peerSends(tt.in(tc.frame, r == asServer))
					tc.wantRefused(tt.code)
					pieces := strings.Count(strings.Join(tc.events.Lines, "\n"), "PIECE")
					if how == ws.Whole {
						tt.pieces = 0
					}
					if pieces != tt.pieces {
						t.Errorf("%d pieces, want %d: %v", pieces, tt.pieces, tc.events.Lines)
					}
				})
			})
		}
	}
}

// TestTextFailsFast: text is refused at the first byte that is not UTF-8, inside a frame.
func TestTextFailsFast(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		eachRole(t, func(t *testing.T, _ *testEnv, r role) {
			tc := newEnvDelivering(t, how).open(r, nil)
			f := tc.frame(fin|text, "ab\xed\xa0"+strings.Repeat("x", 50))
			tc.peerSends(f[:len(f)-51])
			if tc.events.LastErr() != nil {
				t.Fatal(tc.events.LastErr())
			}
			tc.peerSends(f[len(f)-51 : len(f)-50]) // a surrogate
			tc.wantRefused(ws.StatusInvalidFramePayloadData, "UTF-8")
		})
	}
}

// TestLargestPiece: where an int has 32 bits, a larger message or frame is refused even without
// a limit. Chunks may belong to a larger one.
func TestLargestPiece(t *testing.T) {
	if strconv.IntSize > 32 {
		t.Skip("an int holds the length of every frame")
	}
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		eachRole(t, func(t *testing.T, env *testEnv, r role) {
			env.opts = &ws.Options{Delivery: how, Limits: ws.Limits{Message: -1}}
			tc := env.open(r, nil)
			in := header(fin|bin, 127, "\x00\x00\x00\x00\x80\x00\x00\x00")(nil, r == asServer)
			if r == asServer {
				in += "\x00\x00\x00\x00"
			}
			tc.peerSends(in)
			if how == ws.Chunks {
				tc.peerSends("ab")
				tc.events.WantLines(t, `PIECE first binary "ab"`)
				tc.closeBoth()
				return
			}
			tc.wantRefused(ws.StatusMessageTooBig, strconv.Itoa(math.MaxInt))
		})
	}
}

// TestCloseInHandlerOfPiece: a handler may close, fail or drain the connection at a piece.
func TestCloseInHandlerOfPiece(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Frames, ws.Chunks} {
		for _, tt := range []struct {
			name string
			do   func(c *reactor.Conn)
			want []string
		}{
			{"close", (*reactor.Conn).Close, []string{"CLOSE"}},
			{"fail", func(c *reactor.Conn) { c.Fail(nil) }, []string{"ERROR", "CLOSE"}},
			{"drain", (*reactor.Conn).Drain, []string{`PIECE fin text "b"`, `MSG text "c"`, "CLOSE"}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				eachRole(t, func(t *testing.T, _ *testEnv, r role) {
					tc := newEnvDelivering(t, how).open(r, onFirst(reactor.EvWSMsg, tt.do))
					tc.peerSends(tc.frame(text, "a") + tc.frame(fin|cont, "b") + tc.frame(fin|text, "c"))
					tc.awaitEnd()
					tc.events.WantLines(t, append([]string{`PIECE first text "a"`}, tt.want...)...)
				})
			})
		}
	}
}
