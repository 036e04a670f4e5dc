//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/gobwas/ws"

	peer "github.com/rikki-go/rikki/internal/frames"
)

// A stall happens when a peer sends in two writes and uses Nagle's algorithm. The peer's
// kernel holds the second write back until the first is acknowledged. Our kernel delays
// that acknowledgement, usually for 40 ms, to send it together with data.

// stallRow is an exchange with rikki in which the peer, which is this process, sends in two
// writes.
type stallRow struct {
	name string
	run  func(b *bench, s *subject, delay bool) (series, error) // milliseconds
}

var stallRows = []stallRow{
	{"HTTP answer", func(b *bench, s *subject, delay bool) (series, error) { return b.answering(s, "http", delay) }},
	{"HTTP request", func(b *bench, s *subject, delay bool) (series, error) { return b.requesting(s, "http", delay) }},
	{"WebSocket frame to the client", func(b *bench, s *subject, delay bool) (series, error) { return b.answering(s, "ws", delay) }},
	{"WebSocket frame to the server", func(b *bench, s *subject, delay bool) (series, error) { return b.requesting(s, "ws", delay) }},
}

// stallPayload is the size in bytes of the message in a frame.
const stallPayload = 64

// nagle are the two kinds of rows of stall.
var nagle = []struct {
	delay bool
	name  string
}{{true, "with Nagle's algorithm"}, {false, "without"}}

// openStall measures exchanges of rikki with peers that use Nagle's algorithm.
func openStall(b *bench) ([]*measurement, error) {
	t := &table{title: "Time of an exchange in which the peer of rikki sends in two writes", unit: "ms",
		note: "A delayed acknowledgement would add 40 ms if the peer uses Nagle's algorithm."}
	var all []*measurement
	for _, r := range stallRows {
		for _, n := range nagle {
			all = append(all, &measurement{
				rows: []row{{t, r.name + ", " + n.name}}, subjects: b.compare(stallServers),
				sample: func(s *subject) ([]float64, error) {
					times, err := r.run(b, s, n.delay)
					return []float64{times.median()}, err
				},
			})
		}
	}
	return append(all, b.stallMosquitto()...), nil
}

// stallPeer is the peer's end of a connection with the bytes of an exchange.
type stallPeer struct {
	net.Conn
	out [2][]byte // the two writes
	in  []byte    // the bytes that the other end sends; nil is a masked frame of the payload
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

// receive reads the bytes of the other end and compares them.
func (p *stallPeer) receive() error {
	if p.in == nil {
		f, err := peer.Read(p)
		if err == nil && !bytes.Equal(ws.UnmaskFrameInPlace(f).Payload, make([]byte, stallPayload)) {
			err = errors.New("the frame is not the message")
		}
		return err
	}
	got := make([]byte, len(p.in))
	_, err := io.ReadFull(p, got)
	if err == nil && !bytes.Equal(withoutDate(got), withoutDate(p.in)) {
		err = fmt.Errorf("received %q, want %q", got, p.in)
	}
	return err
}

// withoutDate returns an HTTP message with the same date in all of them.
func withoutDate(p []byte) []byte { return dateField.ReplaceAll(p, []byte("Date: ")) }

var dateField = regexp.MustCompile(`Date: [^\r]*`)

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
func (b *bench) requesting(s *subject, protocol string, delay bool) (series, error) {
	child, addr, err := b.launchServer(s, single)
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
		p.in = []byte("HTTP/1.1 200 OK\r\nDate: " + http.TimeFormat + "\r\nContent-Length: 2\r\n\r\nok")
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
func (b *bench) answering(s *subject, protocol string, delay bool) (series, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	child, err := b.launch(s, "ask", protocol, l.Addr().String())
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
		p.in = []byte(question)
	} else {
		_, reply := frames(stallPayload)
		p.out = halves(reply)
		if _, err := ws.Upgrade(c); err != nil {
			return nil, err
		}
	}
	if err := p.receive(); err != nil {
		return nil, err
	}
	return b.times(func() error { return errors.Join(p.send(), p.receive()) })
}
