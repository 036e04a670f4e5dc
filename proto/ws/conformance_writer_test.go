package ws_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// fragmentedSendingRules are about the frames that a Writer sends.
func fragmentedSendingRules() []rule {
	const firstText, more, last = "\x01", "\x00", "\x80"
	return []rule{
		{"5.4", "The first fragment has the type. The others are continuations. Only the last one is final.", []tester{
			sent("message in frames of 4", func(t *testing.T, tc *testConn) {
				fw := begin(t, tc, ws.OpText, 4)
				write(t, fw, "0123456789")
				must(t, fw.Close())
			}, firstText+"0123", more+"4567", last+"89"),
			sent("message in one frame", func(t *testing.T, tc *testConn) {
				fw := begin(t, tc, ws.OpBinary, 100)
				write(t, fw, "ab", "cd")
				must(t, fw.Close())
			}, "\x82abcd"),
			sent("empty message", func(t *testing.T, tc *testConn) { must(t, begin(t, tc, ws.OpText, 4).Close()) }, "\x81"),
			sent("message flushed", func(t *testing.T, tc *testConn) {
				fw := begin(t, tc, ws.OpBinary, 100)
				write(t, fw, "ab")
				must(t, fw.Flush())
				must(t, fw.Flush())
				write(t, fw, "cd")
				must(t, fw.Close())
			}, "\x02ab", last+"cd"),
			sent("ping between our fragments", func(t *testing.T, tc *testConn) {
				fw := begin(t, tc, ws.OpText, 2)
				write(t, fw, "abc")
				must(t, ws.Send(tc.conn, []byte("p"), ws.OpPing))
				must(t, fw.Close())
			}, firstText+"ab", "\x89p", last+"c"),
			sent("pong between our fragments", func(t *testing.T, tc *testConn) {
				fw := begin(t, tc, ws.OpText, 2)
				write(t, fw, "abc")
				tc.peerSends(tc.frame(fin|ping, "q"))
				must(t, fw.Close())
			}, firstText+"ab", "\x8aq", last+"c"),
			sent("rune in frames of a byte", func(t *testing.T, tc *testConn) {
				fw := begin(t, tc, ws.OpText, 1)
				write(t, fw, "€")
				must(t, fw.Close())
			}, firstText+"\xe2", more+"\x82", last+"\xac"),
		}},
		{"5.4", "No other message is sent between the fragments of a message.", []tester{
			sent("message between our fragments", func(t *testing.T, tc *testConn) {
				fw := begin(t, tc, ws.OpText, 2)
				write(t, fw, "abc")
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary} {
					if err := ws.Send(tc.conn, []byte("x"), op); !errors.Is(err, ws.ErrMessageOpen) {
						t.Errorf("Send of %v: %v", op, err)
					}
				}
				if _, err := ws.NewWriter(tc.conn, ws.OpText, 1); !errors.Is(err, ws.ErrMessageOpen) {
					t.Errorf("NewWriter: %v", err)
				}
				must(t, fw.Close())
				must(t, ws.Send(tc.conn, []byte("x"), ws.OpText))
			}, firstText+"ab", last+"c", "\x81x"),
		}},
	}
}

// begin returns a Writer.
func begin(t *testing.T, tc *testConn, op ws.OpCode, size int) *ws.Writer {
	t.Helper()
	fw, err := ws.NewWriter(tc.conn, op, size)
	if err != nil {
		t.Fatal(err)
	}
	return fw
}

// write writes pieces to a Writer.
func write(t *testing.T, fw *ws.Writer, pieces ...string) {
	t.Helper()
	for _, s := range pieces {
		if n, err := fw.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("Write of %d bytes: %d, %v", len(s), n, err)
		}
	}
}

// sent is an action and the frames that it must send. A frame is its first byte and its
// payload.
func sent(name string, do func(t *testing.T, tc *testConn), frames ...string) action {
	return opened(name+" written", "", func(t *testing.T, tc *testConn) {
		do(t, tc)
		await(t, tc.manager, "frames", func() bool { tc.peer.Receive(); return count(tc.peer.In) >= len(frames) })
		spin(t, tc.manager)
		tc.peer.Receive()
		want := ""
		for _, f := range frames {
			want += buildFrame(f[0], false, -1, f[1:])
		}
		if got := unmasked(tc.peer.In); got != want {
			t.Errorf("sent % x, want % x", got, want)
		}
	})
}

// unmasked returns short frames without their masks.
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
