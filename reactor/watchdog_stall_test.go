package reactor_test

import (
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// streams are the kinds whose sockets can be filled.
var streams = []string{"tcp client", "tcp client, default", "wrapped", "accepted", "accepted, inherited", "accepted, default"}

// fill writes more than the socket takes. A wrapped socket takes no more until the peer
// reads. A TCP socket may take a little more later.
func (s *subject) fill() {
	s.Helper()
	fill(s.T, s.c)
}

// stalls is passes for the stall deadline. It counts from *took, when the socket last took
// bytes.
func (s *subject) stalls(took *time.Time, after time.Duration) {
	s.Helper()
	for last := (time.Time{}); last != *took; {
		last = *took
		s.k.Advance(last.Add(after - 1).Sub(s.k.Now()))
		if s.remains("a nanosecond early"); last == *took {
			s.k.Advance(1)
			spin(s.T, s.m, 2)
		}
	}
	if !s.r.Closed() {
		s.Fatalf("not closed at the deadline; events %v", s.r.Events)
	}
	wantDeadline(s.T, s.r.Err(s.T), "stall", after)
}

// If the peer does not read, the connection fails when bytes have waited for that long.
func TestStallDeadline(t *testing.T) {
	for _, kind := range streams {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Connect: time.Second, Stall: 5 * time.Second})
			s.k.Advance(time.Hour)
			s.remains("nothing was sent")
			s.c.Write([]byte("small"))
			spin(t, s.m, 1)
			s.k.Advance(time.Hour)
			s.remains("all was sent")
			var took time.Time
			s.r.On = hooks{reactor.EvWrite: func(*reactor.Conn, any) { took = s.k.Now() }}
			s.fill()
			s.k.Advance(3 * time.Second)
			s.c.Write([]byte("more"))
			s.p.WriteString("it sends, but does not read")
			s.remains("after 3 s")
			s.stalls(&took, 5*time.Second)
		})
	}
}

// A peer that reads slowly does not stall the connection.
func TestSlowReaderDoesNotStall(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
	s.fill()
	for i := 0; s.c.Send.Len() > 0; i++ {
		if i > turns {
			t.Fatal("the peer does not get the bytes")
		}
		s.k.Advance(5*time.Second - 1)
		s.p.Receive()
		s.remains("the peer reads")
	}
	s.k.Advance(time.Hour)
	s.remains("all was sent")
	s.fill()
	s.passes("stall", 5*time.Second, 5*time.Second)
}

// The stall deadline also runs during a pause, after the peer's end of stream, and during
// Drain.
func TestStallDeadlineWhilePausedOrDraining(t *testing.T) {
	for name, do := range map[string]func(s *subject){
		"paused": func(s *subject) { s.c.Pause() },
		"ended":  func(s *subject) { s.p.Shutdown() },
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

// Bytes that the program removes from Send no longer wait.
func TestNoStallWhenSendWasEmptied(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
	s.fill()
	s.k.Advance(time.Second)
	s.c.Send.Reset()
	spin(t, s.m, 2)
	s.k.Advance(time.Hour)
	s.remains("Send is empty")
	s.fill()
	s.passes("stall", 5*time.Second, 5*time.Second)
}

// While the connection is not established, bytes in Send do not stall.
func TestNoStallBeforeConnect(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t)
	r := &recorder{}
	c := dial(t, m, urlOf(at.String()), r.Handle)
	c.Write(make([]byte, 100))
	c.SetDeadlines(reactor.Deadlines{Connect: -1, Stall: time.Second, Idle: time.Second, Life: time.Second})
	spin(t, m, 3)
	k.Advance(time.Hour)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE")
}

// After the peer's end of stream the idle deadline does not run, because the peer cannot
// send.
func TestNoIdleDeadlineAfterTheEndOfStream(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Idle: 3 * time.Second})
	s.fill()
	s.p.Shutdown()
	s.remains("after the end of stream")
	s.k.Advance(time.Hour)
	s.remains("after the end of stream")
}

// While the connection only waits for the peer's end of stream, no deadline makes it fail.
// The second of Drain bounds that wait.
func TestNoDeadlineWhileLingering(t *testing.T) {
	for name, d := range map[string]reactor.Deadlines{"idle": {Idle: time.Second}, "life": {Life: time.Second}} {
		t.Run(name, func(t *testing.T) {
			s := newSubject(t, "wrapped", d)
			s.k.Advance(900 * time.Millisecond)
			s.c.Write([]byte("bye"))
			s.c.Drain()
			await(t, s.m, "the end of stream", s.p.Ended)
			s.k.Advance(200 * time.Millisecond)
			s.remains("lingering")
			s.p.Close()
			await(t, s.m, "EvClose", s.r.Closed)
			s.r.Want(t, "OPEN WRITE CLOSE")
		})
	}
}

// Bytes that were appended in this turn have not been offered to the socket yet. They have
// not stalled.
func TestNoStallOfBytesAppendedInThisTurn(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Idle: 3 * time.Second, Stall: time.Second})
	s.k.Advance(2 * time.Second)
	s.p.WriteString("x")
	await(t, s.m, "EvRead", s.r.Saw(reactor.EvRead))
	s.m.AddTimer(900*time.Millisecond, reactor.TimerOnce, func() { s.c.Write([]byte("y")) })
	s.k.Advance(time.Second) // the watchdog runs after the timer, and before the loop writes
	s.remains("written just now")
	await(t, s.m, "what was written", s.p.Received("y"))
}

// The program removes the waiting bytes from Send and appends others later. The deadline
// counts from the later bytes.
func TestStallDeadlineStartsAgainAfterReset(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
	s.fill()
	s.remains("it waits")
	s.c.Send.Reset() // the loop does not notice it
	s.k.Advance(time.Hour)
	s.remains("nothing waits")
	s.k.Advance(time.Hour)
	s.c.Write([]byte("x"))
	s.remains("it has just begun to wait")
	s.passes("stall", 5*time.Second, 5*time.Second)
}

// A connection that has closed leaves no timer behind.
func TestClosedConnectionLeavesNoTimer(t *testing.T) {
	for _, kind := range kinds {
		s := newSubject(t, kind, reactor.Deadlines{Idle: time.Hour, Life: 24 * time.Hour})
		if d := s.m.NextTimeout(); d != time.Hour {
			t.Fatalf("%s: NextTimeout %v, want the idle deadline", kind, d)
		}
		s.c.Close()
		await(t, s.m, "EvClose", s.r.Closed)
		if d := s.m.NextTimeout(); d != math.MaxInt64 {
			t.Errorf("%s: a timer is left, due in %v", kind, d)
		}
	}
}

// A TLS peer sends close_notify, then more bytes, and does not read. The loop does not
// read these bytes, and enforces the stall deadline without waiting for them.
func TestStallDeadlineAfterCloseNotify(t *testing.T) {
	for _, way := range []string{"TLS 1.2 server", "TLS 1.3 server"} {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reachNarrow(t, m, way, r.Handle, halfClosing)
			c.SetLimits(reactor.Limits{Backpressure: -1})
			c.SetDeadlines(reactor.Deadlines{Stall: 10 * time.Second})
			fill(t, c)
			if err := f.tls.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			awaitEvEnd(t, m, r)
			f.WriteString("more")
			lives(t, m, r)
			for i := 0; i < 20 && !r.Closed(); i++ { // the socket may take a little more at first
				k.Advance(11 * time.Second)
				spin(t, m, 20)
			}
			if !r.Closed() {
				t.Fatal("the stall deadline is not enforced")
			}
			wantDeadline(t, r.Err(t), "stall", 10*time.Second)
		})
	}
}
