package reactor

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// deadlined makes a manager on a clock of the test's, with deadlines for all.
func deadlined(t *testing.T, d Deadlines) (*Manager, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m, err := New(WithLogger(slog.New(slog.DiscardHandler)), WithDeadlines(d), WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, &now
}

func turn(t *testing.T, m *Manager) {
	t.Helper()
	if err := m.Poll(0); err != nil {
		t.Fatal(err)
	}
}

// A busy connection notes the time and leaves the heap of timers alone: it is
// touched once per period, however much is read and written meanwhile.
func TestReadsAndWritesDoNotRearm(t *testing.T) {
	d := Deadlines{Handshake: time.Minute, Idle: time.Minute, Stall: time.Minute, Life: 1000 * time.Hour}
	m, now := deadlined(t, d)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	unix.SetNonblock(fds[1], true)
	reads := 0
	c, err := m.WrapFD(fds[0], func(c *Conn, ev Event, _ any) {
		if ev == EvRead {
			reads++
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadlines(d)
	turn(t, m)
	ping, buf := []byte("ping"), make([]byte, 64)
	busy := func() {
		*now = now.Add(time.Millisecond)
		if _, err := unix.Write(fds[1], ping); err != nil {
			t.Fatal(err)
		}
		turn(t, m)
		unix.Read(fds[1], buf)
	}
	armed := m.timerSeq
	for range 10_000 { // 10 s
		busy()
	}
	if n := m.timerSeq - armed; n != 0 || reads != 10_000 {
		t.Errorf("%d timers armed during %d reads within one period", n, reads)
	}
	for range 170_000 / 100 { // another 170 s: three periods have passed
		*now = now.Add(99 * time.Millisecond)
		busy()
	}
	if n := m.timerSeq - armed; n < 1 || n > 4 {
		t.Errorf("%d timers armed in three periods, want about one in each", n)
	}
	if len(m.timers) != 1 {
		t.Errorf("%d timers for one connection", len(m.timers))
	}
	if n := testing.AllocsPerRun(100, busy); n != 0 {
		t.Errorf("%v allocations per read and write", n)
	}
}

// The handshakes of messages, one after the other, arm a timer once per period too.
func TestHandshakesDoNotRearm(t *testing.T) {
	m, now := deadlined(t, Deadlines{})
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	c, err := m.WrapFD(fds[0], nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadlines(Deadlines{Handshake: time.Minute})
	turn(t, m)
	armed := m.timerSeq
	message := func() {
		c.Stack().SetHandshaking(true)
		*now = now.Add(time.Millisecond)
		c.Stack().SetHandshaking(false)
	}
	for range 10_000 {
		message()
	}
	if n := m.timerSeq - armed; n != 1 {
		t.Errorf("%d timers armed for 10,000 messages within one period", n)
	}
	if n := testing.AllocsPerRun(100, message); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
}

// Without deadlines there is neither a watchdog nor a timer.
func TestNoDeadlinesNoWatchdog(t *testing.T) {
	m, _ := deadlined(t, Deadlines{Connect: time.Second})
	l, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Connect("tcp://"+l.LocalAddr().String(), nil, nil); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		turn(t, m)
		if len(m.conns) == 3 && len(m.timers) == 0 {
			break
		}
	}
	if len(m.conns) != 3 || len(m.timers) != 0 {
		t.Fatalf("%d connections, %d timers", len(m.conns), len(m.timers))
	}
	for _, c := range m.conns {
		if c.watchdog() != nil {
			t.Errorf("connection %d has a watchdog", c.id)
		}
		if c.role == roleAccepted && c.ext != nil {
			t.Errorf("connection %d, accepted, has extras", c.id)
		}
	}
}

// Datagrams that the socket does not take wait like bytes. A udp socket on
// loopback never refuses, so the test puts a UNIX-domain one, whose peer
// does not read, in its place.
func TestDatagramsStall(t *testing.T) {
	m, now := deadlined(t, Deadlines{Stall: 5 * time.Second})
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
	turn(t, m)
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
	turn(t, m)
	if c.Send.Len() != 1000 {
		t.Fatalf("%d bytes wait", c.Send.Len())
	}
	*now = now.Add(5*time.Second - 1)
	turn(t, m)
	if failure != nil {
		t.Fatal(failure)
	}
	c.Write(make([]byte, 1000)) // more does not mean that any left
	turn(t, m)
	*now = now.Add(1)
	turn(t, m)
	var e *DeadlineError
	if !errors.As(failure, &e) || e.Deadline != "stall" {
		t.Errorf("%v, want the stall deadline", failure)
	}
}
