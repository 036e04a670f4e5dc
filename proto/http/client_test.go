package http_test

import (
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Requests one after the other use one connection, also if each is sent in the handler of the
// response before.
func TestClientUsesConnectionsAgain(t *testing.T) {
	s := serveSite(t, say)
	ct := newClientTest(t, nil)
	for i := range 5 {
		ct.get(fmt.Sprint(s.URL, "/", i), fmt.Sprintf("GET /%d ", i))
	}
	var last *call
	left := 5
	var next func()
	next = func() {
		last = ct.startWith(&http.Request{URL: s.URL + "/chain"}, looptest.Hooks{
			reactor.EvHTTPMsg: func(*reactor.Conn, any) {
				if left--; left > 0 {
					next()
				}
			}})
	}
	next()
	ct.until("the end of the chain", func() bool { return left == 0 })
	ct.await(last)
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections for 10 requests, want 1", n)
	}
}

// Each way to send a body arrives whole, and so does each kind of response.
func TestClientBodies(t *testing.T) {
	s := serveSite(t, say)
	ct := newClientTest(t, nil)
	large := strings.Repeat("0123456789abcdef", 20_000)
	for name, req := range map[string]http.Request{
		"body":           {Method: "POST", Body: []byte("abc")},
		"large body":     {Method: "PUT", Body: []byte(large)},
		"reader":         {Method: "POST", Reader: strings.NewReader("abc"), Size: 3},
		"chunked reader": {Method: "POST", Reader: strings.NewReader(large), Size: http.Chunked},
		"size not given": {Method: "POST", Reader: strings.NewReader("abc")},
		"empty":          {Method: "POST"},
		"empty reader":   {Method: "POST", Reader: strings.NewReader("")},
		"stream":         {Method: "POST", Stream: true},
		"sized stream":   {Method: "POST", Stream: true, Size: 6},
	} {
		t.Run(name, func(t *testing.T) {
			req.URL = s.URL + "/x?y=1"
			want := string(req.Body)
			switch name {
			case "reader", "size not given":
				want = "abc"
			case "chunked reader":
				want = large
			case "stream", "sized stream":
				want = "uvwxyz"
			}
			pieces := []string{"uv", "", "wxyz"}
			on := looptest.Hooks{reactor.EvWrite: func(c *reactor.Conn, _ any) {
				if !req.Stream || pieces == nil {
					return
				}
				for _, p := range pieces {
					must(t, http.Chunk(c, []byte(p)))
				}
				pieces = nil
				must(t, http.EndChunks(c))
			}}
			x := ct.startWith(&req, on)
			ct.await(x)
			if got := x.body(); got != req.Method+" /x?y=1 "+want {
				t.Errorf("got %.80q, error %v", got, x.err)
			}
		})
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// HEAD, 204, 304, close-delimited and chunked responses with trailers, and interim responses.
func TestClientResponseForms(t *testing.T) {
	forms := []struct{ method, in, lines string }{
		{"HEAD", lines("HTTP/1.1 200 OK", "Content-Length: 9"), "200|200 "},
		{"GET", lines("HTTP/1.1 204 No Content"), "204|204 "},
		{"GET", lines("HTTP/1.1 304 Not Modified", "Content-Length: 5"), "304|304 "},
		{"GET", lines("HTTP/1.1 103 Early Hints") + lines("HTTP/1.1 200 OK", "Content-Length: 2") + "ab", "103|200|200 ab"},
		{"GET", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n", "200|200 abc"},
		{"GET", lines("HTTP/1.1 302 Found", "Location: /", "Content-Length: 0"), "302|302 "},
	}
	for i, f := range forms {
		splits(f.in, func(what string, pieces []string) {
			if len(pieces) == 2 && len(pieces[0])%7 != 0 { // each split is a test of the parser
				return
			}
			ct := newClientTest(t, nil)
			s := ct.listenRaw(func(p *rawConn) {
				for _, piece := range pieces {
					p.say(piece)
					ct.m.Post(func() {})
				}
			})
			for range 2 {
				x := ct.do(&http.Request{Method: f.method, URL: s.url})
				if got := strings.Join(x.lines, "|"); got != f.lines || x.err != nil {
					t.Errorf("%d, %s: %s, error %v, want %s", i, what, got, x.err, f.lines)
				}
			}
			if len(s.conns) != 1 {
				t.Errorf("%d: %d connections, want 1", i, len(s.conns))
			}
		})
	}
}

// A connection is not used again if a message says that it closes, if the response lasts until the
// end, or if the server sends more than the response.
func TestClientDoesNotUseAgain(t *testing.T) {
	for name, tt := range map[string]struct{ headers, in, body string }{
		"response": {"", lines("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: close") + "a", "a"},
		"request":  {"Connection: close\r\n", ok("", "a"), "a"},
		"to end":   {"", lines("HTTP/1.1 200 OK") + "until the end", "until the end"},
		"HTTP/1.0": {"", lines("HTTP/1.0 200 OK", "Content-Length: 1") + "a", "a"},
		"too much": {"", ok("", "a") + "HTTP", "a"},
		"two":      {"", ok("", "a") + ok("", "b"), "a"},
	} {
		t.Run(name, func(t *testing.T) {
			ct := newClientTest(t, nil)
			s := ct.listenRaw(func(p *rawConn) {
				p.say(tt.in)
				if name == "to end" {
					p.c.Drain()
				}
			})
			for range 2 {
				x := ct.do(&http.Request{URL: s.url, Headers: tt.headers})
				if x.err != nil || x.body() != tt.body {
					t.Errorf("%q, error %v", x.lines, x.err)
				}
			}
			if len(s.conns) != 2 {
				t.Errorf("%d connections, want 2", len(s.conns))
			}
		})
	}
}

// Thousands of requests share a few connections.
func TestClientManyRequests(t *testing.T) {
	s := serveSite(t, say)
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 5})
	const n = 3000
	ended, failed := 0, 0
	for i := range n {
		must(t, ct.cl.Do(&http.Request{URL: fmt.Sprint(s.URL, "/", i)}, func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvHTTPMsg:
				ended++
				if got := string(data.(*http.Message).Body); got != fmt.Sprintf("GET /%d ", i) {
					failed++
				}
			case reactor.EvError:
				t.Error(data)
				ended++
			}
		}, nil))
	}
	ct.until("all responses", func() bool { return ended == n })
	if failed > 0 || s.conns.Load() > 5 {
		t.Errorf("%d wrong responses, %d connections, want 0 and at most 5", failed, s.conns.Load())
	}
}

