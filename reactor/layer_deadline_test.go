package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A Deadline that a layer has stopped may be started again. It then runs for its whole
// time.
func TestLayerDeadlineStartsAndStops(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.Handle, nil)
			fired := 0
			d := &reactor.Deadline{Name: "a layer's", Expired: func(got *reactor.Conn) {
				if fired++; got != c {
					t.Error("Expired was called with another connection")
				}
			}}
			s := c.Stack()
			wait := func(d time.Duration, want int) {
				t.Helper()
				k.Advance(d)
				if lives(t, m, r); fired != want {
					t.Fatalf("Expired was called %d times, want %d", fired, want)
				}
			}
			s.StopDeadline(d) // was never started
			s.StartDeadline(d, time.Second)
			wait(900*time.Millisecond, 0)
			f.say([]byte("OnRead is not set"))
			wait(100*time.Millisecond-1, 0)
			wait(1, 1)
			wait(time.Hour, 1) // once
			s.StartDeadline(d, time.Second)
			wait(900*time.Millisecond, 1)
			s.StartDeadline(d, time.Second) // starts again from now
			wait(900*time.Millisecond, 1)
			s.StopDeadline(d)
			s.StopDeadline(d)
			wait(time.Hour, 1)
			other := &reactor.Deadline{Name: "another", Expired: func(*reactor.Conn) { fired += 10 }}
			s.StartDeadline(d, 2*time.Second)
			s.StartDeadline(other, time.Second)
			wait(time.Second, 11)
			wait(time.Second, 12)
			s.StartDeadline(d, time.Second)
			c.Close()
			await(t, m, "EvClose", r.Closed)
			k.Advance(time.Hour)
			if spin(t, m, 3); fired != 12 || m.NextTimeout() < time.Hour {
				t.Errorf("Expired was called %d times, NextTimeout %v", fired, m.NextTimeout())
			}
			harmless(t, "StartDeadline after EvClose", func() { s.StartDeadline(d, time.Second); s.StopDeadline(d) })
		})
	}
}

// A protocol that connects again may use the same Deadline. It does not run on a connection
// that has closed, and may be started on the next one.
func TestLayerDeadlineIsReusedOnTheNextConnection(t *testing.T) {
	m, k := timed(t)
	d := reactor.Deadline{Name: "answer"}
	before, _ := wrap(t, m, nil)
	spin(t, m, 2)
	before.Stack().StartDeadline(&d, time.Second)
	before.Close()
	spin(t, m, 2)

	var r recorder
	c, _ := wrap(t, m, r.Handle)
	spin(t, m, 2)
	c.Stack().StartDeadline(&d, time.Second)
	before.Stack().StopDeadline(&d) // harmless after EvClose
	k.Advance(time.Second)
	await(t, m, "EvClose", r.Closed)
	wantDeadline(t, r.Err(t), "answer", time.Second)
}
