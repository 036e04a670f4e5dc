package http

import "slices"

// exchangeQueue is a queue of requests that wait for a connection, first in, first out.
type exchangeQueue struct {
	list []*exchange
	head int // index of the first one
}

func (q *exchangeQueue) len() int             { return len(q.list) - q.head }
func (q *exchangeQueue) first() *exchange     { return q.list[q.head] }
func (q *exchangeQueue) waiting() []*exchange { return q.list[q.head:] }

func (q *exchangeQueue) push(x *exchange) {
	x.host.cl.queued++
	q.list = append(q.list, x)
}

func (q *exchangeQueue) pushFront(x *exchange) {
	x.host.cl.queued++
	q.list = slices.Insert(q.list, q.head, x)
}

func (q *exchangeQueue) pop() *exchange {
	x := q.first()
	x.host.cl.queued--
	q.list[q.head] = nil
	q.head++
	q.compact()
	return x
}

func (q *exchangeQueue) remove(x *exchange) {
	if i := slices.Index(q.waiting(), x); i >= 0 {
		x.host.cl.queued--
		q.list = slices.Delete(q.list, q.head+i, q.head+i+1)
		q.compact()
	}
}

// compact removes the entries before the head when they are most of the list.
func (q *exchangeQueue) compact() {
	if n := q.len(); q.head > 0 && q.head >= n {
		copy(q.list, q.waiting())
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
}
