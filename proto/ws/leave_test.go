package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// drain has the manager drain, while peers are pumped, and calls turn in each
// turn of the loop.
func (w *world) drain(timeout time.Duration, turn func()) ([]reactor.Straggler, error) {
	defer looptest.EachTurn(w.m, turn)()
	return w.m.Drain(timeout)
}

// An open WebSocket says 1001, goes on hearing the peer until it has answered,
// and ends in order [RFC 6455 7.4.1, 7.1.1].
func TestLeave(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w := newWorld(t)
			e := w.open(r, nil)
			must(t, ws.Send(e.c, []byte("last words"), ws.OpText))
			var frames []string
			said := false
			late, err := w.drain(time.Minute, func() {
				e.p.pump()
				if !said && len(e.p.in) > 0 {
					frames = decode(t, e.p.in, r == asClient)
					if said = len(frames) == 2; said {
						e.p.write(e.frame(0x81, "one moment") + e.frame(0x88, "\x03\xe9"))
					}
				}
				if e.p.eof {
					e.p.shutdown()
				}
			})
			if late != nil || err != nil {
				t.Errorf("Drain: %v, %v", late, err)
			}
			wantLines(t, "frames", frames, decode(t, []byte(e.echoOf()), r == asClient))
			e.rec.want(t, `MSG text "one moment"`, `CTL close 1001 ""`, "CLOSE")
		})
	}
}

// A loop that is late takes in the answers to its goodbyes before the time of Drain is up.
func TestLeaveInALateLoop(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			w, now := timedWorld(t, reactor.Deadlines{})
			w.opts = &ws.Options{CloseWait: -1} // it is Drain that bounds the wait
			var ends []*end
			for range 50 {
				ends = append(ends, w.open(r, nil))
			}
			late, err := w.drain(time.Minute, func() {
				for i, e := range ends {
					if e.p.pump(); len(e.p.in) > 0 && !silent(i) {
						e.p.in = nil
						e.p.write(e.frame(0x82, string(make([]byte, 150<<10))) + e.frame(0x88, "\x03\xe9"))
						e.p.shutdown()
						*now = now.Add(time.Hour)
					}
				}
			})
			if len(late) != 3 || err != nil {
				t.Errorf("Drain: %d of 3 silent peers were left, %v", len(late), err)
			}
			for i, e := range ends {
				if !silent(i) && (e.rec.err != nil || len(e.rec.log) != 3) {
					t.Errorf("connection %d: %v, events %q", i, e.rec.err, e.rec.log)
					break
				}
			}
		})
	}
}

// echoOf is what the connection under test is to have sent.
func (e *end) echoOf() string {
	masked := e.role == asClient
	return build(0x81, masked, -1, "last words") + build(0x88, masked, -1, "\x03\xe9")
}

// One whose peer does not answer is a straggler.
func TestLeaveWithoutAnswer(t *testing.T) {
	for _, r := range roles {
		w, now := timedWorld(t, reactor.Deadlines{})
		e := w.open(r, nil)
		late, err := w.drain(ws.DefaultCloseWait-1, func() { *now = now.Add(time.Second) })
		if err != nil || len(late) != 1 || late[0].ID != e.c.ID() || late[0].Remote != e.c.RemoteAddr() || late[0].Unsent != 0 {
			t.Errorf("%s: Drain: %v, %v", r, late, err)
		}
		e.rec.want(t, "CLOSE")
		e.p.pump()
		wantLines(t, "frames", decode(t, e.p.in, r == asClient), decode(t, []byte(build(0x88, r == asClient, -1, "\x03\xe9")), r == asClient))
	}
}

// One whose closing handshake goes on already says nothing more; one that is
// not open yet says nothing at all.
func TestLeaveBeforeAndAfter(t *testing.T) {
	w := newWorld(t)
	closing := w.open(asServer, nil)
	must(t, ws.Send(closing.c, []byte("\x03\xe8"), ws.OpClose))
	early := w.accept(nil)
	early.feed(request[:20])
	asking := w.connect("", nil)
	asking.head()
	late, err := w.drain(time.Minute, func() {
		for _, e := range []*end{closing, early, asking} {
			if e.p.pump(); e.p.eof {
				e.p.shutdown()
			}
		}
		if len(closing.p.in) == 4 && !closing.rec.closed {
			closing.p.write(closing.frame(0x88, "\x03\xe8"))
			closing.p.in = append(closing.p.in, 0)
		}
	})
	if late != nil || err != nil {
		t.Errorf("Drain: %v, %v", late, err)
	}
	closing.rec.want(t, `CTL close 1000 ""`, "CLOSE")
	early.rec.want(t, "CLOSE")
	asking.rec.want(t, "CLOSE")
	if len(early.p.in) > 0 || len(asking.p.in) > 0 {
		t.Errorf("sent %q, %q", early.p.in, asking.p.in)
	}
}
