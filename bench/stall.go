//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// A stall happens when a peer sends in two writes and uses Nagle's algorithm. The peer's
// kernel holds the second write back until the first is acknowledged. Our kernel delays
// that acknowledgement, usually for 40 ms, to send it together with data.

// stallRow is an exchange with rikki in which the peer, which is this process, sends in two
// writes.
type stallRow struct {
	name string
	run  func(b *bench, delay bool) (series, error) // milliseconds
}

var stallRows = []stallRow{
	{"HTTP answer", func(b *bench, delay bool) (series, error) { return b.answering("http", delay) }},
	{"HTTP request", func(b *bench, delay bool) (series, error) { return b.requesting("http", delay) }},
	{"WebSocket frame to the client", func(b *bench, delay bool) (series, error) { return b.answering("ws", delay) }},
	{"WebSocket frame to the server", func(b *bench, delay bool) (series, error) { return b.requesting("ws", delay) }},
}

// stallPayload is the size in bytes of the message in a frame.
const stallPayload = 64

// stall measures the rows and prints the medians.
func (b *bench) stall(out io.Writer) error {
	fmt.Fprintf(out, "\nExchanges in which the peer of rikki sends in two writes, ms: median (lowest to highest) of %d\n", b.stalls)
	t := newTable(out, "", "peer with Nagle's algorithm", "without")
	for _, r := range stallRows {
		cells := []string{r.name}
		for _, delay := range []bool{true, false} {
			s, err := r.run(b, delay)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			cells = append(cells, fmt.Sprintf("%.3f (%.3f–%.3f)", s.median(), s.lowest(), s.highest()))
		}
		t.row(cells...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	return b.mosquitto(out)
}

// stallPeer is the peer's end of a connection with the bytes of an exchange.
type stallPeer struct {
	net.Conn
	out [2][]byte // the two writes
	in  []byte    // buffer for the bytes that the other end sends, all of which are read
}

// newStallPeer makes a stallPeer. delay turns Nagle's algorithm on, which Go turns off.
func newStallPeer(c net.Conn, delay bool) (*stallPeer, error) {
	if err := c.(*net.TCPConn).SetNoDelay(!delay); err != nil {
		return nil, err
	}
	return &stallPeer{Conn: c}, nil
}

// send sends in two writes.
func (p *stallPeer) send() error {
	p.SetDeadline(time.Now().Add(timeout))
	for _, part := range p.out {
		if _, err := p.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// receive reads the bytes of the other end.
func (p *stallPeer) receive() error {
	_, err := io.ReadFull(p, p.in)
	return err
}

// times repeats an exchange and returns the milliseconds that each took. It leaves out the
// first ones, because the kernel does not delay the acknowledgements of a new connection.
func (b *bench) times(exchange func() error) (s series, err error) {
	for i := range b.stallWarm + b.stalls {
		began := time.Now()
		if err := exchange(); err != nil {
			return nil, err
		}
		if i >= b.stallWarm {
			s = append(s, float64(time.Since(began).Nanoseconds())/1e6)
		}
	}
	return s, nil
}

// requesting is the peer of a server. It sends a request in two writes and waits for the
// answer.
func (b *bench) requesting(protocol string, delay bool) (series, error) {
	child, addr, err := launchServer(b.m.serverCore, answerServer)
	if err != nil {
		return nil, err
	}
	defer child.stop()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	p, err := newStallPeer(c, delay)
	if err != nil {
		return nil, err
	}
	if protocol == "http" {
		p.out = [2][]byte{[]byte("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"), []byte("body")}
		p.in = make([]byte, len("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	} else {
		request, reply := frames(stallPayload)
		p.out, p.in = halves(request), reply
		if err := p.upgrade(); err != nil {
			return nil, err
		}
	}
	return b.times(func() error { return errors.Join(p.send(), p.receive()) })
}

// upgrade performs the client's side of the opening handshake.
func (p *stallPeer) upgrade() error {
	p.SetDeadline(time.Now().Add(timeout))
	if _, err := p.Write(handshake); err != nil {
		return err
	}
	var answer []byte
	for one := make([]byte, 1); !bytes.HasSuffix(answer, []byte("\r\n\r\n")); answer = append(answer, one...) {
		if _, err := io.ReadFull(p, one); err != nil {
			return fmt.Errorf("handshake: %w after %q", err, answer)
		}
	}
	return nil
}

// halves splits a frame in the middle.
func halves(frame []byte) [2][]byte {
	n := len(frame) / 2
	return [2][]byte{frame[:n], frame[n:]}
}

// answering is the peer of a client. It waits for a request and answers in two writes. The
// client sends a request as soon as it has the answer to the one before.
func (b *bench) answering(protocol string, delay bool) (series, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	child, err := launch(b.m.serverCore, "ask", protocol, l.Addr().String())
	if err != nil {
		return nil, err
	}
	defer child.stop()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(timeout))
	c, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	p, err := newStallPeer(c, delay)
	if err != nil {
		return nil, err
	}
	if protocol == "http" {
		p.out = [2][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"), []byte("body")}
		p.in = make([]byte, len(question))
	} else {
		request, reply := frames(stallPayload)
		p.out, p.in = halves(reply), request
		if _, err := ws.Upgrade(c); err != nil {
			return nil, err
		}
	}
	if err := p.receive(); err != nil {
		return nil, err
	}
	return b.times(func() error { return errors.Join(p.send(), p.receive()) })
}
