package ws_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// fragmentedSendingRules are about the frames of a Writer.
func fragmentedSendingRules() []rule {
	const firstText, more, last = "\x01", "\x00", "\x80"
	return []rule{
		{"5.4", "The first fragment has the type, the others are continuations, the last one and no other is final.", []tester{
			sent("message in frames of 4", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 4)
				write(t, fw, "0123456789")
				must(t, fw.Close())
			}, firstText+"0123", more+"4567", last+"89"),
			sent("message in one frame", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpBinary, 100)
				write(t, fw, "ab", "cd")
				must(t, fw.Close())
			}, "\x82abcd"),
			sent("empty message", func(t *testing.T, e *end) { must(t, begin(t, e, ws.OpText, 4).Close()) }, "\x81"),
			sent("message flushed", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpBinary, 100)
				write(t, fw, "ab")
				must(t, fw.Flush())
				must(t, fw.Flush())
				write(t, fw, "cd")
				must(t, fw.Close())
			}, "\x02ab", last+"cd"),
			sent("ping between our fragments", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 2)
				write(t, fw, "abc")
				must(t, ws.Send(e.c, []byte("p"), ws.OpPing))
				must(t, fw.Close())
			}, firstText+"ab", "\x89p", last+"c"),
			sent("pong between our fragments", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 2)
				write(t, fw, "abc")
				e.feed(e.frame(fin|ping, "q"))
				must(t, fw.Close())
			}, firstText+"ab", "\x8aq", last+"c"),
			sent("rune split by frames of a byte", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 1)
				write(t, fw, "€")
				must(t, fw.Close())
			}, firstText+"\xe2", more+"\x82", last+"\xac"),
		}},
		{"5.4", "No other message is sent between the fragments of one.", []tester{
			sent("message between our fragments", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 2)
				write(t, fw, "abc")
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary} {
					if err := ws.Send(e.c, []byte("x"), op); !errors.Is(err, ws.ErrMessageOpen) {
						t.Errorf("Send of %v: %v", op, err)
					}
				}
				if _, err := ws.NewWriter(e.c, ws.OpText, 1); !errors.Is(err, ws.ErrMessageOpen) {
					t.Errorf("NewWriter: %v", err)
				}
				must(t, fw.Close())
				must(t, ws.Send(e.c, []byte("x"), ws.OpText))
			}, firstText+"ab", last+"c", "\x81x"),
		}},
	}
}

func begin(t *testing.T, e *end, op ws.OpCode, size int) *ws.Writer {
	t.Helper()
	fw, err := ws.NewWriter(e.c, op, size)
	if err != nil {
		t.Fatal(err)
	}
	return fw
}

func write(t *testing.T, fw *ws.Writer, pieces ...string) {
	t.Helper()
	for _, s := range pieces {
		if n, err := fw.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("Write of %d bytes: %d, %v", len(s), n, err)
		}
	}
}

// sent is a deed and the frames that come of it: first byte and payload.
func sent(name string, do func(t *testing.T, e *end), frames ...string) deed {
	return opened(name+" written", "", func(t *testing.T, e *end) {
		do(t, e)
		await(t, e.m, "frames", func() bool { e.p.pump(); return count(e.p.in) >= len(frames) })
		spin(t, e.m)
		e.p.pump()
		want := ""
		for _, f := range frames {
			want += build(f[0], false, -1, f[1:])
		}
		if got := unmasked(e.p.in); got != want {
			t.Errorf("sent % x, want % x", got, want)
		}
	})
}

// unmasked takes the masks off short frames.
func unmasked(b []byte) (s string) {
	for len(b) >= 2 {
		n := int(b[1] & 0x7f)
		head, payload := b[:2], b[2:]
		if b[1]&0x80 != 0 {
			key := payload[:4]
			payload = payload[4:]
			for i := range n {
				payload[i] ^= key[i%4]
			}
		}
		s += string([]byte{head[0], byte(n)}) + string(payload[:n])
		b = payload[n:]
	}
	return s
}
