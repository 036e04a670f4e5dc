//go:build linux

package main

import (
	"fmt"
	"io"
	"net/netip"
	"time"
)

// works are the rows of the tables of echo.
var works = []work{{64, 64, 1}, {64, 64, 16}, {64, 16 << 10, 1}}

// sample is one measurement of messages.
type sample struct {
	perMessage float64 // microseconds of the server's CPU
	rate       float64 // messages per second
	busy       float64 // share of its core that the server used, 0 to 1
}

// exchange is a load without or with TLS.
type exchange interface {
	start() error
	run(d time.Duration) (messages int, err error)
	stop() error
}

// measure puts a load on a server and reads the server's CPU clock.
func measure(l exchange, p *process, warm, d time.Duration) (s sample, err error) {
	if err := l.start(); err != nil {
		return s, err
	}
	if _, err := l.run(warm); err != nil {
		return s, err
	}
	began := time.Now()
	before, err := p.cpu()
	if err != nil {
		return s, err
	}
	n := 0
	for n == 0 { // on a busy machine it may take longer
		if n, err = l.run(d); err != nil {
			return s, err
		}
		if time.Since(began) > d+timeout {
			return s, fmt.Errorf("no message came back in %v", time.Since(began))
		}
	}
	wall := time.Since(began)
	after, err := p.cpu()
	if err != nil {
		return s, err
	}
	used := after - before
	s = sample{
		perMessage: float64(used.Nanoseconds()) / 1e3 / float64(n),
		rate:       float64(n) / wall.Seconds(),
		busy:       float64(used) / float64(wall),
	}
	return s, l.stop()
}

// echoOnce measures a server in a new process.
func (b *bench) echoOnce(s *server, w work) (sample, error) {
	p, addr, err := launchServer(b.m.serverCore, s)
	if err != nil {
		return sample{}, err
	}
	defer p.stop()
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return sample{}, err
	}
	l, err := newLoad(w, to)
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	return measure(l, p, b.warm, b.span)
}

// echo measures all servers with all works in turn, and prints the medians.
func (b *bench) echo(out io.Writer) error {
	cpu, rate, busy := newGrid(len(works)), newGrid(len(works)), newGrid(len(works))
	for range b.rounds {
		for i, w := range works {
			for j, s := range servers {
				got, err := b.echoOnce(s, w)
				if err != nil {
					return fmt.Errorf("%s, %v: %w", s.name, w, err)
				}
				cpu[i][j] = append(cpu[i][j], got.perMessage)
				rate[i][j] = append(rate[i][j], got.rate)
				busy[i][j] = append(busy[i][j], got.busy)
			}
		}
	}
	fmt.Fprintf(out, "\nCPU of the server per echoed message, µs: median (lowest to highest) of %d; %d connections\n", b.rounds, works[0].conns)
	writeGrid(out, works, cpu, func(x series) string {
		return fmt.Sprintf("%.3g (%.3g–%.3g)", x.median(), x.lowest(), x.highest())
	})
	fmt.Fprintf(out, "\nMessages per second, medians, and how busy the server's core was\n")
	t := newTable(out, append([]string{""}, names()...)...)
	for i, w := range works {
		row := []string{w.String()}
		for j := range servers {
			row = append(row, fmt.Sprintf("%.0f (%.0f%%)", rate[i][j].median(), 100*busy[i][j].median()))
		}
		t.row(row...)
	}
	return t.flush()
}
