package http_test

import (
	"fmt"
	"io"
	"regexp"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// must is short for what most tests use.
var must = looptest.Must

// loop is a manager for one test.
type loop struct {
	*testing.T
	m *reactor.Manager
}

// until runs the loop until cond returns true.
func (l *loop) until(what string, cond func() bool) {
	l.Helper()
	looptest.Await(l.T, l.m, what, cond)
}

// idle runs the loop for a few turns, so that everything that is ready is handled.
func (l *loop) idle() {
	l.Helper()
	looptest.Settle(l.T, l.m)
}

func newLoop(t *testing.T) *loop {
	t.Helper()
	return &loop{t, looptest.NewStillManager(t)}
}

// server is a listener and a record of what happens on the connections that it accepts.
type server struct {
	*loop
	looptest.Recorder // with lines for HTTP events, errors and closes

	url   string // tcp://
	ln    *reactor.Conn
	conn  *reactor.Conn // the connection that was accepted last
	serve func(c *reactor.Conn, ev reactor.Event, msg *http.Message)
	piece func(c *reactor.Conn, p *http.Piece)
}

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if c.IsListening() {
		return
	}
	s.Record(c, ev, data)
	switch ev {
	case reactor.EvAccept:
		s.conn = c
	case reactor.EvHTTPHdrs, reactor.EvHTTPMsg:
		msg := data.(*http.Message)
		s.Note("%v %s %s %q", ev, msg.Method, msg.URI, msg.Body)
		s.serve(c, ev, msg)
	case reactor.EvHTTPBody:
		s.piece(c, data.(*http.Piece))
	case reactor.EvError:
		s.Note("ERROR %v", data)
	case reactor.EvClose:
		s.Note("CLOSE")
	}
}

func (s *server) dial() *peer {
	s.Helper()
	p := &peer{loop: s.loop, s: s}
	c, err := s.m.Connect(s.url, p.Handle, nil)
	if err != nil {
		s.Fatal(err)
	}
	p.c, s.conn, s.Read = c, nil, 0
	s.until("accept", func() bool { return s.conn != nil })
	return p
}

// listen starts a server. serve gets its events EvHTTPHdrs and EvHTTPMsg.
func listen(t *testing.T, serve func(c *reactor.Conn, ev reactor.Event, msg *http.Message)) *server {
	t.Helper()
	return listenWith(t, nil, serve)
}

// listenWith does the same as listen, with options for the manager.
func listenWith(t *testing.T, opts []reactor.Option, serve func(*reactor.Conn, reactor.Event, *http.Message)) *server {
	t.Helper()
	s := &server{loop: &loop{t, looptest.NewStillManager(t, opts...)}, serve: serve}
	ln, err := http.Listen(s.m, "http://127.0.0.1:0", s.handle, nil)
	must(t, err)
	s.ln, s.url = ln, "tcp://"+ln.LocalAddr().String()
	return s
}

// peer is a plain tcp connection to a server, on the same loop.
type peer struct {
	*loop
	looptest.Recorder

	s    *server
	c    *reactor.Conn
	sent int
}

// send writes pieces one after the other. It waits until each piece has arrived.
func (p *peer) send(pieces ...string) {
	p.Helper()
	for _, piece := range pieces {
		io.WriteString(p.c, piece)
		p.sent += len(piece)
		p.until("arrival", func() bool { return p.s.Read >= p.sent || p.Closed() })
	}
}

// expect waits until the peer has received len(want) bytes. The test fails unless they are
// want, with nothing after them.
func (p *peer) expect(want string) {
	p.Helper()
	p.until(fmt.Sprintf("receipt of %q", want), func() bool { return len(p.Got) >= len(want) || p.Closed() })
	p.idle()
	if got := string(p.Got); got != want {
		p.Fatalf("got %q, want %q", got, want)
	}
	p.Got = nil
}

func (p *peer) expectClosed() {
	p.Helper()
	p.until("close", func() bool { return p.Closed() })
}

// date is the Date line of each response, because the clock of the tests stands still.
const date = "Date: Sun, 01 Mar 2026 12:00:00 GMT\r\n"

// dated returns responses that Reply writes. It inserts the Date line after each status line.
func dated(responses string) string {
	return statusLine.ReplaceAllString(responses, "${0}"+date)
}

var statusLine = regexp.MustCompile(`HTTP/1\.1 \d{3} [^\r]*\r\n`)

// ok returns the response that Reply(c, 200, headers, body) writes.
func ok(headers, body string) string {
	return dated(fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body))
}

// echo returns a function for listen that answers each request with its method, path and
// body.
func echo(t *testing.T) func(*reactor.Conn, reactor.Event, *http.Message) {
	return func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%s %s %s", msg.Method, msg.URI, msg.Body))
		}
	}
}

// Requests: without a body, with a body, and with a chunked body.
var (
	get  = lines("GET /a HTTP/1.1", "Host: h")
	post = lines("POST /b HTTP/1.1", "Host: h", "Content-Length: 3") + "xyz"
	chk  = chunkHead + "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
)
