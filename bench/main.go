//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// groups are what the command line can select, in the order of the output.
var groups = []*group{
	{name: "echo", about: "WebSocket echo", open: openEcho},
	{name: "connect", about: "Connecting and upgrading", open: openConnect},
	{name: "idle", about: "Idle WebSocket connections", open: openIdle},
	{name: "broadcast", about: "Broadcast", open: openBroadcast},
	{name: "tls", about: "WebSocket over TLS", open: openTLS},
	{name: "http", about: "HTTP keep-alive", open: openHTTP},
	{name: "latency", about: "Latency", open: openLatency},
	{name: "loops", about: "Several event loops", open: openLoops},
	{name: "stall", about: "Waits for delayed acknowledgements", long: true, open: openStall},
	{name: "mqtt", about: "MQTT clients", long: true, open: openMQTT},
	{name: "codecs", about: "Frames and packets", long: true, open: openCodecs},
	{name: "timers", about: "Timers", long: true, open: openTimers},
	{name: "wakeups", about: "Wake-ups", long: true, open: openWakeups},
}

// bench is one run of the program.
type bench struct {
	sizes
	m       *machine
	full    bool
	before  string                // path of another build of this program, or empty
	others  map[*subject]*subject // what before adds; the key is the same server of this build
	profile string                // as in options
	tests   string                // path of the compiled tests of this module, or empty
	done    int                   // complete rounds
	notes   []string
	stops   []func()
}

// sizes are the numbers and durations of the measurements.
type sizes struct {
	rounds      int
	warm, span  time.Duration // of one sample: before it, and of it
	steady      time.Duration // of one sample of latency
	besideConns int           // idle connections beside busy ones
	idleConns   int
	fanConns    int // receivers of a broadcast
	connects    int // connections of one sample of connect
	tlsConns    int // handshakes, and idle connections, of tls
	heap        int // MB of live objects of latency
	stalls      int // exchanges per row of stall
	stallWarm   int // exchanges before those
	// No round begins that would end later than budget. At limit the program gives up.
	budget, limit time.Duration
}

var (
	fullSizes = sizes{
		rounds: 5, warm: 300 * time.Millisecond, span: time.Second, steady: 4 * time.Second,
		besideConns: 10000, idleConns: 18000, fanConns: 10000, connects: 4000, tlsConns: 2000, heap: 100,
		stalls: 100, stallWarm: 20, budget: 40 * time.Minute, limit: 2 * time.Hour,
	}
	shortSizes = sizes{
		rounds: 5, warm: 60 * time.Millisecond, span: 250 * time.Millisecond, steady: 800 * time.Millisecond,
		besideConns: 10000, idleConns: 10000, fanConns: 10000, connects: 2000, tlsConns: 400, heap: 100,
		stalls: 20, stallWarm: 20, budget: 160 * time.Second, limit: 15 * time.Minute,
	}
	quickSizes = sizes{
		rounds: 1, warm: 50 * time.Millisecond, span: 250 * time.Millisecond, steady: 300 * time.Millisecond,
		besideConns: 1000, idleConns: 2000, fanConns: 1000, connects: 400, tlsConns: 100, heap: 100,
		stalls: 5, stallWarm: 20, budget: time.Minute, limit: 15 * time.Minute,
	}
)

func main() {
	if os.Getenv(childMark) != "" {
		if err := child(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	measure := func() error { return o.measure(stdout, stderr) }
	if o.profile != "" {
		err = profiled(o.profile, measure)
	} else {
		err = measure()
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// options are the command line.
type options struct {
	quick, full bool
	before      string
	profile     string   // file for -pgo, or empty
	write       string   // root of the repository, or empty
	names       []string // of groups
	groups      []*group // in the order of the output
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&o.quick, "quick", false, "one short round; too short for results")
	f.BoolVar(&o.full, "full", false, "all groups and all peers, more and longer rounds; takes about 40 minutes")
	f.StringVar(&o.before, "before", "", "also measure rikki at another commit; `FILE` is this program, built at that commit")
	f.StringVar(&o.profile, "profile", "", "only run rikki's servers, and write a CPU profile of them, for go build -pgo, to `FILE`")
	f.StringVar(&o.write, "write", "", "write tables and charts to the documents of the repository in `DIR`")
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "usage: bench [flags] [GROUP ...]")
		f.PrintDefaults()
		fmt.Fprintln(f.Output(), "groups, and which are measured only with -full or by name:")
		for _, g := range groups {
			fmt.Fprintf(f.Output(), "  %-10s %s%s\n", g.name, g.about, map[bool]string{true: " (-full)"}[g.long])
		}
	}
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stderr)
		f.Usage()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; -h lists the flags", err)
	case o.write != "" && f.NArg() > 0:
		return nil, errors.New("-write writes all groups, so it excludes arguments")
	case o.write != "" && o.before != "":
		return nil, errors.New("-write and -before exclude each other")
	case o.profile != "" && (o.full || o.quick || o.before != "" || o.write != ""):
		return nil, errors.New("-profile excludes -quick, -full, -before and -write")
	case o.before != "":
		if o.before, err = exec.LookPath(o.before); err != nil {
			return nil, fmt.Errorf("-before: %w", err)
		}
	}
	if o.names = f.Args(); o.profile != "" && f.NArg() == 0 {
		o.names = profileGroups
	}
	o.groups, err = choose(o.names, o.full)
	return o, err
}

