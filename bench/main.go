//go:build linux

package main

import (
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
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs the program, or one of its child processes.
func run(args []string, out io.Writer) error {
	if os.Getenv(childMark) != "" {
		return child(args)
	}
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	hurry := f.Bool("quick", false, "take less than a minute; too short for results")
	overTLS := f.Bool("tls", false, "measure over TLS instead")
	stalls := f.Bool("stall", false, "measure waits for delayed acknowledgements instead")
	clients := f.Bool("mqtt", false, "measure clients of mosquitto instead")
	before := f.String("before", "", "also measure rikki at another commit; `FILE` is this program, built at that commit")
	f.Parse(args)
	if f.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "unexpected argument %q\n", f.Arg(0))
		f.Usage()
		os.Exit(2)
	}
	if *before != "" {
		path, err := exec.LookPath(*before)
		if err != nil {
			return err
		}
		addBefore(path)
		addBeforeMQTT(path)
	}
	b := full
	if *hurry {
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
	case *overTLS:
		parts = []part{b.tls}
	case *stalls:
		parts = []part{b.stall}
	case *clients:
		parts = []part{b.mqtt}
	}
	return b.all(out, *hurry, parts)
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
