package reactor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A protocol that connects again may keep its Deadline. It is no longer running on a
// connection that has closed, and starts on the next one.
func TestDeadlineIsUsedAgainOnTheNextConnection(t *testing.T) {
	k := newClock()
	m := newManager(t, reactor.WithClock(k.now))
	d := reactor.Deadline{Name: "answer"}
	before, _ := wrap(t, m, nil)
	spin(t, m, 2)
	before.Stack().StartDeadline(&d, time.Second)
	before.Close()
	spin(t, m, 2)

	var r recorder
	c, _ := wrap(t, m, r.handle)
	spin(t, m, 2)
	c.Stack().StartDeadline(&d, time.Second)
	before.Stack().StopDeadline(&d) // harmless after EvClose
	k.advance(time.Second)
	await(t, m, "EvClose", r.closed)
	var late *reactor.DeadlineError
	if err := r.err(t); !errors.As(err, &late) || late.Deadline != "answer" {
		t.Errorf("failed with %v, want the deadline named answer", err)
	}
}
