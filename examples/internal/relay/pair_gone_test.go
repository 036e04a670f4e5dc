package relay

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Nothing stays when one side is gone, or does nothing.

// timed returns a clock and options that use it.
func timed() (*looptest.Clock, []reactor.Option) {
	clock := looptest.NewClock()
	return clock, []reactor.Option{reactor.WithClock(clock.Now)}
}

// passes lets time pass until both connections are gone. The sockets may take some more bytes
// meanwhile, which begins the time of -stall again.
func passes(j *joined, clock *looptest.Clock) {
	j.t.Helper()
	stop := looptest.EachTurn(j.m, func() { clock.Advance(time.Second) })
	j.wantGone()
	stop()
}

// wantTaken checks what an end has read of the n bytes that the other has written: a part
// without gaps, and at least what waited in the proxy.
func wantTaken(t *testing.T, e *end, n int) {
	t.Helper()
	if len(e.In) < high || !bytes.Equal(e.In, numbers(0, len(e.In))) || len(e.In) > n {
		t.Errorf("the %s reads %d bytes of %d, want those that waited in the proxy", e.name, len(e.In), n)
	}
}

// writes waits until an end that reads nothing can write more: the proxy reads from it again.
func (j *joined) writes(e *end) {
	j.t.Helper()
	n := 0
	j.await("the proxy to read again", func() bool {
		n += e.WriteSome(make([]byte, 1<<14))
		return n > 1<<20
	})
}

// Both directions are full, and one side leaves. The other side can write again, because many
// programs do not read before they have written. It gets the bytes that the proxy has taken, and
// then a reset.
func TestBothFullAndOneLeaves(t *testing.T) {
	for name, leave := range map[string]func(e *end){
		"close": func(e *end) { e.Close() }, // with unread bytes: the kernel sends a reset
		"reset": func(e *end) { e.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, j *joined, from, to *end) {
				written := j.fillAll(j.client, j.target)
				leave(from)
				j.writes(to)
				looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.In), to.Ended() })
				j.wantReset(to)
				wantTaken(t, to, written[from])
				j.wantGone()
			})
		})
	}
}

// Both directions are full, and one side ends its stream. Nothing is lost.
func TestBothFullAndOneEnds(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		written := j.fillAll(j.client, j.target)
		from.Shutdown()
		looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.In), to.Ended() })
		to.Shutdown()
		looptest.Progress(t, j.m, "data", func() (int, bool) { return len(from.In), from.Ended() })
		for e, n := range map[*end]int{to: written[from], from: written[to]} {
			if !bytes.Equal(e.In, numbers(0, n)) || e.Err != nil {
				t.Errorf("the %s reads %d of %d bytes, %v", e.name, len(e.In), n, e.Err)
			}
		}
		j.wantGone()
	})
}

// A side that reads nothing is reset after the time of -stall, and the other side with it. That
// is also so if the other side has left.
func TestOneReadsNothing(t *testing.T) {
	for name, prepare := range map[string]func(j *joined, from *end){
		"one direction is full":          func(j *joined, from *end) { j.fill(from) },
		"one direction is full, reset":   func(j *joined, from *end) { j.fill(from); from.Reset() },
		"both directions are full":       func(j *joined, from *end) { j.fillAll(j.client, j.target) },
		"both directions are full, ends": func(j *joined, from *end) { j.fillAll(j.client, j.target); from.Shutdown() },
	} {
		t.Run(name, func(t *testing.T) {
			clock, opts := timed()
			eachWay(t, func(t *testing.T, j *joined, from, to *end) {
				prepare(j, from)
				looptest.Spin(t, j.m, 20)
				clock.Advance(defaults(t).Stall - time.Millisecond)
				looptest.Spin(t, j.m, 20)
				if n := j.m.Stats().Conns; n != 2 {
					t.Fatalf("%d connections before the time has passed", n)
				}
				passes(j, clock)
				looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.In), to.Ended() })
				j.wantReset(to) // what it has read is not complete
			}, opts...)
		})
	}
}

