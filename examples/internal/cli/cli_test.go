package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
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

// A file may be left out, and its name may not be empty.
func TestFile(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
		ok   bool
	}{
		{nil, "", true},
		{[]string{"-file", "x"}, "x", true},
		{[]string{"-file", ""}, "", false},
		{[]string{"-file="}, "", false},
	} {
		f := flag.NewFlagSet("", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		var name string
		File(f, &name, "file", "a `file`")
		if err := f.Parse(tc.args); name != tc.want || (err == nil) != tc.ok {
			t.Errorf("%q: %q, %v", tc.args, name, err)
		}
	}
}

// A time of 0 is no limit. A negative time, and what is no time, is wrong usage.
func TestTimeout(t *testing.T) {
	for _, row := range []struct {
		args     string
		want     time.Duration
		deadline time.Duration
		stderr   string // part of it; "" if there is no error
	}{
		{"", time.Minute, time.Minute, ""},
		{"-wait 1500ms", 1500 * time.Millisecond, 1500 * time.Millisecond, ""},
		{"-wait 0", 0, -1, ""},
		{"-wait -1ns", 0, 0, `invalid value "-1ns" for flag -wait: it is negative; 0 means no limit; -h`},
		{"-wait 30", 0, 0, `invalid value "30" for flag -wait: want a time such as 30s or 5m; -h`},
		{"-h", time.Minute, time.Minute, "(default 1m0s)"},
	} {
		f := flag.NewFlagSet("prog", flag.ContinueOnError)
		var wait time.Duration
		Timeout(f, &wait, "wait", time.Minute, "`time` to wait")
		var stderr strings.Builder
		status := Run(f, strings.Fields(row.args), &stderr, func() error { return nil })
		failed := strings.Contains(row.stderr, "invalid")
		if failed != (status == 2) || !strings.Contains(stderr.String(), row.stderr) {
			t.Errorf("%q: status %d, stderr %q", row.args, status, stderr.String())
		}
		if !failed && (wait != row.want || Deadline(wait) != row.deadline) {
			t.Errorf("%q: %v, deadline %v", row.args, wait, Deadline(wait))
		}
	}
}

func TestCount(t *testing.T) {
	for _, row := range []struct {
		args   string
		want   int
		stderr string // part of it; "" if there is no error
	}{
		{"", 7, ""},
		{"-n 0", 0, ""},
		{"-n 2147483647", 1<<31 - 1, ""},
		{"-n 2147483648", 0, `invalid value "2147483648" for flag -n: want a number; -h`},
		{"-n -1", 0, `invalid value "-1" for flag -n: it is negative; -h`},
		{"-n x", 0, `invalid value "x" for flag -n: want a number; -h`},
	} {
		f := flag.NewFlagSet("prog", flag.ContinueOnError)
		var n int
		Count(f, &n, "n", 7, "a `number`")
		var stderr strings.Builder
		status := Run(f, strings.Fields(row.args), &stderr, func() error { return nil })
		if (row.stderr != "") != (status == 2) || !strings.Contains(stderr.String(), row.stderr) || status == 0 && n != row.want {
			t.Errorf("%q: %d, status %d, stderr %q", row.args, n, status, stderr.String())
		}
	}
}
