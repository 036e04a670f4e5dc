package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A write fails because the peer has reset the connection. Send is discarded then, so it is
// below the low-water mark.

// A program stops reading from a peer that does not read, as the water marks are meant for. The
// peer sends its final bytes and resets the connection. EvLowWater ends the pause. Then the
// final bytes are delivered, and EvError comes.
func TestLowWaterAfterAFailedWriteEndsThePause(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := finalBytes(t, "the final bytes")
			c, f := reachNarrow(t, m, way, r.Handle, nil)
			r.On[reactor.EvHighWater] = func(c *reactor.Conn, _ any) { c.Pause() }
			r.On[reactor.EvLowWater] = func(c *reactor.Conn, _ any) {
				if n := c.Send.Len(); n != 0 {
					t.Errorf("EvLowWater comes with %d bytes in Send", n)
				}
				c.Resume()
			}
			c.SetWater(0, highMark)
			c.Write(make([]byte, moreThanFits))
			await(t, m, "EvHighWater", r.Saw(reactor.EvHighWater))
			f.say([]byte("the final bytes"))
			f.Close()
			wantFinalBytes(t, m, r, "the final bytes")
			if n := r.Count(reactor.EvLowWater); n != 1 {
				t.Errorf("EvLowWater came %d times", n)
			}
		})
	}
}

// Two connections forward to each other, and both are full and paused. One peer resets its
// connection. EvLowWater lets the other connection be read again. What is read for the failed
// connection is discarded, and the paused connection ends when its own pause does.
func TestLowWaterAfterAFailedWriteResumesTheSource(t *testing.T) {
	m := newManager(t)
	a, b := &recorder{On: hooks{}}, &recorder{On: hooks{}}
	ca, fa := reachNarrow(t, m, "tcp server", a.Handle, nil)
	cb, fb := reachNarrow(t, m, "tcp server", b.Handle, nil)
	for _, way := range []struct {
		r        *recorder
		to, from *reactor.Conn
	}{{a, ca, cb}, {b, cb, ca}} {
		way.to.SetWater(0, highMark)
		way.r.On[reactor.EvHighWater] = func(*reactor.Conn, any) { way.from.Pause() }
		way.r.On[reactor.EvLowWater] = func(*reactor.Conn, any) { way.from.Resume() }
		way.to.Write(make([]byte, moreThanFits))
	}
	await(t, m, "both pauses", func() bool { return m.Stats().Paused == 2 })
	fa.say([]byte("the final bytes"))
	fb.say([]byte("an answer"))
	fa.Close()
	await(t, m, "the input of the other", func() bool { return string(b.Got) == "an answer" })
	if ca.Write([]byte("an answer")); len(a.Errs) > 0 {
		t.Errorf("the paused connection fails: %v", a.Errs)
	}
	looptest.Progress(t, m, "the bytes for the other", func() (int, bool) {
		fb.Receive()
		return len(fb.In), a.Closed()
	})
	if string(a.Got) != "the final bytes" || len(a.Errs) != 1 || len(b.Errs) > 0 {
		t.Errorf("got %q, errors %v and %v", a.Got, a.Errs, b.Errs)
	}
	if n := ca.Send.Len(); n > 0 {
		t.Errorf("Send holds %d bytes", n)
	}
}
