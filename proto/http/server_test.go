package http_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
			if err := http.Reply(c, 200, "", "twice"); err != http.ErrNoRequest {
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

// A handler that consumes the message itself, or raises EvRead from inside
// the event, does not confuse the layer.
func TestHandlerTouchesRecv(t *testing.T) {
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			raw := len(msg.Raw)
			must(t, http.Reply(c, 200, "", "%s", msg.URI))
			switch string(msg.URI) {
			case "/a":
				c.Recv.Consume(raw)
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

// The end of the stream may be read before the loop comes back to what an
// answer has set free.
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
	if !http.SetLimits(s.ln, http.Limits{Body: 2}) {
		t.Fatal("a listener has no limits")
	}
	p := s.dial()
	p.send(post)
	p.expectClosed()
	if s.err == nil || !strings.Contains(s.err.Error(), "limit of 2 bytes") {
		t.Errorf("error is %v", s.err)
	}
	p = s.dial()
	if !http.SetLimits(s.conn, http.Limits{Body: 3}) || http.SetLimits(p.c, http.Limits{}) {
		t.Error("SetLimits is wrong about what speaks HTTP")
	}
	p.send(post)
	p.expect(ok("", "POST /b xyz"))
}

// What is piled up behind a request without an answer is bounded.
func TestBacklog(t *testing.T) {
	s := listen(t, func(*reactor.Conn, reactor.Event, *http.Message) {})
	http.SetLimits(s.ln, http.Limits{Head: 100, Body: 100})
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