// choose returns the groups with these names. Without names it returns the default ones.
func choose(names []string, full bool) ([]*group, error) {
	var chosen []*group
	for _, g := range groups {
		if slices.Contains(names, g.name) || len(names) == 0 && (full || !g.long) {
			chosen = append(chosen, g)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(groups, func(g *group) bool { return g.name == name }) {
			return nil, fmt.Errorf("unexpected argument %q is not a group; -h lists the groups", name)
		}
	}
	return chosen, nil
}

// measure makes the measurements and prints them.
func (o *options) measure(out, progress io.Writer) error {
	b := &bench{sizes: shortSizes, full: o.full, before: o.before, profile: o.profile}
	switch {
	case o.profile != "":
		b.sizes = profileSizes
		b.note("-profile: the servers wrote profiles, so these figures are not a result.")
	case o.quick:
		b.sizes = quickSizes
		b.note("-quick: the round is short, so these figures are not a result.")
	case o.full:
		b.sizes = fullSizes
	}
	// The children end when this process ends, because their standard input ends.
	overdue := time.AfterFunc(b.limit, func() {
		fmt.Fprintf(os.Stderr, "bench: not finished after %v\n", b.limit)
		os.Exit(1)
	})
	defer overdue.Stop()
	var err error
	if b.m, err = newMachine(); err != nil {
		return err
	}
	if err := b.m.pin(); err != nil {
		return err
	}
	report, err := b.all(o.groups, progress)
	if err != nil {
		return err
	}
	report.command = o.command()
	if err := report.writeText(out); err != nil || o.write == "" {
		return err
	}
	return report.writeDocuments(o.write)
}

// command returns the command line without the paths, to be run in the root of the repository.
func (o *options) command() string {
	words := []string{"go run -C bench ."}
	for _, flag := range []struct {
		set  bool
		word string
	}{{o.quick, "-quick"}, {o.full, "-full"}, {o.before != "", "-before FILE"}, {o.profile != "", "-profile FILE"}, {o.write != "", "-write .."}} {
		if flag.set {
			words = append(words, flag.word)
		}
	}
	return strings.Join(append(words, o.names...), " ")
}

// all measures groups.
func (b *bench) all(groups []*group, progress io.Writer) (*report, error) {
	defer func() {
		for _, stop := range slices.Backward(b.stops) {
			stop()
		}
	}()
	before, err := b.m.usage()
	if err != nil {
		return nil, err
	}
	results, err := b.measure(groups, progress)
	if err != nil {
		return nil, err
	}
	disturbance, err := b.m.disturbance(before)
	if err != nil {
		return nil, err
	}
	return &report{b: b, results: results, disturbance: disturbance, took: time.Since(before.at)}, nil
}

// atEnd registers a function that is called when the measurements have ended.
func (b *bench) atEnd(stop func()) { b.stops = append(b.stops, stop) }

// note adds a sentence to the report, unless it is there.
func (b *bench) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(b.notes, s) {
		b.notes = append(b.notes, s)
	}
}

// possible returns how many connections a server can have, at most want, besides its busy ones.
func (b *bench) possible(want, busy int) int {
	n, why := b.m.reachable(want, busy)
	if why != "" {
		b.note("There were %s connections and not %s, because %s.", figure(float64(n)), figure(float64(want)), why)
	}
	return n
}

// child runs this program as a child process.
func child(args []string) error {
	switch {
	case len(args) > 2 && args[0] == "serve":
		return serveMain(args[1], args[2], args[3:])
	case len(args) == 3 && args[0] == "hold":
		return holdMain(args[1], args[2])
	case len(args) == 3 && args[0] == "ask":
		return askMain(args[1], args[2])
	case len(args) > 2 && args[0] == "mqtt":
		return mqttMain(args[1], args[2], args[3:])
	case len(args) > 2 && args[0] == "partner":
		return partnerMain(args[1], args[2:])
	case len(args) == 6 && args[0] == "publish":
		return publishMain(args[1], args[2], args[3], args[4], args[5])
	}
	return fmt.Errorf("no such child process: %q", args)
}
