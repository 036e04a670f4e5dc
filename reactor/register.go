package reactor

import "github.com/rikki-go/rikki/reactor/internal/poll"

// source hears that its descriptor is ready: a connection, one attempt of a
// dialler, the mailbox.
type source interface {
	ready(what poll.Interest)
}

// slot is the manager's note about one descriptor.
//
// since is the number of the batch (what one Look or Wait reported) during which the
// descriptor was registered. What that batch reports about it was found before
// it was registered, so it was meant for a predecessor with the same number.
type slot struct {
	src   source
	since uint32
	want  poll.Interest
}

// watch makes src the one that hears of fd, for want.
func (m *Manager) watch(fd int, src source, want poll.Interest) error {
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
	if err := m.poller.Set(fd, s.want, want); err != nil {
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
			m.poller.Set(fd, s.want, 0) // fails only for what is not there
		}
		*s = slot{}
	}
}

// cacheful is how many bytes may be read before what handlers answered to them is
// written: both are still in the processor's cache then, and so is the memory that
// comes back for the next answers.
const cacheful = 256 << 10

// deliver hands one batch to those it is about.
func (m *Manager) deliver(batch []poll.Ready) {
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
		if r.FD < len(m.slots) {
			if s := &m.slots[r.FD]; s.src != nil && s.since != m.batch {
				s.src.ready(r.Interest)
			}
		}
	}
}