// A request that the loop of the program cancels ends with EvError, in whatever state it is.
func TestClientCancel(t *testing.T) {
	inEvents := []reactor.Event{reactor.EvOpen, reactor.EvConnect, reactor.EvWrite, reactor.EvHTTPHdrs, reactor.EvHTTPMsg}
	for _, ev := range inEvents {
		ct := newClientTest(t, nil)
		s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
		x := ct.startWith(&http.Request{URL: s.url}, looptest.Hooks{ev: func(c *reactor.Conn, _ any) { c.Close() }})
		ct.await(x)
		if ev == reactor.EvHTTPMsg {
			if x.messages != 1 || x.err != nil {
				t.Errorf("closed at %v: %q, %v", ev, x.lines, x.err)
			}
		} else if !errors.Is(x.err, reactor.ErrClosed) {
			t.Errorf("closed at %v: %q, %v", ev, x.lines, x.err)
		}
		ct.get(s.url, "a")
	}
	for name, end := range map[string]func(ct *clientTest, req *http.Request){
		"Cancel":        func(ct *clientTest, req *http.Request) { ct.cl.Cancel(req) },
		"Close":         func(ct *clientTest, _ *http.Request) { ct.cl.Close() },
		"Manager.Close": func(ct *clientTest, _ *http.Request) { ct.m.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			for turns := range 6 {
				ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1})
				s := ct.listenRaw(func(p *rawConn) { p.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab") })
				req := &http.Request{URL: s.url, Reader: &closeCounter{Reader: strings.NewReader("x")}}
				first := ct.start(req)
				r := &closeCounter{Reader: strings.NewReader("abc")}
				second := &http.Request{Method: "POST", URL: s.url, Reader: r}
				queued := ct.start(second)
				looptest.Spin(t, ct.m, turns)
				end(ct, req)
				end(ct, second)
				if name != "Manager.Close" {
					ct.await(first, queued)
				}
				for _, x := range []*call{first, queued} {
					if x.ended != 1 || !errors.Is(x.err, reactor.ErrClosed) {
						t.Errorf("after %d turns: %q, error %v", turns, x.lines, x.err)
					}
				}
				if r.closed != 1 || req.Reader.(*closeCounter).closed != 1 {
					t.Errorf("after %d turns the readers were closed %d and %d times, want once", turns, req.Reader.(*closeCounter).closed, r.closed)
				}
				if err := ct.cl.Do(&http.Request{URL: s.url}, nil, nil); name != "Cancel" && !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Do after %s: %v", name, err)
				}
			}
		})
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (r *closeCounter) Close() error { r.closed++; return nil }

