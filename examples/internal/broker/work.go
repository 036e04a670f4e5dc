package broker

import "github.com/rikki-go/rikki/reactor"

// turnWork is how much work the broker does before the loop looks at all connections again. A unit
// is about the visit of a node in a tree. All of it takes about a millisecond.
const turnWork = 20_000

// leastWork is what a job gets in each turn in which it runs.
const leastWork = 500

// workOf returns the units of work for a copy of n bytes to a client.
func workOf(n int) int { return 20 + n/64 }

// job is work that may need several turns of the loop.
type job interface {
	// run works until the job is done or *left is 0 or less. It subtracts its work from *left.
	run(left *int) (done bool)
}

// work runs jobs. A job runs at once, as long as there is work left for this turn. Jobs that are
// not done take turns: each gets a part of the work of each turn. So a job with little to do
// does not wait for a large one.
type work struct {
	m      *reactor.Manager
	left   int   // units until the next turn
	queue  []job // first in, first out
	posted bool  // turn will be called
}

// start runs a job. It returns false if the job was not done and was put into the queue.
func (w *work) start(j job) (done bool) {
	if w.left > 0 {
		done = j.run(&w.left)
	}
	if !done {
		w.add(j)
	} else if w.left <= 0 {
		w.post()
	}
	return done
}

// add puts a job into the queue, for the next turn.
func (w *work) add(j job) {
	w.queue = append(w.queue, j)
	w.post()
}

// post makes the loop call turn in its next turn.
func (w *work) post() {
	if !w.posted {
		w.posted = w.m.Post(w.turn) == nil // it fails if the manager is closed
	}
}

// turn runs the jobs in the queue, each once.
func (w *work) turn() {
	w.posted, w.left = false, turnWork
	n := len(w.queue)
	for i := 0; i < n && w.left > 0; i++ {
		j := w.queue[0]
		w.queue[0] = nil
		w.queue = w.queue[1:]
		part := max(w.left/(n-i), leastWork)
		w.left -= part
		done := j.run(&part)
		w.left += part // what it did not use, or what it used beyond its part
		if !done {
			w.queue = append(w.queue, j)
		}
	}
	if len(w.queue) > 0 {
		w.post()
	}
}
