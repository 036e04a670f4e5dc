package http

import "slices"

// requestQueue holds the methods of a client's requests whose responses have not begun, the oldest
// first. Responses come in the order of the requests [RFC 9112 9.3.2].
type requestQueue struct {
	methods []string
	done    int // number of methods at the front that are answered
}

// expect registers a request. Its response follows those of the requests before it.
func (l *layer) expect(method string) { l.requests.push(method) }

func (q *requestQueue) push(method string) {
	if q.done > 0 && len(q.methods) == cap(q.methods) { // move instead of growing
		q.methods = slices.Delete(q.methods, 0, q.done)
		q.done = 0
	}
	q.methods = append(q.methods, method)
}

func (q *requestQueue) len() int { return len(q.methods) - q.done }

// first returns the method of the oldest request, or "" if there is none.
func (q *requestQueue) first() string {
	if q.len() == 0 {
		return ""
	}
	return q.methods[q.done]
}

// pop removes the oldest request, if there is one.
func (q *requestQueue) pop() {
	if q.len() == 0 {
		return
	}
	q.methods[q.done] = ""
	if q.done++; q.done == len(q.methods) {
		q.methods, q.done = q.methods[:0], 0
	}
}
