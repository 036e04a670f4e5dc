package nethttp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	stdhttp "net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor"
)

var must = looptest.Must

// server is a Bridge on a manager whose loop runs until the test ends.
type server struct {
	t      testing.TB
	m      *reactor.Manager
	b      *nethttp.Bridge
	l      *reactor.Conn
	addr   string
	log    *logBuffer
	cancel func()
	ended  chan struct{}
	begun  atomic.Int64 // requests
	ends   atomic.Int64 // clients that have ended their side
}

// handle is the handler of events.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	s.b.Handle(c, ev, data)
	if ev == reactor.EvHTTPHdrs {
		s.begun.Add(1)
	}
	if ev == reactor.EvEnd {
		s.ends.Add(1)
	}
}

// logBuffer is a log that a test reads.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// serve starts a Bridge for h.
func serve(t testing.TB, h stdhttp.Handler, opts *nethttp.Options) *server {
	t.Helper()
	return serveURL(t, "http://127.0.0.1:0", nil, h, opts)
}

func serveURL(t testing.TB, url string, cfg *tls.Config, h stdhttp.Handler, opts *nethttp.Options) *server {
	t.Helper()
	return start(t, h, opts, func(s *server) (*reactor.Conn, error) {
		l, err := http.Listen(s.m, url, s.handle, nil)
		if err == nil && cfg != nil {
			l.StartTLS(cfg)
		}
		return l, err
	})
}

// serveUnix starts a Bridge on a UNIX-domain socket.
func serveUnix(t testing.TB, path string, h stdhttp.Handler, opts *nethttp.Options) *server {
	t.Helper()
	s := start(t, h, opts, func(s *server) (*reactor.Conn, error) {
		return s.m.Listen("unix://"+path, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvAccept {
				must(t, http.StartServer(c))
			}
			s.handle(c, ev, data)
		}, nil)
	})
	s.addr = path
	return s
}

// start starts a Bridge on the listener that listen makes.
func start(t testing.TB, h stdhttp.Handler, opts *nethttp.Options, listen func(s *server) (*reactor.Conn, error)) *server {
	t.Helper()
	s := &server{t: t, m: looptest.NewManager(t), log: new(logBuffer), ended: make(chan struct{})}
	var own nethttp.Options
	if opts != nil {
		own = *opts
	}
	own.ErrorLog = log.New(s.log, "", 0)
	s.b = nethttp.New(h, &own)
	l, err := listen(s)
	must(t, err)
	s.l, s.addr = l, l.LocalAddr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.ended)
		s.m.Run(ctx)
	}()
	t.Cleanup(s.stop)
	return s
}

// stop closes the manager and waits for the handlers.
func (s *server) stop() {
	s.cancel()
	<-s.ended
	s.m.Close()
	must(s.t, s.b.Wait(context.Background()))
}

// requests returns how many requests have begun.
func (s *server) requests() int { return int(s.begun.Load()) }

// do runs fn on the loop.
func (s *server) do(fn func()) {
	s.t.Helper()
	must(s.t, s.m.Do(context.Background(), fn))
}

// dial connects to a server.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// exchange sends bytes to a server and returns all answers in a form that can be compared. methods
// are those of the requests.
func exchange(t testing.TB, addr, request string, methods ...string) string {
	t.Helper()
	c := dial(t, addr)
	go io.WriteString(c, request)
	return answers(bufio.NewReader(c), c.(*net.TCPConn), methods...)
}

// answers reads the answers to requests with these methods. If the last one closes the connection,
// it also reads what follows.
func answers(r *bufio.Reader, c *net.TCPConn, methods ...string) string {
	var b strings.Builder
	for _, method := range methods {
		for {
			resp, err := stdhttp.ReadResponse(r, &stdhttp.Request{Method: method})
			if err != nil {
				fmt.Fprintf(&b, "no answer: %v\n", kind(err))
				return b.String()
			}
			body, err := io.ReadAll(resp.Body)
			describe(&b, resp, body, err)
			if resp.StatusCode >= 200 || resp.StatusCode == 101 {
				if resp.Close {
					c.CloseWrite() // net/http may wait for the rest of the request
					rest, err := io.ReadAll(r)
					fmt.Fprintf(&b, "the end after %q: %v\n", rest, kind(err))
					return b.String()
				}
				break
			}
		}
	}
	return b.String()
}

// describe writes what a client sees of an answer.
func describe(b *strings.Builder, resp *stdhttp.Response, body []byte, err error) {
	if d := resp.Header.Get("Date"); resp.StatusCode >= 200 && d == "" {
		b.WriteString("no Date\n")
	}
	resp.Header.Del("Date")
	// The loop answers with its own version and leaves unknown reason phrases empty [RFC 9112 2.5,
	// 4].
	fmt.Fprintf(b, "%d, length %d, encoding %v, close %v\n", resp.StatusCode, resp.ContentLength, resp.TransferEncoding, resp.Close)
	writeHeader(b, "", resp.Header)
	writeHeader(b, "trailer ", resp.Trailer)
	if len(body) > 200 {
		fmt.Fprintf(b, "body of %d bytes: %.50q, checksum %d", len(body), body, checksum(body))
	} else {
		fmt.Fprintf(b, "body %q", body)
	}
	fmt.Fprintf(b, " %v\n", kind(err))
}

func writeHeader(b *strings.Builder, prefix string, h stdhttp.Header) {
	var lines []string
	for name, values := range h {
		lines = append(lines, fmt.Sprintf("%s%s: %q\n", prefix, name, values))
	}
	sort.Strings(lines)
	for _, l := range lines {
		b.WriteString(l)
	}
}

func checksum(p []byte) (sum uint32) {
	for _, b := range p {
		sum = sum*31 + uint32(b)
	}
	return sum
}

// kind makes errors of different sockets comparable.
func kind(err error) string {
	switch {
	case err == nil:
		return "no error"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected EOF"
	case errors.Is(err, io.EOF):
		return "EOF"
	}
	return "error"
}

// both runs a handler on net/http's server and on a Bridge.
func both(t *testing.T, h stdhttp.Handler) (theirs *httptest.Server, ours *server) {
	t.Helper()
	ours = serve(t, h, nil)
	theirs = httptest.NewUnstartedServer(h)
	theirs.Config.ErrorLog = log.New(io.Discard, "", 0)
	theirs.Start()
	t.Cleanup(theirs.Close)
	return theirs, ours
}

// sameRequest makes raw text of a test a request: line feeds become CRLF.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
