package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// numbered returns n bytes that are different in each message i.
func numbered(i, n int) []byte {
	p := make([]byte, n)
	for at := range p {
		p[at] = byte(at*7 + at>>8 + i*31)
	}
	return p
}

// forwardSizes are sizes around the limits of what is moved, read at once, and kept by the pool.
var forwardSizes = []int{0, 1, 125, 126, 16<<10 - 1, 16 << 10, 65535, 65536, 256<<10 - 14, 256 << 10, 300_000, 1 << 20, 3<<20 + 1}

// TestForward: Forward sends what Send would send, to the peer of the message and to another
// connection, in both roles, with and without TLS and compression, also if several messages
// arrive together.
func TestForward(t *testing.T) {
	for _, tt := range []struct {
		name string
		tls  bool
		o    ws.Options
	}{
		{name: "tcp"},
		{name: "tls", tls: true},
		{name: "compressed", o: ws.Options{Deflate: &ws.Deflate{}}},
		{name: "chunks", o: ws.Options{Delivery: ws.Chunks}},
		{name: "frames", o: ws.Options{Delivery: ws.Frames}},
	} {
		for _, depth := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, depth), func(t *testing.T) {
				testForward(t, tt.tls, tt.o, depth)
			})
		}
	}
}

// testForward sends messages to a server, depth at once. The server forwards them to the next of
// its connections. All that a connection got must be what was sent.
func testForward(t *testing.T, secure bool, o ws.Options, depth int) {
	m := looptest.NewManager(t)
	scheme := "ws"
	if secure {
		scheme = "wss"
	}
	var servers []*reactor.Conn
	l, err := ws.Listen(m, scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSOpen:
			servers = append(servers, c)
		case reactor.EvWSMsg:
			msg, to := data.(*ws.Message), servers[0]
			if c == servers[0] {
				to = servers[len(servers)-1]
			}
			must(t, ws.Forward(to, msg))
			if msg.Data != nil {
				t.Errorf("Data has %d bytes after Forward", len(msg.Data))
			}
		case reactor.EvError:
			t.Error(data)
		}
	}, nil, &o)
	must(t, err)
	authority := looptest.NewAuthority(t)
	if secure {
		l.StartTLS(authority.Server(t))
	}
	var got bytes.Buffer
	var clients []*reactor.Conn
	for range 2 {
		c, err := ws.Connect(m, scheme+"://"+l.LocalAddr().String()+"/", func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvWSMsg:
				got.Write(data.(*ws.Message).Data)
			case reactor.EvError:
				t.Error(data)
			}
		}, nil, "", &ws.Options{Deflate: o.Deflate})
		must(t, err)
		if secure {
			c.StartTLS(authority.Client())
		}
		clients = append(clients, c)
		await(t, m, "the WebSocket", func() bool {
			return len(servers) == len(clients) && ws.CheckSend(c) == nil || t.Failed()
		})
	}
	for i, size := range forwardSizes {
		for at := range clients {
			got.Reset()
			var want []byte
			for k := range depth {
				p := numbered(i+k, size)
				must(t, ws.Send(clients[at], p, ws.OpBinary))
				want = append(want, p...)
			}
			await(t, m, "the messages", func() bool { return got.Len() >= len(want) || t.Failed() })
			if !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("%d bytes from client %d: something else came back", size, at)
			}
		}
	}
}

// TestForwardMovesMemory: a large message is not copied. Its memory becomes that of Send, and the
// header is in front of it.
func TestForwardMovesMemory(t *testing.T) {
	for _, size := range []int{64 << 10, 200_000, 1 << 20} {
		env := newEnv(t)
		moved := false
		tc := env.open(asServer, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWSMsg {
				msg := data.(*ws.Message)
				p := &msg.Data[0]
				must(t, ws.Forward(c, msg))
				sent := c.Send.Bytes()
				moved = p == &sent[len(sent)-size]
			}
		})
		tc.peerSends(tc.frame(fin|bin, string(numbered(1, size))))
		tc.wantSent("binary " + brief(string(numbered(1, size))))
		if !moved {
			t.Errorf("%d bytes were copied", size)
		}
	}
}

// TestForwardRefused: an error leaves the message as it was.
func TestForwardRefused(t *testing.T) {
	env := newEnv(t)
	other := env.open(asServer, nil)
	other.conn.Close()
	tc := env.open(asServer, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvWSMsg {
			return
		}
		msg := data.(*ws.Message)
		if err := ws.Forward(other.conn, msg); !errors.Is(err, reactor.ErrClosed) || len(msg.Data) != 100_000 {
			t.Errorf("%v, %d bytes are left", err, len(msg.Data))
		}
		msg.Data[0] = 0xff
		var bad *ws.ProtocolError
		if err := ws.Forward(c, msg); !errors.As(err, &bad) || len(msg.Data) != 100_000 {
			t.Errorf("%v, %d bytes are left", err, len(msg.Data))
		}
		msg.Data = msg.Data[1:] // a part of the message can be forwarded too
		must(t, ws.Forward(c, msg))
	})
	long := string(bytes.Repeat([]byte("a"), 100_000))
	tc.peerSends(tc.frame(fin|text, long))
	tc.wantSent("text " + brief(long[1:]))
}

// A second Forward of the same message is an error: its Data is gone, and an empty message would be
// sent instead.
func TestForwardTwice(t *testing.T) {
	for _, size := range []int{0, 5, 64 << 10} {
		var errs []error
		env := newEnv(t)
		tc := env.open(asServer, nil)
		tc.conn.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWSMsg {
				m := data.(*ws.Message)
				errs = append(errs, ws.Forward(c, m), ws.Forward(c, m))
			}
		}
		for range 2 {
			errs = nil
			tc.peer.WriteIfOpen(tc.frame(fin|bin, string(make([]byte, size))))
			looptest.Await(t, tc.conn.Manager(), "the message", func() bool { return len(errs) == 2 })
			if errs[0] != nil || errs[1] == nil {
				t.Errorf("%d bytes: %v, want nil and an error", size, errs)
			}
		}
	}
}
