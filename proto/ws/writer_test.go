package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Frames are as long as was asked for, all but the last and those that Flush
// sends [RFC 6455 5.4]. A '|' among what is written is a Flush.
func TestWriterFrames(t *testing.T) {
	for _, tt := range []struct {
		size   int
		writes []string
		want   []string
	}{
		{4, nil, []string{`text ""`}},
		{4, []string{"", ""}, []string{`text ""`}},
		{4, []string{"|"}, []string{`text ""`}},
		{4, []string{"abc"}, []string{`text "abc"`}},
		{4, []string{"abcd"}, []string{`text "abcd"`}},
		{4, []string{"ab", "cd"}, []string{`text "abcd"`}},
		{4, []string{"abcde"}, []string{`text… "abcd"`, `continuation "e"`}},
		{4, []string{"ab", "cde"}, []string{`text… "abcd"`, `continuation "e"`}},
		{4, []string{"abcdefgh"}, []string{`text… "abcd"`, `continuation "efgh"`}},
		{4, []string{"a", "bcdefgh", "ijklm"}, []string{`text… "abcd"`, `continuation… "efgh"`, `continuation… "ijkl"`, `continuation "m"`}},
		{1, []string{"abc"}, []string{`text… "a"`, `continuation… "b"`, `continuation "c"`}},
		{4, []string{"ab", "|", "c", "|", "|"}, []string{`text… "ab"`, `continuation… "c"`, `continuation ""`}},
		{4, []string{"abcde", "|", "fghi"}, []string{`text… "abcd"`, `continuation… "e"`, `continuation "fghi"`}},
		{4, []string{"abcd", "|"}, []string{`text… "abcd"`, `continuation ""`}},
		{3, []string{"€"[:1], "€"[1:2] + "", "€"[2:] + "x"}, []string{`text… "€"`, `continuation "x"`}},
		{2, []string{"€"}, []string{`text… "\xe2\x82"`, `continuation "\xac"`}},
	} {
		eachRole(t, func(t *testing.T, w *world, r role) {
			e := w.open(r, nil)
			for range 2 { // messages, one after the other
				wr, err := ws.NewWriter(e.c, ws.OpText, tt.size)
				must(t, err)
				for _, s := range tt.writes {
					if s == "|" {
						must(t, wr.Flush())
					} else if n, err := wr.Write([]byte(s)); n != len(s) || err != nil {
						t.Fatalf("Write of %q: %d, %v", s, n, err)
					}
				}
				must(t, wr.Close())
				e.wantSent(tt.want...)
			}
			must(t, ws.Send(e.c, []byte("after"), ws.OpBinary))
			e.wantSent(`binary "after"`)
		})
	}
}

// While a message is being sent in frames there is none but control frames in
// between [RFC 6455 5.4].
func TestWriterExcludesMessages(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		wr, err := ws.NewWriter(e.c, ws.OpBinary, 2)
		must(t, err)
		wr.Write([]byte("abc"))
		p, err := ws.Prepare([]byte("x"), ws.OpText)
		must(t, err)
		_, second := ws.NewWriter(e.c, ws.OpText, 1)
		for what, err := range map[string]error{
			"Ready": ws.Ready(e.c), "Send": ws.Send(e.c, nil, ws.OpText), "Printf": ws.Printf(e.c, ws.OpBinary, "x"),
			"Prepared.Send": p.Send(e.c), "NewWriter": second,
		} {
			if !errors.Is(err, ws.ErrMessageOpen) {
				t.Errorf("%s: %v", what, err)
			}
		}
		must(t, ws.Ping(e.c, []byte("p")))
		e.feed(e.frame(fin|ping, "q"))
		must(t, ws.Printf(e.c, ws.OpPong, "r"))
		must(t, wr.Close())
		must(t, ws.Ready(e.c))
		e.wantSent(`binary… "ab"`, `ping "p"`, `pong "q"`, `pong "r"`, `continuation "c"`)
		wr, _ = ws.NewWriter(e.c, ws.OpBinary, 2)
		wr.Write([]byte("abc"))
		e.c.Send.AppendString("wrapped")
		if n := ws.Wrap(e.c, 7, ws.OpText); n != e.c.Send.Len() || !errors.Is(e.rec.err, ws.ErrMessageOpen) {
			t.Errorf("Wrap: %d, %v", n, e.rec.err)
		}
		e.ends()
	})
}

// Text must be UTF-8 as a whole: a Write that breaks it sends nothing, an end
// inside a rune fails the connection, for what was sent cannot be taken back.
func TestWriterText(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		wr, err := ws.NewWriter(e.c, ws.OpText, 2)
		must(t, err)
		wr.Write([]byte("\xe2\x82"))
		var pe *ws.ProtocolError
		if n, err := wr.Write([]byte("abc")); n != 0 || !errors.As(err, &pe) || pe.Code != ws.CloseInvalidData {
			t.Errorf("Write of what breaks it: %d, %v", n, err)
		}
		wr.Write([]byte("\xacd\xe2"))
		e.wantSent(`text… "\xe2\x82"`, `continuation… "\xacd"`)
		if err := wr.Close(); !errors.As(err, &pe) {
			t.Errorf("Close inside a rune: %v", err)
		}
		e.wantRefused(ws.CloseInvalidData, "UTF-8")
	})
}

