//go:build linux

package main

import "fmt"

// openIdle measures connections that do nothing.
func openIdle(b *bench) ([]*measurement, error) {
	t := &table{title: "Resident memory of the server per idle connection", unit: "B", chart: "bench-idle.svg",
		note: "It is the growth of RssAnon, which includes garbage that was not collected yet, " +
			"but not pages of the program's file."}
	n := b.possible(b.idleConns, 0)
	return []*measurement{{
		rows:     []row{{t, fmt.Sprintf("%s connections, upgraded to WebSocket", figure(float64(n)))}},
		subjects: b.compare(echoServers),
		sample: func(s *subject) (values []float64, err error) {
			err = b.onServer(s, single, func(p *process, addr string) error {
				values, err = b.idle(p, addr, n)
				return err
			})
			return values, err
		},
	}}, nil
}

// idle opens n connections.
func (b *bench) idle(p *process, addr string, n int) ([]float64, error) {
	c := &crowd{m: b.m, addr: addr}
	defer c.stop()
	if err := c.grow(1); err != nil { // what the server allocates once does not count
		return nil, err
	}
	if err := waitQuiet(p); err != nil {
		return nil, err
	}
	before, err := p.resident()
	if err != nil {
		return nil, err
	}
	if err := c.grow(n - 1); err != nil {
		return nil, err
	}
	if err := waitQuiet(p); err != nil {
		return nil, err
	}
	after, err := p.resident()
	return []float64{float64(after-before) / float64(n-1)}, err
}
