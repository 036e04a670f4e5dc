package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// idle returns a connection without a layer. Its loop does not run.
func idle(t testing.TB, m *reactor.Manager, r role) *reactor.Conn {
	t.Helper()
	if r == asClient {
		c, err := m.Connect("tcp://127.0.0.1:1", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, fd := looptest.Wrap(t, m, nil)
	unix.Close(fd)
	return c
}

// What lies before the payload stays, the payload becomes one frame, and the
// result is Send's new length.
func TestWrap(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		c := w.open(r, nil).c
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
						t.Fatal("what lay before has changed")
					}
					wantLines(t, "frames", decode(t, out[start:], r == asClient), []string{"binary " + brief(payload)})
				})
			}
		}
	})
}

// The examples of [RFC 6455 5.7], to the bit.
func TestWrapSpecExamples(t *testing.T) {
	c := newWorld(t).open(asServer, nil).c
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
	c := newWorld(t).open(asServer, nil).c
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

// What cannot be sent is taken out of Send, what lies before it is sent, and
// the connection fails with the reason.
func TestWrapRefused(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
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
			e := w.open(r, nil)
			must(t, ws.Send(e.c, []byte("before"), ws.OpText))
			if tt.setup != nil {
				must(t, tt.setup(e.c))
			}
			start := e.c.Send.Len()
			e.c.Send.AppendString(strings.Repeat("x", tt.n))
			if got := ws.Wrap(e.c, tt.n, tt.op); got != start || e.c.Send.Len() != start {
				t.Errorf("%s: Wrap returned %d, Send has %d, want %d", tt.name, got, e.c.Send.Len(), start)
			}
			e.ends()
			e.rec.want(t, "ERROR", "CLOSE")
			if !errors.Is(e.rec.err, tt.want) {
				t.Errorf("%s: error is %v", tt.name, e.rec.err)
			}
			e.wantSent(tt.sent...)
			e.p.close()
		}
	})
}

// Wrap before EvWSOpen fails too: the bytes would be taken for HTTP.
func TestWrapBeforeOpen(t *testing.T) {
	w := newWorld(t)
	e := w.connect("", nil)
	e.head()
	e.c.Send.AppendString("abc")
	if got := ws.Wrap(e.c, 3, ws.OpText); got != 0 {
		t.Errorf("Wrap returned %d", got)
	}
	e.ends()
	e.rec.want(t, "ERROR", "CLOSE")
	if !errors.Is(e.rec.err, ws.ErrNotOpen) {
		t.Errorf("error is %v", e.rec.err)
	}
}

// Wrap of a Close frame is one that was sent.
func TestWrapClose(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		e.c.Send.AppendString(closing(1001, "x"))
		ws.Wrap(e.c, 3, ws.OpClose)
		if err := ws.Ready(e.c); !errors.Is(err, ws.ErrCloseSent) {
			t.Errorf("Ready: %v", err)
		}
		e.wantSent(`close 1001 "x"`)
	})
}
