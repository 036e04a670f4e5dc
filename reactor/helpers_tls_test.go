package reactor_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// authority signs the certificates of these tests.
var authority = sync.OnceValue(func() *looptest.Authority { return looptest.NewAuthority(fataler{}) })

// fataler is the testing.TB for values that are made once for all tests.
type fataler struct{ testing.TB }

func (fataler) Helper() {}

func (fataler) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

var serverConfig = sync.OnceValue(func() *tls.Config { return authority().Server(fataler{}) })

// clientConfig returns a Config of a client with a short handshake.
func clientConfig() *tls.Config {
	cfg := authority().Client()
	cfg.CurvePreferences = []tls.CurveID{tls.X25519}
	return cfg
}

// versions are the versions of TLS that are in use.
var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// tlsListen makes a TLS listener and returns its URL. The handler gets the events of
// accepted connections only.
func tlsListen(t *testing.T, m *reactor.Manager, cfg *tls.Config, fn reactor.Handler) (l *reactor.Conn, url string) {
	t.Helper()
	l, err := m.Listen("tls://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if !c.IsListening() && fn != nil {
			fn(c, ev, data)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		l.StartTLS(cfg)
	}
	return l, "tls://" + l.LocalAddr().String()
}

// tlsConnect connects with a Config.
func tlsConnect(t *testing.T, m *reactor.Manager, url string, cfg *tls.Config, fn reactor.Handler) *reactor.Conn {
	t.Helper()
	c, err := m.Connect(url, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.StartTLS(cfg)
	return c
}

// sendBack sends everything back.
func sendBack(c *reactor.Conn, _ any) {
	c.Write(c.Recv.Bytes())
	c.Recv.Reset()
}

// slowWire is a peer's connection. The test passes on each of its writes in pieces while
// it turns the loop.
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

// tlsPeer is crypto/tls on its own goroutine, at the other end of a connection of the
// loop.
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
	raw.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		defer close(p.done)
		p.err = talk(p.wire)
	}()
	return p
}

// run passes on what the peer writes, in pieces that cut chooses. The loop reads each
// piece before the next. It ends when the peer is done. If limit is not negative, it ends
// the stream after so many bytes.
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

// whole leaves writes as they are. bytewise cuts them into bytes.
func whole(_ int, b []byte) int { return len(b) }

func bytewise(int, []byte) int { return 1 }

// peerClient is a client that sends a message and wants it back.
func peerClient(cfg *tls.Config) func(net.Conn) error {
	return func(raw net.Conn) error {
		return pingPong(tls.Client(raw, cfg))
	}
}

// pingPong sends a message, reads as many bytes, and closes the connection in order.
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

// small makes a Config's handshake short.
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

// memoryWire is one end of a connection in memory.
type memoryWire struct {
	net.Conn
	in, out *bytes.Buffer
}

func (w *memoryWire) Read(p []byte) (int, error) { return w.in.Read(p) }

func (w *memoryWire) Write(p []byte) (int, error) { return w.out.Write(p) }
