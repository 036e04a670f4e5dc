package reactor

import (
	"sync"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// mailbox is how other goroutines reach the loop. Letters are kept in order
// in one of two lists: others append to one while the loop works off the other.
// The wake-up descriptor, which the poller watches, is signalled once per emptied box.
type mailbox struct {
	m   *Manager
	out letters // the loop's

	mu       sync.Mutex
	in       letters
	signaled bool
	shutdown bool
	wake     *poll.Wakeup
}

// letters are posted functions and wake-ups; the data of the latter lies
// one after the other in one slice, so that a wake-up does not allocate.
type letters struct {
	list []letter
	data []byte
}

type letter struct {
	fn       func() // nil for a wake-up
	id       uint64
	from, to int // in data
}

func newMailbox(m *Manager) (*mailbox, error) {
	b := &mailbox{m: m}
	var err error
	if b.wake, err = poll.NewWakeup(); err != nil {
		return nil, err
	}
	if err := m.watch(b.wake.FD(), b, poll.Readable); err != nil {
		b.wake.Close()
		return nil, err
	}
	return b, nil
}

// Post makes Poll call fn, after what was posted before. It may be called
// from any goroutine and never blocks on the loop. It returns ErrClosed, and fn is
// not called, once the manager is closed; a function that is still waiting
// when the manager closes is not called either.
func (m *Manager) Post(fn func()) error {
	return m.mail.post(letter{fn: fn}, nil)
}

// Wakeup makes Poll raise EvWakeup on the connection with that ID, with a
// copy of data. It may be called from any goroutine, never blocks on the loop and
// keeps the order among wake-ups and posts. If there is no such connection by
// then, nothing happens. It returns ErrClosed once the manager is closed.
func (m *Manager) Wakeup(id uint64, data []byte) error {
	return m.mail.post(letter{id: id}, data)
}

func (b *mailbox) post(l letter, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shutdown {
		return ErrClosed
	}
	l.from = len(b.in.data)
	b.in.data = append(b.in.data, data...)
	l.to = len(b.in.data)
	b.in.list = append(b.in.list, l)
	if b.signaled {
		return nil
	}
	b.signaled = true
	return b.wake.Signal()
}

// ready swaps the boxes: what is posted from now on signals again and waits
// for the next turn.
func (b *mailbox) ready(poll.Interest) {
	if len(b.out.list) > 0 {
		return // reported twice in one batch; what was posted since has signalled again
	}
	b.mu.Lock()
	b.wake.Clear(b.m.rbuf)
	b.signaled = false
	b.in, b.out = b.out, b.in
	b.mu.Unlock()
}

// deliver works off what ready found.
func (b *mailbox) deliver() {
	for i := range b.out.list {
		if b.m.ending {
			return
		}
		l := &b.out.list[i]
		if l.fn != nil {
			b.m.run(l.fn)
		} else if c := b.m.conns[l.id]; c != nil {
			b.m.woken = b.out.data[l.from:l.to:l.to]
			c.Call(EvWakeup, &b.m.woken)
		}
	}
	b.m.woken = nil
	b.out.clear()
}

// clear empties the box. A burst does not leave its size behind.
func (l *letters) clear() {
	clear(l.list)
	l.list, l.data = l.list[:0], l.data[:0]
	if cap(l.list) > 1024 {
		l.list = nil
	}
	if cap(l.data) > readSize {
		l.data = nil
	}
}

// shut refuses letters from now on.
func (b *mailbox) shut() {
	b.mu.Lock()
	b.shutdown = true
	b.mu.Unlock()
}

// close comes after shut, so nobody signals on a closed descriptor.
func (b *mailbox) close() {
	b.m.unwatch(b.wake.FD())
	b.wake.Close()
	b.in, b.out = letters{}, letters{}
}
