package ws_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestCloseNotAnswered: if the peer does not answer a Close frame in time, the connection
// fails. Other frames of the peer do not change that.
func TestCloseNotAnswered(t *testing.T) {
	for _, tt := range []struct{ set, wait time.Duration }{{0, ws.DefaultCloseWait}, {2 * time.Second, 2 * time.Second}, {time.Minute, time.Minute}} {
		for _, how := range []struct {
			name  string
			close func(c *reactor.Conn) error
		}{
			{"Close", func(c *reactor.Conn) error { return ws.Close(c, ws.StatusNormalClosure, "") }},
			{"Send", func(c *reactor.Conn) error { return ws.Send(c, nil, ws.OpClose) }},
			{"Printf", func(c *reactor.Conn) error { return ws.Printf(c, ws.OpClose, "") }},
			{"Wrap", func(c *reactor.Conn) error { ws.Wrap(c, 0, ws.OpClose); return nil }},
		} {
			for _, r := range roles {
				env, pass := newClosingEnv(t, ws.Options{CloseWait: tt.set})
				tc := env.open(r, nil)
				must(t, how.close(tc.conn))
				spin(t, env.manager)
				pass(tt.wait - 1)
				tc.peerSends(tc.frame(fin|text, "still here") + tc.frame(fin|ping, "p"))
				tc.wantAlive("a nanosecond early")
				pass(1)
				tc.wantDeadline("close")
				var d *reactor.DeadlineError
				if errors.As(tc.events.LastErr(), &d); d.After != tt.wait {
					t.Errorf("%s: after %v, want %v", how.name, d.After, tt.wait)
				}
				tc.events.WantLines(t, `MSG text "still here"`, `CTL ping "p"`, "ERROR", "CLOSE")
			}
		}
	}
}

// TestCloseAnsweredInTime: an answer in time stops the deadline.
func TestCloseAnsweredInTime(t *testing.T) {
	for _, r := range roles {
		env, pass := newClosingEnv(t, ws.Options{})
		tc := env.open(r, nil)
		must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		pass(ws.DefaultCloseWait - 1)
		tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
		tc.awaitEnd()
		pass(time.Hour)
		tc.events.WantLines(t, `CTL close 1000 ""`, "CLOSE")
		tc.wantNoTimer()
	}
}

// TestServerClosesTCPFirst: after the exchange of Close frames the server closes TCP at once,
// and first [RFC 6455 7.1.1]. A client waits for that for one second. Who began makes no
// difference.
func TestServerClosesTCPFirst(t *testing.T) {
	for _, began := range []string{"we", "the peer"} {
		for _, r := range roles {
			t.Run(string(r)+" "+began, func(t *testing.T) {
				env, pass := newClosingEnv(t, ws.Options{})
				tc := env.open(r, nil)
				if began == "we" {
					must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
				}
				tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
				tc.wantSent(`close 1000 ""`)
				if r == asServer {
					await(t, env.manager, "the server's end of stream", tc.peer.Ended)
					tc.peer.Shutdown()
				} else {
					pass(time.Second - 1)
					if tc.peer.Ended() {
						t.Fatal("the client closed TCP first")
					}
					pass(1)
					if !tc.peer.Ended() {
						t.Fatal("the client still waits after a second")
					}
					tc.peer.Shutdown()
				}
				await(t, env.manager, "CLOSE", func() bool { return tc.events.Closed() })
				tc.events.WantLines(t, `CTL close 1000 ""`, "CLOSE")
				pass(time.Hour)
				tc.events.WantLines(t)
				tc.wantNoTimer()
			})
		}
	}
}

// TestClientStopsWaitingWhenServerCloses: a client stops waiting when the server closes TCP.
func TestClientStopsWaitingWhenServerCloses(t *testing.T) {
	env, _ := newClosingEnv(t, ws.Options{})
	tc := env.open(asClient, nil)
	tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
	tc.peer.Shutdown()
	await(t, env.manager, "CLOSE", func() bool { return tc.events.Closed() })
	tc.events.WantLines(t, `CTL close 1000 ""`, "CLOSE")
	tc.wantNoTimer()
}

// TestDisconnectWhileClosing: a connection that closes during the wait stops the deadline too.
func TestDisconnectWhileClosing(t *testing.T) {
	for _, r := range roles {
		env, _ := newClosingEnv(t, ws.Options{Ping: time.Second})
		tc := env.open(r, nil)
		must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		spin(t, env.manager)
		tc.closeBoth()
		tc.wantNoTimer()
	}
}

// TestCloseAndDrain: Drain after Close waits for the end of stream, not for the peer's Close
// frame. A missing Close frame is no error then.
func TestCloseAndDrain(t *testing.T) {
	for _, answer := range []bool{true, false} {
		for _, r := range roles {
			env, pass := newClosingEnv(t, ws.Options{CloseWait: 100 * time.Millisecond})
			tc := env.open(r, nil)
			must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
			tc.conn.Drain()
			await(t, env.manager, "our end of stream", tc.peer.Ended)
			pass(50 * time.Millisecond)
			if answer {
				tc.peer.WriteIfOpen(tc.frame(fin|opClose, closePayload(1000, "")))
			}
			pass(949 * time.Millisecond)
			tc.wantAlive("lingering")
			pass(time.Millisecond)
			tc.events.WantLines(t, "CLOSE")
			tc.wantNoTimer()
		}
	}
}

// TestCloseAnsweredInLateLoop: a Close frame that arrived while the loop was not running is
// in time, even if there are more of them than one wait reports.
func TestCloseAnsweredInLateLoop(t *testing.T) {
	env, pass := newClosingEnv(t, ws.Options{})
	var ends []*testConn
	for range 400 {
		tc := env.open(asServer, nil)
		must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
		ends = append(ends, tc)
	}
	spin(t, env.manager)
	for _, tc := range ends {
		tc.peer.WriteIfOpen(tc.frame(fin|opClose, closePayload(1000, "")))
	}
	pass(time.Hour)
	for _, tc := range ends {
		tc.awaitEnd()
		tc.events.WantLines(t, `CTL close 1000 ""`, "CLOSE")
	}
}

// TestCloseOfManyInLateLoop: a late loop reads all sockets before it enforces the deadline for
// the peer's Close frame.
func TestCloseOfManyInLateLoop(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			env, clock, ends := openMany(t, r, ws.Options{})
			for _, tc := range ends {
				must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
			}
			spin(t, env.manager)
			for i, tc := range ends {
				if !isSilent(i) {
					tc.peer.WriteIfOpen(tc.frame(fin|text, "not yet") + tc.frame(fin|opClose, closePayload(1000, "")))
				}
			}
			clock.Advance(time.Hour)
			wantOnlySilent(t, env, ends, "close")
			for i, tc := range ends {
				if !isSilent(i) {
					wantLines(t, "events", tc.events.Lines[:min(2, len(tc.events.Lines))], []string{`MSG text "not yet"`, `CTL close 1000 ""`})
				}
			}
		})
	}
}
