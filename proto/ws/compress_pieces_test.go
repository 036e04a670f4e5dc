package ws_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// newSlowEnv returns an environment with a clock of which each reading takes a while. So the share
// of a turn is used up after a few looks at the clock.
func newSlowEnv(t testing.TB, o ws.Options, takes time.Duration) *testEnv {
	t.Helper()
	k := looptest.NewClock()
	env := newEnv(t, reactor.WithClock(func() time.Time { k.Advance(takes); return k.Now() }))
	if o.Deflate == nil {
		o.Deflate = &ws.Deflate{}
	}
	env.opts, env.extensions = &o, pmd
	return env
}

// A large compressed message is inflated over several turns. Other connections are served
// meanwhile. It is delivered once, with the frames that follow it after it, whatever arrives in
// which piece. Afterwards nothing is held.
func TestInflatingTakesTurns(t *testing.T) {
	s := largeText()
	for name, frames := range map[string]func(f func(byte, string) string) string{
		"one frame": func(f func(byte, string) string) string { return f(fin|rsv1|text, largeDeflated()) },
		"fragments": func(f func(byte, string) string) string {
			z := largeDeflated()
			return f(rsv1|text, z[:1000]) + f(fin|ping, "p") + f(fin|cont, z[1000:])
		},
	} {
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			t.Run(fmt.Sprint(name, ", ", how), func(t *testing.T) {
				eachRole(t, func(t *testing.T, _ *testEnv, r role) {
					env := newSlowEnv(t, ws.Options{Delivery: how}, 400*time.Microsecond)
					a := &assembler{TB: t}
					tc := env.open(r, a.handle)
					var quiet looptest.Recorder
					_, q := looptest.Wrap(t, tc.manager, quiet.Handle)
					spin(t, tc.manager)
					before := tc.manager.Stats()
					sent := frames(tc.frame) + tc.frame(fin|text, "after") + tc.frame(fin|ping, "end")
					n := 0
					for ; !tc.events.Noted(`CTL ping "end"`)() && tc.events.LastErr() == nil && n < looptest.Turns; n++ {
						sent = sent[tc.peer.WriteSome([]byte(sent)):]
						q.WriteString("x")
						looptest.Spin(t, tc.manager, 1)
						if len(quiet.Got) != n+1 {
							t.Fatalf("the other connection has read %d bytes in %d turns", len(quiet.Got), n+1)
						}
					}
					if yields := tc.manager.Stats().Yields - before.Yields; yields < 3 || n < 5 {
						t.Errorf("%d turns, yielded %d times", n, yields)
					}
					if got := a.texts(); len(got) != 2 || got[0] != s || got[1] != "after" {
						t.Errorf("%d messages; %v", len(got), tc.events.LastErr())
					}
				})
			})
		}
	}
}

// largeDeflated is largeText in compressed form.
var largeDeflated = sync.OnceValue(func() string { return deflated(largeText()) })

// largeText is text that compression makes a little smaller.
var largeText = sync.OnceValue(func() string {
	s := []byte(noise(600_000))
	for i := range s {
		s[i] = ' ' + s[i]%64
	}
	return string(s)
})

// texts returns the text messages.
func (a *assembler) texts() (list []string) {
	for _, line := range a.log {
		if s, ok := strings.CutPrefix(line, "text "); ok {
			list = append(list, s)
		}
	}
	return list
}

// What may happen while a message is inflated, and a part of it waits.
func TestWhileInflating(t *testing.T) {
	for name, act := range map[string]func(tc *testConn){
		"Close":          func(tc *testConn) { tc.conn.Close() },
		"Fail":           func(tc *testConn) { tc.conn.Fail(nil); tc.peer.Close() },
		"Drain":          func(tc *testConn) { tc.conn.Drain(); tc.peer.Shutdown() },
		"the peer's end": func(tc *testConn) { tc.peer.Shutdown() },
		"Pause":          func(tc *testConn) { tc.conn.Pause(); spin(tc, tc.manager); tc.conn.Resume(); tc.peer.Shutdown() },
		"SetLimits":      func(tc *testConn) { must(tc, ws.SetLimits(tc.conn, ws.Limits{Message: 1})); tc.peer.Shutdown() },
		"our Close frame": func(tc *testConn) {
			must(tc, ws.Close(tc.conn, 1000, ""))
			tc.peer.WriteString(tc.frame(fin|opClose, closePayload(1000, "")))
			tc.peer.Shutdown()
		},
		"a failed write":   func(tc *testConn) { tc.peer.Close(); ws.Send(tc.conn, []byte("x"), ws.OpText) },
		"the manager ends": func(tc *testConn) { tc.manager.Close() },
	} {
		for _, how := range []ws.Delivery{ws.Whole, ws.Chunks} {
			t.Run(fmt.Sprint(name, ", ", how), func(t *testing.T) {
				eachRole(t, func(t *testing.T, _ *testEnv, r role) {
					env := newSlowEnv(t, ws.Options{Delivery: how}, 400*time.Microsecond)
					a := &assembler{TB: t}
					tc := env.open(r, a.handle)
					sent := tc.frame(fin|rsv1|text, largeDeflated())
					stop := looptest.EachTurn(tc.manager, func() { sent = sent[tc.peer.WriteSome([]byte(sent)):] })
					await(t, tc.manager, "a yield", func() bool { return sent == "" && tc.conn.Stack().Yielded() })
					stop()
					act(tc)
					for i := 0; i < looptest.Turns && !tc.events.Closed(); i++ {
						looptest.Spin(t, tc.manager, 1)
					}
					if !tc.events.Closed() || len(tc.events.Errs) > 1 || tc.events.Count(reactor.EvClose) != 1 {
						t.Fatalf("closed %v, errors %v", tc.events.Closed(), tc.events.Errs)
					}
					whole := name != "Close" && name != "Fail" && name != "the manager ends" && name != "SetLimits"
					if got := a.texts(); whole && (len(got) != 1 || got[0] != largeText()) || !whole && len(got) != 0 {
						t.Errorf("%d messages", len(got))
					}
					if _, _, _, spent := ws.Spares(tc.manager); name != "the manager ends" && spent != 0 {
						t.Errorf("%d bytes of the budget are taken", spent)
					}
				})
			})
		}
	}
}
