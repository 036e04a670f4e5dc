// Package cli is what the command lines of the examples have in common: they
// take flags and nothing else, say on one line of standard error what is wrong,
// and exit with 0 after success and -h, 1 after a failure, 2 for wrong usage.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Run parses args, calls main, and returns the exit status. The name of f is the
// program's; f is to be made with flag.ContinueOnError.
func Run(f *flag.FlagSet, args []string, stderr io.Writer, main func() error) int {
	err := parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		f.SetOutput(stderr)
		f.Usage()
		return 0
	}
	if err == nil {
		err = main()
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", f.Name(), err)
	if _, wrong := errors.AsType[*usage](err); wrong {
		return 2
	}
	return 1
}

// parse keeps package flag from adding its list of flags to an error: the line
// that matters would scroll away.
func parse(f *flag.FlagSet, args []string) error {
	f.SetOutput(io.Discard)
	err := f.Parse(args)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return Usage("%w; -h lists the flags", err)
}

// usage is an error that the command line is to blame for.
type usage struct{ error }

func (u *usage) Unwrap() error { return u.error }

// Usage is fmt.Errorf for what is wrong with the command line: with it Run
// returns 2.
func Usage(format string, args ...any) error { return &usage{fmt.Errorf(format, args...)} }
