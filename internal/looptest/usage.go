package looptest

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Refusal is a command line that a program must refuse.
type Refusal struct {
	args []string
	says string
}

// Wrong returns a command line that a program must refuse. says is a part of the line that it
// writes to standard error.
func Wrong(says string, args ...string) Refusal { return Refusal{args, says} }

// Secret is a password for the command lines of WantUsage. No output may have it.
const Secret = "s3cret"

var helpLine = regexp.MustCompile(`(?m)^  -([\w-]+)( \S+)?`)

// WantUsage runs a program's function run in this process with each of the command lines. It wants
// status 2, one line on standard error that begins with the program's name, and nothing on standard
// output: the program has begun nothing. Then it reads the flags from -h. Each flag that takes a
// value must be in a command line and in what the program says about it, or in anyText: those are
// flags that take every text, and flags of parts of one thing that is checked as a whole. The
// rows for an unknown flag, a flag without its value and an argument are added.
func WantUsage(t *testing.T, run func(args []string, stdout, stderr io.Writer) int, name string, anyText []string, rows []Refusal) {
	t.Helper()
	rows = append(slices.Clip(rows),
		Wrong("flag provided but not defined: -no-such-flag", "-no-such-flag"),
		Wrong(`unexpected argument "more"`, "more"))
	help := Run(t, run, "-h")
	if help.Status != 0 || help.Stdout != "" || !strings.Contains(help.Stderr, name) {
		t.Errorf("-h: status %d, stderr %q, stdout %q", help.Status, help.Stderr, help.Stdout)
	}
	flags := helpLine.FindAllStringSubmatch(help.Stderr, -1)
	if len(flags) == 0 {
		t.Errorf("-h lists no flags: %q", help.Stderr)
	}
	for _, f := range flags {
		flag := "-" + f[1]
		if f[2] == "" { // it takes no value
			rows = append(rows, Wrong(`"x" for `+flag, flag+"=x"))
			continue
		}
		rows = append(rows, Wrong("flag needs an argument: "+flag, flag))
		has := func(w Refusal) bool { return slices.Contains(w.args, flag) && strings.Contains(w.says, flag) }
		if !slices.Contains(anyText, flag) && !slices.ContainsFunc(rows[:len(rows)-1], has) {
			t.Errorf("no command line has a wrong value of %s, with the flag in what the program says", flag)
		}
	}
	for _, row := range rows {
		r := Run(t, run, row.args...)
		if r.Status != 2 || !strings.Contains(r.Stderr, row.says) || !strings.HasPrefix(r.Stderr, name+": ") ||
			strings.Count(r.Stderr, "\n") != 1 || r.Stdout != "" {
			t.Errorf("%.80q: status %d, stderr %q, want %q; stdout %q", row.args, r.Status, r.Stderr, row.says, r.Stdout)
		}
		if strings.Contains(r.Stderr+r.Stdout, Secret) {
			t.Errorf("%.80q shows the password: %s%s", row.args, r.Stdout, r.Stderr)
		}
	}
}
