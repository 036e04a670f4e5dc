package reactor_test

import (
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// streams are those of kinds whose sockets can be filled.
var streams = []string{"tcp client", "tcp client, default", "wrapped", "accepted", "accepted, inherited", "accepted, default"}

// fill writes more than the socket takes. A wrapped one takes no more until the
// peer reads; one of TCP may, when its kernel finds room.
func (s *subject) fill() {
	s.Helper()
	s.c.Write(make([]byte, 16<<20))
	spin(s.T, s.m, 2)
	if s.c.Send.Len() == 0 {
		s.Fatal("the socket took everything")
	}
}

// stalls is passes for the stall deadline, which counts from when the socket
// last took something: from took on, and anew whenever it takes more.
func (s *subject) stalls(took *time.Time, after time.Duration) {
	s.Helper()
	for last := (time.Time{}); last != *took; {
		last = *took
		s.k.t = last.Add(after - 1)
		if s.remains("a nanosecond early"); last == *took {
			s.k.advance(1)
			spin(s.T, s.m, 2)
		}
	}
	if !s.r.closed() {
		s.Fatalf("not closed; events %v", s.r.events)
	}
	wantDeadline(s.T, s.r.err(s.T), "stall", after)
}

// A peer that never reads is closed when bytes have waited for so long.
func TestStallDeadline(t *testing.T) {
	for _, kind := range streams {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Connect: time.Second, Stall: 5 * time.Second})
			s.k.advance(time.Hour)
			s.remains("nothing was sent")
			s.c.Write([]byte("small"))
			spin(t, s.m, 1)
			s.k.advance(time.Hour)
			s.remains("all was sent")
			var took time.Time
			s.r.on = hooks{reactor.EvWrite: func(*reactor.Conn, any) { took = s.k.now() }}
			s.fill()
			s.k.advance(3 * time.Second)
			s.c.Write([]byte("more"))
			s.p.write("it sends, but does not read")
			s.remains("after 3 s")
			s.stalls(&took, 5*time.Second)
		})
	}
}

// A peer that reads slowly is none that stalls.
func TestSlowReaderDoesNotStall(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
	s.fill()
	for i := 0; s.c.Send.Len() > 0; i++ {
		if i > turns {
			t.Fatal("too slow")
		}
		s.k.advance(5*time.Second - 1)
		s.p.pump()
		s.remains("the peer reads")
	}
	s.k.advance(time.Hour)
	s.remains("all was sent")
	s.fill()
	s.passes("stall", 5*time.Second, 5*time.Second)
}

// A pause of ours is no excuse for the peer, and it may have ended its side.
func TestStallWhilePausedAndAfterTheEnd(t *testing.T) {
	for name, do := range map[string]func(s *subject){
		"paused": func(s *subject) { s.c.Pause() },
		"ended":  func(s *subject) { s.p.shutdown() },
		"drain":  func(s *subject) { s.c.Drain() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
			s.fill()
			do(s)
			s.remains("at once")
			s.passes("stall", 5*time.Second, 5*time.Second)
		})
	}
}

// What the program takes back does not wait any more.
func TestNoStallWhenSendWasEmptied(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
	s.fill()
	s.k.advance(time.Second)
	s.c.Send.Reset()
	spin(t, s.m, 2)
	s.k.advance(time.Hour)
	s.remains("Send is empty")
	s.fill()
	s.passes("stall", 5*time.Second, 5*time.Second)
}

// Bytes that were written before the connection was established wait from then.
func TestStallOfWhatWasWrittenBefore(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t)
	r := &recorder{}
	c := dial(t, m, urlOf(at.String()), r.handle)
	c.Write(make([]byte, 100))
	c.SetDeadlines(reactor.Deadlines{Connect: -1, Stall: time.Second, Idle: time.Second, Life: time.Second})
	spin(t, m, 3)
	k.advance(time.Hour)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE")
}

// Time that passes while we are paused is not idle; the clock goes on at Resume.
func TestPauseIsNotIdle(t *testing.T) {
	for _, kind := range []string{"tcp client", "udp client", "wrapped", "accepted, inherited"} {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Idle: 3 * time.Second})
			s.k.advance(2 * time.Second)
			s.c.Pause()
			s.k.advance(time.Hour)
			s.remains("paused")
			s.k.advance(time.Hour)
			s.remains("paused")
			s.c.Resume()
			s.remains("resumed")
			s.passes("idle", 3*time.Second, time.Second)
		})
	}
}

// A peer that has ended its side cannot send: it is not idle while we answer.
func TestHalfClosedIsNotIdle(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Idle: 3 * time.Second})
	s.fill()
	s.p.shutdown()
	s.remains("ended")
	s.k.advance(time.Hour)
	s.remains("ended")
}

// Once everything is said and only the peer's end is awaited, which Drain
// bounds, no deadline makes a failure of it.
func TestNoDeadlineWhileLingering(t *testing.T) {
	for name, d := range map[string]reactor.Deadlines{"idle": {Idle: time.Second}, "life": {Life: time.Second}} {
		t.Run(name, func(t *testing.T) {
			s := newSubject(t, "wrapped", d)
			s.k.advance(900 * time.Millisecond)
			s.c.Write([]byte("bye"))
			s.c.Drain()
			await(t, s.m, "the end of stream", s.p.ended)
			s.k.advance(200 * time.Millisecond)
			s.remains("lingering")
			s.p.close()
			await(t, s.m, "EvClose", s.r.closed)
			s.r.want(t, "OPEN WRITE CLOSE")
		})
	}
}

// What was written in this very turn, and not offered to the socket yet, has
// not waited since the last time that something was.
func TestNoStallOfWhatWasJustWritten(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Idle: 3 * time.Second, Stall: time.Second})
	s.k.advance(2 * time.Second)
	s.p.write("x")
	await(t, s.m, "EvRead", s.r.saw(reactor.EvRead))
	s.m.AddTimer(900*time.Millisecond, reactor.TimerOnce, func() { s.c.Write([]byte("y")) })
	s.k.advance(time.Second) // the watchdog looks after the timer, and before the loop writes
	s.remains("written just now")
	await(t, s.m, "what was written", s.p.received("y"))
}

// What the program takes back waits no longer; what it puts there later has
// its time from then on.
func TestStallOfWhatWasTakenBack(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
	s.fill()
	s.remains("it waits")
	s.c.Send.Reset() // which nobody hears of
	s.k.advance(time.Hour)
	s.remains("nothing waits")
	s.k.advance(time.Hour)
	s.c.Write([]byte("x"))
	s.remains("it has just begun to wait")
	s.passes("stall", 5*time.Second, 5*time.Second)
}

// A connection that has ended leaves no timer behind, however far its deadlines
// were, and from whatever they counted.
func TestClosedConnectionLeavesNoTimer(t *testing.T) {
	for _, kind := range kinds {
		s := newSubject(t, kind, reactor.Deadlines{Idle: time.Hour, Life: 24 * time.Hour})
		if d := s.m.NextTimeout(); d != time.Hour {
			t.Fatalf("%s: NextTimeout %v, want the idle deadline", kind, d)
		}
		s.c.Close()
		await(t, s.m, "EvClose", s.r.closed)
		if d := s.m.NextTimeout(); d != math.MaxInt64 {
			t.Errorf("%s: a timer is left, due in %v", kind, d)
		}
	}
}
