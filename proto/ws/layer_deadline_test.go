package ws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// just advances the clock by d. The connection is open a nanosecond before and has failed with
// that deadline then.
func (tc *testConn) just(clock *looptest.Clock, d time.Duration, deadline string) {
	tc.Helper()
	clock.Advance(d - 1)
	tc.wantAlive("a nanosecond early")
	clock.Advance(1)
	tc.wantDeadline(deadline)
}

// TestDefaultHandshakeDeadline: without any setting, the opening handshake has 10 s, on both sides.
func TestDefaultHandshakeDeadline(t *testing.T) {
	for _, r := range roles {
		for _, say := range []string{"", "G", "HTTP/1.1 101 "} {
			t.Run(fmt.Sprint(r, " ", say), func(t *testing.T) {
				env, clock := newTimedEnv(t, reactor.Deadlines{})
				var tc *testConn
				if r == asServer {
					tc = env.accept(nil)
				} else {
					tc = env.connect("", nil)
					tc.readHead()
				}
				if say != "" && (say[0] == 'H') == (r == asClient) {
					tc.peerSends(say)
				}
				tc.just(clock, 10*time.Second, "handshake")
			})
		}
	}
}

// TestQuietWebSocketLives: an open WebSocket has no deadline by default, and no timer. A server's
// may be the second request of its connection.
func TestQuietWebSocketLives(t *testing.T) {
	for _, r := range roles {
		env, clock := newTimedEnv(t, reactor.Deadlines{})
		tc := env.open(r, nil)
		tc.wantNoTimer()
		for range 2 {
			clock.Advance(1000 * time.Hour)
			tc.wantAlive("quiet")
			tc.peerSends(tc.frame(fin|text, "hello"))
		}
		clock.Advance(1000 * time.Hour)
		tc.wantAlive("quiet")
		tc.wantNoTimer()
		tc.closeBoth()
	}
}

// TestDefaultMessageDeadline: without any setting, a message, a fragmented one too, and a control
// frame must be complete 20 s after their first byte. Control frames in between do not matter.
func TestDefaultMessageDeadline(t *testing.T) {
	for _, r := range roles {
		for name, say := range map[string]func(tc *testConn) string{
			"part of a header":      func(tc *testConn) string { return tc.frame(fin|text, "hello")[:1] },
			"a header":              func(tc *testConn) string { f := tc.frame(fin|text, "hello"); return f[:len(f)-5] },
			"part of a payload":     func(tc *testConn) string { f := tc.frame(fin|text, "hello"); return f[:len(f)-1] },
			"a fragment":            func(tc *testConn) string { return tc.frame(text, "hel") },
			"an empty fragment":     func(tc *testConn) string { return tc.frame(text, "") },
			"a fragment and a pong": func(tc *testConn) string { return tc.frame(text, "hel") + tc.frame(fin|0xa, "x") },
			"part of a ping":        func(tc *testConn) string { return tc.frame(fin|9, "x")[:2] },
			"after a message":       func(tc *testConn) string { return tc.frame(fin|text, "whole") + tc.frame(text, "hel") },
		} {
			t.Run(fmt.Sprint(r, " ", name), func(t *testing.T) {
				env, clock := newTimedEnv(t, reactor.Deadlines{})
				tc := env.open(r, nil)
				clock.Advance(time.Hour)
				tc.peerSends(say(tc))
				tc.just(clock, 20*time.Second, "message")
			})
		}
	}
}

// TestTrickledMessages: a message of tiny fragments, or of bytes one by one, has little more than
// 20 s. One that comes at 500 bytes per second has any time, in one frame and in many.
func TestTrickledMessages(t *testing.T) {
	for _, r := range roles {
		env, clock := newTimedEnv(t, reactor.Deadlines{})
		tc := env.open(r, nil)
		tc.peerSends(tc.frame(text, ""))
		seconds := 0
		for ; tc.events.LastErr() == nil; seconds++ {
			if seconds > 25 {
				t.Fatal("a fragment of one byte per second is fast enough")
			}
			clock.Advance(time.Second)
			tc.peerSends(tc.frame(0, "x"))
			spin(t, env.manager)
		}
		tc.wantDeadline("message")
		if seconds < 20 {
			t.Errorf("failed after %d s, want 20 at least", seconds)
		}

		env, clock = newTimedEnv(t, reactor.Deadlines{})
		tc = env.open(r, nil)
		tc.peerSends(tc.frame(text, ""))
		for range 100 {
			clock.Advance(time.Second)
			tc.peerSends(tc.frame(0, strings.Repeat("x", 500)))
		}
		whole := tc.frame(fin, strings.Repeat("x", 50_000))
		for ; len(whole) > 500; whole = whole[500:] {
			clock.Advance(time.Second)
			tc.peerSends(whole[:500])
		}
		tc.peerSends(whole)
		clock.Advance(time.Hour)
		tc.wantAlive("after the message")
		tc.closeBoth()
	}
}

// TestMessageDeadlineInAPause: the time for a message that has begun stops in a pause, and a
// message that waits in Recv because of the pause has none.
func TestMessageDeadlineInAPause(t *testing.T) {
	for _, r := range roles {
		env, clock := newTimedEnv(t, reactor.Deadlines{})
		tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWSMsg {
				c.Pause()
			}
		})
		tc.peerSends(tc.frame(fin|text, "one") + tc.frame(fin|text, "two")[:4])
		clock.Advance(time.Hour)
		tc.wantAlive("paused")
		tc.conn.Resume()
		tc.wantAlive("resumed")
		tc.just(clock, 20*time.Second, "message")
	}
}
