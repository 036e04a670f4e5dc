package ws_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

func TestMessageCloseStatus(t *testing.T) {
	for _, tt := range []struct {
		m      ws.Message
		code   ws.StatusCode
		reason string
	}{
		{ws.Message{Op: ws.OpClose}, 1005, ""},
		{ws.Message{Op: ws.OpClose, Data: []byte{3}}, 1005, ""},
		{ws.Message{Op: ws.OpClose, Data: []byte(closePayload(4000, "r"))}, 4000, "r"},
		{ws.Message{Op: ws.OpPing, Data: []byte(closePayload(4000, "r"))}, 1005, ""},
	} {
		if code, reason := tt.m.CloseStatus(); code != tt.code || string(reason) != tt.reason {
			t.Errorf("%v: %d %q, want %d %q", tt.m, code, reason, tt.code, tt.reason)
		}
	}
}

func (tc *testConn) fourFrames() string {
	return tc.frame(fin|text, "a") + tc.frame(fin|ping, "p") + tc.frame(fin|text, "b") + tc.frame(fin|text, "c")
}

// TestPauseBetweenFrames: a paused connection delivers nothing until Resume. Then it delivers
// what it has read, without new bytes from the socket. A frame that was cut continues too.
func TestPauseBetweenFrames(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, onFirst(reactor.EvWSMsg, (*reactor.Conn).Pause))
		half := tc.frame(fin|text, "half")
		tc.peerSends(tc.fourFrames() + half[:3])
		spin(t, env.manager)
		tc.events.WantLines(t, `MSG text "a"`)
		tc.wantSent() // the ping behind it was not answered
		tc.peer.WriteIfOpen(half[3:])
		spin(t, env.manager)
		tc.events.WantLines(t)
		tc.conn.Resume()
		await(t, env.manager, "the rest", tc.events.Noted(`MSG text "half"`))
		tc.events.WantLines(t, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`, `MSG text "half"`)
		tc.wantSent(`pong "p"`)
	})
}

// TestPauseInEveryEvent: a handler may pause in each event, during the handshake too.
func TestPauseInEveryEvent(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.startHandshake(r)
		tc.events.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
			if r == asServer {
				upgradeAll(c, ev, data, t)
			}
			if ev == reactor.EvWSOpen || ev == reactor.EvWSMsg || ev == reactor.EvWSCtl {
				tc.events.Note("pause")
				c.Pause()
				must(t, env.manager.Post(c.Resume))
			}
		}
		hello := request
		if r == asClient {
			hello = looptest.Agreement(headerField(t, tc.readHead(), "Sec-WebSocket-Key"), "")
		}
		tc.peer.WriteIfOpen(hello + tc.fourFrames() + tc.frame(fin|opClose, closePayload(1000, "")) + tc.frame(fin|text, "late"))
		if r == asServer {
			tc.readHead()
		}
		tc.awaitEnd()
		if tc.events.Lines[0] == "HTTP GET" {
			tc.events.Lines = tc.events.Lines[1:]
		}
		tc.events.WantLines(t, "OPEN", "pause", `MSG text "a"`, "pause", `CTL ping "p"`, "pause",
			`MSG text "b"`, "pause", `MSG text "c"`, "pause", `CTL close 1000 ""`, "pause", "CLOSE")
		tc.wantSent(`pong "p"`, `close 1000 ""`)
	})
}

// TestStreamEndWhilePaused: frames that wait for Resume are delivered before the end of stream.
func TestStreamEndWhilePaused(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, onFirst(reactor.EvWSMsg, (*reactor.Conn).Pause))
		tc.peerSends(tc.fourFrames())
		tc.peer.Shutdown()
		spin(t, env.manager)
		tc.events.WantLines(t, `MSG text "a"`)
		tc.conn.Resume()
		tc.awaitEnd()
		tc.events.WantLines(t, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`, "CLOSE")
	})
}

