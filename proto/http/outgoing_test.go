package http_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// pieces answers with "ab", an empty piece and "c=1", through Chunk and Chunkf.
func pieces(size int64, status int, headers string) func(c *reactor.Conn) error {
	return func(c *reactor.Conn) error {
		return errors.Join(http.ReplyStart(c, status, headers, size), http.Chunk(c, []byte("ab")), http.Chunk(c, nil),
			http.Chunkf(c, "%s", ""), http.Chunkf(c, "c=%d", 1), http.EndChunks(c))
	}
}

// read answers with "abc=1" from a reader.
func read(size int64, status int, headers string) func(c *reactor.Conn) error {
	return func(c *reactor.Conn) error {
		return http.ReplyReader(c, status, headers, io.MultiReader(strings.NewReader("ab"), strings.NewReader("c=1")), size)
	}
}

// The version of the client, the method and the status decide how a body in pieces is framed. The
// next request on the connection gets its answer too, unless the connection closes.
func TestFramingOfPieces(t *testing.T) {
	const http11, http10, keep10 = " / HTTP/1.1\r\nHost: h\r\n\r\n", " / HTTP/1.0\r\n\r\n", " / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	const toEnd = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
	for _, tt := range []struct {
		name, request string
		answer        func(*reactor.Conn) error
		want          string
		closes        bool
	}{
		{"chunked", "GET" + http11, pieces(http.Chunked, 200, "A: b\r\n"),
			"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\nc=1\r\n0\r\n\r\n", false},
		{"sized", "GET" + http11, pieces(5, 201, ""), "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nabc=1", false},
		{"close", "GET" + http11, pieces(http.Chunked, 200, "Connection: close\r\n"),
			"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\nc=1\r\n0\r\n\r\n", true},
		{"HEAD, chunked", "HEAD" + http11, pieces(http.Chunked, 200, ""), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"HEAD, sized", "HEAD" + http11, pieces(5, 200, ""), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false},
		{"HTTP/1.0, chunked", "GET" + http10, pieces(http.Chunked, 200, ""), toEnd + "abc=1", true},
		{"HTTP/1.0 keep-alive, chunked", "GET" + keep10, pieces(http.Chunked, 200, ""), toEnd + "abc=1", true},
		{"HTTP/1.0 keep-alive, sized", "GET" + keep10, pieces(5, 200, ""),
			"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nabc=1", false},
		{"HTTP/1.0, HEAD", "HEAD" + keep10, pieces(http.Chunked, 200, ""), toEnd, true},
		{"reader, chunked", "GET" + http11, read(http.Chunked, 200, ""),
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\nc=1\r\n0\r\n\r\n", false},
		{"reader, sized", "GET" + http11, read(5, 200, ""), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc=1", false},
		{"reader, the beginning", "GET" + http11, read(3, 200, ""), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false},
		{"reader, nothing", "GET" + http11, read(0, 200, ""), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		{"reader, HEAD", "HEAD" + http11, read(5, 200, ""), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false},
		{"reader, HTTP/1.0", "GET" + http10, read(http.Chunked, 200, ""), toEnd + "abc=1", true},
		{"reader, 204", "GET" + http11, read(http.Chunked, 204, ""), "HTTP/1.1 204 No Content\r\n\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
				if ev == reactor.EvHTTPMsg {
					must(t, tt.answer(c))
				}
			})
			p := s.dial()
			p.send(tt.request)
			p.expect(dated(tt.want))
			if p.send(tt.request); tt.closes {
				p.expectClosed()
			} else {
				p.expect(dated(tt.want))
			}
		})
	}
}

// A status without body ends at the header. Bytes of a body are an error.
func TestPiecesOfStatusWithoutBody(t *testing.T) {
	for status, want := range map[int]string{
		204: "HTTP/1.1 204 No Content\r\n\r\n",
		205: "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
		304: "HTTP/1.1 304 Not Modified\r\n\r\n",
	} {
		for _, size := range []int64{0, http.Chunked} {
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
				if ev == reactor.EvHTTPMsg {
					looptest.WantErr(t, http.ReplyStart(c, status, "", 1), nil, "has no body")
					must(t, http.ReplyStart(c, status, "", size))
					looptest.WantErr(t, http.Chunk(c, []byte("x")), nil, "0 bytes are left")
					must(t, http.EndChunks(c))
				}
			})
			p := s.dial()
			p.send(get + get)
			p.expect(dated(want + want))
		}
	}
}

// Pieces in the wrong place are errors, and nothing is written for them.
func TestPiecesInTheWrongPlace(t *testing.T) {
	s := listen(t, nil)
	none := func(c *reactor.Conn) {
		t.Helper()
		looptest.WantErr(t, http.Chunk(c, []byte("x")), http.ErrNoBody)
		looptest.WantErr(t, http.Chunkf(c, "x"), http.ErrNoBody)
		looptest.WantErr(t, http.EndChunks(c), http.ErrNoBody)
	}
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		none(c)
		if ev == reactor.EvHTTPHdrs {
			return
		}
		looptest.WantErr(t, http.ReplyStart(c, 200, "", -2), nil, "size -2")
		looptest.WantErr(t, http.ReplyStart(c, 200, "Content-Length: 4\r\n", 4), nil, "Content-Length")
		must(t, http.ReplyStart(c, 200, "", 4))
		must(t, http.Chunk(c, []byte("abc")))
		looptest.WantErr(t, http.Chunk(c, []byte("de")), nil, "2 bytes", "1 bytes are left")
		looptest.WantErr(t, http.Chunkf(c, "de"), nil, "2 bytes", "1 bytes are left")
		for _, err := range []error{
			http.Reply(c, 200, "", ""), http.ReplyBytes(c, 200, "", nil), http.ReplyStart(c, 200, "", 0),
			http.ReplyReader(c, 200, "", strings.NewReader(""), 0), http.MarkAnswered(c), http.CheckReply(c),
		} {
			looptest.WantErr(t, err, http.ErrNoRequest, "has begun")
		}
		must(t, http.Chunkf(c, "d"))
		must(t, http.EndChunks(c))
		none(c)
	}
	p := s.dial()
	none(s.conn)
	p.send(get + get)
	p.expect(strings.Repeat(ok("", "abcd"), 2))
	none(s.ln)
	s.conn.Close()
	p.expectClosed()
	looptest.WantErr(t, http.Chunk(s.conn, nil), reactor.ErrClosed)
	looptest.WantErr(t, http.Chunkf(s.conn, ""), reactor.ErrClosed)
	looptest.WantErr(t, http.EndChunks(s.conn), reactor.ErrClosed)
}

