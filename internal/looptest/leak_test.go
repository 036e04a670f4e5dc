package looptest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// told is a test that only notes what it is told.
type told struct {
	testing.TB
	errors []string
}

func (f *told) Helper() {}
func (f *told) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func TestStockNoticesWhatLeaks(t *testing.T) {
	check := func(s Stock, spare int, words string) {
		t.Helper()
		f := &told{TB: t}
		s.Check(f, spare)
		if got := strings.Join(f.errors, "; "); words == "" && got != "" || !strings.Contains(got, words) {
			t.Errorf("said %q, want %q", got, words)
		}
	}
	s := TakeStock(t)
	check(s, 0, "")
	defer func(d time.Duration) { descriptorTimeout = d }(descriptorTimeout)
	descriptorTimeout = time.Millisecond
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	check(s, 0, " descriptors, ")
	check(s, 1, "")
	descriptorTimeout = time.Minute
	f.Close()
	check(s, 0, "")
	end := make(chan struct{})
	go func() { <-end }()
	defer func(d time.Duration) { leakTimeout = d }(leakTimeout)
	leakTimeout = time.Millisecond
	check(s, 0, " goroutines, ")
	leakTimeout = time.Minute
	close(end)
	check(s, 0, "")
}
