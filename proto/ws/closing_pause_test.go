package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestClosePaused: while the connection is paused it cannot read the peer's Close frame, and
// the deadline stands still. Resume continues it.
func TestClosePaused(t *testing.T) {
	const wait = 10 * time.Second
	for _, r := range roles {
		for _, tt := range []struct {
			name  string
			begin func(tc *testConn, pass func(time.Duration))
			left  time.Duration // of the wait, when the connection is paused
		}{
			{"before Close", func(tc *testConn, _ func(time.Duration)) {
				tc.conn.Pause()
				must(tc, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
			}, wait},
			{"in the turn of Close", func(tc *testConn, _ func(time.Duration)) {
				must(tc, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
				tc.conn.Pause()
			}, wait},
			{"after Close", func(tc *testConn, pass func(time.Duration)) {
				must(tc, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
				spin(tc, tc.manager)
				pass(4 * time.Second)
				tc.conn.Pause()
			}, wait - 4*time.Second},
			{"twice", func(tc *testConn, pass func(time.Duration)) {
				must(tc, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
				spin(tc, tc.manager)
				pass(time.Second)
				tc.conn.Pause()
				pass(time.Hour)
				tc.conn.Resume()
				pass(2 * time.Second)
				tc.conn.Pause()
			}, wait - 3*time.Second},
		} {
			t.Run(string(r)+" "+tt.name, func(t *testing.T) {
				env, pass := newClosingEnv(t, ws.Options{CloseWait: wait})
				tc := env.open(r, nil)
				tt.begin(tc, pass)
				pass(0)
				for range 3 {
					pass(time.Hour)
					tc.wantAlive("while paused")
				}
				tc.conn.Resume()
				pass(0)
				pass(tt.left - 1)
				tc.wantAlive("a nanosecond early")
				pass(1)
				tc.wantDeadline("close")
			})
		}
	}
}

// TestCloseAnsweredWhilePaused: a Close frame that arrives during the pause is delivered after it.
func TestCloseAnsweredWhilePaused(t *testing.T) {
	for _, r := range roles {
		for _, before := range []bool{true, false} {
			env, pass := newClosingEnv(t, ws.Options{CloseWait: 100 * time.Millisecond})
			tc := env.open(r, nil)
			if before {
				tc.conn.Pause()
			}
			must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
			pass(0)
			tc.conn.Pause()
			tc.peer.WriteIfOpen(tc.frame(fin|text, "late") + tc.frame(fin|opClose, closePayload(1000, "")))
			pass(time.Hour)
			tc.wantAlive("while paused")
			tc.conn.Resume()
			tc.awaitEnd()
			tc.events.WantLines(t, `MSG text "late"`, `CTL close 1000 ""`, "CLOSE")
			tc.wantNoTimer()
		}
	}
}

// TestClosePausedByEachMessage: a handler that pauses at each message and resumes much later
// gets all messages and then the Close frame.
func TestClosePausedByEachMessage(t *testing.T) {
	for _, r := range roles {
		env, pass := newClosingEnv(t, ws.Options{CloseWait: time.Second})
		tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWSMsg {
				c.Pause()
			}
		})
		must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		pass(0)
		tc.peer.WriteIfOpen(tc.frame(fin|text, "a") + tc.frame(fin|text, "b") + tc.frame(fin|opClose, closePayload(1000, "")))
		for _, line := range []string{`MSG text "a"`, `MSG text "b"`} {
			await(t, env.manager, line, tc.events.Noted(line))
			pass(time.Hour)
			tc.wantAlive("while paused")
			tc.conn.Resume()
		}
		tc.awaitEnd()
		tc.events.WantLines(t, `MSG text "a"`, `MSG text "b"`, `CTL close 1000 ""`, "CLOSE")
	}
}
