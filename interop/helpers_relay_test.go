package interop

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// relay is a TCP proxy whose connections a test can cut. Its server may change, so that clients
// find a broker that was started again under the address of the first one.
type relay struct {
	t    *testing.T
	l    net.Listener
	busy sync.WaitGroup

	mu     sync.Mutex
	server string // its address; empty: new connections are closed at once
	conns  map[net.Conn]struct{}
}

// newRelay starts a relay to the host of a URL.
func newRelay(t *testing.T, rawURL string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, l: l, server: host(t, rawURL), conns: map[net.Conn]struct{}{}}
	r.busy.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.busy.Go(func() { r.pass(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.cut()
		r.busy.Wait()
	})
	return r
}

// host returns the host and port of a URL.
func host(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// url returns a URL of the server with the relay's address in it.
func (r *relay) url(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		r.t.Fatal(err)
	}
	u.Host = r.l.Addr().String()
	return u.String()
}

// cut resets all connections on both sides, and those that come until restore.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = ""
	for c := range r.conns {
		reset(c)
	}
	clear(r.conns)
}

// restore passes new connections to the host of a URL.
func (r *relay) restore(rawURL string) {
	server := host(r.t, rawURL)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = server
}

// pass copies between a client's connection and a new one to the server, until one of them ends.
func (r *relay) pass(client net.Conn) {
	defer client.Close()
	r.mu.Lock()
	server := r.server
	r.mu.Unlock()
	if server == "" {
		return
	}
	to, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer to.Close()
	if !r.add(server, client, to) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { copyTo(to, client) })
	both.Go(func() { copyTo(client, to) })
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, client)
	delete(r.conns, to)
}

// copyTo copies all bytes and then the end. An error, such as a reset, ends the other side too.
func copyTo(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		reset(to)
		return
	}
	to.(*net.TCPConn).CloseWrite()
}

// add keeps the connections for cut. It returns false if the relay was cut meanwhile.
func (r *relay) add(server string, conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != server {
		return false
	}
	for _, c := range conns {
		r.conns[c] = struct{}{}
	}
	return true
}

// reset ends a connection with a reset: the other side loses what it has not read.
func reset(c net.Conn) {
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}
