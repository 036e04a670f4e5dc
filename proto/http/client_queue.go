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
