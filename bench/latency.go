//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// quantiles are the rows of latency.
var quantiles = []struct {
	name  string
	share float64
}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}}

// openLatency measures how long echoes take at half of the rate that a server can sustain.
func openLatency(b *bench) ([]*measurement, error) {
	times := &table{title: "Time from the message to its echo", unit: "µs", chart: "bench-latency.svg",
		note: "64 B on 64 connections, at half of the rate that the same server sustains without a pause. " +
			"The time begins when the message is due, so it includes waiting for earlier ones. " +
			"With a heap, each message replaces one of the live objects, which are about 1 KiB each."}
	rates := &table{title: "Messages per second during that", unit: "1/s", more: true, aside: true}
	var all []*measurement
	for _, heap := range []int{0, b.heap} {
		beside := ""
		if heap > 0 {
			beside = fmt.Sprintf(", %d MB of live heap", heap)
		}
		m := &measurement{
			subjects: b.compare(echoServers[:3]), // rikki, gnet and gws
			sample: func(s *subject) (values []float64, err error) {
				err = b.onServer(s, serving{loops: 1, heap: heap}, func(_ *process, addr string) error {
					values, err = b.latency(addr)
					return err
				})
				return values, err
			},
		}
		for _, q := range quantiles {
			m.rows = append(m.rows, row{times, q.name + beside})
		}
		m.rows = append(m.rows, row{rates, "at half of the rate" + beside})
		all = append(all, m)
	}
	return all, nil
}

// latency returns the quantiles and the rate.
func (b *bench) latency(addr string) ([]float64, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	rate, err := b.saturate(to)
	if err != nil {
		return nil, err
	}
	rate /= 2
	l, err := newLoad(work{usualConns, 64, 256}, to)
	if err != nil {
		return nil, err
	}
	defer l.close()
	if _, err := l.pace(rate, b.warm); err != nil {
		return nil, err
	}
	times, err := l.pace(rate, b.steady)
	if err != nil {
		return nil, err
	}
	return append(atQuantiles(times), rate), nil
}

// saturate returns how many messages a server echoes per second.
func (b *bench) saturate(to netip.AddrPort) (float64, error) {
	l, err := newLoad(work{usualConns, 64, 1}, to)
	if err != nil {
		return 0, err
	}
	defer l.close()
	if err := l.start(); err != nil {
		return 0, err
	}
	if _, err := l.run(b.warm); err != nil {
		return 0, err
	}
	n, wall, err := runSome(l, b.span)
	if err != nil {
		return 0, err
	}
	return float64(n) / wall.Seconds(), l.stop()
}

// pace sends messages on a timetable, on one connection after the other. It does not wait for
// replies. It returns the microseconds between the time when each message was due and its reply.
func (l *load) pace(rate float64, d time.Duration) ([]float64, error) {
	total := max(1, int(rate*d.Seconds()))
	times := make([]float64, 0, total)
	l.arrived = func(c *loadConn, n int) {
		now := time.Now()
		for _, due := range c.due[:n] {
			times = append(times, float64(now.Sub(due).Nanoseconds())/1e3)
		}
		c.due = c.due[:copy(c.due, c.due[n:])]
	}
	l.sending = true
	began := time.Now()
	due := began
	end := began.Add(d + timeout)
	for sent := 0; sent < total || l.inFlight > 0; {
		now := time.Now()
		for ; sent < total && !due.After(now); due = began.Add(time.Duration(float64(sent) / rate * 1e9)) {
			i := sent % len(l.conns)
			l.conns[i].due = append(l.conns[i].due, due)
			if err := l.send(i, l.conns[i], 1); err != nil {
				return nil, err
			}
			sent++
		}
		if now.After(end) {
			return nil, fmt.Errorf("%d messages did not come back", l.inFlight)
		}
		if err := l.turn(); err != nil {
			return nil, err
		}
	}
	l.arrived = nil
	return times, l.stop()
}

// atQuantiles returns the values at the quantiles. It sorts times.
func atQuantiles(times []float64) []float64 {
	slices.Sort(times)
	var all []float64
	for _, q := range quantiles {
		i := int(q.share * float64(len(times)))
		all = append(all, times[min(i, len(times)-1)])
	}
	return all
}
