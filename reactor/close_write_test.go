package reactor_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// What waited in Send when CloseWrite was called is sent, however the connection goes on
// to its end.
func TestCloseWriteKeepsUnsentData(t *testing.T) {
	for _, way := range ways {
		for then, do := range map[string]func(c *reactor.Conn, f *far){
			"Drain":          func(c *reactor.Conn, _ *far) { c.Drain() },
			"AwaitEnd":       func(c *reactor.Conn, _ *far) { c.Stack().AwaitEnd() },
			"the peer's end": func(_ *reactor.Conn, f *far) { f.end() },
		} {
			t.Run(fmt.Sprint(way, " then ", then), func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.handle, nil)
				c.SetLimits(reactor.Limits{Unsent: -1})
				out := noise(16 << 20)
				c.Write(out)
				looptest.Must(t, c.CloseWrite())
				spin(t, m, 3)
				if c.Send.Len() == 0 {
					t.Fatal("the socket took everything")
				}
				do(c, f)
				await(t, m, "the bytes or an end", func() bool { return f.over() || len(f.got) == len(out) })
				if !bytes.Equal(f.got, out) {
					t.Errorf("the far end got %d of %d bytes, end %v, %v", len(f.got), len(out), f.done, f.failed)
				}
				if len(r.errs) > 0 {
					t.Errorf("errors %v", r.errs)
				}
			})
		}
	}
}

// The peer has said something and has reset the connection before our side ends: that is
// heard, and the reset is no end in order.
func TestCloseWriteAfterReset(t *testing.T) {
	for _, way := range ways {
		if !isTCP(way) {
			continue
		}
		t.Run(way, func(t *testing.T) {
			m, _ := timed(t)
			r := lastWords(t, "the last word")
			c, f := reach(t, m, way, r.handle, halfClosing)
			unread(t, c, f)
			f.say([]byte("the last word"))
			f.close()
			looptest.Must(t, c.CloseWrite())
			wantLastWord(t, m, r, "the last word")
		})
	}
}