// A Writer ends with its message, with a Close frame, or with the connection.
func TestWriterAfterTheEnd(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		for _, tt := range []struct {
			name string
			end  func(e *end, wr *ws.Writer)
			want error
		}{
			{"its own", func(_ *end, wr *ws.Writer) { wr.Close() }, reactor.ErrClosed},
			{"a Close frame", func(e *end, _ *ws.Writer) { ws.Close(e.c, ws.CloseNormal, "") }, ws.ErrCloseSent},
			{"the peer's Close frame", func(e *end, _ *ws.Writer) { e.feed(e.frame(fin|closs, "")) }, reactor.ErrClosed},
			{"Close", func(e *end, _ *ws.Writer) { e.drop() }, reactor.ErrClosed},
			{"Close, not handled yet", func(e *end, _ *ws.Writer) { e.c.Close() }, reactor.ErrClosed},
		} {
			e := w.open(r, nil)
			wr, err := ws.NewWriter(e.c, ws.OpText, 1)
			must(t, err)
			wr.Write([]byte("abc"))
			e.wantSent(`text… "a"`, `continuation… "b"`)
			tt.end(e, wr)
			_, write := wr.Write([]byte("xy"))
			for what, err := range map[string]error{"Write": write, "Flush": wr.Flush(), "Close": wr.Close()} {
				if !errors.Is(err, tt.want) {
					t.Errorf("after %s: %s: %v, want %v", tt.name, what, err, tt.want)
				}
			}
			e.c.Close()
			e.p.close()
			await(t, w.m, "CLOSE", func() bool { return e.rec.closed })
		}
	})
}

func TestNewWriterRefused(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		for _, op := range []ws.OpCode{0, 3, 7, 8, 9, 10, 11, 15} {
			if _, err := ws.NewWriter(e.c, op, 1); !errors.Is(err, ws.ErrOpCode) {
				t.Errorf("%v: %v", op, err)
			}
		}
		for _, size := range []int{0, -1} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("size %d: no panic", size)
					}
				}()
				ws.NewWriter(e.c, ws.OpText, size)
			}()
		}
		must(t, ws.Ready(e.c))
		must(t, ws.Close(e.c, ws.CloseNormal, ""))
		if _, err := ws.NewWriter(e.c, ws.OpText, 1); !errors.Is(err, ws.ErrCloseSent) {
			t.Errorf("after a Close frame: %v", err)
		}
		e.c.Close()
		if _, err := ws.NewWriter(w.accept(nil).c, ws.OpText, 1); !errors.Is(err, ws.ErrNotWebSocket) {
			t.Errorf("on HTTP: %v", err)
		}
	})
}

// If compression was agreed it is the message that is compressed, then cut into
// frames, the first of which says so [RFC 7692 6.1]. Flush sends what there is
// in full; without anything written there is nothing to send.
func TestWriterCompresses(t *testing.T) {
	long := strings.Repeat("some words, ", 2000) + noise(5000)
	eachRole(t, func(t *testing.T, _ *world, r role) {
		e := agreed(t, ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true}}).open(r, nil)
		for _, size := range []int{1 << 20, 1000, 100} {
			wr, err := ws.NewWriter(e.c, ws.OpBinary, size)
			must(t, err)
			must(t, wr.Flush())
			e.wantSent()
			for i := 0; i < len(long); i += 777 {
				wr.Write([]byte(long[i:min(i+777, len(long))]))
			}
			must(t, wr.Flush())
			must(t, wr.Flush())
			spin(t, e.m)
			e.p.pump()
			compressed, frames := payloads(t, e.p.in, r == asClient, fin|rsv1)
			e.p.in = nil
			if got := inflated(t, strings.TrimSuffix(compressed, "\x00\x00\xff\xff")); got != long && size > len(long) {
				t.Errorf("after Flush: %s, want %s", brief(got), brief(long))
			}
			must(t, wr.Close())
			spin(t, e.m)
			e.p.pump()
			last, _ := payloads(t, e.p.in, r == asClient, 0)
			e.p.in = nil
			if want := (len(compressed) + size - 1) / size; frames != want || size <= 1000 && frames < 5 {
				t.Errorf("%d bytes in %d frames of %d, want %d", len(compressed), frames, size, want)
			}
			if size == 1<<20 && last != "\x00" {
				t.Errorf("the rest is % x", last)
			}
		}
		e.drop()
	})
}

// payloads joins the payloads of frames. marks are the bits that the first byte of
// the first of them may have besides its type.
func payloads(t *testing.T, b []byte, masked bool, marks byte) (joined string, frames int) {
	t.Helper()
	for ; len(b) > 0; frames++ {
		if frames == 0 && b[0]&rsv1 != marks&rsv1 || frames > 0 && b[0]&rsv1 != 0 {
			t.Errorf("frame %d begins with %x", frames, b[0])
		}
		n, size := int(b[1]&0x7f), 2
		if n == 126 {
			n, size = int(b[2])<<8|int(b[3]), 4
		}
		key := [4]byte{}
		if masked {
			size += copy(key[:], b[size:])
		}
		for i := range n {
			b[size+i] ^= key[i%4]
		}
		joined += string(b[size : size+n])
		b = b[size+n:]
	}
	return joined, frames
}
