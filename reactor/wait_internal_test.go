package reactor

import (
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

var extremes = []time.Duration{
	math.MinInt64, -1, 0, 1, time.Millisecond, time.Second, 23 * time.Hour, 25 * time.Hour,
	math.MaxInt32 * time.Millisecond, (math.MaxInt32 + 1) * time.Millisecond, math.MaxInt64 - 1, math.MaxInt64,
}

// notingPoller notes for how long the loop is to block, and does not block.
type notingPoller struct {
	poll.Poller
	waits  []time.Duration
	checks int // by the loop
}

func (p *notingPoller) Check() ([]poll.Ready, error) {
	p.checks++
	return p.Poller.Check()
}

func (p *notingPoller) Wait(timeout time.Duration) ([]poll.Ready, error) {
	p.waits = append(p.waits, timeout)
	return p.Poller.Check()
}

// noting puts a notingPoller into the manager.
func noting(m *Manager) *notingPoller {
	p := &notingPoller{Poller: m.poller}
	m.poller = p
	return p
}

// pollFor turns the loop once.
func pollFor(t *testing.T, m *Manager, timeout time.Duration) {
	t.Helper()
	if err := m.Poll(timeout); err != nil {
		t.Fatal(err)
	}
}

// Poll blocks until its timeout or the next timer, whichever is first, and at most for a
// day, however large the numbers are. It blocks without limit only if the timeout is
// negative and there is no timer.
func TestPollWaitIsBounded(t *testing.T) {
	const day = 24 * time.Hour
	for _, due := range extremes {
		m := quiet(t)
		now := time.Now()
		m.clock, m.systemClock, m.epoch = func() time.Time { return now }, false, now
		if due >= 0 {
			m.AddTimer(due, TimerOnce, func() {})
		}
		for _, timeout := range extremes {
			want := day
			switch {
			case due < 0 && timeout < 0:
				want = -1
			case due < 0:
				want = min(timeout, day)
			case timeout < 0:
				want = min(due, day)
			default:
				want = min(timeout, due, day)
			}
			if due == math.MaxInt64 && timeout < 0 { // never due: a day and no limit are both right
				continue
			}
			if got := m.waitTime(timeout); got != want {
				t.Errorf("timer in %d, Poll(%d) waits %d, want %d", due, timeout, got, want)
			}
		}
	}
}

// A program that embeds the loop may pass NextTimeout to Poll, without timers too.
func TestPollOfNextTimeout(t *testing.T) {
	m := quiet(t)
	p := noting(m)
	pollFor(t, m, m.NextTimeout())
	if len(p.waits) != 1 || p.waits[0] < time.Hour || p.waits[0] > 24*time.Hour {
		t.Errorf("the loop blocks for %v, want once for an hour to a day", p.waits)
	}
}

// A turn that has called handlers does not block. The caller must see what they did, for
// example that the program is to end. What was done between two turns is settled at the
// beginning of the second turn.
func TestPollDoesNotBlockAfterHandlers(t *testing.T) {
	for name, act := range map[string]func(c *Conn){
		"close": (*Conn).Close,
		"fail":  func(c *Conn) { c.Fail(nil) },
		"write": func(c *Conn) { c.Write([]byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			m := quiet(t)
			events := 0
			c, _ := wrap(t, m, func(_ *Conn, ev Event, _ any) {
				if ev == EvClose || ev == EvWrite {
					events++
				}
			})
			turns(t, m, 2)
			p := noting(m)
			act(c)
			if pollFor(t, m, time.Hour); events != 1 || len(p.waits) > 0 {
				t.Errorf("%d events; the loop blocks for %v", events, p.waits)
			}
		})
	}
}

// The first turn after a connection was made raises EvOpen and does not block.
func TestPollDoesNotBlockAfterEvOpen(t *testing.T) {
	m := quiet(t)
	opened := false
	wrap(t, m, func(_ *Conn, ev Event, _ any) { opened = opened || ev == EvOpen })
	p := noting(m)
	if pollFor(t, m, time.Hour); !opened || len(p.waits) > 0 {
		t.Errorf("EvOpen raised: %v; the loop blocks for %v", opened, p.waits)
	}
}

// Poll(0) never blocks, and a turn without work does.
func TestPollBlocksOnlyWithATimeout(t *testing.T) {
	m := quiet(t)
	wrap(t, m, nil)
	turns(t, m, 1)
	p := noting(m)
	if pollFor(t, m, 0); len(p.waits) > 0 {
		t.Errorf("Poll(0) blocks for %v", p.waits)
	}
	if pollFor(t, m, time.Second); len(p.waits) != 1 || p.waits[0] != time.Second {
		t.Errorf("Poll(1s) without work blocks for %v, want once for 1s", p.waits)
	}
}

// Drain returns when no connection is left, and does not block until its time is up.
func TestDrainDoesNotBlockWithoutConnections(t *testing.T) {
	listens := func(url string) func(m *Manager) error {
		return func(m *Manager) error { _, err := m.Listen(url, nil, nil); return err }
	}
	for name, setUp := range map[string]func(m *Manager) error{
		"nothing":                   func(*Manager) error { return nil },
		"a listener":                listens("tcp://127.0.0.1:0"),
		"a datagram socket":         listens("udp://127.0.0.1:0"),
		"a client without a server": func(m *Manager) error { _, err := m.Connect("unix:///nowhere", nil, nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			m := quiet(t)
			if err := setUp(m); err != nil {
				t.Fatal(err)
			}
			turns(t, m, 1)
			p := noting(m)
			late, err := m.Drain(time.Hour)
			if len(late) != 0 || err != nil || len(p.waits) > 0 {
				t.Errorf("Drain returns %v, %v; the loop blocks for %v", late, err, p.waits)
			}
		})
	}
}

// After a wait the loop blocks without a Check for some turns. Then it checks again. Turns that
// must not block check always.
func TestWaitsWithoutCheck(t *testing.T) {
	m := quiet(t)
	turns(t, m, 1)
	p := noting(m)
	m.unchecked = 0
	for i := range 3 * (waitsPerCheck + 1) {
		if pollFor(t, m, time.Second); p.checks != i/(waitsPerCheck+1)+1 || len(p.waits) != i+1 {
			t.Fatalf("turn %d: %d checks and %d waits", i, p.checks, len(p.waits))
		}
	}
	checks, waits := p.checks, len(p.waits)
	m.unchecked = waitsPerCheck
	for name, turn := range map[string]func(){
		"Poll(0)": func() { pollFor(t, m, 0) },
		"a timer that is due": func() {
			m.AddTimer(0, TimerOnce, func() {})
			pollFor(t, m, time.Second)
		},
		"a handler was called": func() {
			wrap(t, m, nil)
			pollFor(t, m, time.Second)
		},
	} {
		checks++
		if turn(); p.checks != checks || len(p.waits) != waits {
			t.Errorf("%s: %d checks, want %d; %d waits, want %d", name, p.checks, checks, len(p.waits), waits)
		}
		checks = p.checks
	}
}

// A loop that becomes busy finds its input in waits without a Check, and then checks in each turn.
func TestBusyLoopChecksAgain(t *testing.T) {
	m := quiet(t)
	reads := 0
	_, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
		if ev == EvRead {
			reads++
			c.Recv.Reset()
		}
	})
	turns(t, m, 1)
	p := noting(m)
	m.unchecked = waitsPerCheck
	for i := range 2 * waitsPerCheck {
		unix.Write(peer, []byte("x"))
		if pollFor(t, m, time.Second); reads != i+1 || len(p.waits) != min(i+1, waitsPerCheck) {
			t.Fatalf("turn %d: %d reads, %d waits", i, reads, len(p.waits))
		}
	}
}
