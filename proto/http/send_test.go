package http_test

import (
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// sendTo sends requests on one connection of Connect to url, and returns what the server gets.
func sendTo(t *testing.T, urlOf func(host string) string, reqs ...http.Request) string {
	t.Helper()
	l := newLoop(t)
	s := l.listenRaw(func(p *rawConn) {})
	host := strings.TrimPrefix(s.url, "http://")
	var r looptest.Recorder
	c, err := http.Connect(l.m, urlOf(host), r.Handle, nil)
	must(t, err)
	for i := range reqs {
		must(t, http.SendRequest(c, &reqs[i]))
	}
	c.Drain()
	l.until("the end", func() bool { return len(s.conns) > 0 && s.conns[0].ended })
	return strings.ReplaceAll(s.conns[0].got, host, "HOST")
}

// SendRequest writes the request with the Host header and the credentials of the URL of Connect, or
// of its own.
func TestSendRequest(t *testing.T) {
	plain := func(host string) string { return "http://" + host + "/ignored" }
	for _, tt := range []struct {
		url  func(host string) string
		req  http.Request
		want string
	}{
		{plain, http.Request{URL: "/a?b"}, lines("GET /a?b HTTP/1.1", "Host: HOST")},
		{plain, http.Request{Method: "OPTIONS", URL: "*"}, lines("OPTIONS * HTTP/1.1", "Host: HOST")},
		{plain, http.Request{URL: "http://other/c"}, lines("GET /c HTTP/1.1", "Host: other")},
		{plain, http.Request{URL: "https://other:443/c"}, lines("GET /c HTTP/1.1", "Host: other")},
		{plain, http.Request{URL: "http://other:443/c"}, lines("GET /c HTTP/1.1", "Host: other:443")},
		{plain, http.Request{URL: "http://[FE80::1%25eth0]:80/"}, lines("GET / HTTP/1.1", "Host: [FE80::1]")},
		{plain, http.Request{URL: "http://[::1]:8080/"}, lines("GET / HTTP/1.1", "Host: [::1]:8080")},
		{plain, http.Request{URL: "/", Headers: "Host: mine\r\nConnection: close\r\n"}, lines("GET / HTTP/1.1", "Host: mine", "Connection: close")},
		{plain, http.Request{Method: "CONNECT", URL: "far:443"}, lines("CONNECT far:443 HTTP/1.1", "Host: far:443")},
		{plain, http.Request{Method: "POST", URL: "/", Body: []byte("abc")}, lines("POST / HTTP/1.1", "Host: HOST", "Content-Length: 3") + "abc"},
		{func(h string) string { return "http://u:p@" + h }, http.Request{URL: "/"},
			lines("GET / HTTP/1.1", "Host: HOST", "Authorization: Basic dTpw")},
		{func(h string) string { return "http://u:p@" + h }, http.Request{URL: "http://v@other/"},
			lines("GET / HTTP/1.1", "Host: other", "Authorization: Basic djo=")},
		{func(h string) string { return "http://u:p@" + h }, http.Request{URL: "http://other/"}, lines("GET / HTTP/1.1", "Host: other")},
	} {
		if got := sendTo(t, tt.url, tt.req); got != tt.want {
			t.Errorf("%+v\ngot  %q\nwant %q", tt.req, got, tt.want)
		}
	}
	got := sendTo(t, plain, http.Request{URL: "/1"}, http.Request{Method: "POST", URL: "/2", Body: []byte("b")}, http.Request{URL: "/3"})
	want := lines("GET /1 HTTP/1.1", "Host: HOST") + lines("POST /2 HTTP/1.1", "Host: HOST", "Content-Length: 1") + "b" + lines("GET /3 HTTP/1.1", "Host: HOST")
	if got != want {
		t.Errorf("pipelined: %q", got)
	}
}

// A refused request writes nothing.
func TestSendRequestErrors(t *testing.T) {
	cl := dialClient(t)
	for _, tt := range []struct {
		req  http.Request
		want string
	}{
		{http.Request{}, "no scheme"},
		{http.Request{URL: "a"}, "no scheme"},
		{http.Request{URL: "*"}, "OPTIONS"},
		{http.Request{URL: "/a b"}, "byte 0x20"},
		{http.Request{URL: "/a\r\nB: c"}, "byte 0x0d"},
		{http.Request{URL: "/%4"}, "escape"},
		{http.Request{URL: "/#x"}, "fragment"},
		{http.Request{Method: "CONNECT", URL: "/"}, "host:port"},
		{http.Request{Method: "CONNECT", URL: "h"}, "host:port"},
		{http.Request{Method: "CONNECT", URL: ":443"}, "host:port"},
		{http.Request{Method: "CONNECT", URL: "h:1", Body: []byte("a")}, "no body"},
		{http.Request{Method: "G\tT", URL: "/"}, "token"},
		{http.Request{URL: "/", Headers: "Content-Length: 1\r\n"}, "must not be set"},
	} {
		err := http.SendRequest(cl.c, &tt.req)
		if err == nil || !strings.Contains(err.Error(), tt.want) || cl.c.Send.Len() > 0 {
			t.Errorf("%+v: %v, %d bytes in Send", tt.req, err, cl.c.Send.Len())
		}
	}
	must(t, http.SendRequest(cl.c, &http.Request{Method: "POST", URL: "/", Stream: true, Size: 1}))
	if err := http.SendRequest(cl.c, &http.Request{URL: "/"}); !errors.Is(err, http.ErrRequestBody) {
		t.Errorf("in the middle of a body: %v", err)
	}
	must(t, http.Chunk(cl.c, []byte("a")))
	must(t, http.EndChunks(cl.c))
	must(t, http.SendRequest(cl.c, &http.Request{URL: "/"}))
	cl.c.Close()
	if err := http.SendRequest(cl.c, &http.Request{URL: "/"}); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("on a closed connection: %v", err)
	}
	s := listen(t, echo(t))
	p := s.dial()
	for _, c := range []*reactor.Conn{s.ln, s.conn, p.c} {
		if err := http.SendRequest(c, &http.Request{URL: "/"}); !errors.Is(err, http.ErrNotHTTP) {
			t.Errorf("no client: %v", err)
		}
	}
}

