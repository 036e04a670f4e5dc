package arch_test

import (
	"strings"
	"testing"
)

// TestProgramsTestTheirUsage checks that each package that defines flags tests the refusal of wrong
// values with looptest.WantUsage, which walks all flags.
func TestProgramsTestTheirUsage(t *testing.T) {
	programs, tested := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		text := readFile(t, s.path)
		switch {
		case !s.test() && strings.Contains(text, "flag.NewFlagSet("):
			programs[s.dir()] = true
		case s.test() && strings.Contains(text, "looptest.WantUsage("):
			tested[s.dir()] = true
		}
	}
	if len(programs) < 10 {
		t.Errorf("found only %d packages with flags", len(programs))
	}
	for dir := range programs {
		if !tested[dir] {
			t.Errorf("%s has flags, and no test calls looptest.WantUsage", dir)
		}
	}
}
