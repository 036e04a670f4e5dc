//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// httpBody is the answer of the servers of http.
const httpBody = "Hello, World!"

// httpDepths are the rows of http: how many requests each connection has sent ahead.
var httpDepths = []int{1, 16}

// openHTTP measures requests on connections that stay open.
func openHTTP(b *bench) ([]*measurement, error) {
	tables := newCosts("HTTP request", "bench-http.svg")
	tables.cpu.note = "64 connections, GET, a body of 13 bytes. All answers have a Date."
	var all []*measurement
	for _, depth := range httpDepths {
		name := "one at a time"
		if depth > 1 {
			name = fmt.Sprintf("%d pipelined", depth)
		}
		all = append(all, &measurement{
			rows: tables.rows(name), subjects: b.compare(httpServers),
			sample: func(s *subject) (values []float64, err error) {
				err = b.onServer(s, single, func(p *process, addr string) error {
					l, err := newHTTPLoad(work{conns: usualConns, depth: depth}, addr)
					if err != nil {
						return err
					}
					defer l.close()
					got, err := measure(l, p, b.warm, b.span)
					values = got.values()
					return err
				})
				return values, err
			},
		})
	}
	return all, nil
}

// httpRequest is the request of the load.
const httpRequest = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"

// newHTTPLoad learns the answer of a server and opens the connections. All answers must be the
// same, except for the date.
func newHTTPLoad(w work, addr string) (*load, error) {
	answer, err := httpAnswer(addr)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	l, err := emptyLoad(w, []byte(httpRequest), answer)
	if err != nil {
		return nil, err
	}
	if i := bytes.Index(answer, []byte("Date: ")); i >= 0 {
		from := i + len("Date: ")
		l.varying = [2]int{from, from + len(http.TimeFormat)}
	}
	return l, l.open(func() (int, error) { return dialTCP(localhost, to) })
}

// httpAnswer returns the bytes of an answer, after it has checked what they mean.
func httpAnswer(addr string) ([]byte, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(timeout))
	if _, err := io.WriteString(c, httpRequest); err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	r, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &raw)), nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && (r.StatusCode != http.StatusOK || string(body) != httpBody || r.Close) {
		err = fmt.Errorf("the answer is %q", raw.Bytes())
	}
	return raw.Bytes(), err
}
