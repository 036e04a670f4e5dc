// Package cli runs the examples' command lines. They take flags and no other arguments. An
// error is one line on standard error. The exit status is 0 after success and -h, 1 after a
// failure, and 2 for wrong usage.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Run parses args, calls main, and returns the exit status. f must have the program's name
// and be made with flag.ContinueOnError.
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

// parse parses args. It prevents package flag from printing its list of flags after an error:
// the error would scroll away.
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

// usage is an error in the command line.
type usage struct{ error }

func (u *usage) Unwrap() error { return u.error }

// Usage is fmt.Errorf for an error in the command line. If main returns it, Run returns 2.
func Usage(format string, args ...any) error { return &usage{fmt.Errorf(format, args...)} }
