package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Frames have the size that NewWriter got, except the last one and those that Flush sends
// [RFC 6455 5.4]. A "|" in writes is a call of Flush.
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
		eachRole(t, func(t *testing.T, env *testEnv, r role) {
			tc := env.open(r, nil)
			for range 2 { // two messages
				wr, err := ws.NewWriter(tc.conn, ws.OpText, tt.size)
				must(t, err)
				for _, s := range tt.writes {
					if s == "|" {
						must(t, wr.Flush())
					} else if n, err := wr.Write([]byte(s)); n != len(s) || err != nil {
						t.Fatalf("Write of %q: %d, %v", s, n, err)
					}
				}
				must(t, wr.Close())
				tc.wantSent(tt.want...)
			}
			must(t, ws.Send(tc.conn, []byte("after"), ws.OpBinary))
			tc.wantSent(`binary "after"`)
		})
	}
}

// Until the Writer is closed, only control frames may be sent [RFC 6455 5.4].
func TestWriterExcludesMessages(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		wr, err := ws.NewWriter(tc.conn, ws.OpBinary, 2)
		must(t, err)
		wr.Write([]byte("abc"))
		p, err := ws.Prepare([]byte("x"), ws.OpText)
		must(t, err)
		_, second := ws.NewWriter(tc.conn, ws.OpText, 1)
		for what, err := range map[string]error{
			"CheckSend": ws.CheckSend(tc.conn), "Send": ws.Send(tc.conn, nil, ws.OpText), "Printf": ws.Printf(tc.conn, ws.OpBinary, "x"),
			"Prepared.Send": p.Send(tc.conn), "NewWriter": second,
		} {
			if !errors.Is(err, ws.ErrMessageOpen) {
				t.Errorf("%s: %v, want ErrMessageOpen", what, err)
			}
		}
		must(t, ws.Ping(tc.conn, []byte("p")))
		tc.peerSends(tc.frame(fin|ping, "q"))
		must(t, ws.Printf(tc.conn, ws.OpPong, "r"))
		must(t, wr.Close())
		must(t, ws.CheckSend(tc.conn))
		tc.wantSent(`binary… "ab"`, `ping "p"`, `pong "q"`, `pong "r"`, `continuation "c"`)
		wr, _ = ws.NewWriter(tc.conn, ws.OpBinary, 2)
		wr.Write([]byte("abc"))
		tc.conn.Send.AppendString("wrapped")
		if n := ws.Wrap(tc.conn, 7, ws.OpText); n != tc.conn.Send.Len() || !errors.Is(tc.events.LastErr(), ws.ErrMessageOpen) {
			t.Errorf("Wrap: %d, %v", n, tc.events.LastErr())
		}
		tc.awaitEnd()
	})
}

// A text must be UTF-8 across its frames. A Write that breaks this sends nothing. A text
// that ends inside a rune fails the connection, because its first frames are already sent.
func TestWriterText(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		wr, err := ws.NewWriter(tc.conn, ws.OpText, 2)
		must(t, err)
		wr.Write([]byte("\xe2\x82"))
		var pe *ws.ProtocolError
		if n, err := wr.Write([]byte("abc")); n != 0 || !errors.As(err, &pe) || pe.Code != ws.StatusInvalidFramePayloadData {
			t.Errorf("Write of bytes that are not UTF-8: %d, %v", n, err)
		}
		wr.Write([]byte("\xacd\xe2"))
		tc.wantSent(`text… "\xe2\x82"`, `continuation… "\xacd"`)
		if err := wr.Close(); !errors.As(err, &pe) {
			t.Errorf("Close inside a rune: %v", err)
		}
		tc.wantRefused(ws.StatusInvalidFramePayloadData, "UTF-8")
	})
}

