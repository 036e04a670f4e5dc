package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestCloseBehindBacklog: the deadline counts from the moment when the socket has taken the
// Close frame. While the peer reads messages before it, the deadline starts again each time.
func TestCloseBehindBacklog(t *testing.T) {
	const wait = 100 * time.Millisecond
	for _, how := range []struct {
		name  string
		close func(c *reactor.Conn) error
	}{
		{"Close", func(c *reactor.Conn) error { return ws.Close(c, ws.StatusNormalClosure, "") }},
		{"Printf", func(c *reactor.Conn) error { return ws.Printf(c, ws.OpClose, "\x03\xe8") }},
		{"Wrap", func(c *reactor.Conn) error { c.Write([]byte("\x03\xe8")); ws.Wrap(c, 2, ws.OpClose); return nil }},
		{"Drain too", func(c *reactor.Conn) error { c.Drain(); return ws.Close(c, ws.StatusNormalClosure, "") }},
	} {
		for _, r := range roles {
			t.Run(string(r)+" "+how.name, func(t *testing.T) {
				env, pass := newClosingEnv(t, ws.Options{CloseWait: wait})
				writes := 0
				tc := env.open(r, func(_ *reactor.Conn, ev reactor.Event, _ any) {
					if ev == reactor.EvWrite {
						writes++
					}
				})
				tc.narrowBuffers()
				must(t, ws.Send(tc.conn, make([]byte, 1<<20), ws.OpBinary))
				must(t, how.close(tc.conn))
				spin(t, env.manager)
				for tc.conn.Send.Len() > 0 {
					before := writes
					pass(wait - 1)
					tc.wantAlive("while the peer reads")
					await(t, env.manager, "EvWrite", func() bool { tc.peer.Receive(); return writes > before })
					tc.peer.In = nil
				}
				pass(wait - 1)
				tc.wantAlive("the Close frame has just left")
				tc.peer.WriteIfOpen(tc.frame(fin|opClose, closePayload(1000, "")))
				spin(t, env.manager)
				pass(wait)
				await(t, env.manager, "CLOSE", func() bool {
					pass(time.Second)
					if tc.peer.In = nil; tc.peer.Ended() {
						tc.peer.Shutdown()
					}
					return tc.events.Closed()
				})
				if tc.events.LastErr() != nil {
					t.Error(tc.events.LastErr())
				}
			})
		}
	}
}

// TestCloseBehindBacklogNeverRead: the same deadline ends a connection whose peer reads nothing.
func TestCloseBehindBacklogNeverRead(t *testing.T) {
	for _, r := range roles {
		env, pass := newClosingEnv(t, ws.Options{})
		var took time.Time
		tc := env.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWrite {
				took = c.Manager().Now()
			}
		})
		tc.backlog()
		must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		spin(t, env.manager)
		tc.expire(&took, ws.DefaultCloseWait, pass)
		tc.wantDeadline("close")
	}
}

// TestCloseAnswerBehindBacklog: a server that has answered the peer's Close frame still sends the
// data before its answer. It does not limit the time that the peer takes to read it.
func TestCloseAnswerBehindBacklog(t *testing.T) {
	env, pass := newClosingEnv(t, ws.Options{})
	tc := env.open(asServer, nil)
	tc.backlog()
	tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
	pass(time.Hour)
	tc.wantAlive("while the peer does not read")
	await(t, env.manager, "the end of stream", func() bool {
		tc.peer.In = tc.peer.In[max(0, len(tc.peer.In)-4):]
		return tc.peer.Ended()
	})
	if got := string(tc.peer.In[len(tc.peer.In)-4:]); got != buildFrame(fin|opClose, false, -1, closePayload(1000, "")) {
		t.Errorf("the last bytes are % x", got)
	}
}
