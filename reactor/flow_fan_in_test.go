package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Requests of one connection are answered on another. The water marks and limits of the
// other connection are checked after each request.

// fanIn makes a connection whose requests are answered on another.
func fanIn(t *testing.T, m *reactor.Manager, r *responder, way string, to *recorder, set func(from, to *reactor.Conn)) (f *far) {
	t.Helper()
	r.on, _ = reach(t, m, way, to.Handle, nil)
	from, f := reach(t, m, "tcp server", r.handler(reactor.EvUserInput, nil), func(c *reactor.Conn) {
		pushRequests(reactor.EvUserInput)(c)
		c.SetLimits(reactor.Limits{Backpressure: -1})
	})
	set(from, r.on)
	f.say(batchOf(0, batch))
	return f
}

// EvHighWater of the connection with the answers pauses the connection with the requests.
// No further request is delivered.
func TestFanInPausesTheSource(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			r := &responder{t: t, size: answerSize}
			to := &recorder{On: hooks{}}
			at := -1 // requests that were delivered before the first EvHighWater
			fanIn(t, m, r, way, to, func(from, c *reactor.Conn) {
				c.SetWater(0, highMark)
				to.On[reactor.EvHighWater] = func(*reactor.Conn, any) {
					if at < 0 {
						at = r.asked
					}
					from.Pause()
				}
				to.On[reactor.EvLowWater] = func(*reactor.Conn, any) { from.Resume() }
			})
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			spin(t, m, 20)
			if want := highMark/answerSize + 1; at != want {
				t.Errorf("EvHighWater comes after %d requests, want %d", at, want)
			}
			if r.held <= highMark || r.held > highMark+answerSize || len(to.Errs) > 0 {
				t.Errorf("Send held %d bytes, want at most %d; errors %v", r.held, highMark+answerSize, to.Errs)
			}
		})
	}
}

// The limit of Send of the connection with the answers is enforced within a batch of
// requests. The connection with the requests stays open.
func TestFanInExceedsTheSendLimit(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			r := &responder{t: t, size: answerSize}
			to := &recorder{On: hooks{}}
			at := -1
			fanIn(t, m, r, way, to, func(_, c *reactor.Conn) {
				c.SetLimits(reactor.Limits{Send: 1 << 19, Backpressure: -1})
				to.On[reactor.EvError] = func(*reactor.Conn, any) { at = r.asked }
			})
			await(t, m, "all requests", func() bool { return r.asked == batch })
			wantLimit(t, to.Err(t), "Send", 1<<19)
			if want := 1<<19/answerSize + 1; at != want || r.held > 1<<19+answerSize {
				t.Errorf("failed after %d requests, want %d; Send held %d bytes", at, want, r.held)
			}
		})
	}
}

// Bytes that are appended to Send directly count like bytes of Write.
func TestFanInByAppend(t *testing.T) {
	m := looptest.NewStillManager(t)
	to := &recorder{}
	c, _ := reach(t, m, "tcp server", to.Handle, nil)
	c.SetLimits(reactor.Limits{Send: 1 << 20, Backpressure: -1})
	asked, at := 0, -1
	to.On = hooks{reactor.EvError: func(*reactor.Conn, any) { at = asked }}
	_, f := reach(t, m, "wrapped", func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvUserInput {
			asked++
			if at < 0 {
				c.Send.Append(make([]byte, answerSize))
			}
		}
	}, pushRequests(reactor.EvUserInput))
	f.say(batchOf(0, batch))
	await(t, m, "all requests", func() bool { return asked == batch })
	wantLimit(t, to.Err(t), "Send", 1<<20)
	if want := 1<<20/answerSize + 1; at != want {
		t.Errorf("failed after %d requests, want %d", at, want)
	}
}