// A Writer cannot be used after its Close, after a Close frame, and after the connection
// has closed.
func TestWriterAfterTheEnd(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		for _, tt := range []struct {
			name string
			end  func(tc *testConn, wr *ws.Writer)
			want error
		}{
			{"its own Close", func(_ *testConn, wr *ws.Writer) { wr.Close() }, reactor.ErrClosed},
			{"a Close frame", func(tc *testConn, _ *ws.Writer) { ws.Close(tc.conn, ws.StatusNormalClosure, "") }, ws.ErrCloseSent},
			{"the peer's Close frame", func(tc *testConn, _ *ws.Writer) { tc.peerSends(tc.frame(fin|opClose, "")) }, reactor.ErrClosed},
			{"the end of the connection", func(tc *testConn, _ *ws.Writer) { tc.closeBoth() }, reactor.ErrClosed},
			{"Conn.Close in the same turn", func(tc *testConn, _ *ws.Writer) { tc.conn.Close() }, reactor.ErrClosed},
		} {
			tc := env.open(r, nil)
			wr, err := ws.NewWriter(tc.conn, ws.OpText, 1)
			must(t, err)
			wr.Write([]byte("abc"))
			tc.wantSent(`text… "a"`, `continuation… "b"`)
			tt.end(tc, wr)
			_, write := wr.Write([]byte("xy"))
			for what, err := range map[string]error{"Write": write, "Flush": wr.Flush(), "Close": wr.Close()} {
				if !errors.Is(err, tt.want) {
					t.Errorf("after %s: %s: %v, want %v", tt.name, what, err, tt.want)
				}
			}
			tc.conn.Close()
			tc.peer.Close()
			await(t, env.manager, "CLOSE", func() bool { return tc.events.Closed() })
		}
	})
}

// NewWriter refuses wrong types and connections that are not open. It panics if the size is
// not positive.
func TestNewWriterRefused(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		for _, op := range []ws.OpCode{0, 3, 7, 8, 9, 10, 11, 15} {
			if _, err := ws.NewWriter(tc.conn, op, 1); !errors.Is(err, ws.ErrOpCode) {
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
				ws.NewWriter(tc.conn, ws.OpText, size)
			}()
		}
		must(t, ws.CheckSend(tc.conn))
		must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		if _, err := ws.NewWriter(tc.conn, ws.OpText, 1); !errors.Is(err, ws.ErrCloseSent) {
			t.Errorf("after a Close frame: %v", err)
		}
		tc.conn.Close()
		if _, err := ws.NewWriter(env.accept(nil).conn, ws.OpText, 1); !errors.Is(err, ws.ErrNotWebSocket) {
			t.Errorf("on HTTP: %v", err)
		}
	})
}

// If compression was agreed, the message is compressed and then cut into frames. Only the
// first one has RSV1 [RFC 7692 6.1]. Flush sends everything that was written. Without bytes
// it sends nothing.
func TestWriterCompresses(t *testing.T) {
	long := strings.Repeat("some words, ", 2000) + noise(5000)
	eachRole(t, func(t *testing.T, _ *testEnv, r role) {
		tc := newEnvDeflating(t, ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true}}).open(r, nil)
		for _, size := range []int{1 << 20, 1000, 100} {
			wr, err := ws.NewWriter(tc.conn, ws.OpBinary, size)
			must(t, err)
			must(t, wr.Flush())
			tc.wantSent()
			for i := 0; i < len(long); i += 777 {
				wr.Write([]byte(long[i:min(i+777, len(long))]))
			}
			must(t, wr.Flush())
			must(t, wr.Flush())
			spin(t, tc.manager)
			tc.peer.Receive()
			compressed, frames := payloads(t, tc.peer.In, r == asClient, fin|rsv1)
			tc.peer.In = nil
			if got := inflated(t, strings.TrimSuffix(compressed, "\x00\x00\xff\xff")); got != long && size > len(long) {
				t.Errorf("after Flush: got %s, want %s", brief(got), brief(long))
			}
			must(t, wr.Close())
			spin(t, tc.manager)
			tc.peer.Receive()
			last, _ := payloads(t, tc.peer.In, r == asClient, 0)
			tc.peer.In = nil
			if want := (len(compressed) + size - 1) / size; frames != want || size <= 1000 && frames < 5 {
				t.Errorf("%d bytes in %d frames of %d, want %d", len(compressed), frames, size, want)
			}
			if size == 1<<20 && last != "\x00" {
				t.Errorf("the last frame is % x, want 00", last)
			}
		}
		tc.closeBoth()
	})
}

// payloads joins the payloads of frames. marks has RSV1 if the first frame must have it.
func payloads(t *testing.T, b []byte, masked bool, marks byte) (joined string, frames int) {
	t.Helper()
	for ; len(b) > 0; frames++ {
		if frames == 0 && b[0]&rsv1 != marks&rsv1 || frames > 0 && b[0]&rsv1 != 0 {
			t.Errorf("frame %d has the first byte %x", frames, b[0])
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
