package ws_test

import (
	"runtime"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Idle WebSockets over TLS: how much heap both ends have between them, after
// small messages, after large ones, and after more of those; and no goroutine.
func TestTLSMemory(t *testing.T) {
	const pairs = 1000 // 2,000 connections
	if testing.Short() {
		t.Skip("a second of handshakes")
	}
	m := looptest.NewManager(t, reactor.WithHandshakes(reactor.Handshakes{}))
	authority := looptest.NewAuthority(t)
	var opened, echoed int
	var clients []*reactor.Conn
	l, err := ws.Listen(m, "wss://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSMsg:
			msg := data.(*ws.Message)
			ws.Send(c, msg.Data, msg.Op)
		case reactor.EvError:
			t.Error(data)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(authority.Server(t))
	cfg := authority.Client()
	connect := func() {
		c, err := ws.Connect(m, "wss://"+l.LocalAddr().String()+"/", func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvWSOpen:
				opened++
			case reactor.EvWSMsg:
				echoed++
			case reactor.EvError:
				t.Error(data)
			}
		}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		c.StartTLS(cfg)
		clients = append(clients, c)
		await(t, m, "the WebSocket", func() bool { return opened == len(clients) || t.Failed() })
	}
	say := func(size int) {
		p := make([]byte, size)
		for i := 0; i < len(clients); i += 50 {
			echoed = 0
			for _, c := range clients[i : i+50] {
				ws.Send(c, p, ws.OpBinary)
			}
			await(t, m, "the echoes", func() bool { return echoed == 50 || t.Failed() })
		}
	}
	connect() // what is made once
	clients[0].Close()
	clients, opened = nil, 0
	spin(t, m)
	routines, before := runtime.NumGoroutine(), liveHeap()
	for range pairs {
		connect()
	}
	perConn := func() int { return int(liveHeap()-before) / (2 * pairs) }
	if n := runtime.NumGoroutine(); n > routines {
		t.Errorf("%d goroutines for %d connections", n-routines, 2*pairs)
	}
	say(1000)
	small := perConn()
	say(16 << 10) // in small records, as crypto/tls begins
	medium := perConn()
	say(100_000)
	say(100_000)
	large := perConn()
	say(200_000)
	larger := perConn()
	t.Logf("heap per connection: %d bytes after messages of 1,000, %d after 16 KB, %d after 100,000, %d after 200,000", small, medium, large, larger)
	if small > 12<<10 || large > 40<<10 || larger > large+512 {
		t.Errorf("want 12 KB, 40 KB, and no more after that")
	}
	runtime.KeepAlive(clients)
}

// liveHeap is how many bytes are in use, garbage not counted.
func liveHeap() uint64 {
	var s runtime.MemStats
	for range 3 { // sync.Pool gives up what it has in two
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
