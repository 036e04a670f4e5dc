package http_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Listen and Connect return an error for a bad URL. The error does not contain a password.
func TestBadURLs(t *testing.T) {
	m := newLoop(t).m
	for url, want := range map[string]string{
		"ftp://h/":       "unknown scheme ftp",
		"h:80":           "no scheme",
		"http://h:x/":    "",
		"http://u:p@ h/": "",
	} {
		for what, f := range map[string]func(*reactor.Manager, string, reactor.Handler, any) (*reactor.Conn, error){
			"Listen": http.Listen, "Connect": http.Connect,
		} {
			c, err := f(m, url, nil, nil)
			if err == nil || c != nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p@") {
				t.Errorf("%s(%q): %v, %v", what, url, c, err)
			}
		}
	}
	if _, err := http.Listen(m, "http://no-such-host.invalid:0", nil, nil); err == nil {
		t.Error("Listen accepts the name of a host that does not exist")
	}
	if c, err := http.Connect(m, "http://[::1]/x?y", nil, nil); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

// A connection that is refused raises EvError and EvClose.
func TestConnectRefused(t *testing.T) {
	addr, err := freeport.Addr() // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + addr
	l := newLoop(t)
	var log []string
	if _, err := http.Connect(l.m, url, func(_ *reactor.Conn, ev reactor.Event, data any) {
		log = append(log, ev.String())
	}, nil); err != nil {
		t.Fatal(err)
	}
	l.until("close", func() bool { return len(log) > 0 && log[len(log)-1] == "CLOSE" })
	if n := len(log); log[n-2] != "ERROR" {
		t.Errorf("log is %q", log)
	}
}

// SetLimits returns an error that depends on the kind and the state of the connection.
func TestSetLimits(t *testing.T) {
	closed := func(c *reactor.Conn) *reactor.Conn {
		c.Close()
		return c
	}
	ended := func(c *reactor.Conn) *reactor.Conn {
		c.Close()
		looptest.Spin(t, c.Manager(), 4)
		return c
	}
	for _, tt := range []struct {
		name string
		conn func(s *server, p *peer) *reactor.Conn
		want error
	}{
		{"listener", func(s *server, _ *peer) *reactor.Conn { return s.ln }, nil},
		{"accepted", func(s *server, _ *peer) *reactor.Conn { return s.conn }, nil},
		{"paused", func(s *server, _ *peer) *reactor.Conn { s.conn.Pause(); return s.conn }, nil},
		{"paused listener", func(s *server, _ *peer) *reactor.Conn { s.ln.Pause(); return s.ln }, nil},
		{"client", func(s *server, _ *peer) *reactor.Conn {
			c, err := http.Connect(s.m, strings.Replace(s.url, "tcp:", "http:", 1), nil, nil)
			must(t, err)
			return c
		}, nil},
		{"tcp", func(_ *server, p *peer) *reactor.Conn { return p.c }, http.ErrNotHTTP},
		{"closed tcp", func(_ *server, p *peer) *reactor.Conn { return ended(p.c) }, reactor.ErrClosed},
		{"udp", func(s *server, _ *peer) *reactor.Conn {
			c, err := s.m.Listen("udp://127.0.0.1:0", nil, nil)
			must(t, err)
			return c
		}, http.ErrNotHTTP},
		{"replaced", func(s *server, _ *peer) *reactor.Conn {
			l, _ := http.Layer(s.conn)
			s.conn.Stack().Replace(l, nil)
			return s.conn
		}, http.ErrNotHTTP},
		{"closing", func(s *server, _ *peer) *reactor.Conn { return closed(s.conn) }, reactor.ErrClosed},
		{"closed", func(s *server, _ *peer) *reactor.Conn { return ended(s.conn) }, reactor.ErrClosed},
		{"failed", func(s *server, _ *peer) *reactor.Conn { s.conn.Fail(nil); return s.conn }, reactor.ErrClosed},
		{"closed listener", func(s *server, _ *peer) *reactor.Conn { return ended(s.ln) }, reactor.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, echo(t))
			p := s.dial()
			if err := http.SetLimits(tt.conn(s, p), http.Limits{}); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// ExpectResponseTo says that the next final response has no body. It is for clients only.
func TestExpectResponseTo(t *testing.T) {
	cl := dialClient(t)
	if !http.ExpectResponseTo(cl.c, "HEAD") || http.ExpectResponseTo(cl.far, "HEAD") {
		t.Error("ExpectResponseTo is false for the HTTP client, or true for a tcp connection")
	}
	cl.onMsg = func(c *reactor.Conn, msg *http.Message) {
		if len(msg.Body) == 2 { // the second
			http.ExpectResponseTo(c, "HEAD")
		}
	}
	long := lines("HTTP/1.1 200 OK", "Content-Length: 99")
	cl.answer(lines("HTTP/1.1 103 Early Hints") + long +
		lines("HTTP/1.1 200 OK", "Content-Length: 2") + "ab" + long + lines("HTTP/1.1 200 OK", "Content-Length: 1") + "c")
	cl.WantLines(t, `HTTP_HDRS 103 ""`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 "ab"`,
		`HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 "c"`)
}
