package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// drain drains the manager and calls turn in each turn of the loop.
func (env *testEnv) drain(timeout time.Duration, turn func()) ([]reactor.Straggler, error) {
	defer looptest.EachTurn(env.manager, turn)()
	return env.manager.Drain(timeout)
}

// TestDrainSendsGoingAway: an open WebSocket sends a Close frame with 1001, delivers what the
// peer sends until it answers, and closes without an error [RFC 6455 7.4.1, 7.1.1].
func TestDrainSendsGoingAway(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env := newEnv(t)
			tc := env.open(r, nil)
			must(t, ws.Send(tc.conn, []byte("final message"), ws.OpText))
			var frames []string
			said := false
			late, err := env.drain(time.Minute, func() {
				tc.peer.Receive()
				if !said && len(tc.peer.In) > 0 {
					frames = describeFrames(t, tc.peer.In, r == asClient)
					if said = len(frames) == 2; said {
						tc.peer.WriteIfOpen(tc.frame(0x81, "one moment") + tc.frame(0x88, "\x03\xe9"))
						if r == asClient { // the server ends the stream first [RFC 6455 7.1.1]
							tc.peer.Shutdown()
						}
					}
				}
				if tc.peer.Ended() {
					tc.peer.Shutdown()
				}
			})
			if late != nil || err != nil {
				t.Errorf("Drain: %v, %v", late, err)
			}
			wantLines(t, "frames", frames, describeFrames(t, []byte(tc.wantedFrames()), r == asClient))
			tc.events.WantLines(t, `MSG text "one moment"`, `CTL close 1001 ""`, "CLOSE")
		})
	}
}

// TestDrainInLateLoop: a loop that is late reads the answers to its Close frames before the
// timeout of Drain ends the connections.
func TestDrainInLateLoop(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env, clock := newTimedEnv(t, reactor.Deadlines{})
			env.opts = &ws.Options{CloseWait: -1} // Drain limits the wait
			var ends []*testConn
			for range 50 {
				ends = append(ends, env.open(r, nil))
			}
			late, err := env.drain(time.Minute, func() {
				for i, tc := range ends {
					if tc.peer.Receive(); len(tc.peer.In) > 0 && !isSilent(i) {
						tc.peer.In = nil
						tc.peer.WriteIfOpen(tc.frame(0x82, string(make([]byte, 150<<10))) + tc.frame(0x88, "\x03\xe9"))
						tc.peer.Shutdown()
						clock.Advance(time.Hour)
					}
				}
			})
			if len(late) != 3 || err != nil {
				t.Errorf("Drain returned %d stragglers, want the 3 silent peers; %v", len(late), err)
			}
			for i, tc := range ends {
				if !isSilent(i) && (tc.events.LastErr() != nil || len(tc.events.Lines) != 3) {
					t.Errorf("connection %d: %v, events %q", i, tc.events.LastErr(), tc.events.Lines)
					break
				}
			}
		})
	}
}

// wantedFrames returns the frames that the connection under test must send.
func (tc *testConn) wantedFrames() string {
	masked := tc.role == asClient
	return buildFrame(0x81, masked, -1, "final message") + buildFrame(0x88, masked, -1, "\x03\xe9")
}

// TestDrainWithoutAnswer: a connection whose peer does not answer is a straggler.
func TestDrainWithoutAnswer(t *testing.T) {
	for _, r := range roles {
		env, clock := newTimedEnv(t, reactor.Deadlines{})
		tc := env.open(r, nil)
		late, err := env.drain(ws.DefaultCloseWait-1, func() { clock.Advance(time.Second) })
		if err != nil || len(late) != 1 || late[0].ID != tc.conn.ID() || late[0].Remote != tc.conn.RemoteAddr() || late[0].Unsent != 0 {
			t.Errorf("%s: Drain: %v, %v", r, late, err)
		}
		tc.events.WantLines(t, "CLOSE")
		tc.peer.Receive()
		wantLines(t, "frames", describeFrames(t, tc.peer.In, r == asClient), describeFrames(t, []byte(buildFrame(0x88, r == asClient, -1, "\x03\xe9")), r == asClient))
	}
}

// TestDrainBeforeOpenAndWhileClosing: during the closing handshake Drain sends no second Close
// frame. Before EvWSOpen it sends none.
func TestDrainBeforeOpenAndWhileClosing(t *testing.T) {
	env := newEnv(t)
	closing := env.open(asServer, nil)
	must(t, ws.Send(closing.conn, []byte("\x03\xe8"), ws.OpClose))
	early := env.accept(nil)
	early.peerSends(request[:20])
	asking := env.connect("", nil)
	asking.readHead()
	late, err := env.drain(time.Minute, func() {
		for _, tc := range []*testConn{closing, early, asking} {
			if tc.peer.Ended() {
				tc.peer.Shutdown()
			}
		}
		if len(closing.peer.In) == 4 && !closing.events.Closed() {
			closing.peer.WriteIfOpen(closing.frame(0x88, "\x03\xe8"))
			closing.peer.In = append(closing.peer.In, 0)
		}
	})
	if late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	closing.events.WantLines(t, `CTL close 1000 ""`, "CLOSE")
	early.events.WantLines(t, "CLOSE")
	asking.events.WantLines(t, "CLOSE")
	if len(early.peer.In) > 0 || len(asking.peer.In) > 0 {
		t.Errorf("sent %q, %q", early.peer.In, asking.peer.In)
	}
}
