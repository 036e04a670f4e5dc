package session

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/rikki-go/rikki/internal/quote"
)

// list is a doubly linked list of records with their number and size. A record is in one list.
type list struct {
	first, last *record
	n           int
	bytes       int // of the packets
}

// push appends a record.
func (l *list) push(r *record) { l.insert(r, l.last) }

// insert inserts a record after another one, or as the first one if after is nil.
func (l *list) insert(r, after *record) {
	before := l.first
	if after != nil {
		before = after.next
	}
	r.prev, r.next = after, before
	if after == nil {
		l.first = r
	} else {
		after.next = r
	}
	if before == nil {
		l.last = r
	} else {
		before.prev = r
	}
	l.n++
	l.bytes += len(r.packet)
}

// remove removes a record of this list.
func (l *list) remove(r *record) {
	if r.prev == nil {
		l.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.last = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.prev, r.next = nil, nil
	l.n--
	l.bytes -= len(r.packet)
}

// idTable finds a record by its packet identifier. It is a hash table with lists: identifiers are
// given out in turn, so there are few collisions. It allocates only when it grows.
type idTable struct {
	buckets []*record // a power of two
	n       int
}

func (t *idTable) bucket(id uint16) **record { return &t.buckets[int(id)&(len(t.buckets)-1)] }

func (t *idTable) get(id uint16) *record {
	if t.n == 0 {
		return nil
	}
	r := *t.bucket(id)
	for r != nil && r.id != id {
		r = r.chain
	}
	return r
}

func (t *idTable) add(r *record) {
	if t.n >= len(t.buckets) {
		old := t.buckets
		t.buckets = make([]*record, max(4, 2*len(old)))
		for _, r := range old {
			for r != nil {
				next := r.chain
				t.link(r)
				r = next
			}
		}
	}
	t.link(r)
	t.n++
}

func (t *idTable) link(r *record) {
	b := t.bucket(r.id)
	r.chain, *b = *b, r
}

func (t *idTable) remove(r *record) {
	p := t.bucket(r.id)
	for *p != r {
		p = &(*p).chain
	}
	*p, r.chain = r.chain, nil
	t.n--
	if t.n == 0 && len(t.buckets) > 256 {
		t.buckets = nil
	}
}

// expiries is a heap of the waiting records that expire, the earliest first. Each record knows its
// place in it.
type expiries []*record

func (h expiries) less(i, j int) bool { return h[i].deadline.Before(h[j].deadline) }

func (h expiries) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h expiries) up(i int) {
	for i > 0 && h.less(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (h expiries) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (h *expiries) add(r *record) {
	r.place = len(*h)
	*h = append(*h, r)
	h.up(r.place)
}

func (h *expiries) remove(r *record) {
	i, last := r.place, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	if i < last {
		h.down(i)
		h.up(i)
	}
	if r.place = -1; last == 0 && cap(*h) > 256 {
		*h = nil
	}
}

// queue has the messages that wait until they can be sent: those of QoS 0, and those of QoS 1 and
// 2. They are sent in the order in which they were published, over both lists.
type queue struct {
	lists    [2]list
	expiries expiries
}

func (q *queue) listOf(r *record) *list { return &q.lists[min(r.qos, 1)] }

func (q *queue) push(r *record) {
	r.state = stateQueued
	q.listOf(r).push(r)
	if !r.deadline.IsZero() {
		q.expiries.add(r)
	}
}

func (q *queue) remove(r *record) {
	q.listOf(r).remove(r)
	if r.place >= 0 {
		q.expiries.remove(r)
	}
}

// oldest returns the record that was published first, or nil.
func (q *queue) oldest() *record {
	a, b := q.lists[0].first, q.lists[1].first
	if a == nil || b != nil && b.seq < a.seq {
		return b
	}
	return a
}

func (q *queue) len() int { return q.lists[0].n + q.lists[1].n }

// bounds are the limits of a Queue with its defaults filled in.
type bounds struct {
	messages, bytes int
	full            WhenFull
}

func (q Queue) resolved() bounds {
	value := func(n, fallback int) int {
		if n = cmp.Or(n, fallback); n < 0 {
			return math.MaxInt
		}
		return n
	}
	return bounds{value(q.Messages, DefaultQueueMessages), value(q.Bytes, DefaultQueueBytes), q.Full}
}

// use returns how many messages the sender keeps, and the size of their packets. Messages of QoS 0
// that were given to the connection are not included.
func (s *sender) use() (messages, bytes int) {
	for _, l := range [...]*list{&s.queue.lists[0], &s.queue.lists[1], &s.inflight, &s.released} {
		messages += l.n
		bytes += l.bytes
	}
	return messages, bytes
}

// checkRoom returns ErrQueueFull if there is no room for a message of that size, even if messages
// are dropped as the policy says. It drops nothing.
//
// Outcomes that the program has not taken keep their messages. The same limits apply to them, but
// at least the default ones. Otherwise a program that publishes in a loop under DropOldest could
// use any amount of memory.
func (s *sender) checkRoom(topic string, size int) error {
	messages, bytes := s.use()
	what := "wait or are in flight"
	if s.finished.n >= max(s.bounds.messages, DefaultQueueMessages) ||
		s.finished.bytes >= max(s.bounds.bytes, DefaultQueueBytes) {
		messages, bytes, what = s.finished.n, s.finished.bytes, "have an outcome that was not taken"
	} else {
		n, b := messages, bytes
		if s.bounds.full != Refuse {
			n, b = n-s.queue.lists[0].n, b-s.queue.lists[0].bytes
		}
		if s.bounds.full == DropOldest {
			n, b = n-s.queue.lists[1].n, b-s.queue.lists[1].bytes
		}
		if n < s.bounds.messages && b <= s.bounds.bytes-size {
			return nil
		}
	}
	return fmt.Errorf("%w: the message to %s has %d bytes; %d messages with %d bytes %s; "+
		"the limits are %d messages and %d bytes",
		ErrQueueFull, quote.Cut(topic), size, messages, bytes, what, s.bounds.messages, s.bounds.bytes)
}

// makeRoom drops waiting messages until there is room for one of that size. checkRoom has returned
// nil for it.
func (s *sender) makeRoom(size int) {
	for {
		messages, bytes := s.use()
		if messages < s.bounds.messages && bytes <= s.bounds.bytes-size {
			return
		}
		r := s.queue.lists[0].first
		if s.bounds.full == DropOldest {
			r = s.queue.oldest()
		}
		s.queue.remove(r)
		s.finish(r, Dropped, 0, nil, ErrQueueFull)
	}
}

// next returns when the first waiting message expires. It is zero if none does.
func (s *sender) next() time.Time {
	if len(s.queue.expiries) == 0 {
		return time.Time{}
	}
	return s.queue.expiries[0].deadline
}

// tick gives the waiting messages whose time is over their outcome. A message in flight does not
// expire.
func (s *sender) tick(now time.Time) {
	for !s.closed && len(s.queue.expiries) > 0 && !s.queue.expiries[0].deadline.After(now) {
		r := s.queue.expiries[0]
		s.queue.remove(r)
		s.finish(r, Expired, 0, nil, ErrExpired)
	}
}
