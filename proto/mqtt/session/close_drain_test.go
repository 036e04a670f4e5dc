package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// pollAlong makes each turn of m also a turn of the servers' loop.
func pollAlong(m, servers *reactor.Manager) {
	var turn func()
	turn = func() {
		servers.Poll(0)
		m.Post(turn) // fails when m is closed
	}
	m.Post(turn)
}

// awaitUp polls both loops until the session is up.
func awaitUp(t *testing.T, m, servers *reactor.Manager, cl *client) {
	t.Helper()
	for range looptest.Turns {
		if cl.has("up") {
			return
		}
		looptest.Must(t, m.Poll(time.Millisecond))
		looptest.Must(t, servers.Poll(time.Millisecond))
	}
	t.Fatal("the session is not up")
}

// Messages that were published just before Manager.Drain are sent and acknowledged, and DISCONNECT
// follows.
func TestManagerDrainFinishesMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		servers, _ := newLoop(t)
		srv := newServer(t, servers, scheme)
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: version}})
		awaitUp(t, m, servers, cl)
		srv.take()
		cl.must("t", "one", 1)
		cl.must("t", "two", 2)
		pollAlong(m, servers)
		left, err := m.Drain(time.Minute)
		if len(left) > 0 || err != nil {
			t.Errorf("Drain: %v, %v", left, err)
		}
		cl.want("up present=false, acknowledged one, acknowledged two, down final")
		if err := cl.lastErr(); err != nil {
			t.Errorf("error %v", err)
		}
		looptest.Await(t, servers, "the end", func() bool { return srv.last().closed })
		if got := srv.take(); !strings.HasSuffix(got, "PUBREL, DISCONNECT") {
			t.Errorf("packets %s", got)
		}
	})
}

// If the server does not acknowledge, Manager.Drain waits until its time is up. The message is
// abandoned. Without time to wait, DISCONNECT leaves at once.
func TestManagerDrainAbandonsMessages(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"time": time.Minute, "no time": 0} {
		t.Run(name, func(t *testing.T) {
			m, k := newLoop(t)
			servers, _ := newLoop(t)
			srv := newServer(t, servers, "mqtt")
			cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}})
			awaitUp(t, m, servers, cl)
			srv.take()
			srv.on = func(_ *peer, p *mqtt.Message) bool {
				if p.Cmd == mqtt.CmdPublish {
					m.Post(func() { k.Advance(2 * time.Minute) })
				}
				return p.Cmd == mqtt.CmdPublish
			}
			cl.must("t", "one", 1)
			pollAlong(m, servers)
			left, err := m.Drain(timeout)
			if len(left) != 1 || err != nil {
				t.Errorf("Drain: %v, %v", left, err)
			}
			cl.want("up present=false, abandoned one, down final")
			looptest.Await(t, servers, "the end", func() bool { return srv.last().closed })
			if got := srv.take(); strings.HasSuffix(got, "DISCONNECT") != (timeout == 0) {
				t.Errorf("packets %s", got)
			}
		})
	}
}
