// Package cli runs the examples' command lines. They take flags and no other arguments. An
// error is one line on standard error. The exit status is 0 after success and -h, 1 after a
// failure, and 2 for wrong usage.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"
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

// Level returns the level of the log that a flag -v selects.
func Level(verbose bool) slog.Level {
	if verbose {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Timeout defines a flag for a time limit, such as 30s. 0 means no limit. A negative time is an
// error.
func Timeout(f *flag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	f.Var((*timeout)(p), name, usage)
}

// Deadline returns the value of a field of reactor.Deadlines for a time limit of Timeout: in
// these fields zero means the default, and a negative value means none.
func Deadline(limit time.Duration) time.Duration {
	if limit == 0 {
		return -1
	}
	return limit
}

// timeout is the flag.Value of Timeout.
type timeout time.Duration

func (t *timeout) String() string { return time.Duration(*t).String() }

func (t *timeout) Set(s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return errors.New("want a time such as 30s or 5m")
	case d < 0:
		return errors.New("it is negative; 0 means no limit")
	}
	*t = timeout(d)
	return nil
}

// File defines a flag for the name of a file that may be left out. It may not be empty: with
// -passwords "$FILE" and no such variable, a server would let everyone in.
func File(f *flag.FlagSet, p *string, name, usage string) {
	*p = ""
	f.Var((*file)(p), name, usage)
}

// file is the flag.Value of File.
type file string

func (s *file) String() string { return string(*s) }

func (s *file) Set(name string) error {
	if name == "" {
		return errors.New("it is empty; want a file")
	}
	*s = file(name)
	return nil
}

// Count defines a flag for a number of things that is not negative.
func Count(f *flag.FlagSet, p *int, name string, value int, usage string) {
	*p = value
	f.Var((*count)(p), name, usage)
}

// Limit defines a flag for a limit: a positive number, or a negative one for no limit.
func Limit(f *flag.FlagSet, p *int, name string, value int, usage string) {
	*p = value
	f.Var((*limit)(p), name, usage)
}

// limit is the flag.Value of Limit.
type limit int

func (n *limit) String() string { return strconv.Itoa(int(*n)) }

func (n *limit) Set(s string) error {
	v, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return errors.New("want a number")
	case v == 0:
		return errors.New("want a positive number, or a negative one for no limit")
	}
	*n = limit(v)
	return nil
}

// count is the flag.Value of Count.
type count int

func (n *count) String() string { return strconv.Itoa(int(*n)) }

func (n *count) Set(s string) error {
	v, err := strconv.ParseInt(s, 10, 32)
	switch {
	case err != nil:
		return errors.New("want a number")
	case v < 0:
		return errors.New("it is negative")
	}
	*n = count(v)
	return nil
}
