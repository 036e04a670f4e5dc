package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// manyConns is more than twice the number of events that one wait reports.
const manyConns = 600

// openMany opens many WebSockets with a clock that the test sets.
func openMany(t *testing.T, r role, o ws.Options) (env *testEnv, clock *looptest.Clock, ends []*testConn) {
	t.Helper()
	env, clock = newTimedEnv(t, reactor.Deadlines{})
	env.opts = &o
	for range manyConns {
		ends = append(ends, env.open(r, nil))
	}
	return env, clock, ends
}

// isSilent reports whether the i-th peer sends nothing.
func isSilent(i int) bool { return i%16 == 5 }

// TestKeepAliveOfManyInLateLoop: a loop that was not running first reads all sockets, then
// enforces the deadlines. A pong counts, and any other byte. Only the connections of silent
// peers fail.
func TestKeepAliveOfManyInLateLoop(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env, clock, ends := openMany(t, r, ws.Options{Ping: 10 * time.Second, Pong: 5 * time.Second})
			clock.Advance(10 * time.Second)
			spin(t, env.manager)
			for i, tc := range ends {
				if tc.peer.Receive(); len(tc.peer.In) == 0 {
					t.Fatalf("connection %d was not pinged", i)
				}
				pieces := []string{
					tc.frame(fin|pong, ""),
					tc.frame(fin|text, "busy"),
					tc.frame(fin|text, "a part of a frame")[:1],
					tc.frame(fin|text, "before") + tc.frame(fin|pong, ""),
				}
				if !isSilent(i) {
					tc.peer.WriteIfOpen(pieces[i%len(pieces)])
				}
			}
			clock.Advance(time.Hour)
			wantOnlySilent(t, env, ends, "pong")
		})
	}
}

// wantOnlySilent waits until the connections of silent peers have failed with a deadline. It
// fails the test if another connection failed.
func wantOnlySilent(t *testing.T, env *testEnv, ends []*testConn, deadline string) {
	t.Helper()
	await(t, env.manager, "the end of the connections with silent peers", func() bool {
		for i, tc := range ends {
			if isSilent(i) && !tc.events.Closed() {
				return false
			}
		}
		return true
	})
	looptest.Spin(t, env.manager, 20)
	failed := 0
	for i, tc := range ends {
		switch {
		case isSilent(i):
			tc.wantDeadline(deadline)
		case tc.events.LastErr() != nil:
			failed++
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d connections failed although data had arrived", failed, len(ends))
	}
}

// TestKeepAliveOfManyInRepeatedlyLateLoop: the loop may be late several times in a row.
func TestKeepAliveOfManyInRepeatedlyLateLoop(t *testing.T) {
	env, clock, ends := openMany(t, asServer, ws.Options{Ping: 10 * time.Second, Pong: 5 * time.Second})
	for range 5 {
		clock.Advance(time.Hour) // pings are sent
		looptest.Spin(t, env.manager, 10)
		for _, tc := range ends {
			tc.peer.WriteIfOpen(tc.frame(fin|pong, ""))
		}
		clock.Advance(time.Hour)
		looptest.Spin(t, env.manager, 10)
	}
	for i, tc := range ends {
		if tc.events.LastErr() != nil || tc.events.Closed() {
			t.Fatalf("connection %d: %v", i, tc.events.LastErr())
		}
	}
}
