package http_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// source is a reader for tests. It returns left bytes, and then err or io.EOF.
type source struct {
	left   int
	err    error
	reads  int
	closed int
}

func (s *source) Read(p []byte) (int, error) {
	if s.reads++; s.left == 0 {
		if s.err != nil {
			return 0, s.err
		}
		return 0, io.EOF
	}
	n := min(len(p), s.left)
	for i := range n {
		p[i] = byte(s.left - i)
	}
	s.left -= n
	return n, nil
}

func (s *source) Close() error {
	s.closed++
	return nil
}

// all returns what a source of n bytes returns.
func all(n int) []byte {
	p, _ := io.ReadAll(&source{left: n})
	return p
}

// The layer reads as fast as the client reads: at most 64 KiB wait in Send, and all of the body
// arrives.
func TestReaderFollowsTheClient(t *testing.T) {
	const size = 5 << 20
	for _, announced := range []int64{size, http.Chunked} {
		s := listen(t, nil)
		src := &source{left: size}
		s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev == reactor.EvHTTPMsg && src.reads == 0 {
				must(t, http.ReplyReader(c, 200, "", src, announced))
			} else if ev == reactor.EvHTTPMsg {
				must(t, http.Reply(c, 200, "", "next"))
			}
		}
		client := looptest.DialSocket(t, s.ln.LocalAddr())
		client.WriteString(get + get)
		largest := 0
		see := func() {
			if s.conn != nil {
				largest = max(largest, s.conn.Send.Len())
			}
		}
		s.until("a full socket", func() bool { see(); return src.reads > 0 && src.left < size-128<<10 })
		looptest.Settle(t, s.m)
		if read := size - src.left; read > 4<<20 {
			t.Errorf("%d bytes were read although the client reads nothing", read)
		}
		if src.closed != 0 {
			t.Error("the reader is closed before its end")
		}
		s.until("the answers", func() bool {
			see()
			client.Receive()
			return bytes.HasSuffix(client.In, []byte("next"))
		})
		if largest > 64<<10 {
			t.Errorf("%d bytes waited in Send", largest)
		}
		in, cut := bytes.CutSuffix(client.In, []byte(ok("", "next")))
		var p http.Parser
		p.Response, p.Limits.Body = true, -1
		var msg http.Message
		n, err := p.Parse(in, &msg)
		if err != nil || !cut || n != len(in) || !bytes.Equal(msg.Body, all(size)) {
			t.Errorf("got %d bytes of body, %v; %d bytes of %d", len(msg.Body), err, n, len(in))
		}
		if src.closed != 1 {
			t.Errorf("the reader was closed %d times", src.closed)
		}
	}
}

// endless is a reader that makes no progress.
type endless struct{}

func (endless) Read([]byte) (int, error) { return 0, nil }

// If the reader fails at once, nothing is written, and the request can be answered otherwise.
func TestReaderFailsAtOnce(t *testing.T) {
	bad := errors.New("bad disk")
	for _, tt := range []struct {
		name string
		r    io.Reader
		size int64
		is   error
	}{
		{"error", &source{err: bad}, http.Chunked, bad},
		{"error after a part", &source{left: 100, err: bad}, 200, bad},
		{"short", &source{left: 100}, 101, io.ErrUnexpectedEOF},
		{"no progress", endless{}, http.Chunked, io.ErrNoProgress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
				if ev == reactor.EvHTTPMsg {
					looptest.WantErr(t, http.ReplyReader(c, 200, "", tt.r, tt.size), tt.is)
					must(t, http.Reply(c, 500, "", "sorry"))
				}
			})
			p := s.dial()
			p.send(get)
			p.expect(dated("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nsorry"))
			if src, ok := tt.r.(*source); ok && src.closed != 1 {
				t.Errorf("the reader was closed %d times", src.closed)
			}
		})
	}
}

// If the reader fails later, the connection fails with its error and is reset.
func TestReaderFailsLater(t *testing.T) {
	bad := errors.New("bad disk")
	for _, tt := range []struct {
		name string
		src  source
		size int64
		is   error
	}{
		{"error", source{left: 1 << 20, err: bad}, http.Chunked, bad},
		{"short", source{left: 1 << 20}, 1<<20 + 1, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
				if ev == reactor.EvHTTPMsg {
					must(t, http.ReplyReader(c, 200, "", &tt.src, tt.size))
				}
			})
			p := s.dial()
			p.send(get)
			p.expectClosed()
			s.until("close", func() bool { return s.Lines[len(s.Lines)-1] == "CLOSE" })
			looptest.WantErr(t, s.LastErr(), tt.is)
			if p.LastErr() == nil {
				t.Error("the client was not reset")
			}
			if tt.src.closed != 1 {
				t.Errorf("the reader was closed %d times", tt.src.closed)
			}
		})
	}
}

// The reader is closed when the connection ends, and if ReplyReader is refused.
func TestReaderIsClosed(t *testing.T) {
	for name, end := range map[string]func(*reactor.Conn){
		"Close": (*reactor.Conn).Close, "Abort": (*reactor.Conn).Abort,
		"Fail": func(c *reactor.Conn) { c.Fail(errors.New("enough")) },
	} {
		t.Run(name, func(t *testing.T) {
			src := &source{left: 1 << 30}
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
				if ev == reactor.EvHTTPMsg {
					must(t, http.ReplyReader(c, 200, "", src, http.Chunked))
					looptest.WantErr(t, http.Chunk(c, []byte("x")), http.ErrNoBody)
					second := &source{left: 1}
					looptest.WantErr(t, http.ReplyReader(c, 200, "", second, 1), http.ErrNoRequest)
					if second.closed != 1 {
						t.Errorf("the refused reader was closed %d times", second.closed)
					}
				}
			})
			p := s.dial()
			p.send(get)
			p.until("a part", func() bool { return len(p.Got) > 1<<20 })
			if src.closed != 0 {
				t.Error("the reader is closed")
			}
			end(s.conn)
			s.until("close", func() bool { return strings.HasSuffix(strings.Join(s.Lines, ";"), "CLOSE") })
			if src.closed != 1 {
				t.Errorf("the reader was closed %d times", src.closed)
			}
		})
	}
}
