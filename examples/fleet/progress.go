package main

import (
	"fmt"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// The times between two reports of progress.
const (
	terminalTime = 500 * time.Millisecond
	logTime      = 5 * time.Second
)

// names of the phases, for people.
var names = map[phase]string{connecting: "connecting", running: "running", draining: "draining", closing: "closing", ended: "ended"}

// showProgress shows progress from time to time until the fleet has ended: on a terminal as a line,
// otherwise as a log record.
func (f *fleet) showProgress() {
	period := logTime
	if f.screen.isTerminal() {
		period = terminalTime
		f.screen.show(f.progress())
	}
	last := f.progress()
	f.m.AddTimer(period, reactor.TimerRepeat, func() {
		now := f.progress()
		switch {
		case f.screen.isTerminal():
			f.screen.show(fmt.Sprintf("%.1f s  %s", time.Since(f.start).Seconds(), now))
		case now != last:
			f.log.Info(now)
		}
		last = now
	})
}

// progress returns a line that says how far the fleet is.
func (f *fleet) progress() string {
	return fmt.Sprintf("%s: %d of %d connected, %d published, %d without outcome, %d received, %d duplicates, %d reconnects, p99 %v",
		names[f.phase], f.online, f.opts.devices, f.published, f.published-f.good-f.bad, f.received, f.duplicates, f.reconnects,
		f.latency.percentile(99).Round(10*time.Microsecond))
}
