package reactor

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeKqueue is a poller as the BSDs have it, for the tests of every system:
// the translations of poller_kqueue.go over a kernel that is made up. That
// kernel keeps filters as kqueue does, one by one, refuses what kqueue refuses,
// and reports each by itself, once per descriptor and filter. What is really
// ready it asks the system's poller. A script may change what it reports.
type fakeKqueue struct {
	kqueueNumbers
	sys     poller
	filters map[kevent]bool
	ready   []readiness
	lent    []readiness // what wait returned last

	script      func([]kevent) []kevent // from what is ready to what is reported
	interrupted int                     // so many waits end with EINTR
}

// kevent is one filter of one descriptor.
type kevent struct{ fd, filter int }

var (
	bsdNumbers    = kqueueNumbers{read: -1, write: -2, add: 1, remove: 2}
	netbsdNumbers = kqueueNumbers{read: 0, write: 1, add: 1, remove: 2}
)

var (
	errNoFilter    = errors.New("fake kqueue: removes a filter that is not there")
	errTwoFilters  = errors.New("fake kqueue: adds a filter that is there already")
	errNothingToDo = errors.New("fake kqueue: told of a change that changes nothing")
)

func newFakeKqueue(t testing.TB, numbers kqueueNumbers) *fakeKqueue {
	t.Helper()
	sys, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	return &fakeKqueue{kqueueNumbers: numbers, sys: sys, filters: map[kevent]bool{}}
}

func (f *fakeKqueue) descriptor() int { return f.sys.descriptor() }
func (f *fakeKqueue) close() error    { return f.sys.close() }

// watched is what the kernel's side knows about fd.
func (f *fakeKqueue) watched(fd int) (what interest) {
	if f.filters[kevent{fd, f.read}] {
		what |= readable
	}
	if f.filters[kevent{fd, f.write}] {
		what |= writable
	}
	return what
}

// set carries out the changes one after the other, as kevent does.
func (f *fakeKqueue) set(fd int, old, new interest) error {
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
	if err := f.sys.set(fd, before, f.watched(fd)); err != nil {
		for _, c := range changes {
			delete(f.filters, kevent{fd, c.filter})
		}
		return err
	}
	return nil
}

func (f *fakeKqueue) wait(timeout time.Duration) ([]readiness, error) {
	if f.interrupted > 0 {
		f.interrupted--
		return nil, nil
	}
	batch, err := f.sys.wait(timeout)
	if err != nil {
		return nil, err
	}
	var events []kevent
	for _, r := range batch {
		for _, e := range [...]kevent{{r.fd, f.write}, {r.fd, f.read}} {
			if f.filters[e] && r.what&f.interest(e.filter) != 0 {
				events = append(events, e)
			}
		}
	}
	if f.script != nil {
		events = f.script(events)
	}
	clear(f.lent) // who keeps what is lent finds nothing in it
	f.ready = f.ready[:0]
	for _, e := range events {
		f.ready = append(f.ready, readiness{e.fd, f.interest(e.filter)})
	}
	f.lent = f.ready
	return f.ready, nil
}

// twice is a script: everything is reported two times.
func twice(events []kevent) []kevent { return append(events, events...) }

// use puts another poller in the place of a manager's, which has no connections
// yet.
func use(t testing.TB, m *Manager, p poller) {
	t.Helper()
	bell := m.mail.bell.reads
	m.unwatch(bell)
	if err := m.poller.close(); err != nil {
		t.Fatal(err)
	}
	m.poller = p
	if err := m.watch(bell, m.mail, readable); err != nil {
		t.Fatal(err)
	}
}

// backends are the pollers that the contract is tested with.
var backends = map[string]func(testing.TB) poller{
	"the system's": func(t testing.TB) poller {
		p, err := newPoller()
		if err != nil {
			t.Fatal(err)
		}
		return p
	},
	"kqueue":        func(t testing.TB) poller { return newFakeKqueue(t, bsdNumbers) },
	"NetBSD kqueue": func(t testing.TB) poller { return newFakeKqueue(t, netbsdNumbers) },
	"kqueue, everything twice": func(t testing.TB) poller {
		f := newFakeKqueue(t, bsdNumbers)
		f.script = twice
		return f
	},
}

// onEach runs a test with each backend.
func onEach(t *testing.T, test func(t *testing.T, p poller)) {
	for name, start := range backends {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			t.Cleanup(func() { p.close() })
			test(t, p)
		})
	}
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

// pair makes one that is closed with the test.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	a, b = ends(t)
	t.Cleanup(func() { unix.Close(a); unix.Close(b) })
	return a, b
}
