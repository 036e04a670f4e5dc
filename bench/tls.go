//go:build linux

package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
)

// tlsWorks are the rows for messages over TLS.
var tlsWorks = []work{{usualConns, 64, 1}, {usualConns, 16 << 10, 1}}

// tlsAtOnce are the rows for handshakes: the numbers of clients that connect at once.
var tlsAtOnce = []int{1, 8}

// openTLS measures servers over TLS 1.3 with a key on P-256.
func openTLS(b *bench) ([]*measurement, error) {
	echo := &table{title: "CPU of the server per echoed message over TLS", unit: "µs"}
	handshakes := &table{title: "CPU of the server per TLS handshake and upgrade", unit: "µs"}
	memory := &table{title: "Resident memory of the server per idle TLS connection", unit: "B",
		note: "Each connection has carried one message."}
	subjects := b.compare(tlsServers)
	var all []*measurement
	add := func(t *table, name string, sample func(s *subject, p *process, addr string) (float64, error)) {
		all = append(all, &measurement{
			rows: []row{{t, name}}, subjects: subjects,
			sample: func(s *subject) ([]float64, error) {
				values := make([]float64, 1)
				err := b.onServer(s, single, func(p *process, addr string) (err error) {
					values[0], err = sample(s, p, addr)
					return err
				})
				return values, err
			},
		})
	}
	for _, w := range tlsWorks {
		add(echo, w.String(), func(_ *subject, p *process, addr string) (float64, error) {
			l, err := newTLSLoad(w, addr)
			if err != nil {
				return 0, err
			}
			defer l.close()
			got, err := measure(l, p, b.warm, b.span)
			return got.perMessage, err
		})
	}
	for _, n := range tlsAtOnce {
		add(handshakes, fmt.Sprintf("%d at once", n), func(_ *subject, p *process, addr string) (float64, error) {
			return b.tlsHandshakes(p, addr, n)
		})
	}
	add(memory, fmt.Sprintf("%s connections", figure(float64(b.tlsConns))),
		func(_ *subject, p *process, addr string) (float64, error) { return b.tlsIdle(p, addr) })
	return all, nil
}

// tlsHandshakes lets clients open and close connections, each client one after the other.
// It returns the server's CPU time per connection.
func (b *bench) tlsHandshakes(p *process, addr string, clients int) (micros float64, err error) {
	if err := openAll(addr, clients, 50); err != nil {
		return 0, err
	}
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	if err := openAll(addr, clients, b.tlsConns); err != nil {
		return 0, err
	}
	after, err := p.cpu()
	return float64((after - before).Nanoseconds()) / 1e3 / float64(b.tlsConns), err
}

// openAll opens and closes n connections with several clients at once.
func openAll(addr string, clients, n int) error {
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	ended := make(chan error, clients)
	for range clients {
		go func() {
			for range left {
				if err := openOnce(addr); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	var err error
	for range clients {
		err = errors.Join(err, <-ended)
	}
	return err
}

// openOnce opens a connection, upgrades and closes it.
func openOnce(addr string) error {
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(handshake); err != nil {
		return err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && (r.StatusCode != http.StatusSwitchingProtocols || r.Header.Get("Sec-WebSocket-Accept") != acceptKey) {
		err = fmt.Errorf("handshake: answer is %q", r.Status)
	}
	return err
}

// tlsIdle returns the resident memory of a server per idle connection. Each has carried one
// small message.
func (b *bench) tlsIdle(p *process, addr string) (bytes float64, err error) {
	first, err := newTLSLoad(work{50, 64, 1}, addr)
	if err != nil {
		return 0, err
	}
	defer first.close()
	before, err := p.resident()
	if err != nil {
		return 0, err
	}
	l, err := newTLSLoad(work{b.tlsConns, 64, 1}, addr)
	if err != nil {
		return 0, err
	}
	defer l.close()
	after, err := p.resident()
	return float64(after-before) / float64(b.tlsConns), err
}
