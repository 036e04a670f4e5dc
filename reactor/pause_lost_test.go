package reactor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A write has failed during a pause, and the peer's last words wait for Resume. Deadlines
// that count during a pause count then as well.
func TestDeadlinesAfterFailedWriteInPause(t *testing.T) {
	for name, set := range map[string]func(c *reactor.Conn){
		"life": func(c *reactor.Conn) { c.SetDeadlines(reactor.Deadlines{Life: 10 * time.Second}) },
		"of a layer": func(c *reactor.Conn) {
			c.Stack().StartDeadline(&reactor.Deadline{Name: "of a layer", Paused: true}, 10*time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, "tcp server", r.handle, nil)
			set(c)
			unread(t, c, f)
			c.Pause()
			f.say([]byte("the last word"))
			f.close()
			c.Write([]byte("x"))
			lives(t, m, r)
			k.advance(11 * time.Second)
			await(t, m, "EvClose", r.closed)
			var d *reactor.DeadlineError
			if err := r.err(t); !errors.As(err, &d) || d.Deadline != name {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Resume delivers the last words, whatever deadline of the peer's bytes has passed in the
// pause.
func TestLastWordsAfterPause(t *testing.T) {
	m, k := timed(t)
	r := lastWords(t, "the last word")
	c, f := reach(t, m, "tcp server", r.handle, nil)
	c.SetDeadlines(reactor.Deadlines{Idle: 10 * time.Second, Stall: 10 * time.Second})
	unread(t, c, f)
	c.Pause()
	f.say([]byte("the last word"))
	f.close()
	c.Write([]byte("x"))
	lives(t, m, r)
	k.advance(time.Minute)
	lives(t, m, r)
	if d := m.NextTimeout(); d == 0 {
		t.Error("the loop does not block")
	}
	c.Resume()
	wantLastWord(t, m, r, "the last word")
}
