package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// joined is a proxy with one connection through it. Both ends are bare sockets.
type joined struct {
	t      *testing.T
	m      *reactor.Manager
	l      *reactor.Conn
	ln     int // the target's listener
	client *end
	target *end
}

// end is one of the two.
type end struct {
	name string
	fd   int
	in   []byte // what was read
	eof  bool
	err  error
}

func newJoined(t *testing.T, opts ...reactor.Option) *joined {
	t.Helper()
	at := netip.MustParseAddrPort("127.0.0.1:0")
	ln := looptest.Open(t, at.Addr(), unix.SOCK_STREAM)
	looptest.Own(t, &ln)
	at = looptest.Bind(t, ln, at, 8)
	j := before(t, "tcp://"+at.String(), "", opts...)
	j.ln = ln
	j.acceptTarget()
	return j
}

// before is a proxy with a client that has connected and said something. The target has
// not heard of it.
func before(t *testing.T, to, say string, opts ...reactor.Option) *joined {
	t.Helper()
	j := &joined{t: t, m: looptest.NewManager(t, opts...)}
	l, err := proxy(j.m, "tcp://127.0.0.1:0", to)
	if err != nil {
		t.Fatal(err)
	}
	j.l = l
	j.client = newEnd(t, "client", looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_STREAM))
	looptest.Connect(t, j.client.fd, l.LocalAddr())
	looptest.Write(t, j.client.fd, say)
	looptest.Await(t, j.m, "the client", func() bool { return j.m.Stats().Accepted == 1 })
	return j
}

func (j *joined) acceptTarget() {
	j.t.Helper()
	j.await("the target's connection", func() bool {
		fd, ok := looptest.Accept(j.t, j.ln)
		if ok {
			j.target = newEnd(j.t, "target", fd)
		}
		return ok
	})
}

func newEnd(t *testing.T, name string, fd int) *end {
	t.Helper()
	e := &end{name: name, fd: fd}
	looptest.Own(t, &e.fd)
	return e
}

func (j *joined) await(what string, done func() bool) {
	j.t.Helper()
	looptest.Await(j.t, j.m, what, done)
}

// eachWay runs a test in both directions.
func eachWay(t *testing.T, test func(t *testing.T, j *joined, from, to *end)) {
	for _, name := range []string{"client", "target"} {
		t.Run("from "+name, func(t *testing.T) {
			j := newJoined(t)
			if name == "client" {
				test(t, j, j.client, j.target)
			} else {
				test(t, j, j.target, j.client)
			}
		})
	}
}

// pump reads what is there.
func (e *end) pump() {
	if !e.eof && e.err == nil {
		e.in, e.eof, e.err = looptest.Read(e.fd, e.in)
	}
}

func (e *end) ended() bool { e.pump(); return e.eof || e.err != nil }

// reset closes with RST.
func (e *end) reset(t *testing.T) {
	t.Helper()
	linger := &unix.Linger{Onoff: 1}
	if err := unix.SetsockoptLinger(e.fd, unix.SOL_SOCKET, unix.SO_LINGER, linger); err != nil {
		t.Fatal(err)
	}
	looptest.Close(&e.fd)
}

// say has an end write, and the other read it.
func (j *joined) say(from, to *end, s string) {
	j.t.Helper()
	want := len(to.in) + len(s)
	looptest.Write(j.t, from.fd, s)
	j.await(s, func() bool { to.pump(); return len(to.in) >= want })
}

// fill has an end write numbered lines until nothing more goes, while nobody reads, and
// returns how many bytes that were.
func (j *joined) fill(from *end) (written int) {
	j.t.Helper()
	for idle := 0; idle < 100; idle++ {
		if n, err := unix.Write(from.fd, numbered(written, 1<<16)); err == nil {
			written, idle = written+n, 0
		} else if err != unix.EAGAIN {
			j.t.Fatal(err)
		}
		looptest.Spin(j.t, j.m, 1)
	}
	return written
}

// numbered returns n bytes of a stream of numbered lines, from an offset on.
func numbered(from, n int) (p []byte) {
	const line = 16
	for i := from / line; len(p) < n+line; i++ {
		p = fmt.Appendf(p, "%015d\n", i)
	}
	return p[from%line:][:n]
}

func (j *joined) wantGone() {
	j.t.Helper()
	j.await("the end of both connections", func() bool { return j.m.Stats().Conns == 0 })
}

func (j *joined) wantReset(e *end) {
	j.t.Helper()
	j.await("the "+e.name+"'s end", e.ended)
	if e.eof || e.err != unix.ECONNRESET {
		j.t.Errorf("the %s reads the end %v, error %v, want a reset", e.name, e.eof, e.err)
	}
}

func (j *joined) wantOpen(e *end) {
	j.t.Helper()
	looptest.Spin(j.t, j.m, 20)
	if e.ended() {
		j.t.Fatalf("the %s reads the end %v, error %v", e.name, e.eof, e.err)
	}
}

// A client may end its side and read on, as `printf … | nc` does, and so may a target.
func TestHalfClosed(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		looptest.Write(t, from.fd, "request")
		looptest.Shutdown(t, from.fd)
		j.await("the end", to.ended)
		if string(to.in) != "request" || to.err != nil {
			t.Fatalf("the %s reads %q, %v", to.name, to.in, to.err)
		}
		j.wantOpen(from)
		j.say(to, from, "an answer")
		j.wantOpen(from)
		j.say(to, from, ", and more")
		looptest.Shutdown(t, to.fd)
		j.await("the end", from.ended)
		if string(from.in) != "an answer, and more" || from.err != nil {
			t.Fatalf("the %s reads %q, %v", from.name, from.in, from.err)
		}
		j.wantGone()
	})
}

