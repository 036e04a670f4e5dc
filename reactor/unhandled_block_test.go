package reactor_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// A loop that has nothing more to do does not block before it has logged what nobody has
// looked at.
func TestUnhandledBeforeBlocking(t *testing.T) {
	m, b, _ := logging(t)
	closed := false
	c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) { closed = closed || ev == reactor.EvClose })
	spin(t, m, 2)
	c.Fail(errors.New("the reason"))
	for range turns {
		if m.NextTimeout() > 0 {
			break
		}
		m.Poll(0)
	}
	if !closed || len(b.unhandled(t)) != 1 {
		t.Errorf("closed %v, logged %q", closed, b.unhandled(t))
	}
}
