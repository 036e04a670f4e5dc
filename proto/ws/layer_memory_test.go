//go:build !race

package ws_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// An idle connection that has sent and received messages has its contexts, as
// Deflate.Budget counts them, and at most 2 KiB more.
func TestMemoryOfIdleConnections(t *testing.T) {
	const (
		plain     = 2 << 10
		receiving = 32 << 10
		sending   = 800 << 10
	)
	for _, tt := range []struct {
		name    string
		deflate *ws.Deflate
		ext     string // what the peer offers
		conns   int
		most    int // bytes per connection
	}{
		{"no compression", nil, "", 200, plain},
		{"no context takeover", &ws.Deflate{NoContextTakeover: true, PeerNoContextTakeover: true}, "permessage-deflate", 200, plain},
		{"receiving only", &ws.Deflate{NoContextTakeover: true}, "permessage-deflate", 200, plain + receiving},
		{"receiving only, 9 bits", &ws.Deflate{NoContextTakeover: true, PeerWindowBits: 9}, "permessage-deflate; client_max_window_bits", 200, plain + 512},
		{"takeover, 15 bits", &ws.Deflate{}, "permessage-deflate; client_max_window_bits", 60, plain + receiving + sending},
		{"takeover, 9 bits", &ws.Deflate{WindowBits: 9, PeerWindowBits: 9}, "permessage-deflate; client_max_window_bits", 60, plain + 512 + sending},
		{"takeover, level 1", &ws.Deflate{Level: 1}, "permessage-deflate", 40, plain + receiving + 1180<<10},
		{"beyond the budget", &ws.Deflate{Budget: -1}, "permessage-deflate", 200, plain},
	} {
		m := looptest.NewStillManager(t)
		o := &ws.Options{Deflate: tt.deflate}
		payload := []byte(strings.Repeat("0123456789 some words, ", 2000)) // more than any window
		opened, heard := 0, 0
		l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvWSOpen:
				opened++
				if got := string(data.(*http.Message).Header("Sec-WebSocket-Extensions")); got != tt.ext {
					t.Errorf("the peer offers %q, want %q", got, tt.ext)
				}
			case reactor.EvWSMsg:
				heard++
				must(t, ws.Send(c, payload, ws.OpText))
			}
		}, nil, o)
		must(t, err)
		hello, first := request, byte(fin|text)
		message := string(payload)
		if tt.deflate != nil {
			hello = strings.TrimSuffix(request, "\r\n") + "Sec-WebSocket-Extensions: " + tt.ext + "\r\n\r\n"
			first, message = fin|rsv1|text, deflatedIn(t, string(payload), 256)
		}
		message = buildFrame(first, true, -1, message)
		in := make([]byte, 0, 1<<20)
		connect := func() {
			p := looptest.DialSocket(t, l.LocalAddr())
			p.WriteString(hello)
			n, h := opened, heard
			await(t, m, "EvWSOpen", func() bool { return opened > n })
			p.WriteString(message)
			await(t, m, "EvWSMsg", func() bool { return heard > h })
			in = in[:0]
			await(t, m, "the answer", func() bool {
				in, _, _ = looptest.Read(p.FD, in)
				return m.Stats().Queued == 0
			})
			in, _, _ = looptest.Read(p.FD, in)
		}
		for range 3 { // the manager allocates what all connections share
			connect()
		}
		before := looptest.LiveHeap()
		for range tt.conns {
			connect()
		}
		per := (looptest.LiveHeap() - before) / tt.conns
		runtime.KeepAlive(connect) // and the buffer that it reads into
		t.Logf("%-24s %8d bytes per connection", tt.name, per)
		if per > tt.most {
			t.Errorf("%s: %d bytes per connection, want at most %d", tt.name, per, tt.most)
		}
		if n := m.Stats().Conns; n != tt.conns+3 {
			t.Errorf("%s: %d connections, want %d", tt.name, n, tt.conns+3)
		}
		must(t, m.Close())
	}
}

// deflatedIn compresses s without references farther back than size bytes.
func deflatedIn(t testing.TB, s string, size int) (out string) {
	t.Helper()
	for len(s) > size {
		out += deflated(s[:size]) + "\x00\x00\xff\xff"
		s = s[size:]
	}
	return out + deflated(s)
}

// An idle WebSocket over TLS has at most 12 KiB of heap after small messages and 40 KiB
// after large ones. More large messages do not change that. It has no goroutine.
func TestMemoryOfIdleTLSConnections(t *testing.T) {
	const pairs = 1000 // 2,000 connections, so that what the manager shares hardly counts
	now := time.Now()
	m := looptest.NewManager(t, reactor.WithTLSHandshakes(reactor.TLSHandshakes{}),
		reactor.WithClock(func() time.Time { return now }))
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
	connect() // allocates what all connections share
	clients[0].Close()
	clients, opened = nil, 0
	spin(t, m)
	routines, before := runtime.NumGoroutine(), looptest.LiveHeap()
	for range pairs {
		connect()
	}
	perConn := func() int {
		for range 3 { // the manager drops spare memory that was not used in the last second
			now = now.Add(time.Second)
			looptest.Must(t, m.Poll(0))
		}
		return (looptest.LiveHeap() - before) / (2 * pairs)
	}
	if n := runtime.NumGoroutine(); n > routines {
		t.Errorf("%d goroutines more for %d connections, want none", n-routines, 2*pairs)
	}
	say(1000)
	small := perConn()
	say(16 << 10) // in small records, with which crypto/tls begins
	medium := perConn()
	say(100_000)
	say(100_000)
	large := perConn()
	say(200_000)
	larger := perConn()
	t.Logf("heap per connection: %d bytes after messages of 1,000, %d after 16 KB, %d after 100,000, %d after 200,000", small, medium, large, larger)
	if small > 12<<10 || large > 40<<10 || larger > large+512 {
		t.Errorf("want at most %d after 1,000 bytes, %d after 100,000, and not more after 200,000", 12<<10, 40<<10)
	}
	runtime.KeepAlive(clients)
}
