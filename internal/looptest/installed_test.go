package looptest_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// verdict is a test that is skipped or fails.
type verdict struct {
	testing.TB
	result string
}

func (*verdict) Helper()                 {}
func (v *verdict) Skipf(string, ...any)  { v.result = "skipped" }
func (v *verdict) Fatalf(string, ...any) { v.result = "failed"; panic(v) } // as Fatalf, it does not return

// A missing program skips a test, or fails it with RIKKI_REQUIRE_ALL.
func TestInstalled(t *testing.T) {
	for required, want := range map[string]string{"": "skipped", "1": "failed"} {
		t.Setenv("RIKKI_REQUIRE_ALL", required)
		v := &verdict{}
		func() {
			defer func() { recover() }()
			looptest.Installed(v, "no-such-program", "nor-this-one")
		}()
		if v.result != want {
			t.Errorf("RIKKI_REQUIRE_ALL=%q: %q, want %q", required, v.result, want)
		}
	}
	v := &verdict{}
	if path := looptest.Installed(v, "no-such-program", "go"); path == "" || v.result != "" {
		t.Errorf("the second name: %q, %s", path, v.result)
	}
}