// A target that listens and does not accept gets the client's bytes. If it never reads them,
// the client is reset. If there are none, both sides are idle.
func TestTargetNeverAccepts(t *testing.T) {
	for name, row := range map[string]struct {
		act func(j *joined)
		end time.Duration
	}{
		"much":            {func(j *joined) { j.fill(j.client) }, defaults(t).Stall},
		"much, and reset": {func(j *joined) { j.fill(j.client); j.client.Reset() }, defaults(t).Stall},
		"nothing":         {func(*joined) {}, defaults(t).Idle * 5 / 4},
		"only an end":     {func(j *joined) { j.client.Close() }, defaults(t).Idle * 5 / 4},
	} {
		t.Run(name, func(t *testing.T) {
			clock, opts := timed()
			ln, addr := looptest.ListenSocket(t)
			shrink(t, ln.FD)
			j := connectClient(t, "tcp://"+addr, "", opts...)
			looptest.Spin(t, j.m, 20)
			row.act(j)
			looptest.Spin(t, j.m, 20)
			for range 4 { // the timer counts its ticks
				clock.Advance(row.end / 5)
				looptest.Spin(t, j.m, 5)
			}
			if n := j.m.Stats().Conns; n != 2 {
				t.Fatalf("%d connections before the time has passed", n)
			}
			passes(j, clock)
			if j.client.FD >= 0 {
				j.wantReset(j.client)
			}
		})
	}
}

// silentTarget returns a URL of a listener whose backlog is full: attempts to connect to it get
// no answer.
func silentTarget(t *testing.T) string {
	t.Helper()
	_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 0)
	for range 8 { // more than fit into the backlog
		s := looptest.NewSocket(t, looptest.Open(t, at.Addr(), unix.SOCK_STREAM))
		if err := unix.Connect(s.FD, looptest.Sockaddr(at)); err != nil && err != unix.EINPROGRESS {
			t.Fatal(err)
		}
	}
	return "tcp://" + at.String()
}

// A target that does not answer, or whose name is not resolved: the client is reset when the
// time has passed, whether it still waits or has left.
func TestTargetDoesNotAnswer(t *testing.T) {
	for name, row := range map[string]struct {
		to    func(t *testing.T) string
		limit time.Duration
	}{
		"connecting": {silentTarget, defaults(t).Connect},
		"resolving":  {func(*testing.T) string { return "tcp://silent.example:1" }, 5 * time.Second}, // the default of Resolve
	} {
		for _, leave := range []string{"stays", "ends", "resets"} {
			t.Run(fmt.Sprint(name, ", client ", leave), func(t *testing.T) {
				clock, opts := timed()
				j := connectClient(t, row.to(t), "request", append(opts, reactor.WithResolver(make(heldResolver)))...)
				switch leave {
				case "ends":
					j.client.Shutdown()
				case "resets":
					j.client.Reset()
				}
				looptest.Spin(t, j.m, 20)
				clock.Advance(row.limit - time.Millisecond)
				looptest.Spin(t, j.m, 20)
				if n := j.m.Stats().Conns; n != 2 {
					t.Fatalf("%d connections before the time has passed", n)
				}
				clock.Advance(time.Millisecond)
				j.wantGone()
				if leave != "resets" {
					j.wantReset(j.client)
				}
			})
		}
	}
}

// Both sides are reset when neither has sent a byte in the time of -idle. A byte of either side
// begins it again.
func TestIdle(t *testing.T) {
	clock, opts := timed()
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		quarter := defaults(t).Idle / idleTicks
		pass := func(quarters int) {
			for range quarters {
				clock.Advance(quarter)
				looptest.Spin(t, j.m, 5)
			}
		}
		j.say(to, from, "request")
		for range 3 {
			pass(idleTicks)
			j.say(from, to, "a part of the answer")
		}
		pass(idleTicks)
		j.wantOpen(from)
		pass(1)
		j.wantReset(from)
		j.wantReset(to)
		j.wantGone()
	}, opts...)
}

// With 0 no time is limited.
func TestNoLimits(t *testing.T) {
	clock, opts := timed()
	ln, addr := looptest.ListenSocket(t)
	shrink(t, ln.FD)
	j := connectWith(t, defaults(t, "-to", "tcp://"+addr, "-connect", "0", "-stall", "0", "-idle", "0"), "", opts...)
	j.ln = ln
	j.acceptTarget()
	j.fill(j.client)
	clock.Advance(time.Hour)
	j.wantOpen(j.client)

	o := defaults(t, "-to", silentTarget(t), "-connect", "0")
	j = connectWith(t, o, "request", opts...)
	clock.Advance(time.Hour)
	j.wantOpen(j.client)
}

