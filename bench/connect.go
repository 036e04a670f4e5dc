//go:build linux

package main

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// connectAtOnce are the rows of connect: how many clients connect at once.
var connectAtOnce = []int{1, 64}

// openConnect measures connections that are opened, upgraded to WebSocket and closed.
func openConnect(b *bench) ([]*measurement, error) {
	t := &table{title: "CPU of the server per connection: accept, upgrade, close", unit: "µs",
		note: "Each client closes its connection after the handshake."}
	var all []*measurement
	for _, n := range connectAtOnce {
		all = append(all, &measurement{
			rows: []row{{t, fmt.Sprintf("%d at once", n)}}, subjects: b.compare(echoServers),
			sample: func(s *subject) (values []float64, err error) {
				err = b.onServer(s, single, func(p *process, addr string) error {
					values, err = b.connect(p, addr, n)
					return err
				})
				return values, err
			},
		})
	}
	return all, nil
}

// connect opens and closes connections, some at once.
func (b *bench) connect(p *process, addr string, atOnce int) ([]float64, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	if err := connectAll(to, atOnce, max(atOnce, b.connects/10)); err != nil { // warm up
		return nil, err
	}
	if err := waitQuiet(p); err != nil {
		return nil, err
	}
	before, err := p.cpu()
	if err != nil {
		return nil, err
	}
	n := b.connects / atOnce * atOnce
	if err := connectAll(to, atOnce, n); err != nil {
		return nil, err
	}
	if err := waitQuiet(p); err != nil { // the last ones are closed
		return nil, err
	}
	after, err := p.cpu()
	return []float64{float64((after - before).Nanoseconds()) / 1e3 / float64(n)}, err
}

// connectAll opens n connections in batches. It opens all connections of a batch, sends all
// requests, checks all answers and then closes the connections.
func connectAll(to netip.AddrPort, batch, n int) error {
	for ; n > 0; n -= batch {
		if err := connectBatch(to, batch); err != nil {
			return err
		}
	}
	return nil
}

func connectBatch(to netip.AddrPort, n int) error {
	var all []int
	defer func() {
		for _, fd := range all {
			unix.Close(fd)
		}
	}()
	for range n {
		fd, err := dialTCP(localhost, to)
		if err != nil {
			return err
		}
		all = append(all, fd)
	}
	for _, fd := range all {
		if err := writeAll(fd, handshake); err != nil {
			return err
		}
	}
	for _, fd := range all {
		if err := readAnswer(fd); err != nil {
			return err
		}
	}
	return nil
}