// An end is passed on behind all that was said before it, however much of that waits.
func TestEndBehindData(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		written := j.fill(from)
		looptest.Shutdown(t, from.fd)
		looptest.Spin(t, j.m, 20)
		looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.in), to.ended() })
		if !bytes.Equal(to.in, numbered(0, written)) || to.err != nil {
			t.Errorf("%d of %d bytes, %v", len(to.in), written, to.err)
		}
		j.say(to, from, "thanks")
		looptest.Shutdown(t, to.fd)
		j.await("the end", from.ended)
		j.wantGone()
	})
}

// An answer that is cut off by a reset does not look whole.
func TestResetInMidAnswer(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		j.say(to, from, "request")
		j.say(from, to, "half an ans")
		from.reset(t)
		j.wantReset(to)
		j.wantGone()
	})
}

// Nor does it if a part of it still waits in the proxy.
func TestResetBehindData(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		j.fill(from)
		from.reset(t)
		looptest.Spin(t, j.m, 20)
		looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.in), to.ended() })
		j.wantReset(to)
		j.wantGone()
	})
}

// Nor if the side that waits for it has ended its own.
func TestResetAfterHalfClose(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		looptest.Write(t, to.fd, "request")
		looptest.Shutdown(t, to.fd)
		j.await("the end", from.ended)
		j.say(from, to, "half an ans")
		from.reset(t)
		j.wantReset(to)
		j.wantGone()
	})
}

// A side that goes away altogether, while the other still sends, resets it.
func TestEndOfTheReader(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		j.fill(from)
		looptest.Close(&to.fd) // with much in it that was not read: the kernel resets
		j.wantReset(from)
		j.wantGone()
	})
}

// stuck is a resolver that answers when it is released, or never.
type stuck chan struct{}

func (s stuck) LookupNetIP(ctx context.Context, network, _ string) ([]netip.Addr, error) {
	select {
	case <-s:
		if network == "ip4" {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
	case <-ctx.Done():
	}
	return nil, context.Cause(ctx)
}

// A client that cannot be connected hears of it, and not an end that looks like an empty
// answer.
func TestTargetNeverConnects(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:0")
	silent := looptest.Open(t, at.Addr(), unix.SOCK_STREAM)
	looptest.Own(t, &silent)
	at = looptest.Bind(t, silent, at, -1) // nobody listens there
	for _, row := range []struct {
		name, to string
		wait     time.Duration
	}{
		{"refused", "tcp://" + at.String(), 0},
		{"bad URL", "tcp://nowhere", 0},
		{"too late", "tcp://silent.example:1", time.Hour},
	} {
		ends := []bool{false}
		if row.wait > 0 { // the others are reset at once
			ends = append(ends, true)
		}
		for _, ended := range ends {
			t.Run(fmt.Sprintf("%s, client ended %v", row.name, ended), func(t *testing.T) {
				now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
				clock := reactor.WithClock(func() time.Time { return now })
				j := before(t, row.to, "request", reactor.WithResolver(make(stuck)), clock)
				if ended {
					looptest.Shutdown(t, j.client.fd)
				}
				if row.wait > 0 {
					j.wantOpen(j.client)
					now = now.Add(row.wait)
				}
				j.wantReset(j.client)
				j.wantGone()
			})
		}
	}
}

// What a client says, and that it has ended, waits until there is a target.
func TestTargetConnectsLate(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:0")
	ln := looptest.Open(t, at.Addr(), unix.SOCK_STREAM)
	looptest.Own(t, &ln)
	at = looptest.Bind(t, ln, at, 8)
	for _, reset := range []bool{false, true} {
		release := make(stuck)
		j := before(t, fmt.Sprintf("tcp://late.example:%d", at.Port()), "request", reactor.WithResolver(release))
		j.ln = ln
		looptest.Spin(t, j.m, 20)
		if reset {
			j.client.reset(t)
		} else {
			looptest.Shutdown(t, j.client.fd)
		}
		looptest.Spin(t, j.m, 20)
		close(release)
		j.acceptTarget()
		if reset {
			j.wantReset(j.target)
			j.wantGone()
			continue
		}
		j.await("the end", j.target.ended)
		if string(j.target.in) != "request" || j.target.err != nil {
			t.Errorf("the target reads %q, %v", j.target.in, j.target.err)
		}
		j.say(j.target, j.client, "answer")
		looptest.Shutdown(t, j.target.fd)
		j.await("the end", j.client.ended)
		j.wantGone()
	}
}

// After a signal the connections may end by themselves; those that do not are reset.
func TestLeave(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		t.Run(fmt.Sprintf("in time %v", inTime), func(t *testing.T) {
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			j := newJoined(t, reactor.WithClock(func() time.Time { now = now.Add(time.Millisecond); return now }))
			j.say(j.client, j.target, "request")
			j.say(j.target, j.client, "half an ")
			turns := 0
			j.m.AddTimer(time.Millisecond, reactor.TimerRepeat, func() { // is always due
				if turns++; turns == 10 && inTime {
					looptest.Write(t, j.target.fd, "answer")
					looptest.Close(&j.target.fd)
				}
				if j.client.ended() && j.client.fd >= 0 {
					looptest.Close(&j.client.fd)
				}
			})
			if err := leave(j.m, j.l); err != nil {
				t.Fatal(err)
			}
			if n := j.m.Stats().Conns; n > 0 {
				t.Errorf("%d connections are left", n)
			}
			if !inTime {
				j.wantReset(j.client)
				j.wantReset(j.target)
				return
			}
			if string(j.client.in) != "half an answer" || j.client.err != nil || !j.client.eof {
				t.Errorf("the client reads %q, %v", j.client.in, j.client.err)
			}
		})
	}
}
