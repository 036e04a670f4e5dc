package ws_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestSendBeforeOpen: nothing can be sent before EvWSOpen.
func TestSendBeforeOpen(t *testing.T) {
	env := newEnv(t)
	tries := 0
	tc := env.connect("", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvWSOpen || ev == reactor.EvClose {
			return
		}
		tries++
		for _, err := range []error{ws.CheckSend(c), ws.Send(c, nil, ws.OpText), ws.Printf(c, ws.OpClose, "")} {
			if !errors.Is(err, ws.ErrNotOpen) {
				t.Errorf("at %v: %v", ev, err)
			}
		}
	})
	key := headerField(t, tc.readHead(), "Sec-WebSocket-Key")
	if tries == 0 {
		t.Fatal("not tried")
	}
	tc.peer.Receive()
	if len(tc.peer.In) > 0 {
		t.Errorf("request is followed by %q", tc.peer.In)
	}
	tc.events.hook = nil
	tc.peerSends(looptest.Agreement(key, ""))
	tc.events.WantLines(t, "OPEN")
	must(t, ws.Send(tc.conn, []byte("now"), ws.OpText))
	tc.wantSent(`text "now"`)
}

// TestSendAfterEnd: calls after EvClose do nothing.
func TestSendAfterEnd(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		tc.closeBoth()
		if err := ws.Send(tc.conn, []byte("x"), ws.OpText); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("Send: %v", err)
		}
		if err := ws.Printf(tc.conn, ws.OpText, "x"); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("Printf: %v", err)
		}
		tc.conn.Send.AppendString("x")
		ws.Wrap(tc.conn, 1, ws.OpText)
		tc.events.WantLines(t, "CLOSE")
	})
}

// TestSendOnEndedConnection: after a connection has failed or ended, all calls that send return
// reactor.ErrClosed, in each state of the WebSocket.
func TestSendOnEndedConnection(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		p, err := ws.Prepare([]byte("x"), ws.OpText)
		must(t, err)
		calls := map[string]func(c *reactor.Conn) error{
			"Send":      func(c *reactor.Conn) error { return ws.Send(c, []byte("x"), ws.OpText) },
			"Printf":    func(c *reactor.Conn) error { return ws.Printf(c, ws.OpText, "x") },
			"Ping":      func(c *reactor.Conn) error { return ws.Ping(c, nil) },
			"Close":     func(c *reactor.Conn) error { return ws.Close(c, ws.StatusNormalClosure, "") },
			"CheckSend": ws.CheckSend,
			"Prepared":  p.Send,
		}
		for name, end := range map[string]func(tc *testConn){
			"Close": func(tc *testConn) { tc.conn.Close() },
			"Fail":  func(tc *testConn) { tc.conn.Fail(errors.New("x")) },
			"Fail after Close": func(tc *testConn) {
				must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
				tc.conn.Fail(errors.New("x"))
			},
			"a violation":        func(tc *testConn) { tc.peer.WriteIfOpen("\xff\xff") },
			"Close frames":       func(tc *testConn) { tc.peer.WriteIfOpen(tc.frame(fin|opClose, "")) },
			"the end of stream":  func(*testConn) {},
			"no answer to Close": func(tc *testConn) { must(t, ws.Close(tc.conn, ws.StatusNormalClosure, "")) },
		} {
			asked := 0
			tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
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
			end(tc)
			spin(t, env.manager)
			tc.peer.Shutdown()
			await(t, env.manager, "CLOSE", func() bool { return tc.events.Closed() })
			for what, call := range calls {
				if err := call(tc.conn); !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("%s: %s after EvClose: %v", name, what, err)
				}
			}
			if asked == 0 {
				t.Errorf("%s: EvError and EvClose were not raised", name)
			}
			tc.peer.Close()
		}
	})
}

