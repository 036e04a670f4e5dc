package reactor

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// newWithDeadlines makes a manager with deadlines for all connections, on a clock of the
// test.
func newWithDeadlines(t *testing.T, d Deadlines) (*Manager, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m, err := New(WithLogger(slog.New(slog.DiscardHandler)), WithDeadlines(d), WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, &now
}

// Reads and writes only note the time. The timer is armed once per period, however much is
// read and written meanwhile.
func TestReadsAndWritesDoNotRearmTheTimer(t *testing.T) {
	d := Deadlines{Handshake: time.Minute, Idle: time.Minute, Stall: time.Minute, Life: 1000 * time.Hour}
	m, now := newWithDeadlines(t, d)
	reads := 0
	c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
		if ev == EvRead {
			reads++
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	})
	unix.SetNonblock(peer, true)
	c.SetDeadlines(d)
	turns(t, m, 1)
	ping, buf := []byte("ping"), make([]byte, 64)
	busy := func() {
		*now = now.Add(time.Millisecond)
		if _, err := unix.Write(peer, ping); err != nil {
			t.Fatal(err)
		}
		turns(t, m, 1)
		unix.Read(peer, buf)
	}
	armed := m.timerSeq
	for range 2000 { // 2 s
		busy()
	}
	if n := m.timerSeq - armed; n != 0 || reads != 2000 {
		t.Errorf("the timer was armed %d times during %d reads within one period", n, reads)
	}
	for range 178 { // another 178 s: three periods have passed
		*now = now.Add(999 * time.Millisecond)
		busy()
	}
	if n := m.timerSeq - armed; n < 1 || n > 4 {
		t.Errorf("the timer was armed %d times in three periods, want 1 to 4", n)
	}
	if len(m.timers) != 1 {
		t.Errorf("%d timers for one connection, want 1", len(m.timers))
	}
	if n := testing.AllocsPerRun(100, busy); n != 0 {
		t.Errorf("%v allocations per read and write, want 0", n)
	}
}

// The requests of a busy connection arm the timer once per period too, even if headers and bodies
// arrive in pieces.
func TestRequestsDoNotRearmTheTimer(t *testing.T) {
	m, now := newWithDeadlines(t, Deadlines{})
	c, _ := wrap(t, m, nil)
	turns(t, m, 1)
	c.Stack().SetAwaitingRequest(true)
	armed := m.timerSeq
	request := func() {
		c.Stack().SetAwaitingRequest(false)
		c.Stack().SetHandshaking(true)
		*now = now.Add(time.Millisecond)
		c.Stack().SetHandshaking(false)
		c.Stack().SetReceiving(true)
		*now = now.Add(time.Millisecond)
		c.Stack().SetReceiving(false)
		c.Stack().SetAwaitingRequest(true)
		turns(t, m, 1)
	}
	for range 100_000 { // 200 s: twenty periods of the shortest deadline
		request()
	}
	if n := m.timerSeq - armed; n < 20 || n > 41 {
		t.Errorf("the timer was armed %d times in 20 periods, want one or two in each", n)
	}
	if n := testing.AllocsPerRun(100, request); n != 0 {
		t.Errorf("%v allocations per request, want 0", n)
	}
}

// A quiet connection has neither a watchdog nor a timer: after its opening handshake at once, and
// after another wait when the timer fires. The next wait allocates nothing.
func TestQuietConnectionsHaveNoWatchdog(t *testing.T) {
	m, now := newWithDeadlines(t, Deadlines{})
	quiet := func(c *Conn, when string) {
		t.Helper()
		if c.ext != nil || len(m.timers) > 0 {
			t.Errorf("%s: extras %+v, %d timers, want none", when, c.ext, len(m.timers))
		}
	}
	for range 2 {
		c, _ := wrap(t, m, nil)
		turns(t, m, 1)
		quiet(c, "new")
		c.Stack().SetHandshaking(true)
		if c.watchdog() == nil || len(m.timers) != 1 {
			t.Error("no watchdog in the handshake")
		}
		c.Stack().SetHandshaking(false)
		quiet(c, "after the handshake")
		for name, wait := range map[string]func(on bool){
			"message":      func(on bool) { c.Stack().SetReceiving(on) },
			"next request": c.Stack().SetAwaitingRequest,
		} {
			wait(true)
			wait(false)
			if c.watchdog() == nil {
				t.Errorf("%s: no watchdog, want one until the timer fires", name)
			}
			*now = now.Add(time.Minute)
			turns(t, m, 1)
			quiet(c, name)
		}
		if n := testing.AllocsPerRun(100, func() {
			c.Stack().SetHandshaking(true)
			c.Stack().SetHandshaking(false)
		}); n != 0 {
			t.Errorf("%v allocations per handshake, want 0", n)
		}
		c.Close()
		turns(t, m, 1)
	}
}

