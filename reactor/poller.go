package reactor

import "time"

// interest is what a descriptor is watched for, and what it turned out to be
// ready for.
type interest uint8

const (
	readable interest = 1 << iota
	writable
)

// readiness is one descriptor that wait found ready.
type readiness struct {
	fd   int
	what interest
}

// poller is the contract between the loop and the kernel's readiness
// mechanism. There is one implementation per mechanism; each translates and
// decides nothing.
//
//   - Readiness is level-triggered: a descriptor that is still ready is
//     reported by the next wait again.
//   - set changes what fd is watched for from old to new. A descriptor with
//     neither interest is unknown to the kernel's set: it causes no wake-ups,
//     not even for errors. The caller says what old was and removes a
//     descriptor before closing it.
//   - wait blocks until something is ready or the timeout has passed: 0 does
//     not block, a negative one blocks without limit. It returns the ready
//     descriptors in a slice that it owns and reuses. An error or hang-up is
//     reported as every interest the descriptor may have, so that the read or
//     write that follows learns the reason. A descriptor may be reported more
//     than once. An interrupted wait returns nothing and no error.
//   - wait may report a descriptor that was removed, closed or reused since
//     the kernel found it ready; that the report goes to nobody else is the
//     manager's business (see slot).
//   - descriptor is one that itself becomes readable when wait would return
//     something.
//
// All calls come from the loop's goroutine.
type poller interface {
	set(fd int, old, new interest) error
	wait(timeout time.Duration) ([]readiness, error)
	descriptor() int
	close() error
}

// source hears that its descriptor is ready: a connection, one attempt of a
// dialler, the mailbox.
type source interface {
	ready(what interest)
}

// slot is the manager's note about one descriptor.
//
// since is the number of the batch (the return of one wait) during which the
// descriptor was registered. What that batch reports about it was found before
// it was registered, so it was meant for a predecessor with the same number.
type slot struct {
	src   source
	since uint32
	want  interest
}

// watch makes src the one that hears of fd, for want.
func (m *Manager) watch(fd int, src source, want interest) error {
	if fd >= len(m.slots) {
		m.slots = append(m.slots, make([]slot, fd+1-len(m.slots))...)
	}
	s := &m.slots[fd]
	if s.src == nil {
		s.since = m.batch
	}
	s.src = src
	if s.want == want {
		return nil
	}
	if err := m.poller.set(fd, s.want, want); err != nil {
		return err
	}
	s.want = want
	return nil
}

// unwatch forgets fd; it must come before fd is closed.
func (m *Manager) unwatch(fd int) {
	if fd >= len(m.slots) {
		return
	}
	if s := &m.slots[fd]; s.src != nil {
		if s.want != 0 {
			m.poller.set(fd, s.want, 0) // fails only for what is not there
		}
		*s = slot{}
	}
}

// cacheful is how many bytes may be read before what handlers answered to them is
// written: both are still in the processor's cache then, and so is the memory that
// comes back for the next answers.
const cacheful = 256 << 10

// deliver hands one batch to those it is about.
func (m *Manager) deliver(batch []readiness) {
	m.batch++
	settled := m.stats.BytesIn
	for _, r := range batch {
		if m.stats.BytesIn-settled >= cacheful {
			m.settle()
			settled = m.stats.BytesIn
		}
		if m.ending {
			return
		}
		if r.fd < len(m.slots) {
			if s := &m.slots[r.fd]; s.src != nil && s.since != m.batch {
				s.src.ready(r.what)
			}
		}
	}
}
