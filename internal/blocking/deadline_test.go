package blocking_test

import (
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/blocking"
)

// A deadline in the past has passed at once, one in the future passes and wakes, and a new one or
// Stop replaces it.
func TestDeadline(t *testing.T) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	mu.Lock()
	defer mu.Unlock()
	var d blocking.Deadline
	for range 3 {
		if d.Set(time.Now(), changed); !d.Passed() {
			t.Error("a deadline that is now has not passed")
		}
		if d.Set(time.Now().Add(time.Hour), changed); d.Passed() {
			t.Error("a deadline in an hour has passed")
		}
		if d.Set(time.Time{}, changed); d.Passed() {
			t.Error("no deadline has passed")
		}
		d.Set(time.Now().Add(time.Millisecond), changed)
		for !d.Passed() {
			changed.Wait()
		}
	}
	for d.Set(time.Now().Add(time.Millisecond), changed); d.Passed(); { // this goroutine was late
		d.Set(time.Now().Add(time.Millisecond), changed)
	}
	d.Stop()
	var other blocking.Deadline
	other.Set(time.Now().Add(2*time.Millisecond), changed)
	for !other.Passed() {
		changed.Wait()
	}
	if d.Passed() {
		t.Error("a deadline has passed after Stop")
	}
}
