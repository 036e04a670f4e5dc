//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// openLoops measures servers with one and with two event loops.
func openLoops(b *bench) ([]*measurement, error) {
	w := echoWorks[0]
	cost := &table{title: "CPU of the server per echoed message", unit: "µs",
		note: "64 B, 1 in flight on each of 64 connections. Two loops share two cores with the load. " +
			"The kernel distributes the connections (SO_REUSEPORT)."}
	rate := &table{title: "Echoed messages per second", unit: "1/s", more: true}
	share := &table{title: "Share of the busiest loop", unit: "%", note: "50 % would be even."}
	var all []*measurement
	for loops := 1; loops <= 2; loops++ {
		name := fmt.Sprintf("%d loops", loops)
		if loops == 1 {
			name = "1 loop"
		}
		m := &measurement{
			rows: []row{{cost, name}, {rate, name}}, subjects: b.compare(loopServers),
			sample: func(s *subject) ([]float64, error) { return b.loops(s, loops, w) },
		}
		if loops > 1 {
			m.rows = append(m.rows, row{share, "of the connections, " + name}, row{share, "of the messages, " + name})
		}
		all = append(all, m)
	}
	return all, nil
}

// loops measures a server with some loops. With several loops the shares follow.
func (b *bench) loops(s *subject, loops int, w work) (values []float64, err error) {
	err = b.onServer(s, serving{loops: loops}, func(p *process, addr string) error {
		l, err := loadAt(w, addr)
		if err != nil {
			return err
		}
		defer l.close()
		got, err := measure(l, p, b.warm, b.span)
		if err != nil {
			return err
		}
		values = []float64{got.perMessage, got.rate}
		if loops == 1 {
			return nil
		}
		counts, err := p.ask()
		if err == nil && len(counts) != 2*loops {
			err = errors.New("the server does not report its loops")
		}
		if err != nil {
			return err
		}
		for _, part := range [][]float64{counts[:loops], counts[loops:]} {
			values = append(values, busiest(part))
		}
		return nil
	})
	return values, err
}

// busiest returns the largest share in percent.
func busiest(counts []float64) float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n
	}
	return math.Round(100 * slices.Max(counts) / sum)
}