// The errors of pieces are logged if the program does not use them.
func TestRefusedPiecesAreLogged(t *testing.T) {
	for name, call := range map[string]func(c *reactor.Conn){
		"no body": func(c *reactor.Conn) { http.Chunk(c, nil) },
		"-7":      func(c *reactor.Conn) { http.ReplyStart(c, 200, "", -7) },
		"shorter": func(c *reactor.Conn) { http.ReplyStart(c, 200, "", 7); http.EndChunks(c) },
	} {
		var w looptest.Warnings
		s := listenWith(t, []reactor.Option{reactor.WithLogger(w.Logger())}, func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
			if ev == reactor.EvHTTPMsg {
				call(c)
				c.Close()
			}
		})
		p := s.dial()
		p.send(get)
		p.expectClosed()
		w.WantOne(t, name)
	}
}

// A sized body that ends too early aborts the connection: the client must not wait for the rest.
func TestShortBodyAborts(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.ReplyStart(c, 200, "", 4))
			must(t, http.Chunk(c, []byte("abc")))
			looptest.WantErr(t, http.EndChunks(c), io.ErrUnexpectedEOF, "1 bytes shorter")
		}
	})
	p := s.dial()
	p.send(get)
	p.expectClosed()
	if p.LastErr() == nil {
		t.Error("the client was not reset")
	}
}

// A close-delimited body that the server cannot complete ends with a reset, because an end of
// stream would look like its end.
func TestFailedCloseDelimitedBodyIsReset(t *testing.T) {
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.ReplyStart(c, 200, "", http.Chunked))
			must(t, http.Chunk(c, []byte("abc")))
		}
	}
	p := s.dial()
	p.send("GET / HTTP/1.0\r\n\r\n")
	p.expect(dated("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"))
	s.conn.Fail(errors.New("no more"))
	p.expectClosed()
	if p.LastErr() == nil {
		t.Error("the client was not reset")
	}
}

// The pieces may come at any time. The requests after it wait.
func TestPiecesLater(t *testing.T) {
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		switch {
		case ev == reactor.EvHTTPHdrs:
		case string(msg.URI) == "/a":
			must(t, http.ReplyStart(c, 200, "", http.Chunked))
		default:
			must(t, http.Reply(c, 200, "", "next"))
		}
	}
	p := s.dial()
	p.send(get + post)
	p.expect(dated("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
	for i := range 3 {
		must(t, http.Chunkf(s.conn, "%d", i))
		p.expect(fmt.Sprintf("1\r\n%d\r\n", i))
	}
	s.WantLines(t, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`)
	must(t, http.EndChunks(s.conn))
	p.expect("0\r\n\r\n" + ok("", "next"))
}

// A response may begin in EvHTTPHdrs, before the body of the request. If it ends there too, the
// rest of the request is not read, and the connection closes.
func TestPiecesBeforeBody(t *testing.T) {
	for _, whole := range []bool{false, true} {
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev == reactor.EvHTTPHdrs {
				must(t, http.ReplyStart(c, 200, "", http.Chunked))
			}
			if whole == (ev == reactor.EvHTTPHdrs) {
				must(t, http.Chunkf(c, "%s", msg.Method))
				must(t, http.EndChunks(c))
			}
		})
		p := s.dial()
		p.send(post[:len(post)-1])
		p.send(post[len(post)-1:])
		p.expect(dated("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nPOST\r\n0\r\n\r\n"))
		if whole {
			p.expectClosed()
		} else {
			s.WantLines(t, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`)
		}
	}
}

// EndTrailers sends its lines after the last chunk, and leaves them out where there are no chunks.
// A line that is not valid is refused, and nothing is written.
func TestTrailers(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		size          int64
		want          string
	}{
		{"chunked", get, http.Chunked, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nA: b\r\nC: d\r\n\r\n"},
		{"sized", get, 2, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"},
		{"HEAD", strings.Replace(get, "GET", "HEAD", 1), http.Chunked, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	} {
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev != reactor.EvHTTPMsg {
				return
			}
			if err := http.EndTrailers(c, "A: b\r\n"); !errors.Is(err, http.ErrNoBody) {
				t.Errorf("EndTrailers without a body returned %v", err)
			}
			must(t, http.ReplyStart(c, 200, "", tt.size))
			must(t, http.Chunk(c, []byte("ab")))
			for _, bad := range []string{"A: b", "A b\r\n", "A: b\r\n\r\n", "A: \x00\r\n"} {
				if err := http.EndTrailers(c, bad); err == nil {
					t.Errorf("the trailer %q is accepted", bad)
				}
			}
			must(t, http.EndTrailers(c, "A: b\r\nC: d\r\n"))
		})
		p := s.dial()
		for range 2 {
			p.send(tt.request)
			p.expect(dated(tt.want))
		}
	}
}
