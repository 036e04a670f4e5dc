package ws_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// closingWorld is one whose time is the test's and whose connections wait for
// Close frames as o says.
func closingWorld(t *testing.T, o ws.Options) (w *world, pass func(time.Duration)) {
	t.Helper()
	w, now := timedWorld(t, reactor.Deadlines{})
	w.opts = &o
	return w, func(d time.Duration) {
		*now = now.Add(d)
		spin(t, w.m)
	}
}

// A Close frame that is not answered in time fails the connection, whatever else
// the peer sends.
func TestCloseWait(t *testing.T) {
	for _, tt := range []struct{ set, wait time.Duration }{{0, ws.DefaultCloseWait}, {2 * time.Second, 2 * time.Second}, {time.Minute, time.Minute}} {
		for _, how := range []struct {
			name  string
			close func(c *reactor.Conn) error
		}{
			{"Close", func(c *reactor.Conn) error { return ws.Close(c, ws.CloseNormal, "") }},
			{"Send", func(c *reactor.Conn) error { return ws.Send(c, nil, ws.OpClose) }},
			{"Printf", func(c *reactor.Conn) error { return ws.Printf(c, ws.OpClose, "") }},
			{"Wrap", func(c *reactor.Conn) error { ws.Wrap(c, 0, ws.OpClose); return nil }},
		} {
			for _, r := range roles {
				w, pass := closingWorld(t, ws.Options{CloseWait: tt.set})
				e := w.open(r, nil)
				must(t, how.close(e.c))
				spin(t, w.m)
				pass(tt.wait - 1)
				e.feed(e.frame(fin|text, "still here") + e.frame(fin|ping, "p"))
				e.wantNone("a nanosecond early")
				pass(1)
				e.wantDeadline("close")
				var d *reactor.DeadlineError
				if errors.As(e.rec.err, &d); d.After != tt.wait {
					t.Errorf("%s: after %v, want %v", how.name, d.After, tt.wait)
				}
				e.rec.want(t, `MSG text "still here"`, `CTL ping "p"`, "ERROR", "CLOSE")
			}
		}
	}
}

// One that is answered in time leaves no deadline behind.
func TestCloseInTime(t *testing.T) {
	for _, r := range roles {
		w, pass := closingWorld(t, ws.Options{})
		e := w.open(r, nil)
		must(t, ws.Close(e.c, ws.CloseNormal, ""))
		pass(ws.DefaultCloseWait - 1)
		e.feed(e.frame(fin|closs, closing(1000, "")))
		e.ends()
		pass(time.Hour)
		e.rec.want(t, `CTL close 1000 ""`, "CLOSE")
		e.wantNoTimer()
	}
}

// The server closes TCP first [RFC 6455 7.1.1]: at once when Close frames were
// exchanged, whoever began. A client waits for that, for a second.
func TestWhoHangsUp(t *testing.T) {
	for _, began := range []string{"we", "the peer"} {
		for _, r := range roles {
			t.Run(string(r)+" "+began, func(t *testing.T) {
				w, pass := closingWorld(t, ws.Options{})
				e := w.open(r, nil)
				if began == "we" {
					must(t, ws.Close(e.c, ws.CloseNormal, ""))
				}
				e.feed(e.frame(fin|closs, closing(1000, "")))
				e.wantSent(`close 1000 ""`)
				if r == asServer {
					await(t, w.m, "the server's end of stream", e.p.ended)
					e.p.shutdown()
				} else {
					pass(time.Second - 1)
					if e.p.ended() {
						t.Fatal("the client hung up first")
					}
					pass(1)
					if !e.p.ended() {
						t.Fatal("the client waits for ever")
					}
					e.p.shutdown()
				}
				await(t, w.m, "CLOSE", func() bool { return e.rec.closed })
				e.rec.want(t, `CTL close 1000 ""`, "CLOSE")
				pass(time.Hour)
				e.rec.want(t)
				e.wantNoTimer()
			})
		}
	}
}

// A client whose server hangs up does not wait any longer.
func TestClientHearsTheEnd(t *testing.T) {
	w, _ := closingWorld(t, ws.Options{})
	e := w.open(asClient, nil)
	e.feed(e.frame(fin|closs, closing(1000, "")))
	e.p.shutdown()
	await(t, w.m, "CLOSE", func() bool { return e.rec.closed })
	e.rec.want(t, `CTL close 1000 ""`, "CLOSE")
	e.wantNoTimer()
}

// wantNoTimer fails the test if anything of a connection is left to be done.
func (e *end) wantNoTimer() {
	e.Helper()
	if d := e.m.NextTimeout(); d < math.MaxInt64 {
		e.Errorf("a timer is due in %v", d)
	}
}

// One that ends otherwise while it waits leaves no deadline behind either.
func TestEndWhileClosing(t *testing.T) {
	for _, r := range roles {
		w, _ := closingWorld(t, ws.Options{Ping: time.Second})
		e := w.open(r, nil)
		must(t, ws.Close(e.c, ws.CloseNormal, ""))
		spin(t, w.m)
		e.drop()
		e.wantNoTimer()
	}
}

// A server that has answered the peer's Close frame sends what is before its
// answer, however long the peer takes to read it.
func TestAnswerBehindABacklog(t *testing.T) {
	w, pass := closingWorld(t, ws.Options{})
	e := w.open(asServer, nil)
	e.fill()
	e.feed(e.frame(fin|closs, closing(1000, "")))
	pass(time.Hour)
	e.wantNone("while the peer does not read")
	await(t, w.m, "the end of stream", func() bool {
		e.p.in = e.p.in[max(0, len(e.p.in)-4):]
		return e.p.ended()
	})
	if got := string(e.p.in[len(e.p.in)-4:]); got != build(fin|closs, false, -1, closing(1000, "")) {
		t.Errorf("the last bytes are % x", got)
	}
}

// A handler may close in any event, and in answer to the peer's Close frame,
// which leaves nothing to be said.
func TestCloseInEveryEvent(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		for _, on := range []reactor.Event{reactor.EvWSMsg, reactor.EvWSCtl, reactor.EvRead, reactor.EvWrite, reactor.EvError, reactor.EvClose} {
			for _, r := range roles {
				w := delivering(t, how)
				var got []error
				opened := false
				e := w.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
					if ev == on && opened {
						got = append(got, ws.Close(c, ws.CloseNormal, ""))
					}
				})
				opened = true
				must(t, ws.Ping(e.c, nil))
				e.feed(e.frame(text, "a") + e.frame(fin|ping, "p") + e.frame(fin|cont, "b"))
				e.feed(e.frame(fin|closs, closing(1000, "")))
				e.ends()
				if len(got) == 0 && on != reactor.EvError {
					t.Fatalf("%v was not raised", on)
				}
				closes := 0
				for _, f := range e.sent() {
					if f == `close 1000 ""` {
						closes++
					}
				}
				if closes != 1 {
					t.Errorf("%v: %d Close frames", on, closes)
				}
				if n := len(e.rec.log); e.rec.log[n-1] != "CLOSE" || e.rec.err != nil {
					t.Errorf("%v: %v, %v", on, e.rec.log, e.rec.err)
				}
			}
		}
	}
}
