package ws_test

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// openWithKeepAlive opens a WebSocket with the options o. pass moves the clock and runs the loop.
func openWithKeepAlive(t *testing.T, r role, o ws.Options) (tc *testConn, pass func(time.Duration)) {
	t.Helper()
	env, clock := newTimedEnv(t, reactor.Deadlines{Message: -1})
	env.opts = &o
	tc = env.open(r, nil)
	return tc, func(d time.Duration) {
		clock.Advance(d)
		spin(t, env.manager)
	}
}

// TestKeepAlive: a silent peer gets a ping, and another one after it has answered.
func TestKeepAlive(t *testing.T) {
	for _, o := range []ws.Options{
		{Ping: 10 * time.Second},
		{Ping: 10 * time.Second, Pong: time.Second},
		{Ping: 10 * time.Second, Pong: time.Minute},
	} {
		for _, r := range roles {
			tc, pass := openWithKeepAlive(t, r, o)
			pass(10*time.Second - 1)
			tc.wantSent()
			for range 3 {
				pass(1)
				tc.wantSent(`ping ""`)
				pass(time.Second / 2)
				tc.peerSends(tc.frame(fin|pong, "")) // now it is silent again
				pass(10*time.Second - 1)
				tc.wantSent()
			}
			tc.closeBoth()
		}
	}
}

// TestKeepAliveWithoutPongs: with a negative Pong a peer need not answer. It gets more pings, and
// the connection does not fail.
func TestKeepAliveWithoutPongs(t *testing.T) {
	for _, r := range roles {
		tc, pass := openWithKeepAlive(t, r, ws.Options{Ping: 10 * time.Second, Pong: -1})
		for range 3 {
			pass(10*time.Second - 1)
			tc.wantSent()
			pass(1)
			tc.wantSent(`ping ""`)
		}
		pass(time.Second)
		tc.peerSends(tc.frame(fin|text, "busy")) // now it is silent again
		pass(10*time.Second - 1)
		tc.wantSent()
		pass(1)
		tc.wantSent(`ping ""`)
		tc.closeBoth()
	}
}

// TestKeepAliveOfABusyPeer: everything that the peer sends counts, even one byte of a frame.
func TestKeepAliveOfABusyPeer(t *testing.T) {
	for _, r := range roles {
		tc, pass := openWithKeepAlive(t, r, ws.Options{Ping: 10 * time.Second})
		f := tc.frame(fin|text, "many seconds")
		for i := range f {
			pass(9 * time.Second)
			tc.peerSends(f[i : i+1])
		}
		tc.wantSent()
		pass(10 * time.Second)
		tc.wantSent(`ping ""`)
		for range 3 { // then it needs no pong either
			pass(9 * time.Second)
			tc.peerSends(tc.frame(fin|text, "busy"))
			tc.wantAlive("while it sends")
		}
		pass(10*time.Second - 1)
		tc.wantAlive("a nanosecond early")
		pass(1)
		tc.wantDeadline("pong")
		tc.wantSent()
	}
}

// TestKeepAliveWithoutAnswer: the connection fails if the peer does not answer.
func TestKeepAliveWithoutAnswer(t *testing.T) {
	for _, tt := range []struct {
		opts  ws.Options
		after time.Duration // the ping
	}{
		{ws.Options{Ping: 10 * time.Second}, 10 * time.Second},
		{ws.Options{Ping: 10 * time.Second, Pong: 3 * time.Second}, 3 * time.Second},
		{ws.Options{Ping: 10 * time.Second, Pong: 45 * time.Second}, 45 * time.Second},
	} {
		for _, r := range roles {
			tc, pass := openWithKeepAlive(t, r, tt.opts)
			pass(10 * time.Second)
			tc.wantSent(`ping ""`)
			for d := tt.after - 1; d > 0; d -= min(d, 7*time.Second) {
				pass(min(d, 7*time.Second))
			}
			tc.wantAlive("a nanosecond early")
			tc.wantSent()
			pass(1)
			tc.wantDeadline("pong")
			var d *reactor.DeadlineError
			if errors.As(tc.events.LastErr(), &d); d.After != tt.after {
				t.Errorf("after %v, want %v", d.After, tt.after)
			}
			tc.events.WantLines(t, "ERROR", "CLOSE")
			pass(time.Hour)
			tc.events.WantLines(t)
		}
	}
}

// TestKeepAliveWhilePausedAndInLateLoop: the keep-alive stands still while the connection is
// paused. A loop that is late reads before it enforces the deadline.
func TestKeepAliveWhilePausedAndInLateLoop(t *testing.T) {
	for _, r := range roles {
		tc, pass := openWithKeepAlive(t, r, ws.Options{Ping: 10 * time.Second})
		tc.conn.Pause()
		for range 10 {
			pass(time.Minute)
		}
		tc.wantSent()
		tc.conn.Resume()
		pass(9 * time.Second)
		tc.wantSent()
		pass(10 * time.Second)
		tc.wantSent(`ping ""`)
		tc.conn.Pause()
		tc.peer.WriteIfOpen(tc.frame(fin|pong, ""))
		pass(9 * time.Second)
		tc.manager.AddTimer(time.Second-1, reactor.TimerOnce, tc.conn.Resume) // in the same turn as the deadline, before it
		pass(time.Hour)
		tc.wantAlive("after Resume")
		pass(10 * time.Second)
		tc.sent()
		tc.peer.WriteIfOpen(tc.frame(fin|pong, ""))
		pass(time.Hour)
		tc.wantAlive("in a loop that is late")
		tc.closeBoth()
	}
}

// TestKeepAliveBehindBacklog: while the ping waits behind other data, a peer that reads is alive.
func TestKeepAliveBehindBacklog(t *testing.T) {
	for _, r := range roles {
		env, clock := newTimedEnv(t, reactor.Deadlines{})
		env.opts = &ws.Options{Ping: 10 * time.Second}
		tc := env.open(r, nil)
		tc.backlog()
		buf := make([]byte, 64<<10)
		for range 3 {
			clock.Advance(9 * time.Second)
			before := tc.conn.Send.Len()
			await(t, env.manager, "progress", func() bool {
				unix.Read(tc.peer.FD, buf)
				return tc.conn.Send.Len() < before
			})
			tc.wantAlive("while it reads")
		}
		if tc.conn.Send.Len() == 0 {
			t.Fatal("there is no backlog")
		}
		await(t, env.manager, "the end of a peer that does not read", func() bool {
			clock.Advance(10 * time.Second)
			return tc.events.Closed()
		})
		tc.wantDeadline("pong")
	}
}

// TestKeepAliveEnds: there is no keep-alive during the closing handshake or after EvClose.
func TestKeepAliveEnds(t *testing.T) {
	for _, r := range roles {
		tc, pass := openWithKeepAlive(t, r, ws.Options{Ping: time.Second, CloseWait: time.Hour})
		must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		pass(time.Minute)
		tc.wantAlive("in the closing handshake")
		tc.wantSent(`close 1000 ""`)
		tc.closeBoth()
		tc, _ = openWithKeepAlive(t, r, ws.Options{Ping: time.Second})
		tc.closeBoth()
		tc.wantNoTimer()
	}
}
