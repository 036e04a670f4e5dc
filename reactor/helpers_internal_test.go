package reactor

import (
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// fakePoller is a poller over the system's, for tests on every system. Like kqueue it
// keeps one filter per descriptor and interest, refuses changes that do not fit, and
// reports each filter separately. A script may change what it reports.
type fakePoller struct {
	sys     poll.Poller
	filters map[poll.Ready]bool
	lent    []poll.Ready // what Look or Wait returned last

	script  func([]poll.Ready) []poll.Ready // from what is ready to what is reported
	nothing int                             // the number of looks that find nothing
}

var errWrongChange = errors.New("fake poller: told of a change that does not fit")

func newFakePoller(t testing.TB) *fakePoller {
	t.Helper()
	sys, err := poll.New()
	if err != nil {
		t.Fatal(err)
	}
	return &fakePoller{sys: sys, filters: map[poll.Ready]bool{}}
}

func (f *fakePoller) FD() int { return f.sys.FD() }

func (f *fakePoller) Close() error { return f.sys.Close() }

// watched returns what fd is registered for.
func (f *fakePoller) watched(fd int) (what poll.Interest) {
	for _, one := range [...]poll.Interest{poll.Readable, poll.Writable} {
		if f.filters[poll.Ready{FD: fd, Interest: one}] {
			what |= one
		}
	}
	return what
}

func (f *fakePoller) Set(fd int, old, new poll.Interest) error {
	if old != f.watched(fd) || old == new {
		return errWrongChange
	}
	if err := f.sys.Set(fd, old, new); err != nil {
		return err
	}
	for _, one := range [...]poll.Interest{poll.Readable, poll.Writable} {
		if filter := (poll.Ready{FD: fd, Interest: one}); new&one != 0 {
			f.filters[filter] = true
		} else {
			delete(f.filters, filter)
		}
	}
	return nil
}

func (f *fakePoller) Check() ([]poll.Ready, error) {
	if f.nothing > 0 {
		f.nothing--
		return nil, nil
	}
	return f.report(f.sys.Check())
}

func (f *fakePoller) Wait(timeout time.Duration) ([]poll.Ready, error) {
	return f.report(f.sys.Wait(timeout))
}

func (f *fakePoller) report(batch []poll.Ready, err error) ([]poll.Ready, error) {
	if err != nil {
		return nil, err
	}
	var ready []poll.Ready
	for _, r := range batch {
		for _, one := range [...]poll.Interest{poll.Writable, poll.Readable} {
			if filter := (poll.Ready{FD: r.FD, Interest: one}); f.filters[filter] && r.Interest&one != 0 {
				ready = append(ready, filter)
			}
		}
	}
	if f.script != nil {
		ready = f.script(ready)
	}
	clear(f.lent) // a caller that keeps the slice finds nothing in it
	f.lent = ready
	return ready, nil
}

// twice is a script that reports everything two times.
func twice(ready []poll.Ready) []poll.Ready { return append(ready, ready...) }

// use replaces the poller of a manager that has no connections yet.
func use(t testing.TB, m *Manager, p poll.Poller) {
	t.Helper()
	wake := m.posted.wakeup.FD()
	m.unregister(wake)
	if err := m.poller.Close(); err != nil {
		t.Fatal(err)
	}
	m.poller = p
	if err := m.register(wake, m.posted, poll.Readable); err != nil {
		t.Fatal(err)
	}
}

// backends are the pollers that the manager is tested with.
var backends = map[string]func(testing.TB) poll.Poller{
	"the system's": newPoller,
	"the system's, on one processor": func(t testing.TB) poll.Poller {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		return newPoller(t)
	},
	"filters": func(t testing.TB) poll.Poller { return newFakePoller(t) },
	"filters, everything twice": func(t testing.TB) poll.Poller {
		f := newFakePoller(t)
		f.script = twice
		return f
	},
}

func newPoller(t testing.TB) poll.Poller {
	p, err := poll.New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ends makes a socketpair that does not block.
func ends(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return fds[0], fds[1]
}

// pair makes a socketpair that is closed with the test.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	a, b = ends(t)
	t.Cleanup(func() { unix.Close(a); unix.Close(b) })
	return a, b
}

// quiet makes a manager that logs nowhere and is closed with the test.
func quiet(t *testing.T, opts ...Option) *Manager {
	t.Helper()
	m, err := New(append(opts, WithLogger(slog.New(slog.DiscardHandler)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// wrap puts one end of a socketpair on the manager and returns the other.
func wrap(t *testing.T, m *Manager, fn Handler) (c *Conn, peer int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	c, err = m.WrapFD(fds[0], fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, fds[1]
}

// What the manager makes of each backend's reports.

// managerOn makes a manager with a poller, which it closes with the test.
func managerOn(t *testing.T, p poll.Poller) *Manager {
	t.Helper()
	m := quiet(t)
	use(t, m, p)
	return m
}

// onEachManager runs a test with a manager on each backend.
func onEachManager(t *testing.T, test func(t *testing.T, m *Manager)) {
	for name, start := range backends {
		t.Run(name, func(t *testing.T) { test(t, managerOn(t, start(t))) })
	}
}

func turns(t *testing.T, m *Manager, n int) {
	t.Helper()
	for range n {
		if err := m.Poll(0); err != nil {
			t.Fatal(err)
		}
	}
}

// history notes the events of a connection and consumes what it reads.
type history struct {
	events []Event
	bytes  int
}

func (l *history) handle(c *Conn, ev Event, _ any) {
	l.events = append(l.events, ev)
	if ev == EvRead {
		l.bytes += c.Recv.Len()
		c.Recv.Reset()
	}
}
