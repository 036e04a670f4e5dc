package http_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// With SetHalfClose, a client that ends its side after its requests, as `printf … | nc`
// does, gets all responses, whenever they are written. Then the connection closes. An
// incomplete request is an error.
func TestHalfClosedClient(t *testing.T) {
	for name, tt := range map[string]struct {
		in      string
		answers int
		cut     bool
	}{
		"no request":            {"", 0, false},
		"one request":           {get, 1, false},
		"three requests":        {get + get + get, 3, false},
		"last request cut":      {get + get[:10], 1, true},
		"only request cut":      {get[:10], 0, true},
		"body cut":              {get + "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", 1, true},
		"close after the last":  {get + getClose, 2, false},
		"close after the first": {getClose + get, 1, false},
	} {
		for how, answer := range map[string]func(c *reactor.Conn, reply func()){
			"at once": func(_ *reactor.Conn, reply func()) { reply() },
			"late":    func(c *reactor.Conn, reply func()) { c.Manager().AddTimer(0, reactor.TimerOnce, reply) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				m := looptest.NewStillManager(t)
				asked, closed := 0, false
				var failure error
				ln, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
					switch {
					case c.IsListening():
					case ev == reactor.EvHTTPMsg:
						asked++
						answer(c, func() { must(t, http.Reply(c, 200, "", "ok")) })
					case ev == reactor.EvError:
						failure = data.(error)
					case ev == reactor.EvClose:
						closed = true
					}
				}, nil)
				must(t, err)
				ln.SetHalfClose(true)
				client := looptest.DialSocket(t, ln.LocalAddr())
				client.WriteString(tt.in)
				client.Shutdown()
				looptest.Await(t, m, "EvClose and the end of stream", func() bool {
					client.Receive()
					return client.EOF && closed
				})
				if asked != tt.answers {
					t.Errorf("EvHTTPMsg for %d requests, want %d; responses %q", asked, tt.answers, client.In)
				}
				if cut := errors.Is(failure, io.ErrUnexpectedEOF); cut != tt.cut || failure != nil && !cut {
					t.Errorf("EvError has %v, want io.ErrUnexpectedEOF: %v", failure, tt.cut)
				}
			})
		}
	}
}

// getClose is a request after which the connection closes.
const getClose = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

// If the stream ends inside a request, the error is io.ErrUnexpectedEOF. Between requests
// there is none.
func TestIncompleteRequest(t *testing.T) {
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
		s.until("close", func() bool { return len(s.Lines) > 0 && s.Lines[len(s.Lines)-1] == "CLOSE" })
		switch {
		case want == "" && s.LastErr() != nil:
			t.Errorf("%q: %v", in, s.LastErr())
		case want != "" && (!errors.Is(s.LastErr(), io.ErrUnexpectedEOF) || !strings.Contains(s.LastErr().Error(), want)):
			t.Errorf("%q: %v, want %s", in, s.LastErr(), want)
		}
	}
}

// If the client ends the stream while its request is unanswered, the connection closes
// without an error. Later requests raise no event.
func TestEndWhileUnanswered(t *testing.T) {
	for _, rest := range []string{"", get[:9], get} {
		s := listen(t, func(*reactor.Conn, reactor.Event, *http.Message) {})
		p := s.dial()
		p.send(post + rest)
		p.c.Drain()
		s.until("close", func() bool { return len(s.Lines) > 2 })
		s.WantLines(t, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`, "CLOSE")
	}
}

// If a response and the end of the stream come in the same turn, the requests that waited
// for the response raise their events before the connection closes.
func TestEndAfterPipelined(t *testing.T) {
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
		s.until("arrival", func() bool { return s.Read == len(in) })
		p.(*net.TCPConn).CloseWrite()
		readable := []unix.PollFd{{Fd: int32(s.m.Fd()), Events: unix.POLLIN}}
		for n := 0; n != 1; n, err = unix.Poll(readable, 10_000) {
			if err != nil && err != unix.EINTR {
				t.Fatal(err)
			}
		}
		must(t, http.Reply(s.conn, 200, "", ""))
		s.until("close", func() bool { return len(s.Lines) > 0 && s.Lines[len(s.Lines)-1] == "CLOSE" })
		p.Close()
		log := []string{`HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`, `HTTP_HDRS GET /a ""`, `HTTP_MSG GET /a ""`}
		if rest == post {
			log = append(log, `HTTP_HDRS POST /b ""`, `HTTP_MSG POST /b "xyz"`)
		}
		if s.LastErr() != nil {
			log = append(log, "ERROR "+s.LastErr().Error())
		}
		s.WantLines(t, append(log, "CLOSE")...)
		if want == "" && s.LastErr() != nil || want != "" && (s.LastErr() == nil || !strings.Contains(s.LastErr().Error(), want)) {
			t.Errorf("%q: %v", rest, s.LastErr())
		}
	}
}

// Drain waits for the response to a request that the program has. Then the connection
// closes.
func TestDrainWaitsForResponse(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{})
	var asked *reactor.Conn
	s.serve = func(c *reactor.Conn) { asked = c }
	s.write(longRequest)
	looptest.Await(t, s.m, "the request", func() bool { return asked != nil })
	turns := 0
	stop := looptest.EachTurn(s.m, func() {
		if turns++; turns == 3 {
			must(t, http.Reply(asked, 200, "", "late"))
		}
		if s.client.Receive(); s.client.EOF {
			s.client.Shutdown()
		}
	})
	defer stop()
	if stragglers, err := s.m.Drain(time.Minute); stragglers != nil || err != nil {
		t.Errorf("Drain: %v, %v", stragglers, err)
	}
	if got := string(s.client.In); !strings.HasSuffix(got, "late") || !strings.Contains(got, "Connection: close\r\n") {
		t.Errorf("response %q", got)
	}
}

// Drain sends the responses that are written, and closes idle connections.
func TestDrainServer(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{})
	body := bytes.Repeat([]byte("x"), 1<<20)
	s.serve = func(c *reactor.Conn) { must(t, http.ReplyBytes(c, 200, "", body)) }
	s.write(longRequest)
	stop := looptest.EachTurn(s.m, func() { // the client reads
		if s.client.Receive(); s.client.EOF {
			s.client.Shutdown()
		}
	})
	defer stop()
	stragglers, err := s.m.Drain(time.Minute)
	if stragglers != nil || err != nil || s.LastErr() != nil || !s.Closed() {
		t.Errorf("Drain: %v, %v; failed %v, closed %v", stragglers, err, s.LastErr(), s.Closed())
	}
	if !bytes.HasSuffix(s.client.In, body) || !s.client.EOF {
		t.Errorf("%d bytes arrived, end of stream %v", len(s.client.In), s.client.EOF)
	}
}
