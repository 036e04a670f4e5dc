package http

// exchangeQueue is a queue of requests that wait for a connection, first in, first out. It is a
// doubly linked list, so that a request in the middle can leave at once.
type exchangeQueue struct {
	head, tail *exchange
	n          int
}

func (q *exchangeQueue) len() int         { return q.n }
func (q *exchangeQueue) first() *exchange { return q.head }

func (q *exchangeQueue) push(x *exchange) { q.insert(x, q.tail, nil) }

func (q *exchangeQueue) pushFront(x *exchange) { q.insert(x, nil, q.head) }

// insert inserts x between two neighbors, of which either may be nil.
func (q *exchangeQueue) insert(x, prev, next *exchange) {
	x.prev, x.next = prev, next
	q.link(prev, x, x, next)
	q.n++
	x.host.cl.queued++
}

func (q *exchangeQueue) pop() *exchange {
	x := q.head
	q.remove(x)
	return x
}

// remove removes x, which is in the queue.
func (q *exchangeQueue) remove(x *exchange) {
	q.link(x.prev, x.next, x.prev, x.next)
	x.prev, x.next = nil, nil
	x.host.cl.waiting.remove(x)
	q.n--
	x.host.cl.queued--
}

// link makes after the successor of prev, and before the predecessor of next. Without prev, after
// is the head. Without next, before is the tail.
func (q *exchangeQueue) link(prev, after, before, next *exchange) {
	if prev != nil {
		prev.next = after
	} else {
		q.head = after
	}
	if next != nil {
		next.prev = before
	} else {
		q.tail = before
	}
}

// waitingRequests finds the requests in all queues by the Request that was given to Do, for Cancel.
// A request is added when it has to wait: those that find a connection at once do not need it. With
// 10,000 requests in a queue, Cancel takes 0.8 µs instead of 166 µs.
type waitingRequests map[*Request]*exchange // the first of a ring, in the order of add

func (w waitingRequests) add(x *exchange) {
	first := w[x.id]
	if first == nil {
		w[x.id], first = x, x
		x.samePrev = x
	}
	last := first.samePrev
	x.samePrev, x.sameNext = last, first
	last.sameNext, first.samePrev = x, x
}

// remove removes x, if it was added.
func (w waitingRequests) remove(x *exchange) {
	next := x.sameNext
	switch {
	case next == nil:
		return
	case next == x:
		delete(w, x.id)
	case w[x.id] == x:
		w[x.id] = next
	}
	next.samePrev, x.samePrev.sameNext = x.samePrev, next
	x.samePrev, x.sameNext = nil, nil
}
