package looptest

import (
	"errors"
	"strings"
	"testing"
)

// Must fails the test, which goes on, if a call returned an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected: %v", err)
	}
}

// WantErr looks for an error, which may be nil for any, and for words in its
// text.
func WantErr(t testing.TB, err, is error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v with %q", is, words)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("error %q is not %q", err, is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// WantNoAllocs runs something until every queue has its size and the pools
// are warm, then 200 times and once more, which must allocate nothing.
func WantNoAllocs(t testing.TB, what string, run func()) {
	t.Helper()
	for range 10 {
		run()
	}
	if n := testing.AllocsPerRun(200, run); n != 0 {
		t.Errorf("%s: %v allocations per run, want 0", what, n)
	}
}
