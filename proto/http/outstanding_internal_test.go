package http

import "testing"

// The queue of requests does not grow if the same number of them is always outstanding.
func TestRequestQueueIsBounded(t *testing.T) {
	var q requestQueue
	if q.pop(); q.first() != "" || q.len() != 0 {
		t.Errorf("an empty queue has %q", q.first())
	}
	for range 3 {
		q.push("GET")
	}
	for range 1000 {
		q.push("HEAD")
		q.pop()
	}
	if q.len() != 3 || q.first() != "HEAD" || cap(q.methods) > 16 {
		t.Errorf("%d requests, the first is %q, capacity %d", q.len(), q.first(), cap(q.methods))
	}
}
