//go:build linux

package main

import (
	"fmt"
	"math"
	"time"
)

// echoWorks are the rows of the tables of echo.
var echoWorks = []work{
	{usualConns, 64, 1}, {usualConns, 64, 16}, {usualConns, 1 << 10, 4}, {usualConns, 16 << 10, 1},
	{usualConns, 128 << 10, 1}, {16, 1 << 20, 1}, {1000, 64, 1},
}

// costs are the tables of a load: CPU per message, messages per second, and how busy the server's
// core was. A server that is not always busy waits for the load. Then its CPU per message is not
// that of a busy one.
type costs struct{ cpu, rate, busy *table }

func newCosts(what, chart string) costs {
	return costs{
		cpu: &table{title: "CPU of the server per " + what, unit: "µs", chart: chart,
			note: "64 connections, unless the row says otherwise."},
		rate: &table{title: what + "s per second", unit: "1/s", more: true, aside: true},
		busy: &table{title: "How busy the server's core was", unit: "%", more: true, aside: true},
	}
}

// rows returns the rows with a name.
func (c costs) rows(name string) []row { return []row{{c.cpu, name}, {c.rate, name}, {c.busy, name}} }

// openEcho measures the messages that a server echoes.
func openEcho(b *bench) ([]*measurement, error) {
	subjects, tables := b.compare(echoServers), newCosts("echoed message", "bench-echo.svg")
	var all []*measurement
	for _, w := range echoWorks {
		all = append(all, &measurement{
			rows: tables.rows(w.String()), subjects: subjects,
			sample: func(s *subject) ([]float64, error) { return b.echo(s, single, w, 0) },
		})
	}
	w, idle := echoWorks[0], b.possible(b.besideConns, usualConns)
	return append(all, &measurement{
		rows:     tables.rows(fmt.Sprintf("%v, beside %s idle connections", w, figure(float64(idle)))),
		subjects: subjects,
		sample:   func(s *subject) ([]float64, error) { return b.echo(s, single, w, idle) },
	}), nil
}

// echo measures a server that has idle connections too.
func (b *bench) echo(s *subject, o serving, w work, idle int) (values []float64, err error) {
	err = b.onServer(s, o, func(p *process, addr string) error {
		c := &crowd{m: b.m, addr: addr}
		defer c.stop()
		if err := c.grow(idle); err != nil {
			return err
		}
		l, err := loadAt(w, addr)
		if err != nil {
			return err
		}
		defer l.close()
		got, err := measure(l, p, b.warm, b.span)
		values = got.values()
		return err
	})
	return values, err
}

// sample is one measurement of messages.
type sample struct {
	perMessage float64 // microseconds of the server's CPU
	rate       float64 // messages per second
	busy       float64 // share of its core that the server used, 0 to 1
}

// values returns the values for the rows of costs.
func (s sample) values() []float64 { return []float64{s.perMessage, s.rate, math.Round(100 * s.busy)} }

// exchange is a load without or with TLS.
type exchange interface {
	start() error
	run(d time.Duration) (messages int, err error)
	stop() error
}

// measure puts a load on a server and reads the server's CPU clock. It goes on until the server has
// used CPU: on a busy machine all replies may be older than the first reading.
func measure(l exchange, p *process, warm, d time.Duration) (s sample, err error) {
	if err := l.start(); err != nil {
		return s, err
	}
	if _, err := l.run(warm); err != nil {
		return s, err
	}
	before, err := p.cpu()
	if err != nil {
		return s, err
	}
	n, used, began := 0, time.Duration(0), time.Now()
	for used == 0 {
		more, _, err := runSome(l, d)
		if err != nil {
			return s, err
		}
		after, err := p.cpu()
		if err != nil {
			return s, err
		}
		n, used = n+more, after-before
	}
	wall := time.Since(began)
	s = sample{
		perMessage: float64(used.Nanoseconds()) / 1e3 / float64(n),
		rate:       float64(n) / wall.Seconds(),
		busy:       float64(used) / float64(wall),
	}
	return s, l.stop()
}

// runSome exchanges messages for a time, and longer until one comes back, which a busy machine may
// delay. It returns how many came back, and how long it took.
func runSome(l exchange, d time.Duration) (n int, wall time.Duration, err error) {
	began := time.Now()
	for n == 0 && err == nil {
		n, err = l.run(d)
		if wall = time.Since(began); n == 0 && wall > d+timeout {
			return 0, wall, fmt.Errorf("no message came back in %v", wall)
		}
	}
	return n, wall, err
}
