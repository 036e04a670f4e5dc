package ws_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// heap is how many bytes of it are in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// An idle connection that has sent and received messages holds no more than its
// contexts, as Deflate.Budget counts them, and a little besides.
func TestMemoryOfIdleConnections(t *testing.T) {
	const (
		plain     = 2 << 10
		receiving = 32 << 10
		sending   = 800 << 10
	)
	for _, tt := range []struct {
		name    string
		deflate *ws.Deflate
		ext     string // that the peer offers
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
		{"past the budget", &ws.Deflate{Budget: -1}, "permessage-deflate", 200, plain},
	} {
		m := newManager(t)
		o := &ws.Options{Deflate: tt.deflate}
		payload := []byte(strings.Repeat("0123456789 some words, ", 2000)) // more than any window
		opened, heard := 0, 0
		l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvWSOpen:
				opened++
				if got := string(data.(*http.Message).Header("Sec-WebSocket-Extensions")); got != tt.ext {
					t.Errorf("the peer offers %q", got)
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
		message = build(first, true, -1, message)
		in := make([]byte, 0, 1<<20)
		connect := func() {
			p := dialPeer(t, l.LocalAddr())
			p.write(hello)
			n, h := opened, heard
			await(t, m, "EvWSOpen", func() bool { return opened > n })
			p.write(message)
			await(t, m, "EvWSMsg", func() bool { return heard > h })
			in = in[:0]
			await(t, m, "the answer", func() bool {
				in, _, _ = looptest.Read(p.fd, in)
				return m.Stats().Queued == 0
			})
			in, _, _ = looptest.Read(p.fd, in)
		}
		for range 3 { // what the manager keeps for all
			connect()
		}
		before := heap()
		for range tt.conns {
			connect()
		}
		per := (heap() - before) / tt.conns
		runtime.KeepAlive(connect) // and with it what it reads into
		t.Logf("%-24s %8d bytes per connection", tt.name, per)
		if per > tt.most {
			t.Errorf("%s: %d bytes per connection, at most %d are to be", tt.name, per, tt.most)
		}
		if n := m.Stats().Conns; n != tt.conns+3 {
			t.Errorf("%s: %d connections", tt.name, n)
		}
		must(t, m.Close())
	}
}

// deflatedIn compresses without references that reach further back than size bytes.
func deflatedIn(t testing.TB, s string, size int) (out string) {
	t.Helper()
	for len(s) > size {
		out += deflated(s[:size]) + "\x00\x00\xff\xff"
		s = s[size:]
	}
	return out + deflated(s)
}
