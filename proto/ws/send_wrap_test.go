package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestWrap: the payload becomes one frame, the bytes before it stay, and the result is the new
// length of Send.
func TestWrap(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		c := env.open(r, nil).conn
		for _, tt := range []struct{ n, header int }{
			{0, 2}, {1, 2}, {3, 2}, {124, 2}, {125, 2}, {126, 4}, {127, 4}, {128, 4}, {255, 4}, {256, 4},
			{65534, 4}, {65535, 4}, {65536, 10}, {65537, 10}, {100_000, 10},
		} {
			for _, before := range []string{"", "b", strings.Repeat("before", 300)} {
				t.Run(fmt.Sprintf("%d behind %d", tt.n, len(before)), func(t *testing.T) {
					defer c.Send.Reset()
					payload := strings.Repeat("payload", tt.n/7+1)[:tt.n]
					want := len(before) + tt.header + tt.n
					if r == asClient {
						want += 4
					}
					c.Send.AppendString(before)
					start := c.Send.Len()
					c.Send.AppendString(payload)
					if got := ws.Wrap(c, c.Send.Len()-start, ws.OpBinary); got != want || c.Send.Len() != want {
						t.Fatalf("Wrap returned %d, Send has %d, want %d", got, c.Send.Len(), want)
					}
					out := bytes.Clone(c.Send.Bytes())
					if !bytes.HasPrefix(out, []byte(before)) {
						t.Fatal("the bytes before the payload have changed")
					}
					wantLines(t, "frames", describeFrames(t, out[start:], r == asClient), []string{"binary " + brief(payload)})
				})
			}
		}
	})
}

// TestWrapSpecExamples: the examples of [RFC 6455 5.7].
func TestWrapSpecExamples(t *testing.T) {
	c := newEnv(t).open(asServer, nil).conn
	for _, tt := range []struct {
		op            ws.OpCode
		payload, want string
	}{
		{ws.OpText, "Hello", "\x81\x05Hello"},
		{ws.OpPing, "Hello", "\x89\x05Hello"},
		{ws.OpPong, "Hello", "\x8a\x05Hello"},
		{ws.OpBinary, strings.Repeat("\x00", 256), "\x82\x7e\x01\x00" + strings.Repeat("\x00", 256)},
		{ws.OpBinary, strings.Repeat("\x00", 65536), "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("\x00", 65536)},
	} {
		c.Send.AppendString(tt.payload)
		ws.Wrap(c, len(tt.payload), tt.op)
		if got := string(c.Send.Bytes()); got != tt.want {
			t.Errorf("%v of %d bytes begins with % x", tt.op, len(tt.payload), got[:min(len(got), 16)])
		}
		c.Send.Reset()
	}
}

func TestWrapPanics(t *testing.T) {
	c := newEnv(t).open(asServer, nil).conn
	for _, n := range []int{-1, 4, 1 << 30} {
		c.Send.AppendString("abc")
		func() {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.Contains(s, "Wrap of "+fmt.Sprint(n)) {
					t.Errorf("Wrap of %d of 3 bytes: %q", n, s)
				}
			}()
			ws.Wrap(c, n, ws.OpText)
		}()
		if string(c.Send.Bytes()) != "abc" {
			t.Errorf("Send is %q", c.Send.Bytes())
		}
		c.Send.Reset()
	}
}

// TestWrapRefused: a payload that cannot be sent is removed from Send, the bytes before it are
// sent, and the connection fails with the reason.
func TestWrapRefused(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		for _, tt := range []struct {
			name  string
			setup func(c *reactor.Conn) error
			n     int
			op    ws.OpCode
			want  error
			sent  []string
		}{
			{"ping of 126", nil, 126, ws.OpPing, ws.ErrControlTooLong, []string{`text "before"`}},
			{"close of 126", nil, 126, ws.OpClose, ws.ErrControlTooLong, []string{`text "before"`}},
			{"after Close", func(c *reactor.Conn) error { return ws.Send(c, nil, ws.OpClose) }, 3, ws.OpText, ws.ErrCloseSent,
				[]string{`text "before"`, `close ""`}},
		} {
			tc := env.open(r, nil)
			must(t, ws.Send(tc.conn, []byte("before"), ws.OpText))
			if tt.setup != nil {
				must(t, tt.setup(tc.conn))
			}
			start := tc.conn.Send.Len()
			tc.conn.Send.AppendString(strings.Repeat("x", tt.n))
			if got := ws.Wrap(tc.conn, tt.n, tt.op); got != start || tc.conn.Send.Len() != start {
				t.Errorf("%s: Wrap returned %d, Send has %d, want %d", tt.name, got, tc.conn.Send.Len(), start)
			}
			tc.awaitEnd()
			tc.events.WantLines(t, "ERROR", "CLOSE")
			if !errors.Is(tc.events.LastErr(), tt.want) {
				t.Errorf("%s: error is %v", tt.name, tc.events.LastErr())
			}
			tc.wantSent(tt.sent...)
			tc.peer.Close()
		}
	})
}

// TestWrapBeforeOpen: Wrap fails before EvWSOpen, because the peer still expects HTTP.
func TestWrapBeforeOpen(t *testing.T) {
	env := newEnv(t)
	tc := env.connect("", nil)
	tc.readHead()
	tc.conn.Send.AppendString("abc")
	if got := ws.Wrap(tc.conn, 3, ws.OpText); got != 0 {
		t.Errorf("Wrap returned %d", got)
	}
	tc.awaitEnd()
	tc.events.WantLines(t, "ERROR", "CLOSE")
	if !errors.Is(tc.events.LastErr(), ws.ErrNotOpen) {
		t.Errorf("error is %v", tc.events.LastErr())
	}
}

// TestWrapClose: Wrap with OpClose counts as a Close frame that was sent.
func TestWrapClose(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		tc.conn.Send.AppendString(closePayload(1001, "x"))
		ws.Wrap(tc.conn, 3, ws.OpClose)
		if err := ws.CheckSend(tc.conn); !errors.Is(err, ws.ErrCloseSent) {
			t.Errorf("Ready: %v", err)
		}
		tc.wantSent(`close 1001 "x"`)
	})
}
