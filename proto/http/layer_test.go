package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Pipelined requests raise the same events and get the same responses, however they arrive.
func TestServeSplit(t *testing.T) {
	in := get + post + chk + get
	want := ok("", "GET /a ") + ok("", "POST /b xyz") + ok("", "POST / abcd") + ok("", "GET /a ")
	s := listen(t, echo(t))
	check := func(pieces ...string) {
		p := s.dial()
		p.send(pieces...)
		p.expect(want)
		s.WantLines(t, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`,
			`HTTP_HDRS POST / ""`, `HTTP_MSG POST / "abcd"`, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`)
		p.c.Drain()
		p.expectClosed()
		s.until("close of the server's side", func() bool { return len(s.Lines) > 0 })
		s.WantLines(t, "CLOSE")
	}
	check(in)
	for i := 1; i < len(in); i += 7 {
		check(in[:i], in[i:])
	}
	check(strings.Split(in, "")...)
}

// The version and the Connection headers of request and response decide whether the
// connection closes.
func TestConnectionLifetime(t *testing.T) {
	for _, tt := range []struct {
		name, request, headers, answer string
		closes                         bool
	}{
		{"1.1", lines("GET / HTTP/1.1", "Host: h"), "", "", false},
		{"1.1 close", lines("GET / HTTP/1.1", "Host: h", "Connection: a, CLOSE"), "", "Connection: close\r\n", true},
		{"1.1 keep-alive and close", lines("GET / HTTP/1.1", "Host: h", "Connection: keep-alive", "Connection: close"), "", "Connection: close\r\n", true},
		{"1.0", lines("GET / HTTP/1.0"), "", "Connection: close\r\n", true},
		{"1.0 keep-alive", lines("GET / HTTP/1.0", "Connection: Keep-Alive"), "", "Connection: keep-alive\r\n", false},
		{"answer closes", lines("GET / HTTP/1.1", "Host: h"), "A: b\r\nConnection: x, close\r\n", "A: b\r\nConnection: x, close\r\n", true},
		{"answer has other option", lines("GET / HTTP/1.1", "Host: h", "Connection: close"), "Connection: x\r\n", "Connection: x\r\nConnection: close\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
				if ev == reactor.EvHTTPMsg {
					must(t, http.ReplyBytes(c, 200, tt.headers, []byte("ok")))
				}
			})
			p := s.dial()
			p.send(tt.request + tt.request)
			if want := ok(tt.answer, "ok"); tt.closes {
				p.expect(want) // the second request must not be processed [RFC 9112 9.6]
				p.expectClosed()
			} else {
				p.expect(want + want)
				if p.Closed() {
					t.Error("the connection is closed")
				}
			}
		})
	}
}

// Reply does not undo Pause.
func TestReplyWhilePaused(t *testing.T) {
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg && string(msg.URI) == "/a" {
			c.Pause()
		} else if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "b"))
		}
	}
	p := s.dial()
	p.send(get + post)
	must(t, http.Reply(s.conn, 200, "", "a"))
	p.expect(ok("", "a"))
	s.WantLines(t, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`)
	s.conn.Resume()
	p.expect(ok("", "b"))
	s.WantLines(t, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`)
}

// A handler may call Pause in every event. No event is raised before Resume.
func TestPauseInEveryEvent(t *testing.T) {
	s := listen(t, nil)
	paused := false
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%s", msg.Body))
		}
		if paused {
			t.Errorf("%v while paused", ev)
		}
		c.Pause()
		paused = true
		must(t, s.m.Post(func() {
			paused = false
			c.Resume()
		}))
	}
	p := s.dial()
	p.send(get + post + chk)
	p.expect(ok("", "") + ok("", "xyz") + ok("", "abcd"))
	s.WantLines(t, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`,
		`HTTP_HDRS POST / ""`, `HTTP_MSG POST / "abcd"`)
}

// In EvHTTPMsg, Recv has the bytes after the message, and the handler may drop them. It may
// also raise EvRead.
func TestHandlerTouchesRecv(t *testing.T) {
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%s", msg.URI))
			switch string(msg.URI) {
			case "/a":
				if rest := string(c.Recv.Bytes()); rest != "" && !strings.HasPrefix(rest, post) {
					t.Errorf("Recv has %q after the first message", rest)
				}
			case "/b":
				none := 0
				c.Call(reactor.EvRead, &none)
			case "/c":
				c.Recv.Reset()
			}
		}
	}
	p := s.dial()
	p.send(get + post + lines("GET /c HTTP/1.1", "Host: h") + "dropped by the handler")
	p.expect(ok("", "/a") + ok("", "/b") + ok("", "/c"))
	p.send(get)
	p.expect(ok("", "/a"))
}

// The handler of one connection may run inside the handler of another one. Each has its own
// message.
func TestNestedDispatch(t *testing.T) {
	var inner, outer *reactor.Conn
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev != reactor.EvHTTPMsg {
			return
		}
		if c == outer {
			inner.Recv.AppendString(get)
			none := 0
			inner.Call(reactor.EvRead, &none)
		}
		must(t, http.Reply(c, 200, "", "%s", msg.URI))
	}
	p, q := s.dial(), (*peer)(nil)
	outer = s.conn
	q = s.dial()
	inner = s.conn
	s.Read, p.sent = 0, 0
	p.send(post)
	p.expect(ok("", "/b"))
	q.expect(ok("", "/a"))
}
