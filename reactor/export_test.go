package reactor

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// UseKqueue puts a manager that has no connections yet on a poller that reports as kqueue does,
// each report twice if double is true.
func UseKqueue(t testing.TB, m *Manager, double bool) {
	f := newFakePoller(t)
	if double {
		f.script = twice
	}
	use(t, m, f)
}

// CheckAccounts compares what the manager has counted with all its connections: their memory, the
// number of each listener's connections, and the lists of idle ones. It is called between two
// turns.
func CheckAccounts(m *Manager) error {
	held := 0
	open := map[*acceptedSet]int{}
	listed := 0
	for c := range m.conns.all() {
		if c.life != closed {
			held += roundHeld(c.heldBytes()).bytes()
		}
		if c.acceptedBy != 0 {
			open[m.acceptedSets[c.acceptedBy]]++
			if c.isListed() {
				listed++
			} else if c.mayBeIdle() {
				return fmt.Errorf("connection %d may be idle and is not on the list", c.id)
			}
		}
	}
	if held != m.budget.held {
		return fmt.Errorf("connections hold %d bytes, the manager has counted %d", held, m.budget.held)
	}
	for i, s := range m.acceptedSets {
		if s == nil {
			continue
		}
		n, last := 0, int32(0)
		for at := s.first; at != 0; at = m.registered.find(int(at - 1)).idleNext {
			r := m.registered.find(int(at - 1))
			c, ok := r.owner.(*Conn)
			if n++; !ok || c.fd != at-1 || c.acceptedBy != uint16(i) || r.idlePrev != last {
				return fmt.Errorf("the list of set %d is broken at descriptor %d", i, at-1)
			}
			last = at
		}
		if listed -= n; n != s.idle || last != s.last || open[s] != s.open || s.listeners+s.open == 0 {
			return fmt.Errorf("set %d %+v has %d on its list and %d open", i, *s, n, open[s])
		}
	}
	if listed != 0 {
		return fmt.Errorf("%d connections are on no list, but seem to be", listed)
	}
	return nil
}

// DescriptorLimit returns how many descriptors the process may have.
func DescriptorLimit() int { return poll.MaxDescriptors() }

// UsableDescriptors returns the number below which accepted connections may use descriptors.
func UsableDescriptors(m *Manager) int { return m.descriptors.usable }
