package reactor_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// slowWire is a peer's connection whose every write the test passes on, in
// pieces as it likes, while it turns the loop.
type slowWire struct {
	net.Conn
	say chan []byte
	ack chan struct{}
}

func (w *slowWire) Write(p []byte) (int, error) {
	w.say <- p
	<-w.ack
	return len(p), nil
}

// end ends the stream to the loop.
func (w *slowWire) end() { w.Conn.(*net.TCPConn).CloseWrite() }

// tlsPeer is crypto/tls on a goroutine of its own, at the other end of a
// connection of the loop.
type tlsPeer struct {
	t    *testing.T
	m    *reactor.Manager
	wire *slowWire
	done chan struct{}
	err  error // of the peer, once it is done
	sent int   // bytes that reached the loop
}

// startPeer runs a peer that speaks over raw.
func startPeer(t *testing.T, m *reactor.Manager, raw net.Conn, talk func(net.Conn) error) *tlsPeer {
	p := &tlsPeer{t: t, m: m, wire: &slowWire{raw, make(chan []byte), make(chan struct{})}, done: make(chan struct{})}
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		defer close(p.done)
		p.err = talk(p.wire)
	}()
	return p
}

// run passes on what the peer writes, cut by the function into pieces, each
// read by the loop before the next, until the peer is done or has sent limit
// bytes (if not negative); then the peer's socket is closed.
func (p *tlsPeer) run(limit int, cut func(sent int, b []byte) int) {
	p.t.Helper()
	for {
		select {
		case b := <-p.wire.say:
			for len(b) > 0 && limit != 0 {
				n := min(cut(p.sent, b), len(b))
				if limit > 0 {
					n = min(n, limit)
					limit -= n
				}
				p.feed(b[:n])
				b = b[n:]
			}
			if limit == 0 {
				p.wire.end()
			}
			p.wire.ack <- struct{}{}
		case <-p.done:
			return
		default:
			p.m.Poll(50 * time.Microsecond)
		}
	}
}

// feed writes bytes and turns the loop until it has read them.
func (p *tlsPeer) feed(b []byte) {
	p.t.Helper()
	before := p.m.Stats()
	if _, err := p.wire.Conn.Write(b); err != nil {
		return // the loop has closed the connection
	}
	p.sent += len(b)
	await(p.t, p.m, "the bytes of the peer", func() bool {
		s := p.m.Stats()
		return s.BytesIn >= before.BytesIn+uint64(len(b)) || s.Closed > before.Closed
	})
}

// whole leaves writes as they are, bytewise does not.
func whole(_ int, b []byte) int { return len(b) }
func bytewise(int, []byte) int  { return 1 }

// peerClient is a client that wants one message back.
func peerClient(cfg *tls.Config) func(net.Conn) error {
	return func(raw net.Conn) error {
		return pingPong(tls.Client(raw, cfg))
	}
}

// pingPong sends a message, reads as much, and ends in order.
func pingPong(c *tls.Conn) error {
	defer c.NetConn().(*slowWire).Conn.Close()
	if _, err := c.Write([]byte("ping")); err != nil {
		return err
	}
	b := make([]byte, 4)
	for n := 0; n < 4; {
		k, err := c.Read(b[n:])
		if n += k; err != nil {
			return err
		}
	}
	return c.Close()
}

// small makes the handshake short.
func small(cfg *tls.Config, version uint16) *tls.Config {
	cfg.MinVersion, cfg.MaxVersion = version, version
	cfg.CurvePreferences = []tls.CurveID{tls.X25519}
	if cfg.RootCAs != nil {
		cfg.ServerName = "localhost"
	}
	return cfg
}

func netDial(t *testing.T, addr string) net.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return raw
}

// netAccept connects the loop to a listener of package net.
func netAccept(t *testing.T, m *reactor.Manager, cfg *tls.Config, fn reactor.Handler) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tlsConnect(t, m, "tcp://"+l.Addr().String(), cfg, fn)
	spin(t, m, 2)
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return raw
}
