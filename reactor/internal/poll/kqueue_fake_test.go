package poll

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeKqueue is a Poller as on the BSDs, for tests on every system: the translations of
// filters.go over a simulated kernel. The kernel keeps one filter per descriptor and
// interest, refuses what kqueue refuses, and reports each filter separately. It asks the
// system's Poller what is ready. A script may change what it reports.
type fakeKqueue struct {
	kqueueNumbers
	sys     Poller
	filters map[kevent]bool
	ready   []Ready
	lent    []Ready // what Check or Wait returned last

	script func([]kevent) []kevent // from what is ready to what is reported
}

// kevent is one filter of one descriptor.
type kevent struct{ fd, filter int }

var (
	bsdNumbers    = kqueueNumbers{read: -1, write: -2, add: 1, remove: 2}
	netbsdNumbers = kqueueNumbers{read: 0, write: 1, add: 1, remove: 2}
)

var (
	errNoFilter    = errors.New("fake kqueue: a filter to be removed is not there")
	errTwoFilters  = errors.New("fake kqueue: a filter to be added is there already")
	errNothingToDo = errors.New("fake kqueue: Set changes nothing")
)

func newFakeKqueue(t testing.TB, numbers kqueueNumbers) *fakeKqueue {
	t.Helper()
	sys, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return &fakeKqueue{kqueueNumbers: numbers, sys: sys, filters: map[kevent]bool{}}
}

func (f *fakeKqueue) FD() int      { return f.sys.FD() }
func (f *fakeKqueue) Close() error { return f.sys.Close() }

// watched returns what the simulated kernel has registered for fd.
func (f *fakeKqueue) watched(fd int) (what Interest) {
	if f.filters[kevent{fd, f.read}] {
		what |= Readable
	}
	if f.filters[kevent{fd, f.write}] {
		what |= Writable
	}
	return what
}

// Set carries out the changes in order, as kevent does.
func (f *fakeKqueue) Set(fd int, old, new Interest) error {
	var list [2]kqueueChange
	before, changes := f.watched(fd), f.changes(&list, old, new)
	if len(changes) == 0 {
		return errNothingToDo
	}
	for _, c := range changes {
		e := kevent{fd, c.filter}
		switch {
		case c.action == f.remove && !f.filters[e]:
			return errNoFilter
		case c.action == f.remove:
			delete(f.filters, e)
		case f.filters[e]:
			return errTwoFilters
		default:
			f.filters[e] = true
		}
	}
	if err := f.sys.Set(fd, before, f.watched(fd)); err != nil {
		for _, c := range changes {
			delete(f.filters, kevent{fd, c.filter})
		}
		return err
	}
	return nil
}

func (f *fakeKqueue) Check() ([]Ready, error) { return f.report(f.sys.Check()) }

func (f *fakeKqueue) Wait(timeout time.Duration) ([]Ready, error) {
	return f.report(f.sys.Wait(timeout))
}

func (f *fakeKqueue) report(batch []Ready, err error) ([]Ready, error) {
	if err != nil {
		return nil, err
	}
	var events []kevent
	for _, r := range batch {
		for _, e := range [...]kevent{{r.FD, f.write}, {r.FD, f.read}} {
			if f.filters[e] && r.Interest&f.interest(e.filter) != 0 {
				events = append(events, e)
			}
		}
	}
	if f.script != nil {
		events = f.script(events)
	}
	clear(f.lent) // a caller that keeps the slice finds nothing in it
	f.ready = f.ready[:0]
	for _, e := range events {
		f.ready = append(f.ready, Ready{e.fd, f.interest(e.filter)})
	}
	f.lent = f.ready
	return f.ready, nil
}

// twice is a script that reports everything two times.
func twice(events []kevent) []kevent { return append(events, events...) }

// backends are the pollers that the contract is tested with.
var backends = map[string]func(testing.TB) Poller{
	"the system's": func(t testing.TB) Poller {
		p, err := New()
		if err != nil {
			t.Fatal(err)
		}
		return p
	},
	"kqueue":        func(t testing.TB) Poller { return newFakeKqueue(t, bsdNumbers) },
	"NetBSD kqueue": func(t testing.TB) Poller { return newFakeKqueue(t, netbsdNumbers) },
	"kqueue, everything twice": func(t testing.TB) Poller {
		f := newFakeKqueue(t, bsdNumbers)
		f.script = twice
		return f
	},
}

// onEach runs a test with each backend.
func onEach(t *testing.T, test func(t *testing.T, p Poller)) {
	for name, start := range backends {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			t.Cleanup(func() { p.Close() })
			test(t, p)
		})
	}
}

// pair makes a socketpair that does not block and is closed with the test.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return fds[0], fds[1]
}

// The fake refuses what kqueue refuses. Otherwise a test would not notice a wrong old
// interest.
func TestFakeKqueueRefuses(t *testing.T) {
	for _, tc := range []struct {
		is, old, new Interest
		want         error
	}{
		{0, Readable, 0, errNoFilter},
		{0, Writable, Readable, errNoFilter},
		{Readable, Writable, 0, errNoFilter},
		{Writable, 0, Writable, errTwoFilters},
		{Readable, 0, Readable | Writable, errTwoFilters},
		{Writable, Writable, Writable, errNothingToDo},
	} {
		f := newFakeKqueue(t, bsdNumbers)
		a, _ := pair(t)
		if tc.is != 0 {
			setInterest(t, f, a, 0, tc.is)
		}
		if err := f.Set(a, tc.old, tc.new); err != tc.want {
			t.Errorf("%02b, from %02b to %02b: %v, want %v", tc.is, tc.old, tc.new, err, tc.want)
		}
		f.Close()
	}
}
