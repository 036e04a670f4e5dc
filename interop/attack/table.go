//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// line is a row of the table: the worst of each figure of all rounds.
type line struct {
	row *row
	result
	rounds int
}

// add merges a round.
func (l *line) add(res result) {
	if l.rounds++; l.rounds == 1 {
		l.result = res
		return
	}
	// Of the quiet figures the lowest is the strictest.
	l.quiet.P50, l.quiet.P99 = min(l.quiet.P50, res.quiet.P50), min(l.quiet.P99, res.quiet.P99)
	l.quiet.Most = min(l.quiet.Most, res.quiet.Most)
	w := &l.attacked
	w.P50, w.P99, w.Most = max(w.P50, res.attacked.P50), max(w.P99, res.attacked.P99), max(w.Most, res.attacked.Most)
	w.Failures, w.Lost = w.Failures+res.attacked.Failures, w.Lost+res.attacked.Lost
	w.Requests += res.attacked.Requests
	if w.Why == "" {
		w.Why = res.attacked.Why
	}
	l.memory, l.peak, l.late = max(l.memory, res.memory), max(l.peak, res.peak), max(l.late, res.late)
	l.after, l.log = max(l.after, res.after), max(l.log, res.log)
	if l.ended == "" {
		l.ended = res.ended
	}
}

// exceeded returns what a result has that its row does not allow. It does not judge times.
func (r *row) exceeded(res result) (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if res.ended != "" {
		say("%s", res.ended)
	}
	if res.attacked.Failures > 0 {
		say("the bystander failed %d times of %d: %s", res.attacked.Failures, res.attacked.Requests, res.attacked.Why)
	}
	if res.attacked.Requests == 0 {
		say("the bystander made no request")
	}
	if res.memory > r.memory {
		say("%d MB of memory, more than %d: %s", res.memory>>20, r.memory>>20, r.reason)
	}
	if res.late > 0 {
		say("%d connections are open after three minutes", res.late)
	}
	if res.after > 0 {
		say("%d connections are open after the attacker has left", res.after)
	}
	if most := smallLog + r.log*int(res.attacker.Sent); res.log > most {
		say("%d bytes of log for %d bytes that were sent, more than %d", res.log, res.attacker.Sent, most)
	}
	return all
}

// describe prints where the figures come from.
func (s *suite) describe(w io.Writer) {
	load, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := bytes.Cut(load, []byte(" "))
	fmt.Fprintf(w, "%s %s; servers on core %d with GOMAXPROCS=1, load on core %d; attacks of %v; load average %s\n",
		runtime.Version(), runtime.GOARCH, s.serverCore, s.loadCore, s.span, first)
	if s.serverCore == s.loadCore {
		fmt.Fprintln(w, "THERE IS ONLY ONE CORE: servers and load disturb each other, and the times mean little")
	}
}

// writeTable prints the table, and below it what exceeds a bound.
func writeTable(out io.Writer, lines []line) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "row\tquiet p50\tp99\tmax\tattacked p50\tp99\tmax\tratio\tfailed\tsent\tmemory\tpeak\tlate\tafter\tlog")
	for _, l := range lines {
		late := "-"
		if l.late >= 0 {
			late = fmt.Sprint(l.late)
		}
		ratio := float64(l.attacked.P99) / float64(max(l.quiet.P99, time.Microsecond))
		failed := fmt.Sprint(l.attacked.Failures)
		if l.attacked.Lost > 0 {
			failed += fmt.Sprintf("+%d", l.attacked.Lost)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f\t%s/%d\t%s\t%s\t%d\t%s\t%d\t%s\n", l.row.name,
			ms(l.quiet.P50), ms(l.quiet.P99), ms(l.quiet.Most), ms(l.attacked.P50), ms(l.attacked.P99), ms(l.attacked.Most),
			ratio, failed, l.attacked.Requests, size(int(l.attacker.Sent)), size(l.memory), l.peak, late, l.after, size(l.log))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "Times are milliseconds. ratio: attacked p99 to quiet p99. failed: requests of the bystander, + lost datagrams.")
	fmt.Fprintln(out, "peak, late, after: descriptors beside those of the idle server: at most, after three minutes of the server's")
	fmt.Fprintln(out, "clock with the attacker still there, and after the attacker has left.")
	for _, l := range lines {
		if all := l.row.exceeded(l.result); len(all) > 0 {
			fmt.Fprintf(out, "%s: %s\n", l.row.name, strings.Join(all, "; "))
		}
	}
	return nil
}

// list prints the rows and their bounds.
func list(out io.Writer, all []*row) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "row\tserver\tbystander\tmemory\tlog/sent\twhy so much memory")
	for _, r := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", r.name, r.server, r.bystander, size(r.memory), r.log, r.reason)
	}
	t.Flush()
}

// ms formats a time in milliseconds.
func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

// size formats a number of bytes.
func size(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
