package http_test

import (
	"flag"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

var callsSeed = flag.Uint64("calls-seed", 0, "seed of TestRandomCalls; 0 means a new one")

// Whatever a program calls, and when, nothing panics, and each reader is closed once.
func TestRandomCalls(t *testing.T) {
	seed := *callsSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("to repeat: -calls-seed %d", seed)
	for i := range 300 {
		if runCalls(t, rand.New(rand.NewPCG(seed, uint64(i)))); t.Failed() {
			t.Fatalf("round %d of seed %d", i, seed)
		}
	}
}

// caller makes random calls on both ends of a connection.
type caller struct {
	*rand.Rand
	ends    []*reactor.Conn
	readers []*closeCounter
	depth   int
}

func runCalls(t *testing.T, r *rand.Rand) {
	f := &caller{Rand: r}
	m := looptest.NewStillManager(t)
	handle := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch {
		case c.IsListening() || ev == reactor.EvClose && f.IntN(2) == 0:
			return
		case ev == reactor.EvAccept:
			f.ends = append(f.ends, c)
		case ev == reactor.EvError:
			_ = data.(error).Error()
		}
		if f.IntN(3) > 0 {
			f.call(c)
		}
	}
	ln, err := http.Listen(m, "http://127.0.0.1:0", handle, nil)
	must(t, err)
	ln.SetHalfClose(f.IntN(2) == 0)
	c, err := http.Connect(m, "http://"+ln.LocalAddr().String(), handle, nil)
	must(t, err)
	f.ends = append(f.ends, c)
	for range 60 {
		if f.IntN(2) == 0 {
			f.call(f.ends[f.IntN(len(f.ends))])
		}
		looptest.Spin(t, m, f.IntN(3))
	}
	m.Close()
	for i, rd := range f.readers {
		if rd.closed != 1 {
			t.Errorf("reader %d was closed %d times", i, rd.closed)
		}
	}
}

// said is what the ends of the connection write, besides what the calls write.
var said = []string{get, post, chk, chunkHead, "3\r\nabc\r\n", "0\r\n\r\n", "\r\n", "HTTP/1.1 ", "200 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n", strings.Repeat("x", 5000)}

// call makes a random call on c.
func (f *caller) call(c *reactor.Conn) {
	if f.depth++; f.depth > 5 { // calls raise events
		f.depth--
		return
	}
	defer func() { f.depth-- }()
	switch f.IntN(24) {
	case 0, 1, 2, 3:
		io.WriteString(c, said[f.IntN(len(said))])
	case 4:
		c.Recv.Consume(f.IntN(c.Recv.Len() + 1))
	case 5:
		c.Recv.AppendString(said[f.IntN(len(said))][:f.IntN(3)])
	case 6:
		c.Recv.Truncate(f.IntN(c.Recv.Len() + 1))
	case 7, 8:
		http.StreamBody(c, int64(f.IntN(3)-1))
	case 9:
		http.SetLimits(c, http.Limits{Head: f.IntN(80), Headers: f.IntN(4) - 1, Body: f.IntN(9) - 1})
	case 10:
		c.Pause()
	case 11, 12:
		c.Resume()
	case 13:
		http.Reply(c, 200, "", "%s", said[f.IntN(len(said))])
	case 14:
		http.ReplyStart(c, 200, "", int64(f.IntN(4)-1))
	case 15, 16:
		http.Chunk(c, []byte("abc"))
	case 17:
		http.EndChunks(c)
	case 18:
		http.MarkAnswered(c)
	case 19:
		http.ExpectResponseTo(c, []string{"GET", "HEAD", "CONNECT"}[f.IntN(3)])
	case 20:
		rd := &closeCounter{Reader: strings.NewReader(strings.Repeat("x", f.IntN(300_000)))}
		f.readers = append(f.readers, rd)
		http.ReplyReader(c, 200, "", rd, http.Chunked)
	case 21:
		http.SendRequest(c, &http.Request{URL: "/", Method: "POST", Stream: f.IntN(2) == 0})
	case 22:
		f.rare(c)
	case 23:
		c.Call(reactor.EvRead, nil)
	}
}

// rare makes a call after which there is not much to do.
func (f *caller) rare(c *reactor.Conn) {
	switch f.IntN(9) {
	case 0:
		c.Close()
	case 1:
		c.Abort()
	case 2:
		c.Drain()
	case 3:
		c.Fail(io.ErrUnexpectedEOF)
	case 4:
		c.CloseWrite()
	case 5:
		http.Detach(c)
	case 6:
		if l, ok := http.Detach(c); ok {
			c.Stack().Replace(l, new(detached))
		}
	case 7:
		if l, ok := http.Layer(c); ok {
			c.Stack().Replace(l, nil)
		}
	case 8:
		http.StartServer(c)
	}
}
