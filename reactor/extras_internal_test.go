package reactor

import (
	"testing"
	"time"
)

// A connection releases its extras when all their fields have their defaults again. It keeps them
// as long as it has settings.
func TestExtrasAreGivenBack(t *testing.T) {
	m, _ := newWithDeadlines(t, Deadlines{})
	c, _ := wrap(t, m, nil)
	turns(t, m, 1)
	for range 2 {
		c.Stack().AddHeld(100)
		if c.ext == nil {
			t.Fatal("no extras for held bytes")
		}
		c.Stack().AddHeld(-100)
		if c.ext != nil {
			t.Errorf("extras %+v", c.ext)
		}
	}
	if len(m.spareExtras.list) != 1 {
		t.Errorf("%d spare extras, want 1", len(m.spareExtras.list))
	}
	c.SetWater(10, 20)
	c.Stack().AddHeld(100)
	c.Stack().AddHeld(-100)
	if low, high := c.Water(); c.ext == nil || low != 10 || high != 20 {
		t.Errorf("marks %d and %d, want 10 and 20", low, high)
	}
}

// Reading settings allocates nothing, and a change on one connection does not change another.
func TestSettings(t *testing.T) {
	m, _ := newWithDeadlines(t, Deadlines{})
	a, _ := wrap(t, m, nil)
	b, _ := wrap(t, m, nil)
	turns(t, m, 1)
	a.SetDeadlines(Deadlines{Idle: time.Minute})
	a.SetLimits(Limits{Send: 10})
	a.SetWater(1, 2)
	a.SetRecorder(&Recorder{Entries: 1})
	if s := a.settings(); s.deadlines == nil || s.limits.Send != 10 || s.high != 2 || s.recorder == nil {
		t.Errorf("settings %+v", s)
	}
	b.SetLimits(Limits{})
	b.SetWater(0, 0)
	b.SetRecorder(nil)
	b.SetDeadlines(Deadlines{})
	if b.ext != nil || *b.settings() != (settings{}) || noSettings != (settings{}) {
		t.Errorf("extras %+v, settings %+v", b.ext, *b.settings())
	}
}
