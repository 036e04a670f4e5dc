package klauspost_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/proto/ws/klauspost"
	"github.com/rikki-go/rikki/reactor"
)

// peer is the other end of a WebSocket: a bare socket.
type peer struct {
	*looptest.Socket
	m *reactor.Manager
}

// head returns the header of the HTTP message that arrives.
func (p *peer) head() (head string) {
	p.T.Helper()
	looptest.Await(p.T, p.m, "a header", func() (found bool) {
		p.Receive()
		head, _, found = strings.Cut(string(p.In), "\r\n\r\n")
		return found
	})
	p.In = p.In[len(head)+4:]
	return head
}

// frame returns the first byte and the unmasked payload of the frame that arrives.
func (p *peer) frame() (first byte, payload []byte) {
	p.T.Helper()
	has := func(n int) func() bool {
		return func() bool { p.Receive(); return len(p.In) >= n }
	}
	looptest.Await(p.T, p.m, "a header of a frame", has(2))
	at, n := 2, int(p.In[1]&0x7f)
	switch n {
	case 126:
		looptest.Await(p.T, p.m, "a length", has(4))
		at, n = 4, int(binary.BigEndian.Uint16(p.In[2:]))
	case 127:
		looptest.Await(p.T, p.m, "a length", has(10))
		at, n = 10, int(binary.BigEndian.Uint64(p.In[2:]))
	}
	masked := p.In[1]&0x80 != 0
	if masked {
		at += 4
	}
	looptest.Await(p.T, p.m, "a payload", has(at+n))
	first, payload = p.In[0], append([]byte(nil), p.In[at:at+n]...)
	if masked {
		for i := range payload {
			payload[i] ^= p.In[at-4+i%4]
		}
	}
	p.In = p.In[at+n:]
	return first, payload
}

// request is the offer of a peer that is a client.
const request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

// open opens a WebSocket to a peer that agrees to what the options ask for.
func open(t *testing.T, m *reactor.Manager, server bool, o *ws.Options, answer string) (c *reactor.Conn, p *peer) {
	t.Helper()
	opened := false
	fn := func(conn *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSOpen:
			c, opened = conn, true
		case reactor.EvError:
			t.Error(data)
		}
	}
	if server {
		l, err := ws.Listen(m, "ws://127.0.0.1:0", fn, nil, o)
		looptest.Must(t, err)
		p = &peer{looptest.DialSocket(t, l.LocalAddr()), m}
		p.WriteString(request)
		head := p.head()
		if got := looptest.HeaderValue(head, "Sec-WebSocket-Extensions"); got != answer {
			t.Fatalf("the server answers %q, want %q", got, answer)
		}
	} else {
		l, addr := looptest.ListenSocket(t)
		_, err := ws.Connect(m, "ws://"+addr+"/", fn, nil, "", o)
		looptest.Must(t, err)
		p = &peer{l.AwaitAccept(m), m}
		key := looptest.HeaderValue(p.head(), "Sec-WebSocket-Key")
		p.WriteString(looptest.Agreement(key, "Sec-WebSocket-Extensions: "+answer+"\r\n"))
	}
	looptest.Await(t, m, "EvWSOpen", func() bool { return opened })
	return c, p
}

// What both roles send through sockets inflates to the original and stays in the window, with Send,
// Prepare and a Writer, with a context and without. It is compressed by klauspost/compress.
func TestPeersUnderstand(t *testing.T) {
	const name = "permessage-deflate"
	for _, tt := range []struct {
		name           string
		d              ws.Deflate
		server, client string // answers to the offer, in which the one or the other has klauspost
		bits           int
		takeover       bool
	}{
		{"takeover", ws.Deflate{}, name, name, 15, true},
		{"level 9", ws.Deflate{Level: 9}, name, name, 15, true},
		{"no context takeover", ws.Deflate{NoContextTakeover: true}, name + "; server_no_context_takeover", name + "; client_no_context_takeover", 15, false},
		{"9 bits", ws.Deflate{WindowBits: 9}, name + "; server_max_window_bits=9", name + "; client_max_window_bits=9", 9, true},
		{"8 bits", ws.Deflate{WindowBits: 8}, name + "; server_max_window_bits=8", name + "; client_max_window_bits=8", 8, true},
		{"8 bits, no context takeover", ws.Deflate{WindowBits: 8, NoContextTakeover: true}, name + "; server_no_context_takeover; server_max_window_bits=8", name + "; client_no_context_takeover; client_max_window_bits=8", 8, false},
	} {
		for _, server := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, server %v", tt.name, server), func(t *testing.T) {
				m := looptest.NewManager(t)
				made := 0
				d := tt.d
				d.NewCompressor = func(level, windowBits int) ws.Compressor {
					made++
					return klauspost.NewCompressor(level, windowBits)
				}
				answer := tt.client
				if server {
					answer = tt.server
				}
				c, p := open(t, m, server, &ws.Options{Deflate: &d}, answer)
				in := &receiver{bits: tt.bits}
				r := rand.New(rand.NewPCG(1, 2))
				for i := range 9 {
					want := text(r, 300+r.IntN(70_000))
					switch i % 3 {
					case 0:
						looptest.Must(t, ws.Send(c, want, ws.OpBinary))
					case 1:
						prepared, err := ws.Prepare(want, ws.OpBinary)
						looptest.Must(t, err)
						looptest.Must(t, prepared.Send(c))
						in.history = nil // Prepare compresses each message alone
					case 2:
						w, err := ws.NewWriter(c, ws.OpBinary, 1000)
						looptest.Must(t, err)
						w.Write(want[:100])
						w.Write(want[100:])
						looptest.Must(t, w.Close())
					}
					first, z := p.frame()
					compressed := first&0x40 != 0
					for first&0x80 == 0 {
						var more []byte
						first, more = p.frame()
						z = append(z, more...)
					}
					if !compressed {
						t.Fatalf("message %d is not compressed", i)
					}
					in.message(t, append(z, tail...), want)
					if !tt.takeover || i%3 == 1 {
						in.history = nil
					}
				}
				if made == 0 {
					t.Error("no compressor was made")
				}
			})
		}
	}
}

