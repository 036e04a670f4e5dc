package http_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

func TestMalformedRequest(t *testing.T) {
	for _, tt := range []struct{ name, in, before, want string }{
		{"first", "GET / HTTP/1.1\r\nHost : h\r\n", "", "400 Bad Request|blank before the colon of header \"Host \"\n"},
		{"second", get + "GET / HTTP/3.0\r\n", ok("", "GET /a "), "505 HTTP Version Not Supported|version HTTP/3.0 is not supported\n"},
		{"after HEAD", lines("HEAD / HTTP/1.1", "Host: h") + "\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "400 Bad Request|bare LF 0x0a behind \"\" in the first line\n"},
		{"large", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3145729"), "", "413 Content Too Large|Content-Length 3145729 is beyond the limit of 3145728 bytes\n"},
		{"endless header", "GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 16384-19), "", "431 Request Header Fields Too Large|header is larger than the limit of 16384 bytes\n"},
		{"coding", "GET / HTTP/1.1\r\nTransfer-Encoding: br\r\n", "", "501 Not Implemented|Transfer-Encoding \"br\" is not chunked\n"},
		{"chunk", chunkHead + "x\r\n", "", "400 Bad Request|chunk size \"x\" is not a hexadecimal number\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, echo(t))
			p := s.dial()
			p.send(tt.in)
			status, reason, _ := strings.Cut(tt.want, "|")
			p.expectClosed()
			p.expect(tt.before + "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
				itoa(len(reason)) + "\r\n\r\n" + reason)
			var e *http.Error
			if !errors.As(s.err, &e) || e.Reason+"\n" != reason {
				t.Errorf("error is %v", s.err)
			}
			if n := len(s.log); n < 2 || s.log[n-1] != "CLOSE" || strings.Contains(strings.Join(s.log[:n-2], ""), "ERROR") {
				t.Errorf("log is %q", s.log)
			}
			if tt.name == "large" && len(s.log) != 2 { // nothing was raised for it
				t.Errorf("log is %q", s.log)
			}
		})
	}
}

func TestCutRequest(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		get:                "",
		get + "\r\n":       "",
		get[:5]:            "connection closed inside the header",
		get + get[:20]:     "connection closed inside the header",
		post[:len(post)-1]: "connection closed inside the body",
		chk[:len(chk)-2]:   "connection closed inside the body",
	} {
		s := listen(t, echo(t))
		p := s.dial()
		p.send(in)
		p.c.Drain()
		s.until("closed", func() bool { return len(s.log) > 0 && s.log[len(s.log)-1] == "CLOSE" })
		switch {
		case want == "" && s.err != nil:
			t.Errorf("%q: %v", in, s.err)
		case want != "" && (!errors.Is(s.err, io.ErrUnexpectedEOF) || !strings.Contains(s.err.Error(), want)):
			t.Errorf("%q: %v, want %s", in, s.err, want)
		}
	}
}

// Who closes does not want the answer, nor what is behind the request.
func TestEndWhileUnanswered(t *testing.T) {
	for _, rest := range []string{"", get[:9], get} {
		s := listen(t, func(*reactor.Conn, reactor.Event, *http.Message) {})
		p := s.dial()
		p.send(post + rest)
		p.c.Drain()
		s.until("closed", func() bool { return len(s.log) > 2 })
		s.expectLog(`HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`, "CLOSE")
	}
}

// The end of the stream does not overtake what an answer has set free.
func TestEndBehindPipelined(t *testing.T) {
	for rest, want := range map[string]string{"": "", post: "", post[:9]: "inside the header"} {
		s := listen(t, nil)
		first := true
		s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev == reactor.EvHTTPMsg && !first {
				must(t, http.Reply(c, 200, "", ""))
			}
			first = first && ev == reactor.EvHTTPHdrs
		}
		p, err := net.Dial("tcp", s.ln.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		in := get + get + rest
		io.WriteString(p, in)
		s.until("arrived", func() bool { return s.read == len(in) })
		p.(*net.TCPConn).CloseWrite()
		readable := []unix.PollFd{{Fd: int32(s.m.Fd()), Events: unix.POLLIN}}
		for n := 0; n != 1; n, err = unix.Poll(readable, 10_000) {
			if err != nil && err != unix.EINTR {
				t.Fatal(err)
			}
		}
		must(t, http.Reply(s.conn, 200, "", ""))
		s.until("closed", func() bool { return len(s.log) > 0 && s.log[len(s.log)-1] == "CLOSE" })
		p.Close()
		log := []string{`HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`}
		if rest == post {
			log = append(log, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`)
		}
		if s.err != nil {
			log = append(log, "ERROR "+s.err.Error())
		}
		s.expectLog(append(log, "CLOSE")...)
		if want == "" && s.err != nil || want != "" && (s.err == nil || !strings.Contains(s.err.Error(), want)) {
			t.Errorf("%q: %v", rest, s.err)
		}
	}
}

func TestLimitsOfServer(t *testing.T) {
	s := listen(t, echo(t))
	must(t, http.SetLimits(s.ln, http.Limits{Body: 2}))
	p := s.dial()
	p.send(post)
	p.expectClosed()
	if s.err == nil || !strings.Contains(s.err.Error(), "limit of 2 bytes") {
		t.Errorf("error is %v", s.err)
	}
	p = s.dial()
	must(t, http.SetLimits(s.conn, http.Limits{Body: 3}))
	p.send(post)
	p.expect(ok("", "POST /b xyz"))
}

// What SetLimits says of connections of each kind and in each state.
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

// A zero limit is the default, a negative one is none.
func TestNoLimits(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, m *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%d", len(m.Body)))
		}
	})
	large := "POST /b HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", 3000) + "Content-Length: 4000000\r\n\r\n" + strings.Repeat("x", 4_000_000)
	must(t, http.SetLimits(s.ln, http.Limits{Head: -1, Headers: -1, Body: -1}))
	p := s.dial()
	p.send(large)
	p.expect(ok("", "4000000"))
	must(t, http.SetLimits(s.conn, http.Limits{}))
	p.send(large)
	p.expectClosed()
	if s.err == nil || !strings.Contains(s.err.Error(), "limit of 100 header lines") {
		t.Errorf("error is %v", s.err)
	}
}

// What is piled up behind a request without an answer is bounded.
func TestBacklog(t *testing.T) {
	s := listen(t, func(*reactor.Conn, reactor.Event, *http.Message) {})
	must(t, http.SetLimits(s.ln, http.Limits{Head: 100, Body: 100}))
	p := s.dial()
	p.send(get, strings.Repeat("x", 200))
	p.idle()
	if s.err != nil || p.closed {
		t.Fatalf("at the limit: %v", s.err)
	}
	p.send("x")
	p.expectClosed()
	if s.err == nil || !strings.Contains(s.err.Error(), "201 bytes behind a request") {
		t.Errorf("error is %v", s.err)
	}
}