// A watchdog from the pool remembers nothing of the connection that had it before. The pool keeps
// a bounded number.
func TestSpareWatchdogs(t *testing.T) {
	m, now := newWithDeadlines(t, Deadlines{})
	old, _ := wrap(t, m, nil)
	turns(t, m, 1)
	old.SetDeadlines(Deadlines{Idle: time.Hour, Life: time.Hour})
	old.Stack().SetReceiving(true)
	old.Stack().StartDeadline(&Deadline{Name: "own"}, time.Hour)
	old.Pause()
	old.Close()
	turns(t, m, 1)
	if len(m.spareWatchdogs.list) != 1 || len(m.timers) > 0 {
		t.Fatalf("%d spare watchdogs and %d timers, want 1 and 0", len(m.spareWatchdogs.list), len(m.timers))
	}
	*now = now.Add(time.Minute)
	c, _ := wrap(t, m, nil)
	turns(t, m, 1)
	c.Stack().SetHandshaking(true)
	w := c.watchdog()
	if p := w.nextExpiry(); p.name != "handshake" || p.when != m.ticks()+int64(10*time.Second) || len(w.layerDeadlines) > 0 || w.recurs {
		t.Errorf("%+v of %+v, want the handshake", p, w)
	}
	if own := w.layerDeadlines[:cap(w.layerDeadlines)]; len(own) > 0 && own[0] != nil {
		t.Error("it keeps the deadline of a layer alive")
	}
	var s spares[watchdog]
	for range maxSpareWatchdogs + 1 {
		s.put(new(watchdog))
	}
	if len(s.list) != maxSpareWatchdogs {
		t.Errorf("%d spares, want %d", len(s.list), maxSpareWatchdogs)
	}
}

// Connections without deadlines have neither a watchdog nor a timer.
func TestNoDeadlinesNoWatchdog(t *testing.T) {
	m, _ := newWithDeadlines(t, Deadlines{Connect: time.Second})
	l, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Connect("tcp://"+l.LocalAddr().String(), nil, nil); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		turns(t, m, 1)
		if m.conns.n == 3 && len(m.timers) == 0 {
			break
		}
	}
	if m.conns.n != 3 || len(m.timers) != 0 {
		t.Fatalf("%d connections and %d timers, want 3 and 0", m.conns.n, len(m.timers))
	}
	for c := range m.conns.all() {
		if c.watchdog() != nil {
			t.Errorf("connection %d has a watchdog", c.id)
		}
		if c.role != roleListener && c.ext != nil {
			t.Errorf("connection %d has extras", c.id)
		}
	}
}

// The stall deadline also holds for datagrams. A UDP socket on loopback takes every
// datagram. The test replaces it by a UNIX-domain socket whose peer does not read.
func TestStallDeadlineOfDatagrams(t *testing.T) {
	m, now := newWithDeadlines(t, Deadlines{Stall: 5 * time.Second})
	peer, err := m.Listen("udp://127.0.0.1:0", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var failure error
	c, err := m.Connect("udp://"+peer.LocalAddr().String(), func(_ *Conn, ev Event, data any) {
		if ev == EvError {
			failure = data.(error)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	turns(t, m, 1)
	if c.fd < 0 {
		t.Fatal("not connected")
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	unix.SetNonblock(fds[0], true)
	m.unregister(int(c.fd))
	poll.Close(int(c.fd))
	c.fd = int32(fds[0])
	for err == nil {
		_, err = unix.Write(fds[0], make([]byte, 1000))
	}
	c.Write(make([]byte, 1000))
	turns(t, m, 1)
	if c.Send.Len() != 1000 {
		t.Fatalf("Send holds %d bytes, want 1000", c.Send.Len())
	}
	*now = now.Add(5*time.Second - 1)
	turns(t, m, 1)
	if failure != nil {
		t.Fatal(failure)
	}
	c.Write(make([]byte, 1000)) // does not restart the deadline
	turns(t, m, 1)
	*now = now.Add(1)
	turns(t, m, 1)
	var e *DeadlineError
	if !errors.As(failure, &e) || e.Deadline != "stall" {
		t.Errorf("error %v, want the stall deadline", failure)
	}
}