// Both roles understand each other, one of them or both with klauspost/compress.
func TestBothRoles(t *testing.T) {
	fast := func(d ws.Deflate) *ws.Options {
		d.NewCompressor = klauspost.NewCompressor
		return &ws.Options{Deflate: &d}
	}
	for name, d := range map[string]ws.Deflate{
		"defaults": {}, "no contexts": {NoContextTakeover: true, PeerNoContextTakeover: true},
		"small windows": {WindowBits: 9, PeerWindowBits: 8, Level: 1}, "level 9": {Level: 9},
	} {
		slow := &ws.Options{Deflate: &d}
		for _, o := range [][2]*ws.Options{{fast(d), slow}, {slow, fast(d)}, {fast(d), fast(d)}} {
			m := looptest.NewManager(t)
			r := rand.New(rand.NewPCG(5, 6))
			var sent [][]byte
			next := func(c *reactor.Conn) {
				sent = append(sent, text(r, 300+r.IntN(50_000)))
				looptest.Must(t, ws.Send(c, sent[len(sent)-1], ws.OpBinary))
			}
			l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvWSMsg {
					looptest.Must(t, ws.Send(c, data.(*ws.Message).Data, ws.OpBinary))
				}
			}, nil, o[0])
			looptest.Must(t, err)
			_, err = ws.Connect(m, "ws://"+l.LocalAddr().String()+"/", func(c *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvWSOpen:
					next(c)
				case reactor.EvWSMsg:
					if string(data.(*ws.Message).Data) != string(sent[len(sent)-1]) {
						t.Errorf("%s: message %d came back changed", name, len(sent))
					}
					next(c)
				case reactor.EvError:
					t.Errorf("%s: %v", name, data)
				}
			}, nil, "", o[1])
			looptest.Must(t, err)
			looptest.Await(t, m, "20 messages", func() bool { return len(sent) > 20 || t.Failed() })
		}
	}
}

// The budget counts what these compressors take: with room for two, the third connection has no
// context. A connection that has sent a long message takes the size of a compressor, and at most
// 8 KiB more.
func TestBudget(t *testing.T) {
	for _, level := range []int{1, 2, 6, 9} {
		size := klauspost.NewCompressor(level, 15).(interface{ Size() int }).Size()
		m := looptest.NewStillManager(t)
		o := &ws.Options{Deflate: &ws.Deflate{Level: level, Budget: 2 * (size + 32<<10), NewCompressor: klauspost.NewCompressor}}
		var all []*reactor.Conn
		l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWSOpen {
				all = append(all, c)
			}
		}, nil, o)
		looptest.Must(t, err)
		message := text(rand.New(rand.NewPCG(1, 2)), 400_000)
		connect := func(at netip.AddrPort) (answer string) {
			p := &peer{looptest.DialSocket(t, at), m}
			p.WriteString(request)
			answer = looptest.HeaderValue(p.head(), "Sec-WebSocket-Extensions")
			n := len(all)
			looptest.Must(t, ws.Send(all[n-1], message, ws.OpBinary))
			p.frame()
			p.In = nil
			return answer
		}
		const without = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
		for i, want := range []string{"permessage-deflate", "permessage-deflate", without, without} {
			before := looptest.LiveHeap()
			if got := connect(l.LocalAddr()); got != want {
				t.Errorf("level %d: connection %d is answered with %q, want %q", level, i, got, want)
			}
			// The first connection also warms what the manager shares.
			if per := looptest.LiveHeap() - before; i == 1 && (per > size+(8<<10) || per < size-(32<<10)) {
				t.Errorf("level %d: a connection takes %d bytes, but the compressor's size is %d", level, per, size)
			}
		}
	}
}