// A server that closes the connection instead of answering: EvError.
func TestSendRequestWithoutResponse(t *testing.T) {
	cl := dialClient(t)
	must(t, http.SendRequest(cl.c, &http.Request{URL: "/"}))
	cl.end()
	if !errors.Is(cl.LastErr(), io.ErrUnexpectedEOF) || !strings.Contains(cl.LastErr().Error(), "before the response") {
		t.Errorf("error %v", cl.LastErr())
	}
}

// The end of a close-delimited response is also an end without the responses of later requests.
func TestSendRequestAfterLastResponse(t *testing.T) {
	for _, stream := range []bool{false, true} {
		cl := dialClient(t)
		must(t, http.SendRequest(cl.c, &http.Request{URL: "/1"}))
		must(t, http.SendRequest(cl.c, &http.Request{URL: "/2"}))
		fn := cl.c.Fn
		cl.c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPHdrs && stream {
				must(t, http.StreamBody(c, -1))
			}
			fn(c, ev, data)
		}
		cl.answer(lines("HTTP/1.1 200 OK") + "all")
		cl.end()
		body := "all"
		if stream {
			body = ""
		}
		cl.WantLines(t, `HTTP_HDRS 200 ""`, fmt.Sprintf("HTTP_MSG 200 %q", body), "ERROR", "CLOSE")
		if !errors.Is(cl.LastErr(), io.ErrUnexpectedEOF) {
			t.Errorf("error %v", cl.LastErr())
		}
	}
}

// A response to HEAD has no body, wherever it is among pipelined requests.
func TestSendRequestPipelined(t *testing.T) {
	cl := dialClient(t)
	for _, method := range []string{"GET", "HEAD", "GET", "HEAD"} {
		must(t, http.SendRequest(cl.c, &http.Request{Method: method, URL: "/"}))
	}
	head := lines("HTTP/1.1 200 OK", "Content-Length: 1")
	cl.answer(head + "a" + head + head + "c" + head)
	cl.WantLines(t, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 "a"`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`,
		`HTTP_HDRS 200 ""`, `HTTP_MSG 200 "c"`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`)
}

// Requests of a connection that is kept reach a server of net/http, with bodies of all kinds.
func TestSendRequestNetHTTP(t *testing.T) {
	srv := httptest.NewServer(nethttp.HandlerFunc(say))
	defer srv.Close()
	l := newLoop(t)
	var got []string
	c, err := http.Connect(l.m, srv.URL, func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			got = append(got, string(data.(*http.Message).Body))
		case reactor.EvError:
			t.Error(data)
		}
	}, nil)
	must(t, err)
	for i, req := range []http.Request{
		{URL: "/0"},
		{Method: "PUT", URL: "/1", Reader: strings.NewReader("sized"), Size: 5},
		{Method: "PUT", URL: "/2", Reader: strings.NewReader("chunked")},
		{Method: "PUT", URL: "/3", Body: []byte("body")},
	} {
		must(t, http.SendRequest(c, &req))
		l.until(fmt.Sprint("response ", i), func() bool { return len(got) == i+1 })
	}
	if want := "GET /0 |PUT /1 sized|PUT /2 chunked|PUT /3 body"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

// SendRequest does not allocate if the URL is a path.
func TestSendRequestAllocatesNothing(t *testing.T) {
	cl := dialClient(t)
	req := &http.Request{Method: "POST", URL: "/a?b=c", Headers: "A: b\r\n", Body: []byte("abc")}
	answer := []byte(ok("", "a"))
	none := 0
	cl.c.Fn = nil
	round := func() {
		must(t, http.SendRequest(cl.c, req))
		cl.c.Send.Reset()
		cl.c.Recv.Append(answer)
		cl.c.Call(reactor.EvRead, &none)
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
