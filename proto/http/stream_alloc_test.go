package http_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// allocated returns how many bytes run allocates in the whole process.
func allocated(run func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

const largeBody = 60 << 20

// A client uploads and downloads 60 MiB. The process allocates less than 1 MiB for both together,
// with the pieces taken as they come. Over TLS it may be 2 MiB, because the client and the
// handshakes allocate too.
func TestMemoryOfLargeBodies(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		for _, framing := range []string{fmt.Sprintf("Content-Length: %d", largeBody), "Transfer-Encoding: chunked"} {
			t.Run(scheme+" "+framing[:8], func(t *testing.T) {
				m := looptest.NewStillManager(t)
				size, taken := int64(largeBody), 0
				if framing[0] == 'T' {
					size = http.Chunked
				}
				src := &source{left: largeBody}
				l, err := http.Listen(m, scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
					switch ev {
					case reactor.EvHTTPHdrs:
						must(t, http.StreamBody(c, -1))
					case reactor.EvHTTPBody:
						taken += len(data.(*http.Piece).Data)
					case reactor.EvHTTPMsg:
						must(t, http.ReplyReader(c, 200, "", src, size))
					}
				}, nil)
				must(t, err)
				authority := looptest.NewAuthority(t)
				if scheme == "https" {
					l.StartTLS(authority.Server(t))
				}
				run := exchange(t, l, scheme, framing, authority.Client())
				done := make(chan error, 1)
				n := allocated(func() {
					go func() { done <- run() }()
					looptest.Await(t, m, "the exchange", func() bool {
						select {
						case err := <-done:
							must(t, err)
							return true
						default:
							return false
						}
					})
				})
				if taken != largeBody || src.closed != 1 || src.left != 0 {
					t.Errorf("%d bytes taken; reader closed %d times, %d bytes left", taken, src.closed, src.left)
				}
				t.Logf("%d bytes allocated for 120 MiB", n)
				if limit := map[string]int{"http": 1 << 20, "https": 2 << 20}[scheme]; n > limit && !raced {
					t.Errorf("%d bytes allocated for 120 MiB, want less than %d", n, limit)
				}
			})
		}
	}
}

// exchange returns a function that sends a large body to the server and reads a large one. It
// allocates little.
func exchange(t *testing.T, l *reactor.Conn, scheme, framing string, cfg *tls.Config) func() error {
	c, err := net.Dial("tcp", l.LocalAddr().String())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	if scheme == "https" {
		cfg.ServerName = "127.0.0.1"
		c = tls.Client(c, cfg)
	}
	piece, in := bytes.Repeat([]byte("x"), 1<<20), make([]byte, 1<<16)
	return func() error {
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n\r\n", framing)
		for range largeBody / len(piece) {
			if framing[0] == 'T' {
				fmt.Fprintf(c, "%x\r\n", len(piece))
			}
			if _, err := c.Write(piece); err != nil {
				return err
			}
			if framing[0] == 'T' {
				io.WriteString(c, "\r\n")
			}
		}
		if framing[0] == 'T' {
			io.WriteString(c, "0\r\n\r\n")
		}
		for got := 0; ; {
			n, err := c.Read(in)
			got += n
			switch {
			case err == io.EOF && got > largeBody:
				return nil
			case err != nil:
				return fmt.Errorf("after %d bytes: %w", got, err)
			}
		}
	}
}

// A streamed request and an answer in pieces do not allocate, after the first round.
func TestPiecesAllocateNothing(t *testing.T) {
	pieces := 0
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			must(t, http.StreamBody(c, 0))
			must(t, http.ReplyStart(c, 200, "Content-Type: text/plain\r\n", http.Chunked))
		} else {
			must(t, http.EndChunks(c))
		}
	})
	s.dial()
	c, in, none := s.conn, []byte(post+chk+get), 0
	c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPHdrs, reactor.EvHTTPMsg:
			s.serve(c, ev, data.(*http.Message))
		case reactor.EvHTTPBody:
			pieces++
			must(t, http.Chunk(c, data.(*http.Piece).Data))
		}
	}
	round := func() {
		c.Recv.Append(in)
		c.Call(reactor.EvRead, &none)
		c.Send.Reset()
	}
	looptest.WantNoAllocs(t, "a streamed request", round)
	if pieces < 400 {
		t.Errorf("%d pieces", pieces)
	}
}
