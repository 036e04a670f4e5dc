package reactor

import (
	"sync"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// postQueue is how other goroutines reach the loop. Posted work is kept in order in one of
// two lists: others append to one while the loop works off the other. The wake-up
// descriptor is signalled once per emptied list.
type postQueue struct {
	m   *Manager
	out postedWork // the loop's

	mu       sync.Mutex
	in       postedWork
	signaled bool
	shutdown bool
	wakeup   *poll.Wakeup
}

// postedWork are functions and wake-ups. The data of wake-ups lies in one slice, so that a
// wake-up does not allocate.
type postedWork struct {
	list []posted
	data []byte
}

type posted struct {
	fn       func() // nil for a wake-up
	id       uint64
	from, to int // in data
}

func newPostQueue(m *Manager) (*postQueue, error) {
	q := &postQueue{m: m}
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

// Post makes Poll call fn, after what was posted before. It may be called from any
// goroutine and never blocks on the loop. It returns ErrClosed, and fn is not called, once
// the manager is closed; a function that is still waiting when the manager closes is not
// called either. Post panics if fn is nil.
func (m *Manager) Post(fn func()) error {
	if fn == nil {
		panic("reactor: Post with a nil function")
	}
	return m.posted.post(posted{fn: fn}, nil)
}

// Wakeup makes Poll raise EvWakeup on the connection with that ID, with a copy of data. It
// may be called from any goroutine, never blocks on the loop and keeps the order among
// wake-ups and posts. If there is no such connection by then, nothing happens. It returns
// ErrClosed once the manager is closed.
func (m *Manager) Wakeup(id uint64, data []byte) error {
	return m.posted.post(posted{id: id}, data)
}

func (q *postQueue) post(p posted, data []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown {
		return ErrClosed
	}
	p.from = len(q.in.data)
	q.in.data = append(q.in.data, data...)
	p.to = len(q.in.data)
	q.in.list = append(q.in.list, p)
	if q.signaled {
		return nil
	}
	q.signaled = true
	return q.wakeup.Signal()
}

// ready swaps the lists: what is posted from now on signals again and waits for the next
// turn.
func (q *postQueue) ready(poll.Interest) {
	if len(q.out.list) > 0 {
		return // reported twice in one batch; what was posted since stays signalled
	}
	q.mu.Lock()
	q.wakeup.Clear(q.m.rbuf)
	q.signaled = false
	q.in, q.out = q.out, q.in
	q.mu.Unlock()
}

// deliver works off what ready found.
func (q *postQueue) deliver() {
	for i := range q.out.list {
		if q.m.ending {
			return
		}
		p := &q.out.list[i]
		if p.fn != nil {
			q.m.run(p.fn)
		} else if c := q.m.conns[p.id]; c != nil {
			q.m.woken = q.out.data[p.from:p.to:p.to]
			c.Call(EvWakeup, &q.m.woken)
		}
	}
	q.m.woken = nil
	q.out.clear()
}

// clear empties the list. A burst does not leave its size behind.
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

// shut refuses work from now on.
func (q *postQueue) shut() {
	q.mu.Lock()
	q.shutdown = true
	q.mu.Unlock()
}

// close comes after shut, so nobody signals a closed descriptor.
func (q *postQueue) close() {
	q.shut()
	q.m.unregister(q.wakeup.FD())
	q.wakeup.Close()
	q.in, q.out = postedWork{}, postedWork{}
}
