package reactor

import "github.com/rikki-go/rikki/reactor/internal/poll"

// source hears that its descriptor is ready: a connection, one attempt of a dialler, the
// queue of posted work.
type source interface {
	ready(what poll.Interest)
}

// registration is the manager's note about one descriptor. Descriptors are reused by the
// kernel as soon as they are closed, and a batch of readiness may still hold a report
// about the old owner. since is the number of the batch during which the descriptor was
// registered: what that batch reports about it is not for it. Pollers need no generation
// counters for this, and kqueue and epoll behave alike.
type registration struct {
	src   source
	since uint32
	want  poll.Interest
}

// register makes src the one that hears of fd, with that interest.
func (m *Manager) register(fd int, src source, want poll.Interest) error {
	if fd >= len(m.registered) {
		m.registered = append(m.registered, make([]registration, fd+1-len(m.registered))...)
	}
	r := &m.registered[fd]
	if r.src == nil {
		r.since = m.batch
	}
	r.src = src
	if r.want == want {
		return nil
	}
	if err := m.poller.Set(fd, r.want, want); err != nil {
		return err
	}
	r.want = want
	return nil
}

// unregister forgets fd. It must be called before fd is closed.
func (m *Manager) unregister(fd int) {
	if fd >= len(m.registered) {
		return
	}
	if r := &m.registered[fd]; r.src != nil {
		if r.want != 0 {
			m.poller.Set(fd, r.want, 0) // fails only for what is not there
		}
		*r = registration{}
	}
}

// cacheful is how many bytes may be read before what handlers answered to them is written:
// both are still in the processor's cache then, and so is the memory that comes back for
// the next answers.
const cacheful = 256 << 10

// deliver hands one batch to the owners of its descriptors.
func (m *Manager) deliver(batch []poll.Ready) {
	m.batch++
	m.readBytes = 0
	for _, r := range batch {
		if m.readBytes >= cacheful {
			m.settle()
			m.readBytes = 0
		}
		if m.ending {
			return
		}
		if r.FD < len(m.registered) {
			if g := &m.registered[r.FD]; g.src != nil && g.since != m.batch {
				g.src.ready(r.Interest)
			}
		}
	}
}
