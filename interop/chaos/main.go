package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt/session"
)

func main() { os.Exit(chaos(os.Args[1:], os.Stdout, os.Stderr)) }

// chaos runs the program and returns its exit status.
func chaos(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(stderr)
	broker := f.String("broker", "", "`name` of the broker, mosquitto or mochi (default: both)")
	qos := f.Int("qos", 0, "1 or 2 (default: both)")
	version := f.Int("version", 0, "4 (MQTT 3.1.1) or 5 (default: both)")
	messages := f.Int("messages", 100_000, "`number` of messages of each run")
	cuts := f.Int("cuts", 200, "smallest `number` of cuts of each run")
	seed := f.Uint64("seed", uint64(time.Now().UnixNano())%1e6, "`number` that the faults follow from")
	inflight := f.Int("inflight", 0, "`number` of messages in flight (default: that of the session)")
	verbose := f.Bool("v", false, "print why the connections ended")
	limit := f.Duration("limit", 15*time.Minute, "longest `time` of a run")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0 || *broker != "" && brokers[*broker] == nil || *qos < 0 || *qos > 2 || *version != 0 && *version != 4 && *version != 5 || *messages < 1 || *cuts < 0:
		fmt.Fprintln(stderr, "chaos: wrong usage; try -help")
		return 2
	}
	status := 0
	for _, name := range []string{"mosquitto", "mochi"} {
		for i := range 4 {
			q, v := 1+i/2, 4+i%2
			if *broker != "" && name != *broker || *qos != 0 && q != *qos || *version != 0 && v != *version {
				continue
			}
			sc := &scenario{broker: name, version: uint8(v), qos: uint8(q), messages: *messages, cuts: *cuts, inflight: *inflight, seed: *seed}
			res, err := sc.perform(*limit)
			print(stdout, sc, res, err)
			if *verbose && res != nil {
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