// TestCloseInHandler: Conn.Close in a handler stops the delivery and drops what was sent.
func TestCloseInHandler(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		for _, on := range []reactor.Event{reactor.EvWSMsg, reactor.EvWSCtl} {
			tc := env.open(r, onFirst(on, func(c *reactor.Conn) {
				must(t, ws.Send(c, []byte("dropped"), ws.OpText))
				c.Close()
				if err := ws.Send(c, nil, ws.OpText); !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Send after Close: %v", err)
				}
			}))
			tc.peerSends(tc.fourFrames())
			tc.awaitEnd()
			want := []string{`MSG text "a"`, `CTL ping "p"`, "CLOSE"}
			if on == reactor.EvWSMsg {
				want = []string{`MSG text "a"`, "CLOSE"}
			}
			tc.events.WantLines(t, want...)
			tc.wantSent()
			tc.peer.Close()
		}
	})
}

// TestFailInHandler: Conn.Fail in a handler stops the delivery. A Close frame that was sent before
// still leaves.
func TestFailInHandler(t *testing.T) {
	cause := errors.New("enough")
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, onFirst(reactor.EvWSMsg, func(c *reactor.Conn) {
			must(t, ws.Send(c, []byte(closePayload(1008, "")), ws.OpClose))
			c.Fail(cause)
		}))
		tc.peerSends(tc.fourFrames())
		tc.awaitEnd()
		tc.events.WantLines(t, `MSG text "a"`, "ERROR", "CLOSE")
		if !errors.Is(tc.events.LastErr(), cause) {
			t.Errorf("error is %v", tc.events.LastErr())
		}
		tc.wantSent(`close 1008 ""`)
	})
}

// TestDrainInHandler: after Drain the frames that were read are still delivered, and answers are
// sent.
func TestDrainInHandler(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		drain := onFirst(reactor.EvWSMsg, (*reactor.Conn).Drain)
		tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			drain(c, ev, data)
			if ev == reactor.EvWSMsg {
				must(t, ws.Send(c, data.(*ws.Message).Data, ws.OpText))
			}
		})
		tc.peerSends(tc.fourFrames())
		tc.awaitEnd()
		tc.events.WantLines(t, `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`, "CLOSE")
		tc.wantSent(`text "a"`, `pong "p"`, `text "b"`, `text "c"`)
	})
}

// TestNestedRead: if a handler raises EvRead, the parser is not entered again, and no frame is
// lost or repeated.
func TestNestedRead(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		depth := 0
		tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev != reactor.EvWSMsg && ev != reactor.EvWSCtl {
				return
			}
			if depth++; depth > 1 {
				t.Error("the handler was called inside itself")
			}
			was := string(data.(*ws.Message).Data)
			none := 0
			c.Call(reactor.EvRead, &none)
			if is := string(data.(*ws.Message).Data); is != was {
				t.Errorf("data was %q, is %q", was, is)
			}
			depth--
		})
		tc.peerSends(tc.fourFrames())
		tc.events.WantLines(t, `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`)
	})
}

// TestNestedReadInOpen does the same in EvWSOpen, while frames behind the handshake wait.
func TestNestedReadInOpen(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.startHandshake(r)
		tc.events.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
			if r == asServer {
				upgradeAll(c, ev, data, t)
			}
			if ev == reactor.EvWSOpen {
				none := 0
				c.Call(reactor.EvRead, &none)
				tc.events.Note("opened")
			}
		}
		hello := request
		if r == asClient {
			hello = looptest.Agreement(headerField(t, tc.readHead(), "Sec-WebSocket-Key"), "")
		}
		tc.peerSends(hello + tc.fourFrames())
		if tc.events.Lines[0] == "HTTP GET" {
			tc.events.Lines = tc.events.Lines[1:]
		}
		tc.events.WantLines(t, "OPEN", "opened", `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`)
	})
}

