package reactor

import "github.com/rikki-go/rikki/reactor/internal/poll"

// Whose event is it? The kernel reuses a descriptor's number as soon as the descriptor is
// closed. If a handler closes one descriptor and opens another, both may have the same number.
// The batch may still hold an event for the old owner. The manager must not give that event to
// the new owner. It notes for each descriptor the number of the batch during which it was
// registered, and ignores what that batch reports about it. If the new owner is ready too, the
// next batch reports that again, because readiness is level-triggered. This needs no
// generation counters in the pollers, and it works in the same way with epoll and kqueue.

// descriptorOwner is the owner of a descriptor: a connection, an attempt of a dialer, or the queue
// of posted work. The loop calls ready when the descriptor is ready.
type descriptorOwner interface {
	ready(what poll.Interest)
}

// registration is what the manager knows about one descriptor.
type registration struct {
	owner      descriptorOwner // nil if the descriptor is not registered
	sinceBatch uint32          // the batch during which it was registered
	interest   poll.Interest   // what the poller looks for; 0: it is not in the poller's set
	held       heldSize        // what the connection counts towards the memory budget
	idlePrev   int32           // neighbours on the list of idle connections, see idle.go
	idleNext   int32
}

// registrationTable holds the registrations, by descriptor. It grows by pages, so that growing
// copies nothing and leaves no garbage.
type registrationTable struct {
	pages []*registrationPage // nil for a page without descriptors
}

type registrationPage [1 << pageBits]registration

const pageBits = 8

// find returns the registration of fd, or nil if the table has none.
func (t *registrationTable) find(fd int) *registration {
	if i := uint(fd) >> pageBits; i < uint(len(t.pages)) && t.pages[i] != nil {
		return &t.pages[i][fd&(1<<pageBits-1)]
	}
	return nil
}

// add returns the registration of fd. It adds an empty one if there is none.
func (t *registrationTable) add(fd int) *registration {
	i := fd >> pageBits
	if i >= len(t.pages) {
		t.pages = append(t.pages, make([]*registrationPage, i+1-len(t.pages))...)
	}
	if t.pages[i] == nil {
		t.pages[i] = new(registrationPage)
	}
	return t.find(fd)
}

// register makes src the owner of fd and sets what the poller looks for. If fd has an owner
// already, src replaces it: a dialer's attempt gives its descriptor to the Conn in this way.
func (m *Manager) register(fd int, src descriptorOwner, want poll.Interest) error {
	r := m.registered.add(fd)
	if r.owner == nil {
		r.sinceBatch = m.batch
	}
	r.owner = src
	if r.interest == want {
		return nil
	}
	if err := m.poller.Set(fd, r.interest, want); err != nil {
		return err
	}
	r.interest = want
	return nil
}

// interest returns what the poller looks for on fd.
func (m *Manager) interest(fd int) poll.Interest {
	if r := m.registered.find(fd); r != nil {
		return r.interest
	}
	return 0
}

// unregister removes fd from the poller's set and from the registered descriptors. Call it
// before fd is closed.
func (m *Manager) unregister(fd int) {
	if r := m.registered.find(fd); r != nil && r.owner != nil {
		if r.interest != 0 {
			m.poller.Set(fd, r.interest, 0) // fails only if fd is not in the set
		}
		*r = registration{}
	}
}

// maxReadBeforeSettle is how many bytes deliver lets connections read before it writes the
// answers of their handlers. At that moment the input and the answers are still in the
// processor's cache. Writing frees the memory of the answers, and the next answers reuse it.
const maxReadBeforeSettle = 256 << 10

// deliver calls the owners of the descriptors in a batch.
func (m *Manager) deliver(batch []poll.Ready) {
	m.batch++
	m.readBytes = 0
	for _, r := range batch {
		m.settleAfterReads()
		if m.closeCalled {
			return
		}
		if reg := m.registered.find(r.FD); reg != nil && reg.owner != nil && reg.sinceBatch != m.batch {
			reg.owner.ready(r.Interest)
		}
	}
}

// settleAfterReads settles if much was read since the last time, while the answers are in the
// processor's cache.
func (m *Manager) settleAfterReads() {
	if m.readBytes >= maxReadBeforeSettle {
		m.settle()
		m.readBytes = 0
	}
}
