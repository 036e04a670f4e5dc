package ws_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Nothing follows a Close frame, be it good or bad [RFC 6455 5.5.1].
func TestDataAfterClose(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		for _, late := range []string{"", "\xff\xff\xff\xff", "\x81", build(fin|text, r != asServer, -1, "x")} {
			e := w.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if n := c.Recv.Len(); ev == reactor.EvRead && n > 0 {
					t.Errorf("%d bytes are kept", n)
				}
			})
			e.feed(e.frame(fin|closs, closing(1001, ""))+e.frame(fin|text, "late")+late, e.frame(fin|ping, ""), late)
			e.ends()
			e.rec.want(t, `CTL close 1001 ""`, "CLOSE")
			e.wantSent(`close 1001 ""`)
			e.p.close()
		}
	})
}

// In the handler of the peer's Close frame nothing can be sent any more, and
// what was sent before goes out before the answer.
func TestSendWhenPeerCloses(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			switch {
			case ev == reactor.EvWSMsg:
				must(t, ws.Send(c, []byte("last"), ws.OpText))
			case ev == reactor.EvWSCtl:
				if err := ws.Send(c, []byte("x"), ws.OpText); !errors.Is(err, ws.ErrCloseSent) {
					t.Errorf("Send: %v", err)
				}
				if err := ws.Ready(c); !errors.Is(err, ws.ErrCloseSent) {
					t.Errorf("Ready: %v", err)
				}
			}
		})
		e.feed(e.frame(fin|text, "a") + e.frame(fin|closs, closing(1000, "")))
		e.ends()
		e.rec.want(t, `MSG text "a"`, `CTL close 1000 ""`, "CLOSE")
		e.wantSent(`text "last"`, `close 1000 ""`)
	})
}

// We close: messages still arrive, pings are answered, nothing else can be
// sent, and the peer's answer ends it without another Close frame.
func TestCloseFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		must(t, ws.Send(e.c, []byte(closing(1000, "done")), ws.OpClose))
		for _, op := range []ws.OpCode{ws.OpText, ws.OpPing, ws.OpClose} {
			if err := ws.Send(e.c, nil, op); !errors.Is(err, ws.ErrCloseSent) {
				t.Errorf("Send of %v: %v", op, err)
			}
			if err := ws.Printf(e.c, op, "x"); !errors.Is(err, ws.ErrCloseSent) {
				t.Errorf("Printf of %v: %v", op, err)
			}
		}
		if err := ws.Ready(e.c); !errors.Is(err, ws.ErrCloseSent) {
			t.Errorf("Ready: %v", err)
		}
		e.wantSent(`close 1000 "done"`)
		e.feed(e.frame(fin|text, "still") + e.frame(fin|ping, "p"))
		e.rec.want(t, `MSG text "still"`, `CTL ping "p"`)
		e.wantSent(`pong "p"`)
		e.feed(e.frame(fin|closs, closing(1000, "")) + e.frame(fin|text, "late"))
		e.ends()
		e.rec.want(t, `CTL close 1000 ""`, "CLOSE")
		e.wantSent()
	})
}

// A violation after our Close frame fails the connection, but there can be no
// second one.
func TestViolationAfterCloseFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		must(t, ws.Send(e.c, nil, ws.OpClose))
		e.feed("\xff\xff")
		e.ends()
		e.rec.want(t, "ERROR", "CLOSE")
		e.wantSent(`close ""`)
		var pe *ws.ProtocolError
		if !errors.As(e.rec.err, &pe) || pe.Code != ws.CloseProtocolError {
			t.Errorf("error is %v", e.rec.err)
		}
	})
}

// An answer to our Close frame that never comes is no error if the stream
// ends in good order.
func TestEndAfterCloseFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		must(t, ws.Send(e.c, nil, ws.OpClose))
		spin(t, w.m)
		e.p.shutdown()
		e.ends()
		e.rec.want(t, "CLOSE")
	})
}

func TestMessageClose(t *testing.T) {
	for _, tt := range []struct {
		m      ws.Message
		code   ws.CloseCode
		reason string
	}{
		{ws.Message{Op: ws.OpClose}, 1005, ""},
		{ws.Message{Op: ws.OpClose, Data: []byte{3}}, 1005, ""},
		{ws.Message{Op: ws.OpClose, Data: []byte(closing(4000, "r"))}, 4000, "r"},
		{ws.Message{Op: ws.OpPing, Data: []byte(closing(4000, "r"))}, 1005, ""},
	} {
		if code, reason := tt.m.CloseStatus(); code != tt.code || string(reason) != tt.reason {
			t.Errorf("%v: %d %q, want %d %q", tt.m, code, reason, tt.code, tt.reason)
		}
	}
}