// partly sends bytes from one end, so that the proxy has read them all, some of them wait in it,
// and it still reads: they are as many as may wait, and more than the kernel takes. No other end
// may be sending.
func (j *joined) partly(from *end) (written int) {
	j.t.Helper()
	before := j.m.Stats()
	j.await("the bytes to arrive in the proxy", func() bool {
		written += from.WriteSome(numbers(written, min(1<<14, high-written)))
		return j.m.Stats().BytesIn == before.BytesIn+high
	})
	if j.m.Stats().Paused > before.Paused {
		j.t.Fatal("the proxy has stopped reading")
	}
	return written
}

// One side fails while bytes for the other wait in the proxy. The other side can write again, gets
// the bytes, and then a reset. It has finalTime to read them.
func TestFinalBytes(t *testing.T) {
	for _, reads := range []bool{true, false} {
		t.Run(fmt.Sprint("reads: ", reads), func(t *testing.T) {
			clock, opts := timed()
			eachWay(t, func(t *testing.T, j *joined, from, to *end) {
				j.fill(to)
				written := j.partly(from)
				from.Reset()
				j.await("the end of one side", func() bool { return j.m.Stats().Conns == 1 })
				j.writes(to)
				clock.Advance(finalTime - time.Millisecond)
				looptest.Spin(t, j.m, 20)
				if n := j.m.Stats().Conns; n != 1 {
					t.Fatalf("%d connections before the time has passed", n)
				}
				if !reads {
					clock.Advance(time.Millisecond)
					j.wantGone()
				}
				looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.In), to.Ended() })
				j.wantReset(to)
				j.wantGone()
				if reads && !bytes.Equal(to.In, numbers(0, written)) {
					t.Errorf("the %s reads %d of %d bytes", to.name, len(to.In), written)
				}
			}, opts...)
		})
	}
}

// A side answers before it has read everything, and closes. The other side gets the answer
// before the reset.
func TestEarlyAnswer(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		j.say(from, to, "request, ")
		from.WriteString("which is not read to its end")
		looptest.Spin(t, j.m, 5)
		to.WriteString("an early answer")
		to.Close() // with unread bytes: the kernel sends a reset
		j.wantReset(from)
		if string(from.In) != "an early answer" {
			t.Errorf("the %s reads %q", from.name, from.In)
		}
		j.wantGone()
	})
}

// If the loop closes one side without an error, the other side is reset.
func TestClosedWithoutError(t *testing.T) {
	for name, pick := range map[string]func(c *reactor.Conn) bool{
		"the client's": func(c *reactor.Conn) bool { return !c.IsListening() && !c.IsClient() },
		"the target's": (*reactor.Conn).IsClient,
	} {
		t.Run(name, func(t *testing.T) {
			j := newJoined(t)
			j.say(j.client, j.target, "request")
			for c := range j.m.Conns() {
				if pick(c) {
					c.Close()
				}
			}
			j.wantGone()
			other := map[string]*end{"the client's": j.target, "the target's": j.client}[name]
			j.wantReset(other)
		})
	}
}

// The manager may be closed while both directions are full.
func TestCloseWhileFull(t *testing.T) {
	j := newJoined(t)
	j.fillAll(j.client, j.target)
	looptest.Must(t, j.m.Close())
	if n := j.m.Stats().Conns; n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// Beyond -conns clients a new one is refused, even if the others are silent.
func TestConns(t *testing.T) {
	ln, addr := looptest.ListenSocket(t)
	j := connectWith(t, defaults(t, "-to", "tcp://"+addr, "-conns", "1"), "")
	j.ln = ln
	j.acceptTarget()
	second := looptest.DialSocket(t, j.l.LocalAddr())
	j.await("the end of the second client", second.Ended)
	j.say(j.target, j.client, "hello")
	j.client.Reset()
	j.wantGone()
	third := &end{looptest.DialSocket(t, j.l.LocalAddr()), "third client"}
	j.acceptTarget()
	j.say(third, j.target, "hello")
}
