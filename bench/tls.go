//go:build linux

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
)

// tlsWorks are the rows for messages over TLS.
var tlsWorks = []work{{64, 64, 1}, {64, 16 << 10, 1}}

// tlsAtOnce are the rows for handshakes: the numbers of clients that connect at once.
var tlsAtOnce = []int{1, 8}

// tlsSample is one round of one server.
type tlsSample struct {
	echo       []sample  // by work
	handshakes []float64 // microseconds of the server's CPU, including the upgrade, by tlsAtOnce
	bytes      float64   // resident memory of an idle connection
}

// tlsOnce measures a server in new processes.
func (b *bench) tlsOnce(s *server) (got tlsSample, err error) {
	for _, w := range tlsWorks {
		p, addr, err := launchServer(b.m.serverCore, s)
		if err != nil {
			return got, err
		}
		l, err := newTLSLoad(w, addr)
		if err != nil {
			p.stop()
			return got, err
		}
		one, err := measure(l, p, b.warm, b.span)
		l.close()
		p.stop()
		if err != nil {
			return got, err
		}
		got.echo = append(got.echo, one)
	}
	p, addr, err := launchServer(b.m.serverCore, s)
	if err != nil {
		return got, err
	}
	defer p.stop()
	for _, n := range tlsAtOnce {
		one, err := b.tlsHandshakes(p, addr, n)
		if err != nil {
			return got, err
		}
		got.handshakes = append(got.handshakes, one)
	}
	got.bytes, err = b.tlsIdle(s)
	return got, err
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
	_, err = io.ReadAtLeast(c, make([]byte, 1024), len("HTTP/1.1 101"))
	return err
}

// tlsIdle returns the resident memory of a server per idle connection. Each has carried one
// small message.
func (b *bench) tlsIdle(s *server) (bytes float64, err error) {
	p, addr, err := launchServer(b.m.serverCore, s)
	if err != nil {
		return 0, err
	}
	defer p.stop()
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

// tls measures the servers over TLS in turn, and prints the medians.
func (b *bench) tls(out io.Writer) error {
	var names []string
	for _, w := range tlsWorks {
		names = append(names, fmt.Sprintf("CPU per echoed message, µs, %d connections: %v", w.conns, w))
	}
	for _, n := range tlsAtOnce {
		names = append(names, fmt.Sprintf("CPU of the server per handshake and upgrade, µs: %d at once", n))
	}
	names = append(names, fmt.Sprintf("resident bytes of each of %d idle connections", b.tlsConns))
	rows := make([][]series, len(names))
	for i := range rows {
		rows[i] = make([]series, len(tlsServers))
	}
	for range b.tlsRounds {
		for j, s := range tlsServers {
			got, err := b.tlsOnce(s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			for i, v := range got.values() {
				rows[i][j] = append(rows[i][j], v)
			}
		}
	}
	fmt.Fprintf(out, "\nOver TLS 1.3, P-256: medians (lowest to highest) of %d\n", b.tlsRounds)
	head := []string{""}
	for _, s := range tlsServers {
		head = append(head, s.name)
	}
	for _, s := range tlsServers[1:] {
		head = append(head, tlsServers[0].name+"/"+s.name)
	}
	t := newTable(out, head...)
	for i, values := range rows {
		row := []string{names[i]}
		for _, v := range values {
			row = append(row, fmt.Sprintf("%.4g (%.4g–%.4g)", v.median(), v.lowest(), v.highest()))
		}
		for _, v := range values[1:] {
			row = append(row, fmt.Sprintf("%.2f", values[0].median()/v.median()))
		}
		t.row(row...)
	}
	return t.flush()
}

// values returns the values of all rows.
func (s *tlsSample) values() []float64 {
	var all []float64
	for _, one := range s.echo {
		all = append(all, one.perMessage)
	}
	return append(append(all, s.handshakes...), s.bytes)
}