// TestNestedReadAfterUpgrade: if EvRead is raised after Upgrade, the request is not parsed as
// frames.
func TestNestedReadAfterUpgrade(t *testing.T) {
	env := newEnv(t)
	for _, before := range []string{"", "\r\n"} { // an empty line may precede a request [RFC 9112 2.2]
		tc := env.startHandshake(asServer)
		tc.events.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
			upgradeAll(c, ev, data, t)
			if ev == reactor.EvHTTPMsg {
				none := 0
				c.Call(reactor.EvRead, &none)
			}
		}
		tc.peerSends(before + request + tc.fourFrames())
		tc.events.WantLines(t, "HTTP GET", "OPEN", `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`)
	}
}

// TestNestedDispatch: the handler of one connection runs inside the handler of another. Each has
// its own data.
func TestNestedDispatch(t *testing.T) {
	env := newEnv(t)
	inner := env.open(asServer, nil)
	outer := env.open(asServer, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			none := 0
			inner.conn.Recv.AppendString(inner.frame(fin|text, "in"))
			inner.conn.Call(reactor.EvRead, &none)
			if got := string(data.(*ws.Message).Data); got != "out" {
				t.Errorf("outer's data became %q", got)
			}
		}
	})
	outer.peerSends(outer.frame(fin|text, "out"))
	outer.events.WantLines(t, `MSG text "out"`)
	inner.events.WantLines(t, `MSG text "in"`)
}

// TestHandshakeDeadline: the handshake deadline ends an opening handshake that arrives byte by byte
// or not at all, on both sides.
func TestHandshakeDeadline(t *testing.T) {
	for _, r := range roles {
		for _, n := range []int{0, 9} {
			t.Run(fmt.Sprint(r, " ", n), func(t *testing.T) {
				env, clock := newTimedEnv(t, reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second, Idle: time.Minute})
				text, tc := request, (*testConn)(nil)
				if r == asServer {
					tc = env.accept(nil)
				} else {
					tc = env.connect("", nil)
					text = looptest.Agreement(headerField(env, tc.readHead(), "Sec-WebSocket-Key"), "")
				}
				for i := range n {
					clock.Advance(time.Second)
					tc.peerSends(text[i : i+1])
				}
				clock.Advance(time.Duration(10-n)*time.Second - 1)
				tc.wantAlive("a nanosecond early")
				clock.Advance(1)
				tc.wantDeadline("handshake")
			})
		}
	}
}

// TestNoHandshakeDeadlineWhenOpen: an open WebSocket has no handshake deadline, even if its frames
// are slow.
func TestNoHandshakeDeadlineWhenOpen(t *testing.T) {
	for _, r := range roles {
		env, clock := newTimedEnv(t, reactor.Deadlines{Handshake: 10 * time.Second, Message: -1, Idle: 5 * time.Second})
		tc := env.open(r, nil)
		f := tc.frame(0x81, "a frame of many seconds")
		for i := range f {
			clock.Advance(5*time.Second - 1)
			tc.peerSends(f[i : i+1])
			tc.wantAlive("between bytes")
		}
		clock.Advance(5 * time.Second)
		tc.wantDeadline("idle")
	}
}

// TestPeerThatNeverReads: the stall deadline ends a connection whose peer never reads, although
// the peer keeps sending pings.
func TestPeerThatNeverReads(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env, clock := newTimedEnv(t, reactor.Deadlines{Stall: 10 * time.Second})
			var took time.Time
			tc := env.open(r, func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvWrite {
					took = clock.Now()
				}
			})
			tc.backlog()
			tc.expire(&took, 10*time.Second, func(d time.Duration) {
				tc.peer.WriteIfOpen(tc.frame(fin|ping, "still there?")) // the pong waits behind the message
				spin(t, env.manager)
				clock.Advance(d)
				spin(t, env.manager)
			})
			tc.wantDeadline("stall")
		})
	}
}
