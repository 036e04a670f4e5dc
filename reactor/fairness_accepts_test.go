package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// While more than 32 connections wait for their turn, a listener accepts one client in each turn.
// With fewer it accepts more.
func TestListenerBesideBacklogs(t *testing.T) {
	for _, tt := range []struct{ backlogs, most int }{{20, 64}, {40, 1}} {
		m, k := timed(t)
		var peers []*peer
		for range tt.backlogs {
			_, _, p := newWorker(t, m, k, phaseTime)
			peers = append(peers, p)
		}
		accepted := 0
		l := listen(t, m, "tcp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvAccept {
				accepted++
			}
		})
		spin(t, m, 1)
		for _, p := range peers {
			p.Write(batchOf(0, 100))
		}
		spin(t, m, 3)
		const clients = 12
		for range clients {
			looptest.DialSocket(t, l.LocalAddr())
		}
		most := 0
		for n := 0; accepted < clients; n++ {
			before := accepted
			spin(t, m, 1)
			most = max(most, accepted-before)
			if n > 2*clients {
				t.Fatalf("%d backlogs: %d clients are accepted in %d turns", tt.backlogs, accepted, n)
			}
		}
		if most > tt.most || tt.most > 1 && most == 1 {
			t.Errorf("%d backlogs: up to %d clients are accepted in a turn, want at most %d", tt.backlogs, most, tt.most)
		}
	}
}
