package ws_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestDataAfterClose: data behind a Close frame is ignored, valid or not [RFC 6455 5.5.1].
func TestDataAfterClose(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		for _, late := range []string{"", "\xff\xff\xff\xff", "\x81", buildFrame(fin|text, r != asServer, -1, "x")} {
			tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if n := c.Recv.Len(); ev == reactor.EvRead && n > 0 {
					t.Errorf("%d bytes are kept", n)
				}
			})
			tc.peerSends(tc.frame(fin|opClose, closePayload(1001, ""))+tc.frame(fin|text, "late")+late, tc.frame(fin|ping, ""), late)
			tc.awaitEnd()
			tc.events.WantLines(t, `CTL close 1001 ""`, "CLOSE")
			tc.wantSent(`close 1001 ""`)
			tc.peer.Close()
		}
	})
}

// TestSendWhenPeerCloses: the handler of the peer's Close frame cannot send any more. What
// it sent before leaves before the answer.
func TestSendWhenPeerCloses(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			switch {
			case ev == reactor.EvWSMsg:
				must(t, ws.Send(c, []byte("last"), ws.OpText))
			case ev == reactor.EvWSCtl:
				if err := ws.Send(c, []byte("x"), ws.OpText); !errors.Is(err, ws.ErrCloseSent) {
					t.Errorf("Send: %v", err)
				}
				if err := ws.CheckSend(c); !errors.Is(err, ws.ErrCloseSent) {
					t.Errorf("Ready: %v", err)
				}
			}
		})
		tc.peerSends(tc.frame(fin|text, "a") + tc.frame(fin|opClose, closePayload(1000, "")))
		tc.awaitEnd()
		tc.events.WantLines(t, `MSG text "a"`, `CTL close 1000 ""`, "CLOSE")
		tc.wantSent(`text "last"`, `close 1000 ""`)
	})
}

// TestCloseFirst: after our Close frame messages still arrive and pings are answered, but
// nothing else can be sent. The peer's Close frame ends the connection; it gets no second one.
func TestCloseFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		must(t, ws.Send(tc.conn, []byte(closePayload(1000, "done")), ws.OpClose))
		for _, op := range []ws.OpCode{ws.OpText, ws.OpPing, ws.OpClose} {
			if err := ws.Send(tc.conn, nil, op); !errors.Is(err, ws.ErrCloseSent) {
				t.Errorf("Send of %v: %v", op, err)
			}
			if err := ws.Printf(tc.conn, op, "x"); !errors.Is(err, ws.ErrCloseSent) {
				t.Errorf("Printf of %v: %v", op, err)
			}
		}
		if err := ws.CheckSend(tc.conn); !errors.Is(err, ws.ErrCloseSent) {
			t.Errorf("Ready: %v", err)
		}
		tc.wantSent(`close 1000 "done"`)
		tc.peerSends(tc.frame(fin|text, "still") + tc.frame(fin|ping, "p"))
		tc.events.WantLines(t, `MSG text "still"`, `CTL ping "p"`)
		tc.wantSent(`pong "p"`)
		tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")) + tc.frame(fin|text, "late"))
		tc.awaitEnd()
		tc.events.WantLines(t, `CTL close 1000 ""`, "CLOSE")
		tc.wantSent()
	})
}

// TestViolationAfterCloseFirst: a violation after our Close frame fails the connection, but
// we send no second Close frame.
func TestViolationAfterCloseFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		must(t, ws.Send(tc.conn, nil, ws.OpClose))
		tc.peerSends("\xff\xff")
		tc.awaitEnd()
		tc.events.WantLines(t, "ERROR", "CLOSE")
		tc.wantSent(`close ""`)
		var pe *ws.ProtocolError
		if !errors.As(tc.events.LastErr(), &pe) || pe.Code != ws.StatusProtocolError {
			t.Errorf("error is %v", tc.events.LastErr())
		}
	})
}

// TestEndAfterCloseFirst: it is no error if the peer ends the stream instead of answering our
// Close frame.
func TestEndAfterCloseFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		must(t, ws.Send(tc.conn, nil, ws.OpClose))
		spin(t, env.manager)
		tc.peer.Shutdown()
		tc.awaitEnd()
		tc.events.WantLines(t, "CLOSE")
	})
}

