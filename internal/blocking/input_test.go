package blocking_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/blocking"
)

// The loop stops receiving at the limit, and goes on at half of it. What it counts is the
// memory that the bytes take.
func TestInput(t *testing.T) {
	in := blocking.Input{Limit: 100}
	const block = 16 << 10
	for i, step := range []struct {
		receive, take         int
		pause, needs, resumes bool
		delta                 int
	}{
		{receive: 1, needs: true, delta: block},
		{receive: 98},
		{receive: 1, pause: true},
		{receive: 50},
		{take: 99},
		{take: 1, needs: true, resumes: true},
		{take: 50, needs: true, delta: -block},
		{receive: 40000, pause: true, needs: true, delta: 3 * block},
		{take: 40000, needs: true, resumes: true, delta: -3 * block},
		{},
	} {
		if got := in.Receive(make([]byte, step.receive)); got != step.pause {
			t.Errorf("step %d: pause %v", i, got)
		}
		if got := in.Take(make([]byte, step.take)); got != step.take {
			t.Errorf("step %d: %d taken", i, got)
		}
		needs, resumes, delta := in.NeedsLoop(), in.Resume(), in.Count()
		if needs != step.needs || resumes != step.resumes || delta != step.delta || in.NeedsLoop() {
			t.Errorf("step %d: needs the loop %v, resumes %v, delta %d", i, needs, resumes, delta)
		}
	}
}
