package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

func TestSendAndPrintf(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		full := strings.Repeat("f", 125)
		must(t, ws.Ready(e.c))
		must(t, ws.Send(e.c, []byte("a"), ws.OpText))
		must(t, ws.Send(e.c, nil, ws.OpBinary))
		must(t, ws.Printf(e.c, ws.OpText, "%d-%s", 7, "x"))
		must(t, ws.Printf(e.c, ws.OpBinary, ""))
		must(t, ws.Send(e.c, []byte(full), ws.OpPing))
		must(t, ws.Printf(e.c, ws.OpPong, "%s", full))
		must(t, ws.Send(e.c, []byte(full+"f"), ws.OpText))
		e.wantSent(`text "a"`, `binary ""`, `text "7-x"`, `binary ""`, "ping "+brief(full), "pong "+brief(full), "text "+brief(full+"f"))
		e.rec.want(t)
	})
}

func TestPrintfClose(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		must(t, ws.Printf(e.c, ws.OpClose, "%sbye", closing(4000, "")))
		e.wantSent(`close 4000 "bye"`)
		e.rec.want(t)
		e.feed(e.frame(fin|closs, closing(4000, "")))
		e.ends()
		e.rec.want(t, `CTL close 4000 ""`, "CLOSE")
	})
}

// A control frame that is too long is an error, leaves nothing behind and
// changes nothing [RFC 6455 5.5].
func TestControlTooLong(t *testing.T) {
	long := strings.Repeat("x", 126)
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		for _, op := range []ws.OpCode{ws.OpPing, ws.OpPong, ws.OpClose} {
			if err := ws.Send(e.c, []byte(long), op); !errors.Is(err, ws.ErrControlTooLong) {
				t.Errorf("Send of %v: %v", op, err)
			}
			if err := ws.Printf(e.c, op, "%s", long); !errors.Is(err, ws.ErrControlTooLong) {
				t.Errorf("Printf of %v: %v", op, err)
			}
			if n := e.c.Send.Len(); n != 0 {
				t.Errorf("%v left %d bytes in Send", op, n)
			}
		}
		must(t, ws.Send(e.c, []byte("still open"), ws.OpText))
		e.wantSent(`text "still open"`)
		e.rec.want(t)
	})
}

// Before EvWSOpen nothing can be sent.
func TestSendBeforeOpen(t *testing.T) {
	w := newWorld(t)
	tries := 0
	e := w.connect("", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvWSOpen || ev == reactor.EvClose {
			return
		}
		tries++
		for _, err := range []error{ws.Ready(c), ws.Send(c, nil, ws.OpText), ws.Printf(c, ws.OpClose, "")} {
			if !errors.Is(err, ws.ErrNotOpen) {
				t.Errorf("at %v: %v", ev, err)
			}
		}
	})
	key := field(t, e.head(), "Sec-WebSocket-Key")
	if tries == 0 {
		t.Fatal("not tried")
	}
	e.p.pump()
	if len(e.p.in) > 0 {
		t.Errorf("request is followed by %q", e.p.in)
	}
	e.rec.hook = nil
	e.feed(answer(key))
	e.rec.want(t, "OPEN")
	must(t, ws.Send(e.c, []byte("now"), ws.OpText))
	e.wantSent(`text "now"`)
}

// After EvClose every call is harmless.
func TestSendAfterEnd(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		e.drop()
		if err := ws.Send(e.c, []byte("x"), ws.OpText); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("Send: %v", err)
		}
		if err := ws.Printf(e.c, ws.OpText, "x"); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("Printf: %v", err)
		}
		e.c.Send.AppendString("x")
		ws.Wrap(e.c, 1, ws.OpText)
		e.rec.want(t, "CLOSE")
	})
}

// Once a connection has failed or ended, nothing can be sent for the reason that
// reactor's Write gives, whatever the WebSocket's state was.
func TestSendOnWhatHasEnded(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		p, err := ws.Prepare([]byte("x"), ws.OpText)
		must(t, err)
		calls := map[string]func(c *reactor.Conn) error{
			"Send":     func(c *reactor.Conn) error { return ws.Send(c, []byte("x"), ws.OpText) },
			"Printf":   func(c *reactor.Conn) error { return ws.Printf(c, ws.OpText, "x") },
			"Ping":     func(c *reactor.Conn) error { return ws.Ping(c, nil) },
			"Close":    func(c *reactor.Conn) error { return ws.Close(c, ws.CloseNormal, "") },
			"Ready":    ws.Ready,
			"Prepared": p.Send,
		}
		for name, end := range map[string]func(e *end){
			"Close":              func(e *end) { e.c.Close() },
			"Fail":               func(e *end) { e.c.Fail(errors.New("x")) },
			"Fail after Close":   func(e *end) { must(t, ws.Close(e.c, ws.CloseNormal, "")); e.c.Fail(errors.New("x")) },
			"a violation":        func(e *end) { e.p.write("\xff\xff") },
			"Close frames":       func(e *end) { e.p.write(e.frame(fin|closs, "")) },
			"the end of stream":  func(*end) {},
			"no answer to Close": func(e *end) { must(t, ws.Close(e.c, ws.CloseNormal, "")) },
		} {
			asked := 0
			e := w.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev != reactor.EvError && ev != reactor.EvClose {
					return
				}
				asked++
				for what, call := range calls {
					if err := call(c); !errors.Is(err, reactor.ErrClosed) {
						t.Errorf("%s: %s in %v: %v", name, what, ev, err)
					}
				}
			})
			end(e)
			spin(t, w.m)
			e.p.shutdown()
			await(t, w.m, "CLOSE", func() bool { return e.rec.closed })
			for what, call := range calls {
				if err := call(e.c); !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("%s: %s after EvClose: %v", name, what, err)
				}
			}
			if asked == 0 {
				t.Errorf("%s: nobody asked", name)
			}
			e.p.close()
		}
	})
}

// A client's keys do not repeat [RFC 6455 5.3].
func TestMaskingKeysDiffer(t *testing.T) {
	w := newWorld(t)
	e := w.open(asClient, nil)
	seen := map[string]bool{}
	for range 8 {
		must(t, ws.Send(e.c, []byte("x"), ws.OpText))
		spin(t, w.m)
		e.p.pump()
		seen[string(e.p.in[2:6])] = true
		e.p.in = nil
	}
	if len(seen) < 7 {
		t.Errorf("%d keys for 8 frames", len(seen))
	}
}

func TestOpCodeNames(t *testing.T) {
	for op, want := range map[ws.OpCode]string{0: "continuation", 1: "text", 2: "binary", 3: "opcode 0x3", 8: "close", 9: "ping", 10: "pong", 15: "opcode 0xf"} {
		if got := fmt.Sprint(op); got != want {
			t.Errorf("%d is %q, want %q", op, got, want)
		}
	}
}