// TestCloseInEveryEvent: a handler may call Close in any event. After the peer's Close frame
// that sends nothing more.
func TestCloseInEveryEvent(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		for _, on := range []reactor.Event{reactor.EvWSMsg, reactor.EvWSCtl, reactor.EvRead, reactor.EvWrite, reactor.EvError, reactor.EvClose} {
			for _, r := range roles {
				env := newEnvDelivering(t, how)
				var got []error
				opened := false
				tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
					if ev == on && opened {
						got = append(got, ws.Close(c, ws.StatusNormalClosure, ""))
					}
				})
				opened = true
				must(t, ws.Ping(tc.conn, nil))
				tc.peerSends(tc.frame(text, "a") + tc.frame(fin|ping, "p") + tc.frame(fin|cont, "b"))
				tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
				tc.awaitEnd()
				if len(got) == 0 && on != reactor.EvError {
					t.Fatalf("%v was not raised", on)
				}
				closes := 0
				for _, f := range tc.sent() {
					if f == `close 1000 ""` {
						closes++
					}
				}
				if closes != 1 {
					t.Errorf("%v: %d Close frames", on, closes)
				}
				if n := len(tc.events.Lines); tc.events.Lines[n-1] != "CLOSE" || tc.events.LastErr() != nil {
					t.Errorf("%v: %v, %v", on, tc.events.Lines, tc.events.LastErr())
				}
			}
		}
	}
}

// TestCloseFrameBeforeReset: a peer that sends a Close frame and closes without reading our
// data resets the connection. Its Close frame is delivered, although we write before we read.
func TestCloseFrameBeforeReset(t *testing.T) {
	for _, r := range roles {
		for _, backlog := range []bool{false, true} {
			for name, moment := range looptest.Moments {
				t.Run(fmt.Sprintf("%s, %s, backlog %v", r, name, backlog), func(t *testing.T) {
					env := newEnv(t)
					tc := env.open(r, nil)
					if backlog {
						tc.backlog()
					} else {
						must(t, ws.Send(tc.conn, []byte("never read"), ws.OpText))
						spin(t, env.manager)
					}
					moment(t, env.manager, func() {
						tc.peer.WriteIfOpen(tc.frame(fin|text, "before") + tc.frame(fin|opClose, closePayload(1008, "policy")))
						tc.peer.Close()
						must(t, ws.Send(tc.conn, []byte("more"), ws.OpText))
					})
					await(t, env.manager, "the end", func() bool { return tc.events.Closed() })
					log := tc.events.Lines
					if len(log) < 3 || len(log) > 4 || len(log) == 4 && log[2] != "ERROR" {
						t.Fatalf("events %q", log)
					}
					wantLines(t, "first events", log[:2], []string{`MSG text "before"`, `CTL close 1008 "policy"`})
				})
			}
		}
	}
}

// TestCloseFrameExpected: Expected says whether this side was ending the connection when the
// peer's Close frame arrived.
func TestCloseFrameExpected(t *testing.T) {
	for name, row := range map[string]struct {
		before   func(c *reactor.Conn) error // called at a message in front of the Close frame
		expected bool
	}{
		"nothing": {func(*reactor.Conn) error { return nil }, false},
		"Ping":    {func(c *reactor.Conn) error { return ws.Ping(c, nil) }, false},
		"Close":   {func(c *reactor.Conn) error { return ws.Close(c, ws.StatusNormalClosure, "") }, true},
		"Drain":   {func(c *reactor.Conn) error { c.Drain(); return nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, env *testEnv, r role) {
				frames := 0
				tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
					switch ev {
					case reactor.EvWSMsg:
						must(t, row.before(c))
					case reactor.EvWSCtl:
						frames++
						if got := data.(*ws.Message).Expected; got != row.expected {
							t.Errorf("Expected is %v, want %v", got, row.expected)
						}
					}
				})
				tc.peerSends(tc.frame(fin|text, "a") + tc.frame(fin|opClose, closePayload(1000, "")))
				tc.awaitEnd()
				if frames != 1 {
					t.Errorf("%d control frames, want 1", frames)
				}
			})
		})
	}
}