// Drain lets the request that is under way end, and fails the ones that wait.
func TestClientDrain(t *testing.T) {
	arrived, answer := make(chan bool, 1), make(chan bool, 1)
	s := serveSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		arrived <- true
		<-answer
		io.WriteString(w, "late")
	})
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1})
	first := ct.start(&http.Request{URL: s.URL})
	second := ct.start(&http.Request{URL: s.URL})
	ct.until("the request", func() bool { return len(arrived) == 1 })
	ct.m.AddTimer(0, reactor.TimerOnce, func() { answer <- true })
	if _, err := ct.m.Drain(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if first.body() != "late" || second.ended != 1 || !errors.Is(second.err, reactor.ErrClosed) {
		t.Errorf("%q %v, %q %v", first.lines, first.err, second.lines, second.err)
	}
}

// TLS: all connections use one Config. A wrong certificate is EvError.
func TestClientTLS(t *testing.T) {
	s := serveSiteWith(t, say, true)
	s.Config.SetKeepAlivesEnabled(true)
	cfg := s.Client().Transport.(*nethttp.Transport).TLSClientConfig.Clone()
	ct := newClientTest(t, &http.ClientOptions{TLS: cfg})
	for range 3 {
		ct.get(s.URL+"/a", "GET /a ")
	}
	x := ct.do(&http.Request{Method: "POST", URL: s.URL, Body: make([]byte, 300_000)})
	if len(x.body()) != len("POST / ")+300_000 {
		t.Errorf("%d bytes, error %v", len(x.body()), x.err)
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	plain := newClientTest(t, nil)
	if x := plain.do(&http.Request{URL: s.URL}); x.err == nil || !strings.Contains(x.err.Error(), "certificate") {
		t.Errorf("without the authority: %v", x.err)
	}
}

// Dial is called with each new connection. Its error is that of the request.
func TestClientDial(t *testing.T) {
	dialed, bad := 0, errors.New("not today")
	ct := newClientTest(t, &http.ClientOptions{Dial: func(c *reactor.Conn) error {
		if dialed++; dialed == 2 {
			return bad
		}
		return nil
	}})
	s := ct.listenRaw(func(p *rawConn) { p.say(ok("Connection: close\r\n", "a")) })
	var got []string
	for range 3 {
		x := ct.do(&http.Request{URL: s.url})
		got = append(got, x.body())
		if x.err != nil && !errors.Is(x.err, bad) {
			t.Error(x.err)
		}
	}
	if !slices.Equal(got, []string{"a", "", "a"}) || dialed != 3 {
		t.Errorf("%q, %d dialed", got, dialed)
	}
}
