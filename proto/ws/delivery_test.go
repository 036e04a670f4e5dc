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

// delivering is a world whose messages come that way.
func delivering(t testing.TB, how ws.Delivery) *world {
	w := newWorld(t)
	w.opts = &ws.Options{Delivery: how}
	return w
}

// Frames are handed on as they complete, the message in one frame as ever.
func TestDeliveryOfFrames(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *world, r role) {
		e := delivering(t, ws.Frames).open(r, nil)
		f := e.frame
		in := f(fin|text, "whole") + f(text, "€"[:1]) + f(fin|ping, "p") + f(cont, "") + f(fin|cont, "€"[1:]) + f(bin, "") + f(fin|cont, "")
		for how, pieces := range ways(in) {
			e.feed(pieces...)
			if len(e.rec.log) != 7 {
				t.Fatalf("%s: %v", how, e.rec.log)
			}
			e.rec.want(t, `MSG text "whole"`, `PIECE first text "\xe2"`, `CTL ping "p"`, `PIECE text ""`, `PIECE fin text "\x82\xac"`,
				`PIECE first binary ""`, `PIECE fin binary ""`)
		}
	})
}

// assembler puts pieces together again, in words, and checks their flags.
type assembler struct {
	testing.TB
	log     []string
	message string
	inside  bool
	op      ws.OpCode
	pieces  int
}

func (a *assembler) hear(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvWSCtl:
		m := data.(*ws.Message)
		if !m.First || !m.Fin {
			a.Errorf("a control frame in pieces: %+v", m)
		}
		a.log = append(a.log, fmt.Sprintf("%v %s", m.Op, m.Data))
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		if m.First == a.inside || a.inside && m.Op != a.op {
			a.Errorf("%v piece %q: first %v inside a message %v", m.Op, m.Data, m.First, a.inside)
		}
		a.pieces++
		a.op, a.inside = m.Op, !m.Fin
		a.message += string(m.Data)
		clear(m.Data) // it is the handler's
		if m.Fin {
			a.log = append(a.log, fmt.Sprintf("%v %s", m.Op, a.message))
			a.message = ""
		}
	}
}

// Chunks are whatever has come; they make up the message wherever the stream
// is cut, and whenever the handler pauses or raises EvRead.
func TestDeliveryOfChunks(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *world, r role) {
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
			e := delivering(t, ws.Chunks).open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
				a.hear(c, ev, data)
				do(c, ev, data)
			})
			f := e.frame
			in := f(fin|text, "ab€cd") + f(text, "x€y") + f(fin|ping, "pp") + f(cont, "") + f(fin|cont, "z") + f(fin|bin, "\xff\xfe\xfd\xfc\xfb") + f(fin|text, "")
			want := []string{"text ab€cd", "ping pp", "text x€yz", "binary \xff\xfe\xfd\xfc\xfb", "text "}
			for how, pieces := range ways(in) {
				for _, s := range pieces {
					e.p.write(s)
					e.fed += len(s)
					await(t, e.m, "arrival", func() bool { return e.rec.read >= e.fed })
				}
				await(t, e.m, "all of it", func() bool { return len(a.log) == len(want) })
				wantLines(t, how, a.log, want)
				if how == "byte by byte" && a.pieces < 16 { // a rune may come at once
					t.Errorf("%d pieces: nothing came in mid-frame", a.pieces)
				}
				a.log, a.pieces = nil, 0
			}
		}
	})
}

// A chunk is there before the rest of its frame is.
func TestChunkInMidFrame(t *testing.T) {
	eachRole(t, func(t *testing.T, _ *world, r role) {
		e := delivering(t, ws.Chunks).open(r, nil)
		f := e.frame(text, "0123456789")
		e.feed(f[:len(f)-7])
		e.rec.want(t, `PIECE first text "012"`)
		e.feed(f[len(f)-7 : len(f)-6])
		e.rec.want(t, `PIECE text "3"`)
		e.feed(f[len(f)-6:])
		e.rec.want(t, `PIECE text "456789"`)
		e.feed(e.frame(fin|cont, ""))
		e.rec.want(t, `PIECE fin text ""`)
		e.feed(f[:len(f)-1])
		e.rec.want(t, `PIECE first text "012345678"`)
		e.p.shutdown()
		e.ends()
		e.rec.want(t, "ERROR", "CLOSE")
		if !errors.Is(e.rec.err, io.ErrUnexpectedEOF) {
			t.Error(e.rec.err)
		}
	})
}

