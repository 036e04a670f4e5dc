package reactor_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// quietClient is a client of TLS that behaves well during the torture. Its listener has a handler
// that only sends back. Nothing else is done to the two connections. It exchanges numbered messages
// until it is told to end.
type quietClient struct {
	ready      bool          // handshake and first message are done; belongs to the loop's goroutine
	handshakes int           // EvTLSHS of its connection at the server
	stop       chan struct{} // closed: exchange no more messages
	idle       chan error    // sent once, when it exchanges no more messages
	closed     chan struct{} // closed when it has ended
}

// startQuiet connects the client and turns the loop until its handshake and its first message
// are done.
func (x *torture) startQuiet() {
	l, err := x.m.Listen("tls://127.0.0.1:0", x.handleQuiet, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.begin(l)
	l.StartTLS(serverConfig())
	l.SetDeadlines(reactor.Deadlines{TLS: -1})
	q := &quietClient{stop: make(chan struct{}), idle: make(chan error, 1), closed: make(chan struct{})}
	x.quiet = q
	address := l.LocalAddr().String()
	go func() {
		defer close(q.closed)
		q.run(x.m, address)
	}()
	await(x.t, x.m, "the quiet client's handshake", func() bool { return q.ready || len(q.idle) > 0 })
	if q.handshakes != 1 {
		x.t.Fatalf("%d EvTLSHS for the quiet client, want 1; it has ended: %v", q.handshakes, len(q.idle) > 0)
	}
}

// handleQuiet is the handler of the quiet client's listener and its connection.
func (x *torture) handleQuiet(c *reactor.Conn, ev reactor.Event, data any) {
	if x.lives[c.ID()] == nil {
		x.begin(c)
	}
	x.account(c, ev, data)
	switch ev {
	case reactor.EvTLSHS:
		x.quiet.handshakes++
	case reactor.EvRead:
		c.Write(c.Recv.Bytes())
		c.Recv.Reset()
	}
}

// finishQuiet turns the loop until the client has got its last message.
func (x *torture) finishQuiet() {
	close(x.quiet.stop)
	await(x.t, x.m, "the quiet client's last message", func() bool { return len(x.quiet.idle) > 0 })
	if err := <-x.quiet.idle; err != nil {
		x.t.Errorf("the quiet client: %v", err)
	}
}

// end waits for the end of the client, which has seen the end of its connection.
func (q *quietClient) end(t *testing.T) {
	t.Helper()
	select {
	case <-q.closed:
	case <-time.After(time.Minute):
		t.Error("the quiet client's connection has not ended")
	}
}

// run connects, exchanges messages, and reads to the end of the stream.
func (q *quietClient) run(m *reactor.Manager, address string) {
	raw, err := net.Dial("tcp", address)
	if err != nil {
		q.idle <- err
		return
	}
	defer raw.Close()
	cfg := authority().Client()
	cfg.ServerName = "localhost"
	c := tls.Client(raw, cfg)
	err = q.talk(c, m)
	q.idle <- err
	m.Post(func() {})
	if err == nil {
		io.Copy(io.Discard, c)
	}
}

// talk sends messages of different sizes and reads each back.
func (q *quietClient) talk(c *tls.Conn, m *reactor.Manager) error {
	in := make([]byte, 3000)
	for n := uint64(0); ; n++ {
		out := bytes.Repeat(binary.BigEndian.AppendUint64(nil, n), 1+int(n%300))
		if _, err := c.Write(out); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, in[:len(out)]); err != nil {
			return err
		}
		if !bytes.Equal(in[:len(out)], out) {
			return errors.New("the message came back changed")
		}
		m.Post(func() { q.ready = true })
		select {
		case <-q.stop:
			return nil
		default:
		}
	}
}
