package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The time counts from when the Close frame has left: behind messages that the
// peer takes slowly, it begins anew each time it takes some.
func TestCloseBehindABacklog(t *testing.T) {
	const wait = 100 * time.Millisecond
	for _, how := range []struct {
		name  string
		close func(c *reactor.Conn) error
	}{
		{"Close", func(c *reactor.Conn) error { return ws.Close(c, ws.CloseNormal, "") }},
		{"Printf", func(c *reactor.Conn) error { return ws.Printf(c, ws.OpClose, "\x03\xe8") }},
		{"Wrap", func(c *reactor.Conn) error { c.Write([]byte("\x03\xe8")); ws.Wrap(c, 2, ws.OpClose); return nil }},
		{"Drain too", func(c *reactor.Conn) error { c.Drain(); return ws.Close(c, ws.CloseNormal, "") }},
	} {
		for _, r := range roles {
			t.Run(string(r)+" "+how.name, func(t *testing.T) {
				w, pass := closingWorld(t, ws.Options{CloseWait: wait})
				writes := 0
				e := w.open(r, func(_ *reactor.Conn, ev reactor.Event, _ any) {
					if ev == reactor.EvWrite {
						writes++
					}
				})
				must(t, ws.Send(e.c, make([]byte, 16<<20), ws.OpBinary))
				must(t, how.close(e.c))
				spin(t, w.m)
				for e.c.Send.Len() > 0 {
					before := writes
					pass(wait - 1)
					e.wantNone("while the peer reads")
					await(t, w.m, "room", func() bool { e.p.pump(); return writes > before })
					e.p.in = nil
				}
				pass(wait - 1)
				e.wantNone("the Close frame has just left")
				e.p.write(e.frame(fin|closs, closing(1000, "")))
				spin(t, w.m)
				pass(wait)
				await(t, w.m, "CLOSE", func() bool {
					pass(time.Second)
					if e.p.in = nil; e.p.ended() {
						e.p.shutdown()
					}
					return e.rec.closed
				})
				if e.rec.err != nil {
					t.Error(e.rec.err)
				}
			})
		}
	}
}

// A peer that takes nothing has no more than that time either.
func TestCloseBehindWhatIsNeverRead(t *testing.T) {
	for _, r := range roles {
		w, pass := closingWorld(t, ws.Options{})
		var took time.Time
		e := w.open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWrite {
				took = c.Manager().Now()
			}
		})
		must(t, ws.Send(e.c, make([]byte, 16<<20), ws.OpBinary))
		must(t, ws.Close(e.c, ws.CloseNormal, ""))
		spin(t, w.m)
		for last := (time.Time{}); last != took; { // the kernel finds room when it likes
			last = took
			pass(last.Add(ws.DefaultCloseWait - 1).Sub(w.m.Now()))
			if e.wantNone("a nanosecond early"); last == took {
				pass(1)
			}
		}
		e.wantDeadline("close")
	}
}

// After Close and Drain the answer is not awaited, but only the end of stream, as
// Drain does: that nobody hears the answer is no failure.
func TestCloseAndDrain(t *testing.T) {
	for _, answer := range []bool{true, false} {
		for _, r := range roles {
			w, pass := closingWorld(t, ws.Options{CloseWait: 100 * time.Millisecond})
			e := w.open(r, nil)
			must(t, ws.Close(e.c, ws.CloseNormal, ""))
			e.c.Drain()
			await(t, w.m, "our end of stream", e.p.ended)
			pass(50 * time.Millisecond)
			if answer {
				e.p.write(e.frame(fin|closs, closing(1000, "")))
			}
			pass(949 * time.Millisecond)
			e.wantNone("lingering")
			pass(time.Millisecond)
			e.rec.want(t, "CLOSE")
			e.wantNoTimer()
		}
	}
}

// An answer that came while the loop was away is in time, even if there are more
// of them than one wait reports.
func TestCloseAnsweredToALateLoop(t *testing.T) {
	w, pass := closingWorld(t, ws.Options{})
	var ends []*end
	for range 400 {
		e := w.open(asServer, nil)
		must(t, ws.Close(e.c, ws.CloseNormal, ""))
		ends = append(ends, e)
	}
	spin(t, w.m)
	for _, e := range ends {
		e.p.write(e.frame(fin|closs, closing(1000, "")))
	}
	pass(time.Hour)
	for _, e := range ends {
		e.ends()
		e.rec.want(t, `CTL close 1000 ""`, "CLOSE")
	}
}
