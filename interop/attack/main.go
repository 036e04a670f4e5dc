//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	only    *regexp.Regexp
	short   bool
	seconds float64
	rounds  int
	list    bool

	// Of the child processes.
	server, bystander, attacker, addr string
	files                             int
	target                            bool
}

// run runs the program, or one of its child processes, and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "attack:", err)
		return 2
	}
	if child, err := o.child(); child {
		if err != nil {
			fmt.Fprintln(stderr, "attack:", err)
			return 1
		}
		return 0
	}
	if o.list {
		list(stdout, o.selected())
		return 0
	}
	if err := o.all(stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "attack:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("attack", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	only := f.String("only", "", "run the rows whose name matches this `REGEXP`")
	f.BoolVar(&o.short, "short", false, "run fewer and smaller attacks, as the test does")
	f.Float64Var(&o.seconds, "seconds", 3, "how long each attack lasts")
	f.IntVar(&o.rounds, "rounds", 1, "how often each row is run; the table shows the worst of each figure")
	f.BoolVar(&o.list, "list", false, "print the rows and what they may cost, and run nothing")
	usage := func() {
		fmt.Fprintln(stderr, "usage: attack [flags]")
		f.SetOutput(stderr)
		f.PrintDefaults()
		f.SetOutput(io.Discard)
	}
	f.Usage = func() {}
	f.StringVar(&o.server, "server", "", "")
	f.StringVar(&o.bystander, "bystander", "", "")
	f.StringVar(&o.attacker, "attacker", "", "")
	f.StringVar(&o.addr, "addr", "", "")
	f.IntVar(&o.files, "files", 0, "")
	f.BoolVar(&o.target, "target", false, "")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		f = visible(f)
		usage()
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w; -h lists the flags", err)
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q; -h lists the flags", f.Arg(0))
	case !(o.seconds > 0 && o.seconds <= 600):
		return nil, fmt.Errorf("-seconds %v: want more than 0 and at most 600", o.seconds)
	case o.rounds < 1 || o.rounds > 100:
		return nil, fmt.Errorf("-rounds %d: want 1 to 100", o.rounds)
	case o.files < 0:
		return nil, fmt.Errorf("-files %d is negative", o.files)
	case o.addr != "" && o.bystander == "" && o.attacker == "":
		return nil, errors.New("-addr needs -bystander or -attacker")
	case o.files > 0 && o.server == "":
		return nil, errors.New("-files needs -server")
	case o.server != "" && servers[o.server] == nil:
		return nil, fmt.Errorf("-server %q: want one of %s", o.server, serverNames())
	case o.attacker != "" && findRow(o.attacker) == nil:
		return nil, fmt.Errorf("-attacker %q: -list prints the rows", o.attacker)
	case len(o.selected()) == 0:
		return nil, fmt.Errorf("-only %s matches no row; -list prints them", *only)
	}
	return o, nil
}

// visible returns the flags that users may set. The others are those of child processes.
func visible(all *flag.FlagSet) *flag.FlagSet {
	shown := flag.NewFlagSet(all.Name(), flag.ContinueOnError)
	all.VisitAll(func(f *flag.Flag) {
		if f.Usage != "" {
			shown.Var(f.Value, f.Name, f.Usage)
			shown.Lookup(f.Name).DefValue = f.DefValue
		}
	})
	return shown
}

// child runs a child process, if the flags say so.
func (o *options) child() (bool, error) {
	switch {
	case o.server != "":
		return true, serveMain(o.server, o.files)
	case o.bystander != "":
		return true, bystanderMain(o.bystander, o.addr)
	case o.attacker != "":
		return true, attackMain(findRow(o.attacker), o.addr, o.span(), o.short)
	case o.target:
		return true, targetMain()
	}
	return false, nil
}

func (o *options) span() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// selected returns the rows that are to run.
func (o *options) selected() (chosen []*row) {
	for _, r := range rows {
		if o.only.MatchString(r.name) && !(o.short && r.slow) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// findRow returns the row with a name, or nil.
func findRow(name string) *row {
	for _, r := range rows {
		if r.name == name {
			return r
		}
	}
	return nil
}

// all runs the rows and prints the table.
func (o *options) all(stdout, stderr io.Writer) error {
	s, err := newSuite()
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	s.span, s.short = o.span(), o.short
	s.quiet = min(s.span, time.Second)
	s.self = self()
	if err := buildExamples(s.dir); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var lines []line
	for i, r := range o.selected() {
		fmt.Fprintf(stderr, "%d/%d %s\n", i+1, len(o.selected()), r.name)
		l := line{row: r}
		for range o.rounds {
			res, err := s.run(ctx, r)
			if err = cmp.Or(context.Cause(ctx), err); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", r.name, err), writeTable(stdout, lines))
			}
			l.add(res)
		}
		lines = append(lines, l)
	}
	s.describe(stdout)
	return writeTable(stdout, lines)
}

// self returns the path of this program.
func self() string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exe
}

// newSuite prepares a run: it finds two cores and makes a folder.
func newSuite() (*suite, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var cores []int
	for i := 0; len(cores) < set.Count(); i++ {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	dir, err := os.MkdirTemp("", "rikki-attack-")
	if err != nil {
		return nil, err
	}
	s := &suite{serverCore: cores[len(cores)-1], loadCore: cores[0], dir: dir,
		late: 3 * time.Second, leave: 15 * time.Second, kill: 8 << 30}
	s.examples = dir
	return s, nil
}