// sendCalls returns the calls that send, except Wrap.
func sendCalls(t *testing.T) map[string]func(c *reactor.Conn) error {
	p, err := ws.Prepare([]byte("x"), ws.OpText)
	must(t, err)
	return map[string]func(c *reactor.Conn) error{
		"Send":          func(c *reactor.Conn) error { return ws.Send(c, []byte("x"), ws.OpText) },
		"Send of Close": func(c *reactor.Conn) error { return ws.Send(c, nil, ws.OpClose) },
		"Printf":        func(c *reactor.Conn) error { return ws.Printf(c, ws.OpText, "x") },
		"Ping":          func(c *reactor.Conn) error { return ws.Ping(c, nil) },
		"Close":         func(c *reactor.Conn) error { return ws.Close(c, ws.StatusNormalClosure, "") },
		"NewWriter":     func(c *reactor.Conn) error { _, err := ws.NewWriter(c, ws.OpText, 1); return err },
		"Prepared.Send": p.Send,
		"CheckSend":     ws.CheckSend,
	}
}

// TestSendWithoutWebSocket: the calls fail on a connection that does not speak WebSocket, and
// change nothing in Send.
func TestSendWithoutWebSocket(t *testing.T) {
	closed := func(c *reactor.Conn) *reactor.Conn {
		c.Close()
		spin(t, c.Manager())
		return c
	}
	for _, tt := range []struct {
		name string
		conn func(env *testEnv) *reactor.Conn
		want error
	}{
		{"accepted by http.Listen", func(env *testEnv) *reactor.Conn { return env.accept(nil).conn }, ws.ErrNotWebSocket},
		{"http.Connect", func(env *testEnv) *reactor.Conn {
			c, err := http.Connect(env.manager, "http://127.0.0.1:1", nil, nil)
			must(env, err)
			return c
		}, ws.ErrNotWebSocket},
		{"tcp client", func(env *testEnv) *reactor.Conn { return bareConn(env, env.manager, asClient) }, ws.ErrNotWebSocket},
		{"WrapFD", func(env *testEnv) *reactor.Conn { return bareConn(env, env.manager, asServer) }, ws.ErrNotWebSocket},
		{"udp", func(env *testEnv) *reactor.Conn {
			c, err := env.manager.Connect("udp://127.0.0.1:9", nil, nil)
			must(env, err)
			return c
		}, ws.ErrNotWebSocket},
		{"listener", func(env *testEnv) *reactor.Conn {
			c, err := ws.Listen(env.manager, "ws://127.0.0.1:0", nil, nil)
			must(env, err)
			return c
		}, ws.ErrNotWebSocket},
		{"accepted by ws.Listen, not upgraded yet", func(env *testEnv) (c *reactor.Conn) {
			l, err := ws.Listen(env.manager, "ws://127.0.0.1:0", func(a *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvAccept {
					c = a
				}
			}, nil)
			must(env, err)
			looptest.DialSocket(env, l.LocalAddr())
			await(env, env.manager, "an accepted connection", func() bool { return c != nil })
			return c
		}, ws.ErrNotOpen},
		{"closed", func(env *testEnv) *reactor.Conn { return closed(env.accept(nil).conn) }, reactor.ErrClosed},
	} {
		for call, f := range sendCalls(t) {
			t.Run(tt.name+"/"+call, func(t *testing.T) {
				c := tt.conn(newEnv(t))
				c.Send.AppendString("before")
				if err := f(c); !errors.Is(err, tt.want) || string(c.Send.Bytes()) != "before" {
					t.Errorf("%v, want %v; Send is %q", err, tt.want, c.Send.Bytes())
				}
				c.Send.Reset()
			})
		}
		t.Run(tt.name+"/Wrap", func(t *testing.T) {
			c := tt.conn(newEnv(t))
			var failed error
			c.Fn = func(_ *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvError {
					failed = data.(error)
				}
			}
			c.Send.AppendString("beforepayload")
			if n := ws.Wrap(c, 7, ws.OpText); n != 6 || string(c.Send.Bytes()) != "before" {
				t.Errorf("Wrap returned %d, Send is %q", n, c.Send.Bytes())
			}
			if want := tt.want; want == reactor.ErrClosed && failed != nil || want != reactor.ErrClosed && !errors.Is(failed, want) {
				t.Errorf("failed with %v, want %v", failed, want)
			}
			c.Send.Reset()
			looptest.Spin(t, c.Manager(), 1)
		})
	}
}
