package http_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// loop is a manager with its handlers' log, for one test.
type loop struct {
	*testing.T
	m *reactor.Manager
}

func newLoop(t *testing.T) *loop {
	t.Helper()
	return &loop{t, looptest.NewManager(t)}
}

// until polls until cond holds.
func (l *loop) until(what string, cond func() bool) {
	l.Helper()
	looptest.Await(l.T, l.m, what, cond)
}

// idle polls while there is anything to do at once.
func (l *loop) idle() {
	l.Helper()
	for range 5 {
		if err := l.m.Poll(time.Millisecond); err != nil {
			l.Fatal(err)
		}
	}
}

// server is a listener, and what happens on the connections it accepts.
type server struct {
	*loop
	url   string // tcp://
	ln    *reactor.Conn
	conn  *reactor.Conn // the last accepted
	read  int           // bytes that arrived
	log   []string      // of HTTP events, errors and closings
	err   error
	serve func(c *reactor.Conn, ev reactor.Event, msg *http.Message)
}

// listen starts a server; serve gets EvHTTPHdrs and EvHTTPMsg.
func listen(t *testing.T, serve func(c *reactor.Conn, ev reactor.Event, msg *http.Message)) *server {
	t.Helper()
	s := &server{loop: newLoop(t), serve: serve}
	ln, err := http.Listen(s.m, "http://127.0.0.1:0", s.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.ln, s.url = ln, "tcp://"+ln.LocalAddr().String()
	return s
}

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvAccept:
		s.conn = c
	case reactor.EvRead:
		s.read += *data.(*int)
	case reactor.EvHTTPHdrs, reactor.EvHTTPMsg:
		msg := data.(*http.Message)
		s.log = append(s.log, fmt.Sprintf("%v %s %s %q", ev, msg.Method, msg.URI, msg.Body))
		s.serve(c, ev, msg)
	case reactor.EvError:
		s.err = data.(error)
		s.log = append(s.log, "ERROR "+s.err.Error())
	case reactor.EvClose:
		if !c.IsListening() {
			s.log = append(s.log, "CLOSE")
		}
	}
}

// peer is a plain tcp connection to it, on the same loop.
type peer struct {
	*loop
	s      *server
	c      *reactor.Conn
	got    strings.Builder
	sent   int
	closed bool
}

func (s *server) dial() *peer {
	s.Helper()
	p := &peer{loop: s.loop, s: s}
	c, err := s.m.Connect(s.url, p.handle, nil)
	if err != nil {
		s.Fatal(err)
	}
	p.c, s.conn, s.read = c, nil, 0
	s.until("accepted", func() bool { return s.conn != nil })
	return p
}

func (p *peer) handle(c *reactor.Conn, ev reactor.Event, _ any) {
	switch ev {
	case reactor.EvRead:
		p.got.Write(c.Recv.Bytes())
		c.Recv.Reset()
	case reactor.EvClose:
		p.closed = true
	}
}

// send writes pieces, each after the one before has arrived.
func (p *peer) send(pieces ...string) {
	p.Helper()
	for _, piece := range pieces {
		io.WriteString(p.c, piece)
		p.sent += len(piece)
		p.until("arrived", func() bool { return p.s.read >= p.sent || p.closed })
	}
}

// expect waits until the peer has got all of want, and wants nothing else.
func (p *peer) expect(want string) {
	p.Helper()
	p.until(fmt.Sprintf("got %q", want), func() bool { return p.got.Len() >= len(want) || p.closed })
	p.idle()
	if got := p.got.String(); got != want {
		p.Fatalf("got %q, want %q", got, want)
	}
	p.got.Reset()
}

func (p *peer) expectClosed() {
	p.Helper()
	p.until("closed", func() bool { return p.closed })
}

// expectLog compares the server's log and empties it.
func (s *server) expectLog(want ...string) {
	s.Helper()
	if got := strings.Join(s.log, "\n"); got != strings.Join(want, "\n") {
		s.Fatalf("log is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	s.log = nil
}

// ok is the answer to be expected for Reply(c, 200, headers, body).
func ok(headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

func must(t testing.TB, err error) {
	t.Helper()
	looptest.Must(t, err)
}

// echo answers each request with its method, path and body.
func echo(t *testing.T) func(*reactor.Conn, reactor.Event, *http.Message) {
	return func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%s %s %s", msg.Method, msg.URI, msg.Body))
		}
	}
}
