package broker

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// task is a job of size units.
type task struct {
	name string
	size int
	log  *[]string
	runs int
}

func (j *task) run(left *int) bool {
	j.runs++
	n := min(j.size, *left)
	j.size -= n
	*left -= n
	if j.size == 0 {
		*j.log = append(*j.log, j.name)
	}
	return j.size == 0
}

// A job runs at once if there is work left in this turn. The rest runs in later turns, and small
// jobs do not wait for large ones.
func TestWork(t *testing.T) {
	m := looptest.NewManager(t)
	w := work{m: m, left: turnWork}
	var log []string
	small := func(name string) *task { return &task{name: name, size: 10, log: &log} }
	large := &task{name: "large", size: 5 * turnWork, log: &log}
	if !w.start(small("first")) || w.start(large) || w.start(small("second")) {
		t.Fatal("only the first job fits into the turn")
	}
	if w.start(small("third")); !slices.Equal(log, []string{"first"}) {
		t.Fatalf("done: %q, want only the first", log)
	}
	looptest.Spin(t, m, 1)
	if !slices.Equal(log, []string{"first", "second", "third"}) {
		t.Fatalf("done after a turn: %q", log)
	}
	looptest.Await(t, m, "the large job", func() bool { return len(log) == 4 })
	if large.runs < 5 || len(w.queue) != 0 {
		t.Errorf("the large job had %d turns; %d jobs are left", large.runs, len(w.queue))
	}
	looptest.Spin(t, m, 2)
	if w.posted || w.left <= 0 {
		t.Error("the turn after the last has no work left")
	}
}

// If many jobs wait, all of them run within some turns, in order.
func TestWorkOfManyJobs(t *testing.T) {
	m := looptest.NewManager(t)
	w := work{m: m}
	var log, want []string
	for i := range 2 * turnWork / leastWork {
		name := string(rune('a' + i%26))
		want = append(want, name)
		w.start(&task{name: name, size: leastWork, log: &log})
	}
	looptest.Spin(t, m, 1)
	if n := len(log); n == 0 || n > turnWork/leastWork+1 {
		t.Errorf("%d jobs ran in one turn", n)
	}
	looptest.Await(t, m, "all jobs", func() bool { return len(log) == len(want) })
	if !slices.Equal(log, want) {
		t.Errorf("order %q", log)
	}
}
