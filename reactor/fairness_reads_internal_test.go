package reactor

import (
	"testing"
	"time"
)

// A phase that reads large messages after many cheap events looks at the clock soon: a read counts
// by its size.
func TestLargeReadsCountByTheirSize(t *testing.T) {
	now := time.Unix(0, 0)
	m := quiet(t, WithClock(func() time.Time { return now }))
	c, _ := wrap(t, m, nil)
	turns(t, m, 1)
	for _, tt := range []struct{ size, most int }{
		{maxReadOn, 2 * maxUnitsPerLook * readSize / maxReadOn},
		{readSize, 2 * maxUnitsPerLook},
	} {
		m.turn = turnBudget{}
		m.beginPhase()
		for range 4 * maxUnitsPerLook {
			m.worked()
		}
		reads := 0
		for ; !m.turn.over && reads < 1000; reads++ {
			now = now.Add(maxPhaseTime)
			c.noteRead(tt.size)
			m.worked()
		}
		if reads > tt.most {
			t.Errorf("%d reads of %d bytes in a phase, want at most %d", reads, tt.size, tt.most)
		}
	}
}
