package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy forwards connections to a broker, and harms them. It is on goroutines of its own, because
// it stands for the network.
type proxy struct {
	listener net.Listener
	target   string
	seed     uint64
	life     int         // bytes of a connection's direction, on average, until it ends
	gentle   atomic.Bool // forward without faults: the run is nearly over
	counts   [kinds]atomic.Int64
	conns    sync.WaitGroup
}

// newProxy listens on a port of its own and forwards to target, host:port.
func newProxy(target string, seed uint64, life int) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, seed: seed, life: life}
	go p.accept()
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// cuts returns how many connections the proxy has ended.
func (p *proxy) cuts() (n int64) {
	for k := range kinds {
		if k.ends() {
			n += p.counts[k].Load()
		}
	}
	return n
}

// close stops to accept, and waits for the connections to end.
func (p *proxy) close() {
	p.listener.Close()
	p.conns.Wait()
}

func (p *proxy) accept() {
	for n := uint64(0); ; n++ {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.conns.Go(func() { p.forward(c.(*net.TCPConn), n) })
	}
}

// pair is a connection through the proxy.
type pair struct {
	p              *proxy
	client, server *net.TCPConn
	hole           atomic.Bool // nothing is forwarded any more
	ending         sync.Once
}

// forward forwards the connection with number n in both directions until it ends.
func (p *proxy) forward(client *net.TCPConn, n uint64) {
	defer client.Close()
	s, err := net.Dial("tcp", p.target)
	if err != nil { // the broker is down
		client.SetLinger(0)
		return
	}
	server := s.(*net.TCPConn)
	defer server.Close()
	q := &pair{p: p, client: client, server: server}
	var both sync.WaitGroup
	for i, d := range [...]struct{ from, to *net.TCPConn }{{client, server}, {server, client}} {
		faults := plan(rand.New(rand.NewPCG(p.seed, 2*n+uint64(i))), p.life)
		both.Go(func() { q.copy(d.from, d.to, faults) })
	}
	both.Wait()
}

// copy forwards one direction until the connection ends.
func (q *pair) copy(from, to *net.TCPConn, faults []fault) {
	buf, total := make([]byte, 4096), 0
	for {
		n, err := from.Read(buf)
		for data := buf[:n]; len(data) > 0 && !q.hole.Load(); {
			used := len(data)
			switch {
			case len(faults) == 0 || q.p.gentle.Load():
				q.write(to, data)
			case total < faults[0].after:
				used = min(used, faults[0].after-total)
				q.write(to, data[:used])
			default:
				var over bool
				if used, over = q.apply(&faults[0], to, data); over {
					faults = faults[1:]
				}
			}
			total, data = total+used, data[used:]
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && !q.hole.Load():
			to.CloseWrite()
			return
		default:
			q.end(true)
			return
		}
	}
}

// write forwards bytes. If that fails, the connection has ended, and the next read fails too.
func (q *pair) write(to *net.TCPConn, data []byte) {
	if _, err := to.Write(data); err != nil {
		q.end(true)
	}
}

// apply does what a fault does to the bytes that are to be forwarded. It returns how many it has
// used, and whether the fault is over.
func (q *pair) apply(f *fault, to *net.TCPConn, data []byte) (used int, over bool) {
	if !f.begun {
		f.begun = true
		q.p.counts[f.kind].Add(1)
	}
	switch f.kind {
	case cutReset, cutClose:
		q.end(f.kind == cutReset)
		return len(data), true
	case blackHole:
		q.hole.Store(true)
		return len(data), true
	case delay:
		time.Sleep(f.pause)
		return 0, true
	case throttle:
		time.Sleep(time.Millisecond)
	}
	used = min(f.size, f.bytes, len(data))
	q.write(to, data[:used])
	f.bytes -= used
	return used, f.bytes == 0
}

// end ends both connections, with a reset or with an end of stream.
func (q *pair) end(reset bool) {
	q.ending.Do(func() {
		for _, c := range [...]*net.TCPConn{q.client, q.server} {
			if reset {
				c.SetLinger(0)
			}
			c.Close()
		}
	})
}
