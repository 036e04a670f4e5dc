package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// While the connection is paused the peer's Close frame cannot be heard, so the wait for
// it stands still, however long that is. Resume continues it.
func TestClosePaused(t *testing.T) {
	const wait = 10 * time.Second
	for _, r := range roles {
		for _, tt := range []struct {
			name  string
			begin func(e *end, pass func(time.Duration))
			left  time.Duration // of the wait, when the connection is paused
		}{
			{"before Close", func(e *end, _ func(time.Duration)) {
				e.c.Pause()
				must(e, ws.Close(e.c, ws.CloseNormal, ""))
			}, wait},
			{"in the turn of Close", func(e *end, _ func(time.Duration)) {
				must(e, ws.Close(e.c, ws.CloseNormal, ""))
				e.c.Pause()
			}, wait},
			{"after Close", func(e *end, pass func(time.Duration)) {
				must(e, ws.Close(e.c, ws.CloseNormal, ""))
				spin(e, e.m)
				pass(4 * time.Second)
				e.c.Pause()
			}, wait - 4*time.Second},
			{"twice", func(e *end, pass func(time.Duration)) {
				must(e, ws.Close(e.c, ws.CloseNormal, ""))
				spin(e, e.m)
				pass(time.Second)
				e.c.Pause()
				pass(time.Hour)
				e.c.Resume()
				pass(2 * time.Second)
				e.c.Pause()
			}, wait - 3*time.Second},
		} {
			t.Run(string(r)+" "+tt.name, func(t *testing.T) {
				w, pass := closingWorld(t, ws.Options{CloseWait: wait})
				e := w.open(r, nil)
				tt.begin(e, pass)
				pass(0)
				for range 3 {
					pass(time.Hour)
					e.wantNone("while paused")
				}
				e.c.Resume()
				pass(0)
				pass(tt.left - 1)
				e.wantNone("a nanosecond early")
				pass(1)
				e.wantDeadline("close")
			})
		}
	}
}

// A Close frame that came during the pause is heard when it is over.
func TestCloseAnsweredWhilePaused(t *testing.T) {
	for _, r := range roles {
		for _, before := range []bool{true, false} {
			w, pass := closingWorld(t, ws.Options{CloseWait: 100 * time.Millisecond})
			e := w.open(r, nil)
			if before {
				e.c.Pause()
			}
			must(t, ws.Close(e.c, ws.CloseNormal, ""))
			pass(0)
			e.c.Pause()
			e.p.write(e.frame(fin|text, "late") + e.frame(fin|closs, closing(1000, "")))
			pass(time.Hour)
			e.wantNone("while paused")
			e.c.Resume()
			e.ends()
			e.rec.want(t, `MSG text "late"`, `CTL close 1000 ""`, "CLOSE")
			e.wantNoTimer()
		}
	}
}

// A handler that pauses at each message, and resumes much later, gets all of them and
// then the Close frame.
func TestClosePausedByEachMessage(t *testing.T) {
	for _, r := range roles {
		w, pass := closingWorld(t, ws.Options{CloseWait: time.Second})
		e := w.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWSMsg {
				c.Pause()
			}
		})
		must(t, ws.Close(e.c, ws.CloseNormal, ""))
		pass(0)
		e.p.write(e.frame(fin|text, "a") + e.frame(fin|text, "b") + e.frame(fin|closs, closing(1000, "")))
		for _, line := range []string{`MSG text "a"`, `MSG text "b"`} {
			await(t, w.m, line, e.rec.saw(line))
			pass(time.Hour)
			e.wantNone("while paused")
			e.c.Resume()
		}
		e.ends()
		e.rec.want(t, `MSG text "a"`, `MSG text "b"`, `CTL close 1000 ""`, "CLOSE")
	}
}
