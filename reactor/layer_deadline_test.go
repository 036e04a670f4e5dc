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

// With NoRead, Expired is called at once. Otherwise the socket is read first, in a later phase of
// the turn. Other deadlines of the connection that have passed too still wait for that.
func TestLayerDeadlineWithNoRead(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.Handle, nil)
			reads, done := &reactor.Deadline{Name: "reads"}, ""
			alarm := &reactor.Deadline{Name: "alarm", NoRead: true, Expired: func(*reactor.Conn) { done += "alarm " }}
			reads.Expired = func(*reactor.Conn) { done += "reads " }
			s := c.Stack()
			s.StartDeadline(alarm, time.Second)
			k.Advance(time.Second)
			if lives(t, m, r); done != "alarm " {
				t.Fatalf("called: %s", done)
			}

			// Both have passed, and the answer that the other one waits for is in the socket.
			r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { done += "read "; s.StopDeadline(reads) }}
			for _, late := range []time.Duration{time.Second, 2 * time.Second} { // which of them passes first
				done = ""
				s.StartDeadline(alarm, late)
				s.StartDeadline(reads, 1500*time.Millisecond)
				f.say([]byte("answer"))
				k.Advance(time.Minute)
				await(t, m, "the alarm and the input", func() bool { return len(done) >= len("alarm read ") })
				if lives(t, m, r); done != "alarm read " && done != "read alarm " {
					t.Errorf("called: %s", done)
				}
			}
		})
	}
	m, k := timed(t)
	order := ""
	for i, noRead := range []bool{false, true} {
		c, _ := wrap(t, m, nil)
		spin(t, m, 2)
		c.Stack().StartDeadline(&reactor.Deadline{Name: "d", NoRead: noRead, Expired: func(*reactor.Conn) { order += string('0' + rune(i)) }}, time.Second)
	}
	k.Advance(time.Second)
	if spin(t, m, 3); order != "10" {
		t.Errorf("order %s: the second does not wait for a read, the first does", order)
	}
	var r recorder // without Expired there is something to judge
	c, p := wrap(t, m, r.Handle)
	d := &reactor.Deadline{Name: "d", NoRead: true}
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Stack().StopDeadline(d) }}
	spin(t, m, 2)
	c.Stack().StartDeadline(d, time.Second)
	p.WriteString("x")
	k.Advance(time.Minute)
	if spin(t, m, 3); len(r.Errs) > 0 {
		t.Error(r.Errs)
	}
}