// Limits hold for the message, not for its pieces, and text is checked as it
// comes, whatever the delivery.
func TestDeliveryRefuses(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		for _, tt := range []struct {
			name   string
			limit  int
			in     func(f func(byte, string) string, masked bool) string
			code   ws.CloseCode
			pieces int // before that, unless delivery is whole
		}{
			{"second frame beyond the limit", 10, func(f func(byte, string) string, masked bool) string {
				return f(text, "01234567") + header(fin|cont, 3, "")(f, masked) + strings.Repeat("\x00", 4)
			}, ws.CloseTooLarge, 1},
			{"negative is no limit", -1, frames(bin, strings.Repeat("x", 100), cont, "\x00", fin|cont, "", fin|text, "\xff"), ws.CloseInvalidData, 3},
			{"rune broken by the next frame", 0, frames(text, "\xe2\x82", cont, "a"), ws.CloseInvalidData, 1},
			{"rune cut by the end", 0, frames(text, "\xe2", fin|cont, "\x82"), ws.CloseInvalidData, 1},
			{"control frame between is no part of the text", 0, frames(text, "\xe2", fin|ping, "", fin|cont, "a"), ws.CloseInvalidData, 1},
			{"new message in a message", 0, frames(text, "a", fin|text, "b"), ws.CloseProtocolError, 1},
		} {
			t.Run(fmt.Sprint(tt.name, " ", how), func(t *testing.T) {
				eachRole(t, func(t *testing.T, w *world, r role) {
					w.opts = &ws.Options{Delivery: how, Limits: ws.Limits{Message: tt.limit}}
					e := w.open(r, nil)
					e.feed(tt.in(e.frame, r == asServer))
					e.wantRefused(tt.code)
					pieces := strings.Count(strings.Join(e.rec.log, "\n"), "PIECE")
					if how == ws.Whole {
						tt.pieces = 0
					}
					if pieces != tt.pieces {
						t.Errorf("%d pieces, want %d: %v", pieces, tt.pieces, e.rec.log)
					}
				})
			})
		}
	}
}

// Text is refused with the byte that breaks it, in mid-frame.
func TestTextFailsFast(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		eachRole(t, func(t *testing.T, _ *world, r role) {
			e := delivering(t, how).open(r, nil)
			f := e.frame(fin|text, "ab\xed\xa0"+strings.Repeat("x", 50))
			e.feed(f[:len(f)-51])
			if e.rec.err != nil {
				t.Fatal(e.rec.err)
			}
			e.feed(f[len(f)-51 : len(f)-50]) // a surrogate
			e.wantRefused(ws.CloseInvalidData, "UTF-8")
		})
	}
}

// Where an int has 32 bits nothing larger can lie in one piece, though there be
// no limit; chunks need not.
func TestLargestPiece(t *testing.T) {
	if strconv.IntSize > 32 {
		t.Skip("an int holds the length of every frame")
	}
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		eachRole(t, func(t *testing.T, w *world, r role) {
			w.opts = &ws.Options{Delivery: how, Limits: ws.Limits{Message: -1}}
			e := w.open(r, nil)
			in := header(fin|bin, 127, "\x00\x00\x00\x00\x80\x00\x00\x00")(nil, r == asServer)
			if r == asServer {
				in += "\x00\x00\x00\x00"
			}
			e.feed(in)
			if how == ws.Chunks {
				e.feed("ab")
				e.rec.want(t, `PIECE first binary "ab"`)
				e.drop()
				return
			}
			e.wantRefused(ws.CloseTooLarge, strconv.Itoa(math.MaxInt))
		})
	}
}

// Handlers close, fail and drain from within a piece.
func TestEndInsidePieces(t *testing.T) {
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
				eachRole(t, func(t *testing.T, _ *world, r role) {
					e := delivering(t, how).open(r, first(reactor.EvWSMsg, tt.do))
					e.feed(e.frame(text, "a") + e.frame(fin|cont, "b") + e.frame(fin|text, "c"))
					e.ends()
					e.rec.want(t, append([]string{`PIECE first text "a"`}, tt.want...)...)
				})
			})
		}
	}
}
