package reactor

import (
	"sync"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// postQueue holds what other goroutines give to the loop: functions and wake-ups, in order. It
// has two lists. Other goroutines append to one while the loop handles the other. The first
// append to an empty list signals the wake-up descriptor, which makes the poller return.
type postQueue struct {
	m          *Manager
	processing postedWork // handled by the loop; needs no lock
	next       int        // index in processing.list of the next one to handle

	mu       sync.Mutex // guards the fields below
	incoming postedWork // appended to by Post and Wakeup
	signaled bool       // the wake-up descriptor is readable
	refusing bool       // the manager is closing: post returns ErrClosed
	wakeup   *poll.Wakeup

	refused chan struct{} // closed when refusing is set: what waits is not delivered any more
}

// postedWork is a list of functions and wake-ups. The data of all wake-ups is in one slice, so
// that a wake-up does not allocate.
type postedWork struct {
	list []posted
	data []byte
}

// posted is one call of Post or Wakeup.
type posted struct {
	fn       func() // nil for a wake-up
	id       uint64 // of the connection, for a wake-up
	from, to int    // the wake-up's part of postedWork.data
}

// newPostQueue makes the queue and registers its wake-up descriptor.
func newPostQueue(m *Manager) (*postQueue, error) {
	q := &postQueue{m: m, refused: make(chan struct{})}
	var err error
	if q.wakeup, err = poll.NewWakeup(); err != nil {
		return nil, err
	}
	if err := m.register(q.wakeup.FD(), q, poll.Readable); err != nil {
		q.wakeup.Close()
		return nil, err
	}
	return q, nil
}

// Post makes Poll call fn on the loop's goroutine. Posted functions and wake-ups are handled in
// the order of their calls. Post may be called from any goroutine. It does not wait for the
// loop.
//
// Post returns ErrClosed after Close, and after a panic that the program has recovered. fn is
// not called then. A function that is still waiting when the manager closes is not called
// either. Another error is that of the system call that wakes the loop. Post panics if fn is
// nil.
func (m *Manager) Post(fn func()) error {
	if fn == nil {
		panic("reactor: Post with a nil function")
	}
	return m.posted.post(posted{fn: fn}, nil)
}

// Wakeup makes Poll raise EvWakeup with a copy of data on the connection with that ID. If no
// connection has the ID when Poll runs, nothing happens. Wakeup may be called from any
// goroutine, keeps the order, and returns errors as Post does.
func (m *Manager) Wakeup(id uint64, data []byte) error {
	return m.posted.post(posted{id: id}, data)
}

// post appends p and a copy of data to the queue.
func (q *postQueue) post(p posted, data []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refusing {
		return ErrClosed
	}
	p.from = len(q.incoming.data)
	q.incoming.data = append(q.incoming.data, data...)
	p.to = len(q.incoming.data)
	q.incoming.list = append(q.incoming.list, p)
	if q.signaled {
		return nil
	}
	q.signaled = true
	return q.wakeup.Signal()
}

// ready is called when the poller reports the wake-up descriptor. It swaps the lists. What is
// posted from now on signals again, and is handled in the next turn.
func (q *postQueue) ready(poll.Interest) {
	if len(q.processing.list) > 0 {
		return // reported twice, or not all of the list is handled: later posts wait for the next turn
	}
	q.mu.Lock()
	q.wakeup.Clear(q.m.readBuf)
	q.signaled = false
	q.incoming, q.processing = q.processing, q.incoming
	q.mu.Unlock()
}

// hasRest reports whether a part of the list waits for the next turn.
func (q *postQueue) hasRest() bool { return q.next > 0 }

// deliver calls the posted functions and raises EvWakeup. If the budget of the phase is used up,
// the next turn continues.
func (q *postQueue) deliver() {
	q.m.beginPhase()
	for ; q.next < len(q.processing.list); q.next++ {
		if q.m.closeCalled || q.m.turn.over {
			return
		}
		p := &q.processing.list[q.next]
		if p.fn != nil {
			q.m.run(p.fn)
		} else if c := q.m.conns.find(p.id); c != nil && c.opening() == nil {
			q.m.wakeupData = q.processing.data[p.from:p.to:p.to]
			c.Call(EvWakeup, &q.m.wakeupData)
		}
		q.m.worked()
	}
	q.m.wakeupData, q.next = nil, 0
	q.processing.clear()
}

// clear empties the list. It drops memory that is much larger than usual, so that a burst of
// posts does not keep memory.
func (w *postedWork) clear() {
	clear(w.list)
	w.list, w.data = w.list[:0], w.data[:0]
	if cap(w.list) > 1024 {
		w.list = nil
	}
	if cap(w.data) > readSize {
		w.data = nil
	}
}

// refuse makes post return ErrClosed from now on.
func (q *postQueue) refuse() {
	q.mu.Lock()
	if !q.refusing {
		q.refusing = true
		close(q.refused)
	}
	q.mu.Unlock()
}

// close closes the wake-up descriptor. It refuses posts first, so that no goroutine signals a
// closed descriptor.
func (q *postQueue) close() {
	q.refuse()
	q.m.unregister(q.wakeup.FD())
	q.wakeup.Close()
	q.incoming, q.processing = postedWork{}, postedWork{}
}
