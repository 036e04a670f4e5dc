package cli

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
)

// An error is one line with the program's name. Only -h prints the list of flags.
func TestRun(t *testing.T) {
	for _, row := range []struct {
		args   string
		err    error // of main
		status int
		stderr string
		called bool
	}{
		{"-n 1", nil, 0, "", true},
		{"-n 1", errors.New("it broke"), 1, "prog: it broke\n", true},
		{"-n 1", Usage("-n %d is odd", 1), 2, "prog: -n 1 is odd\n", true},
		{"", fmt.Errorf("wrapped: %w", Usage("no -n")), 2, "prog: wrapped: no -n\n", true},
		{"-x", nil, 2, "prog: flag provided but not defined: -x; -h lists the flags\n", false},
		{"-n x", nil, 2, "prog: invalid value \"x\" for flag -n: parse error; -h lists the flags\n", false},
		{"-n 1 more", nil, 2, "prog: unexpected argument \"more\"; -h lists the flags\n", false},
		{"-h", nil, 0, "Usage of prog:\n  -n int\n    \ta number\n", false},
		{"-help more", nil, 0, "Usage of prog:\n  -n int\n    \ta number\n", false},
	} {
		f := flag.NewFlagSet("prog", flag.ContinueOnError)
		f.Int("n", 0, "a number")
		var stderr strings.Builder
		called := false
		status := Run(f, strings.Fields(row.args), &stderr, func() error { called = true; return row.err })
		if status != row.status || stderr.String() != row.stderr || called != row.called {
			t.Errorf("%q, %v: status %d, stderr %q, main called: %v", row.args, row.err, status, stderr.String(), called)
		}
	}
}
