package reactor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// arrives has the peer write n bytes and the loop read them.
func (s *subject) arrives(n int) {
	s.Helper()
	want := len(s.r.got) + n
	s.p.write(strings.Repeat("x", n))
	await(s.T, s.m, "arrival", func() bool { return len(s.r.got) == want || len(s.r.errs) > 0 })
}

// A message has its time as a whole; there is none between messages, while the
// program pauses, and for what an end of stream cut.
func TestMessageDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Message: 10 * time.Second})
			s.k.advance(time.Hour)
			for range 3 {
				s.c.Stack().SetReceiving(true)
				s.k.advance(10*time.Second - 1)
				spin(t, s.m, 2)
				s.c.Stack().SetReceiving(false)
				s.k.advance(time.Hour)
				spin(t, s.m, 2)
			}
			s.c.Stack().SetReceiving(true)
			s.c.Pause()
			s.k.advance(time.Hour)
			spin(t, s.m, 2)
			s.c.Resume()
			for range 9 {
				s.k.advance(time.Second)
				s.arrives(1)
				s.c.Stack().SetReceiving(true) // it has been on all the time
			}
			s.passes("message", 10*time.Second, time.Second)
		})
	}
}

// With a rate a message lasts for as long as it comes fast enough. What came
// faster than that buys no more than the deadline from now on.
func TestMessageRate(t *testing.T) {
	d := reactor.Deadlines{Message: 10 * time.Second, Rate: 100}
	s := newSubject(t, "wrapped", d)
	s.c.Stack().SetReceiving(true)
	for range 1000 {
		s.k.advance(time.Second)
		s.arrives(100)
	}
	s.k.advance(9 * time.Second)
	s.arrives(100) // 8 s behind
	s.k.advance(time.Second)
	s.arrives(50) // 8.5 s
	s.passes("message", d.Message, 1500*time.Millisecond)

	s = newSubject(t, "wrapped", d)
	s.c.Stack().SetReceiving(true)
	s.arrives(50_000)
	s.passes("message", d.Message, 10*time.Second)

	s = newSubject(t, "wrapped", d) // each message anew
	for range 5 {
		s.c.Stack().SetReceiving(true)
		s.k.advance(9 * time.Second)
		s.arrives(1)
		s.c.Stack().SetReceiving(false)
		s.arrives(1)
	}
	s.c.Stack().SetReceiving(true)
	s.passes("message", d.Message, 10*time.Second)
}

// The end of stream ends the wait for more.
func TestMessageDeadlineAfterTheEndOfStream(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Message: 10 * time.Second})
	s.fill()
	s.c.Stack().SetReceiving(true)
	s.p.shutdown()
	spin(t, s.m, 3)
	s.k.advance(time.Hour)
	spin(t, s.m, 3)
	if len(s.r.errs) > 0 || s.r.closed() {
		t.Errorf("%v, closed %v; what was to be sent still is", s.r.errs, s.r.closed())
	}
}
