//go:build linux

package main

import (
	"fmt"
	"math"
	"net/netip"
	"time"
)

// openBroadcast measures one message that a server sends to all its clients.
func openBroadcast(b *bench) ([]*measurement, error) {
	t := &table{title: "CPU of the server per delivered message", unit: "µs", chart: "bench-broadcast.svg",
		note: "One of the clients sends the message. The next one follows when all clients have it."}
	share := &table{title: "Share of the kernel in that CPU", unit: "%", aside: true}
	n := b.possible(b.fanConns, 0)
	w := work{n, 64, 1}
	name := fmt.Sprintf("64 B to %s connections", figure(float64(n)))
	return []*measurement{{
		rows:     []row{{t, name}, {share, name}},
		subjects: b.compare(fanServers),
		sample: func(s *subject) (values []float64, err error) {
			err = b.onServer(s, single, func(p *process, addr string) error {
				to, err := netip.ParseAddrPort(addr)
				if err != nil {
					return err
				}
				l, err := newFan(w, to)
				if err != nil {
					return err
				}
				defer l.close()
				got, kernel, err := measureShare(l, p, b.warm, b.span)
				values = []float64{got.perMessage, kernel}
				return err
			})
			return values, err
		},
	}}, nil
}

// measureShare is measure. It also returns which part of the server's CPU the kernel used, in
// percent. That includes the warm-up, but not the connecting.
func measureShare(l *fan, p *process, warm, d time.Duration) (s sample, kernel float64, err error) {
	user0, kernel0, err := p.ticks()
	if err != nil {
		return s, 0, err
	}
	if s, err = measure(l, p, warm, d); err != nil {
		return s, 0, err
	}
	user1, kernel1, err := p.ticks()
	user, system := float64(user1-user0), float64(kernel1-kernel0)
	return s, math.Round(100 * system / (user + system)), err
}

// fan is a load whose first connection sends messages that all connections receive.
type fan struct{ *load }

// newFan opens the connections.
func newFan(w work, to netip.AddrPort) (*fan, error) {
	request, reply := frames(w.size)
	l, err := emptyLoad(w, request, reply)
	if err != nil {
		return nil, err
	}
	for range w.conns {
		if err := l.connect(func() (int, error) { return dialAlive(to) }); err != nil {
			l.close()
			return nil, err
		}
	}
	return &fan{l}, nil
}

func (f *fan) start() error { return nil }

// run sends messages until d has passed, and returns how many were delivered.
func (f *fan) run(d time.Duration) (int, error) {
	before := f.replies
	for end := time.Now().Add(d); time.Now().Before(end); {
		for _, c := range f.conns[1:] {
			c.inFlight++
		}
		f.inFlight += len(f.conns) - 1
		if err := f.send(0, f.conns[0], 1); err != nil {
			return 0, err
		}
		if err := f.stop(); err != nil {
			return 0, err
		}
	}
	return f.replies - before, nil
}
