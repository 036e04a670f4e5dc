//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// bench has the sizes and durations of the measurements.
type bench struct {
	m          *machine
	rounds     int           // of echo
	warm, span time.Duration // of one measurement: before it, and of it
	idleConns  int
	idleRounds int
	idleLevels []int // numbers of idle connections of flat
	flatRounds int
	tlsRounds  int
	tlsConns   int // handshakes, and idle connections, of tls
	stalls     int // exchanges per row of stall
	stallWarm  int // exchanges before those
	qosRounds  int // with mosquitto, of stall
	mqttRounds int
	limit      time.Duration // for the whole program
}

var (
	full = bench{
		rounds: 7, warm: 300 * time.Millisecond, span: time.Second,
		idleConns: 18000, idleRounds: 3,
		idleLevels: []int{0, 1000, 10000, 50000}, flatRounds: 11,
		tlsRounds: 5, tlsConns: 2000,
		stalls: 100, stallWarm: 20, qosRounds: 3, mqttRounds: 5,
		limit: 6 * time.Minute,
	}
	quick = bench{
		rounds: 2, warm: 100 * time.Millisecond, span: 400 * time.Millisecond,
		idleConns: 4000, idleRounds: 1,
		idleLevels: []int{0, 1000, 10000}, flatRounds: 3,
		tlsRounds: 1, tlsConns: 400,
		stalls: 20, stallWarm: 20, qosRounds: 1, mqttRounds: 1,
		limit: time.Minute,
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
	if err := o.measure(stdout); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// options are the flags of the command line.
type options struct {
	quick, tls, stall, mqtt bool
	before                  string // path of another build of this program, or empty
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&o.quick, "quick", false, "take less than a minute; too short for results")
	f.BoolVar(&o.tls, "tls", false, "measure over TLS instead")
	f.BoolVar(&o.stall, "stall", false, "measure waits for delayed acknowledgements instead")
	f.BoolVar(&o.mqtt, "mqtt", false, "measure clients of mosquitto instead")
	f.StringVar(&o.before, "before", "", "also measure rikki at another commit; `FILE` is this program, built at that commit")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stderr)
		f.Usage()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; -h lists the flags", err)
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q; -h lists the flags", f.Arg(0))
	case o.tls && o.stall || o.tls && o.mqtt || o.stall && o.mqtt:
		return nil, errors.New("-tls, -stall and -mqtt exclude each other")
	case o.before != "":
		if o.before, err = exec.LookPath(o.before); err != nil {
			return nil, fmt.Errorf("-before: %w", err)
		}
	}
	return o, nil
}

// measure makes the measurements and prints them.
func (o *options) measure(out io.Writer) error {
	if o.before != "" {
		addBefore(o.before)
		addBeforeMQTT(o.before)
	}
	b := full
	if o.quick {
		b = quick
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
	parts := b.echoes()
	switch {
	case o.tls:
		parts = []part{b.tls}
	case o.stall:
		parts = []part{b.stall}
	case o.mqtt:
		parts = []part{b.mqtt}
	}
	return b.all(out, o.quick, parts)
}

// part makes one kind of measurement and prints it.
type part func(out io.Writer) error

// echoes returns the parts that are measured without -tls, -stall and -mqtt.
func (b *bench) echoes() []part { return []part{b.echo, b.idle, b.flat} }

// all makes the measurements and prints them.
func (b *bench) all(out io.Writer, hurried bool, parts []part) error {
	before, err := b.m.usage()
	if err != nil {
		return err
	}
	b.m.describe(out)
	if hurried {
		fmt.Fprintln(out, "-quick: few and short rounds, not a result")
	}
	for _, part := range parts {
		if err := part(out); err != nil {
			return err
		}
	}
	if err := b.m.disturbance(out, before); err != nil {
		return err
	}
	fmt.Fprintf(out, "It took %.0f s.\n", time.Since(before.at).Seconds())
	return nil
}

// child runs this program as a child process.
func child(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serveMain(args[1])
	case len(args) == 3 && args[0] == "hold":
		return holdMain(args[1], args[2])
	case len(args) == 3 && args[0] == "ask":
		return askMain(args[1], args[2])
	case len(args) > 2 && args[0] == "mqtt":
		return mqttMain(args[1], args[2], args[3:])
	case len(args) == 6 && args[0] == "publish":
		return publishMain(args[1], args[2], args[3], args[4], args[5])
	}
	return fmt.Errorf("no such child process: %q", args)
}
