package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// crowdSize is several times what one wait reports.
const crowdSize = 800

// crowd opens that many WebSockets in the test's time.
func crowd(t *testing.T, r role, o ws.Options) (w *world, now *time.Time, ends []*end) {
	t.Helper()
	w, now = timedWorld(t, reactor.Deadlines{})
	w.opts = &o
	for range crowdSize {
		ends = append(ends, w.open(r, nil))
	}
	return w, now, ends
}

// silent reports whether the i-th of a crowd says nothing.
func silent(i int) bool { return i%16 == 5 }

// While the loop is away, for however long, peers cannot be heard: all that lies in their
// sockets counts before anything is judged, pongs and any other byte. Those that have said
// nothing are given up, and no other.
func TestKeepAliveOfACrowdInALateLoop(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w, now, ends := crowd(t, r, ws.Options{Ping: 10 * time.Second, Pong: 5 * time.Second})
			*now = now.Add(10 * time.Second)
			spin(t, w.m)
			for i, e := range ends {
				if e.p.pump(); len(e.p.in) == 0 {
					t.Fatalf("connection %d was not pinged", i)
				}
				pieces := []string{
					e.frame(fin|pong, ""),
					e.frame(fin|text, "busy"),
					e.frame(fin|text, "a part of a frame")[:1],
					e.frame(fin|text, "before") + e.frame(fin|pong, ""),
				}
				if !silent(i) {
					e.p.write(pieces[i%len(pieces)])
				}
			}
			*now = now.Add(time.Hour)
			wantOnlySilent(t, w, ends, "pong")
		})
	}
}

// wantOnlySilent waits until the silent ones have failed for lack of something, and wants
// all others to live.
func wantOnlySilent(t *testing.T, w *world, ends []*end, deadline string) {
	t.Helper()
	await(t, w.m, "the silent ones' end", func() bool {
		for i, e := range ends {
			if silent(i) && !e.rec.closed {
				return false
			}
		}
		return true
	})
	looptest.Spin(t, w.m, 20)
	failed := 0
	for i, e := range ends {
		switch {
		case silent(i):
			e.wantDeadline(deadline)
		case e.rec.err != nil:
			failed++
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d connections failed whose bytes had come", failed, len(ends))
	}
}

// The loop may be away again and again.
func TestKeepAliveOfACrowdInALoopThatIsLateOften(t *testing.T) {
	w, now, ends := crowd(t, asServer, ws.Options{Ping: 10 * time.Second, Pong: 5 * time.Second})
	for range 5 {
		*now = now.Add(time.Hour) // pings are sent
		looptest.Spin(t, w.m, 10)
		for _, e := range ends {
			e.p.write(e.frame(fin|pong, ""))
		}
		*now = now.Add(time.Hour)
		looptest.Spin(t, w.m, 10)
	}
	for i, e := range ends {
		if e.rec.err != nil || e.rec.closed {
			t.Fatalf("connection %d: %v", i, e.rec.err)
		}
	}
}

// The same for the wait for the peer's Close frame.
func TestCloseOfACrowdInALateLoop(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w, now, ends := crowd(t, r, ws.Options{})
			for _, e := range ends {
				must(t, ws.Close(e.c, ws.CloseNormal, ""))
			}
			spin(t, w.m)
			for i, e := range ends {
				if !silent(i) {
					e.p.write(e.frame(fin|text, "not yet") + e.frame(fin|closs, closing(1000, "")))
				}
			}
			*now = now.Add(time.Hour)
			wantOnlySilent(t, w, ends, "close")
			for i, e := range ends {
				if !silent(i) {
					wantLines(t, "events", e.rec.log[:min(2, len(e.rec.log))], []string{`MSG text "not yet"`, `CTL close 1000 ""`})
				}
			}
		})
	}
}
