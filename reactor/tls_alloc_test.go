package reactor_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// memoryWire is one direction's end of a connection in memory.
type memoryWire struct {
	net.Conn
	in, out *bytes.Buffer
}

func (w *memoryWire) Read(p []byte) (int, error)  { return w.in.Read(p) }
func (w *memoryWire) Write(p []byte) (int, error) { return w.out.Write(p) }

// An echo in the steady state allocates no more than crypto/tls does for its
// records on both sides.
func TestTLSAllocations(t *testing.T) {
	if raced {
		t.Skip("crypto/tls keeps its buffers in a sync.Pool, which forgets at random here")
	}
	for _, size := range []int{64, 1000, 16 << 10} {
		want := cryptoAllocations(t, size)
		m := newManager(t)
		_, url := tlsListen(t, m, serverConfig(), echo)
		got, p := 0, make([]byte, size)
		c := tlsConnect(t, m, url, authority().Client(), func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				got += c.Recv.Len()
				c.Recv.Reset()
			}
		})
		run := func() {
			got = 0
			c.Write(p)
			for i := 0; got < size && i < turns; i++ {
				m.Poll(-1)
			}
		}
		for range 30 { // until records have their full size
			run()
		}
		if n := testing.AllocsPerRun(200, run); n > want {
			t.Errorf("%d bytes: %v allocations per echo, crypto/tls alone makes %v", size, n, want)
		} else {
			t.Logf("%d bytes: %v allocations per echo, crypto/tls alone makes %v", size, n, want)
		}
	}
}

// cryptoAllocations is how much crypto/tls allocates for an echo by itself.
func cryptoAllocations(t *testing.T, size int) float64 {
	t.Helper()
	a, b := net.Pipe()
	clientConfig := authority().Client()
	clientConfig.ServerName = "localhost"
	cw, sw := &memoryWire{Conn: a}, &memoryWire{Conn: b}
	client, server := tls.Client(&switched{Conn: a, wire: cw}, clientConfig), tls.Server(&switched{Conn: b, wire: sw}, serverConfig())
	done := make(chan error)
	go func() { done <- server.Handshake() }()
	go func() { // and the tickets
		_, err := client.Read(make([]byte, 1))
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	server.Write([]byte("x"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var up, down bytes.Buffer
	cw.in, cw.out, sw.in, sw.out = &down, &up, &up, &down
	client.NetConn().(*switched).on, server.NetConn().(*switched).on = true, true
	p, q := make([]byte, size), make([]byte, size)
	run := func() {
		client.Write(p)
		io.ReadFull(server, q)
		server.Write(q)
		io.ReadFull(client, q)
	}
	for range 30 {
		run()
	}
	return testing.AllocsPerRun(200, run)
}

// switched is a pipe until it is switched to memory.
type switched struct {
	net.Conn
	wire *memoryWire
	on   bool
}

func (s *switched) Read(p []byte) (int, error) {
	if s.on {
		return s.wire.Read(p)
	}
	return s.Conn.Read(p)
}

func (s *switched) Write(p []byte) (int, error) {
	if s.on {
		return s.wire.Write(p)
	}
	return s.Conn.Write(p)
}
