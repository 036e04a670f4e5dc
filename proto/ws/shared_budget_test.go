package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// wantHeld checks Stats.Held, which counts the fragments besides what is in Recv.
func (tc *testConn) wantHeld(when string, want int) {
	tc.Helper()
	looptest.Settle(tc, tc.manager)
	if got := tc.manager.Stats().Held; got < want || got > want+want/1000 { // it is rounded up
		tc.Errorf("%s: %d bytes are held, want %d", when, got, want)
	}
}

// The fragments of a message count towards the memory budget until the message is delivered, or
// the connection has failed or closed.
func TestFragmentsCountTowardsTheBudget(t *testing.T) {
	part := strings.Repeat("p", 3000)
	for _, end := range []struct {
		name string
		do   func(tc *testConn)
	}{
		{"the last fragment", func(tc *testConn) { tc.peerSends(tc.frame(fin|cont, part)) }},
		{"a protocol error", func(tc *testConn) { tc.peerSends(tc.frame(fin|bin, "")) }},
		{"the peer's Close frame", func(tc *testConn) { tc.peerSends(tc.frame(fin|opClose, closePayload(1000, ""))); tc.awaitEnd() }},
		{"the peer's end", func(tc *testConn) { tc.peer.Close(); await(tc, tc.manager, "EvClose", tc.events.Closed) }},
		{"Fail", func(tc *testConn) { tc.conn.Write([]byte("rest")); tc.conn.Fail(reactor.ErrMemoryBudget) }},
		{"Close", func(tc *testConn) { tc.conn.Close() }},
	} {
		eachRole(t, func(t *testing.T, env *testEnv, r role) {
			tc := env.open(r, nil)
			tc.peerSends(tc.frame(bin, part))
			tc.wantHeld(end.name+", first fragment", 3000)
			tc.peerSends(tc.frame(fin|ping, "between"), tc.frame(cont, part))
			tc.wantHeld(end.name+", second fragment", 6000)
			tc.conn.Pause()
			tc.wantHeld(end.name+", paused", 6000)
			tc.conn.Resume()
			end.do(tc)
			tc.wantHeld(end.name, 0)
		})
	}
}

// A compressed message that is delivered in pieces is held while the connection is paused, with
// the memory of its decompressor.
func TestInflatingCountsTowardsTheBudget(t *testing.T) {
	message := strings.Repeat("0123456789", 10000)
	compressed := deflated(message)
	for _, end := range []string{"delivered", "failed", "closed"} {
		env := newEnvDeflating(t, ws.Options{Delivery: ws.Chunks})
		got := 0
		tc := env.open(asServer, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWSMsg {
				if m := data.(*ws.Message); m.First {
					c.Pause()
				}
				got += len(data.(*ws.Message).Data)
			}
		})
		tc.peer.WriteString(tc.frame(fin|rsv1|bin, compressed))
		await(t, tc.manager, "the first piece", func() bool { return got > 0 })
		tc.wantHeld(end+", paused", len(compressed)+ws.InflaterCost)
		switch end {
		case "delivered":
			tc.conn.Resume()
			await(t, tc.manager, "the whole message", func() bool { return got == len(message) })
		case "failed":
			tc.conn.Write([]byte("rest"))
			tc.conn.Fail(reactor.ErrMemoryBudget)
		case "closed":
			tc.conn.Close()
		}
		tc.wantHeld(end, 0)
	}
}

// A handler fails its connection in the middle of a message in pieces. Nothing is held, although
// the connection lingers.
func TestFailInAPieceReleasesTheMessage(t *testing.T) {
	env := newEnvDeflating(t, ws.Options{Delivery: ws.Chunks})
	tc := env.open(asServer, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvWSMsg {
			c.Write([]byte("rest"))
			c.Fail(errors.New("enough"))
		}
	})
	_, _, before, _ := ws.Spares(tc.manager)
	tc.peer.WriteString(tc.frame(fin|rsv1|bin, deflated(strings.Repeat("0123456789", 10000))))
	await(t, tc.manager, "EvError", func() bool { return tc.events.LastErr() != nil })
	if _, _, after, _ := ws.Spares(tc.manager); after != before+1 || tc.events.Closed() {
		t.Errorf("%d decompressors are spare, %d before; closed %v", after, before, tc.events.Closed())
	}
	tc.wantHeld("lingering", 0)
}

// A connection that has failed and lingers does not keep the fragments.
func TestFailReleasesTheFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		tc.peerSends(tc.frame(bin, "part"))
		before, _, _, _ := ws.Spares(tc.manager)
		tc.conn.Write([]byte("rest"))
		tc.conn.Fail(errors.New("enough"))
		if after, _, _, _ := ws.Spares(tc.manager); after != before+1 || tc.events.Closed() {
			t.Errorf("%d messages are spare, %d before; closed %v", after, before, tc.events.Closed())
		}
	})
}

// The budget fails the connection with the largest unfinished message. Its peer, and only that,
// loses the connection.
func TestBudgetFailsTheLargestMessage(t *testing.T) {
	env := newEnv(t, reactor.WithMemoryBudget(10000))
	small, large := env.open(asServer, nil), env.open(asServer, nil)
	small.peerSends(small.frame(bin, strings.Repeat("s", 4000)))
	large.peerSends(large.frame(bin, strings.Repeat("l", 6000)))
	small.wantHeld("at the budget", 10000)
	large.peerSends(large.frame(cont, "l"))
	large.wantHeld("beyond it", 4000)
	looptest.WantErr(t, large.events.LastErr(), reactor.ErrMemoryBudget)
	small.peerSends(small.frame(fin|cont, ""))
	if len(small.events.Lines) != 1 {
		t.Errorf("events of the small one: %q", small.events.Lines)
	}
}
