package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// What fairness.go promises for what is written.
const (
	mostWritten   = 1 << 20   // by a connection in a settle phase
	mostEncrypted = 256 << 10 // by a TLS connection in a settle phase
	mostOfAll     = 4 << 20   // by all connections in a turn, besides:
	leastWritten  = 16 << 10  // by each connection in a settle phase
	// settles is how often a turn settles if nothing is read.
	settles = 2
)

// Connections have much to write. In a turn each one writes a bounded number of bytes, and so do
// all of them together. The loop does not block meanwhile, and everything arrives.
func TestWritesOfATurnAreBounded(t *testing.T) {
	const size = 2<<20 + 512<<10 // less than a socket takes
	for _, n := range []int{1, 20} {
		m, _ := timed(t)
		var servers []*reactor.Conn
		l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvAccept {
				servers = append(servers, c)
			}
		})
		var clients []*peer
		for range n {
			clients = append(clients, looptest.DialSocket(t, l.LocalAddr()))
		}
		await(t, m, "the connections", func() bool { return len(servers) == n })
		looptest.Settle(t, m)
		data := noise(size)
		for _, c := range servers {
			c.Write(data)
		}
		before := m.Stats().BytesOut
		spin(t, m, 1)
		for i, c := range servers {
			if took := size - c.Send.Len(); took > settles*mostWritten || took < leastWritten {
				t.Fatalf("%d connections: connection %d has written %d bytes", n, i, took)
			}
		}
		if took := int(m.Stats().BytesOut - before); took > mostOfAll+mostWritten+settles*n*leastWritten {
			t.Errorf("%d connections: %d bytes are written in a turn", n, took)
		}
		if m.NextTimeout() != 0 {
			t.Error("the loop would block although connections have more to write")
		}
		for i, p := range clients {
			await(t, m, "all bytes", p.Received(string(data)))
			if t.Failed() {
				t.Fatalf("client %d", i)
			}
		}
	}
}

// The same over TLS. What one connection encrypts in a turn is bounded.
func TestTLSWritesOfATurnAreBounded(t *testing.T) {
	const size, record = 1 << 20, 64 << 10 // the last write is not cut
	m, _ := timed(t)
	var server *reactor.Conn
	got := 0
	_, url := tlsListen(t, m, serverConfig(), func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvTLSHS {
			server = c
		}
	})
	tlsConnect(t, m, url, clientConfig(), func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			got += c.Recv.Len()
			c.Recv.Reset()
		}
	})
	await(t, m, "the handshake", func() bool { return server != nil })
	looptest.Settle(t, m)
	server.Write(noise(size))
	spin(t, m, 1)
	if took := size - server.Send.Len(); took > settles*(mostEncrypted+record) || took < leastWritten {
		t.Errorf("%d bytes are encrypted in a turn", took)
	}
	await(t, m, "all bytes", func() bool { return got == size })
}
