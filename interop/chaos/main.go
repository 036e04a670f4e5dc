package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt/session"
)

func main() { os.Exit(chaos(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	broker                   string // empty: both
	qos, version             int    // 0: both
	messages, cuts, inflight int
	seed                     uint64
	verbose                  bool
	limit                    time.Duration
}

// parse parses the command line. An error of package flag is the only output.
func (o *options) parse(args []string, stderr io.Writer) error {
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.broker, "broker", "", "`name` of the broker, mosquitto or mochi (default: both)")
	f.IntVar(&o.qos, "qos", 0, "`level`, 1 or 2 (default: both)")
	f.IntVar(&o.version, "version", 0, "`level`, 4 (MQTT 3.1.1) or 5 (default: both)")
	f.IntVar(&o.messages, "messages", 100_000, "`number` of messages of each run")
	f.IntVar(&o.cuts, "cuts", 200, "smallest `number` of cuts of each run")
	f.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())%1e6, "`number` that the faults follow from")
	f.IntVar(&o.inflight, "inflight", 0, "`number` of messages in flight (default: that of the session)")
	f.BoolVar(&o.verbose, "v", false, "print why the connections ended")
	f.DurationVar(&o.limit, "limit", 15*time.Minute, "longest `time` of a run")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stderr)
		f.Usage()
		return err
	case err != nil:
		return fmt.Errorf("%w; -h lists the flags", err)
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q; -h lists the flags", f.Arg(0))
	}
	return o.check()
}

// check checks the values of the flags.
func (o *options) check() error {
	switch {
	case o.broker != "" && brokers[o.broker] == nil:
		return fmt.Errorf("-broker %q: want mosquitto or mochi", o.broker)
	case o.qos < 0 || o.qos > 2:
		return fmt.Errorf("-qos %d: want 1 or 2", o.qos)
	case o.version != 0 && o.version != 4 && o.version != 5:
		return fmt.Errorf("-version %d: want 4 or 5", o.version)
	case o.messages < 1:
		return fmt.Errorf("-messages %d is not positive", o.messages)
	case o.cuts < 0:
		return fmt.Errorf("-cuts %d is negative", o.cuts)
	case o.inflight < 0 || o.inflight > math.MaxUint16:
		return fmt.Errorf("-inflight %d: want 1 to %d", o.inflight, math.MaxUint16)
	case o.limit <= 0:
		return fmt.Errorf("-limit %v is not positive", o.limit)
	}
	return nil
}

// chaos runs the program and returns its exit status.
func chaos(args []string, stdout, stderr io.Writer) int {
	var o options
	switch err := o.parse(args, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "chaos:", err)
		return 2
	}
	status := 0
	for _, name := range []string{"mosquitto", "mochi"} {
		for i := range 4 {
			q, v := 1+i/2, 4+i%2
			if o.broker != "" && name != o.broker || o.qos != 0 && q != o.qos || o.version != 0 && v != o.version {
				continue
			}
			sc := &scenario{broker: name, version: uint8(v), qos: uint8(q), messages: o.messages, cuts: o.cuts, inflight: o.inflight, seed: o.seed}
			res, err := sc.perform(o.limit)
			print(stdout, sc, res, err)
			if o.verbose && res != nil {
				for _, why := range slices.Sorted(maps.Keys(res.reasons)) {
					fmt.Fprintf(stdout, "  %6d  %s\n", res.reasons[why], why)
				}
			}
			if err != nil {
				status = 1
			}
		}
	}
	return status
}

// print prints what a run has counted.
func print(w io.Writer, sc *scenario, res *result, err error) {
	fmt.Fprintln(w, sc)
	if res != nil {
		fmt.Fprintf(w, "  acknowledged %d, received %d, duplicates %d, out of order %d, two outcomes %d\n",
			res.outcomes[session.Acknowledged], res.received, res.duplicates, res.disordered-res.shuffled, res.twice)
		fmt.Fprintf(w, "  by the broker: repeated after PUBREC %d, lost %d, sent out of order %d\n", res.repeated, res.lost, res.shuffled)
		fmt.Fprintf(w, "  cuts %d (%s), connections %d, heap %.1f MB, %.1f s\n",
			res.cuts, res.faults, res.reconnects, float64(res.heap)/1e6, res.elapsed.Seconds())
	}
	if err != nil {
		fmt.Fprintf(w, "  FAILED: %v\n", err)
		return
	}
	fmt.Fprintln(w, "  ok")
}
