package http_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

var (
	get  = lines("GET /a HTTP/1.1", "Host: h")
	post = lines("POST /b HTTP/1.1", "Host: h", "Content-Length: 3") + "xyz"
	chk  = chunkHead + "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
)

func TestServeSplit(t *testing.T) {
	in := get + post + chk + get
	want := ok("", "GET /a ") + ok("", "POST /b xyz") + ok("", "POST / abcd") + ok("", "GET /a ")
	s := listen(t, echo(t))
	check := func(pieces ...string) {
		p := s.dial()
		p.send(pieces...)
		p.expect(want)
		s.expectLog(`HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`,
			`HTTP_HDRS POST / ""`, `HTTP_MSG POST / "abcd"`, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`)
		p.c.Drain()
		p.expectClosed()
		s.until("server's end closed", func() bool { return len(s.log) > 0 })
		s.expectLog("CLOSE")
	}
	check(in)
	for i := 1; i < len(in); i += 7 {
		check(in[:i], in[i:])
	}
	check(strings.Split(in, "")...)
}

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
				p.expect(want) // the second one must not be processed [RFC 9112 9.6]
				p.expectClosed()
			} else {
				p.expect(want + want)
				if p.closed {
					t.Error("closed")
				}
			}
		})
	}
}

func TestPipelinedWaitForLateReply(t *testing.T) {
	s := listen(t, nil)
	var pending string
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			pending = string(msg.URI)
		}
	}
	fn := s.ln.Fn
	s.ln.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWakeup {
			path := pending
			pending = ""
			must(t, http.Reply(c, 200, "", "%s", path+string(*data.(*[]byte))))
			if err := http.Reply(c, 200, "", "twice"); !errors.Is(err, http.ErrNoRequest) {
				t.Errorf("second answer: %v", err)
			}
			return
		}
		fn(c, ev, data)
	}
	p := s.dial()
	p.send(lines("GET /1 HTTP/1.1", "Host: h") + lines("GET /2 HTTP/1.1", "Host: h") + lines("GET /3 HTTP/1.1", "Host: h")[:20])
	p.idle()
	s.expectLog(`HTTP_HDRS GET /1 ""`, `HTTP_MSG GET /1 ""`)
	must(t, s.m.Wakeup(s.conn.ID(), []byte("!")))
	p.expect(ok("", "/1!"))
	s.expectLog(`HTTP_HDRS GET /2 ""`, `HTTP_MSG GET /2 ""`)
	must(t, s.m.Wakeup(s.conn.ID(), []byte("?")))
	p.expect(ok("", "/2?"))
	s.expectLog()
	p.send(lines("GET /3 HTTP/1.1", "Host: h")[20:])
	s.expectLog(`HTTP_HDRS GET /3 ""`, `HTTP_MSG GET /3 ""`)
	must(t, s.m.Wakeup(s.conn.ID(), nil))
	p.expect(ok("", "/3"))
}

// Reply must not undo the user's Pause.
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
	s.expectLog(`HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`)
	s.conn.Resume()
	p.expect(ok("", "b"))
	s.expectLog(`HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`)
}

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
	s.expectLog(`HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`,
		`HTTP_HDRS POST / ""`, `HTTP_MSG POST / "abcd"`)
}

// A handler finds in Recv what follows the message, and may drop it. Raising
// EvRead from inside the event does not confuse the layer.
func TestHandlerTouchesRecv(t *testing.T) {
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%s", msg.URI))
			switch string(msg.URI) {
			case "/a":
				if rest := string(c.Recv.Bytes()); rest != "" && !strings.HasPrefix(rest, post) {
					t.Errorf("Recv holds %q behind the first message", rest)
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
