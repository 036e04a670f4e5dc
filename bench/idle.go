//go:build linux

package main

import (
	"fmt"
	"io"
	"time"
)

// idleSample is the cost of idle connections for one server.
type idleSample struct {
	bytes float64 // resident memory per connection
	// Microseconds of the server's CPU to accept and upgrade a connection, in the first and
	// in the last thousand.
	first, last float64
	wall        [2]time.Duration // for the first and the last thousand
}

// idleOnce opens n connections to a server in a new process.
func (b *bench) idleOnce(s *server, n int) (got idleSample, err error) {
	p, addr, err := launchServer(b.m.serverCore, s)
	if err != nil {
		return got, err
	}
	defer p.stop()
	c := &crowd{m: b.m, addr: addr}
	defer c.stop()
	if _, err := c.grow(1); err != nil { // what the server allocates once does not count
		return got, err
	}
	if err := waitQuiet(p); err != nil {
		return got, err
	}
	before, err := p.resident()
	if err != nil {
		return got, err
	}
	if got.first, got.wall[0], err = c.cost(p, thousand); err != nil {
		return got, err
	}
	if _, err := c.grow(n - 2*thousand); err != nil {
		return got, err
	}
	if got.last, got.wall[1], err = c.cost(p, thousand); err != nil {
		return got, err
	}
	after, err := p.resident()
	got.bytes = float64(after-before) / float64(n)
	return got, err
}

// cost opens n more connections and returns the server's CPU time for each.
func (c *crowd) cost(p *process, n int) (micros float64, wall time.Duration, err error) {
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	if wall, err = c.grow(n); err != nil {
		return 0, 0, err
	}
	if err := waitQuiet(p); err != nil {
		return 0, 0, err
	}
	after, err := p.cpu()
	return float64((after - before).Nanoseconds()) / 1e3 / float64(n), wall, err
}

// idle measures all servers with idle connections and prints the medians.
func (b *bench) idle(out io.Writer) error {
	n, why := b.m.reachable(b.idleConns, 0)
	bytes, first, last, wall := make([]series, len(servers)), make([]series, len(servers)), make([]series, len(servers)), [2][]series{}
	wall[0], wall[1] = make([]series, len(servers)), make([]series, len(servers))
	for range b.idleRounds {
		for j, s := range servers {
			got, err := b.idleOnce(s, n)
			if err != nil {
				return fmt.Errorf("%s, %d idle connections: %w", s.name, n, err)
			}
			bytes[j] = append(bytes[j], got.bytes)
			first[j] = append(first[j], got.first)
			last[j] = append(last[j], got.last)
			for k := range wall {
				wall[k][j] = append(wall[k][j], got.wall[k].Seconds()*1e3)
			}
		}
	}
	fmt.Fprintf(out, "\n%d idle connections, upgraded to WebSocket: medians of %d\n", n, b.idleRounds)
	if why != "" {
		fmt.Fprintf(out, "(not %d: %s)\n", b.idleConns, why)
	}
	t := newTable(out, append(append([]string{""}, names()...), mainRatio())...)
	for _, r := range []struct {
		name   string
		values []series
		format string
	}{
		{"resident bytes each (growth of VmRSS)", bytes, "%.0f"},
		{"server's CPU to accept and upgrade one, µs: first thousand", first, "%.1f"},
		{"last thousand", last, "%.1f"},
		{"time for a thousand, one after the other, ms: first", wall[0], "%.0f"},
		{"last", wall[1], "%.0f"},
	} {
		row := []string{r.name}
		for j := range servers {
			row = append(row, fmt.Sprintf(r.format, r.values[j].median()))
		}
		row = append(row, fmt.Sprintf("%.2f", r.values[0].median()/r.values[1].median()))
		t.row(row...)
	}
	return t.flush()
}
