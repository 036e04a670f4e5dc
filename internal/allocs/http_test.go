package allocs_test

import (
	"bytes"
	"io"
	stdhttp "net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor"
)

const getRequest = "GET /a/b?x=1 HTTP/1.1\r\nHost: example.com\r\nAuthorization: Basic dTpw\r\n\r\n"

const postRequest = "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello"

// requests measures a request on a connection that is kept. ev is the event in which answer is
// called. end is the end of the response.
func requests(request, end string, ev reactor.Event, answer func(c *reactor.Conn, hm *http.Message)) func(*testing.T) func() {
	return func(t *testing.T) func() {
		l, err := http.Listen(looptest.NewManager(t), "http://127.0.0.1:0", func(c *reactor.Conn, got reactor.Event, data any) {
			if got == ev {
				answer(c, data.(*http.Message))
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return dial(t, l).answer(request, end)
	}
}

var hello = []byte("hello")

func parsed() *http.Message {
	var p http.Parser
	hm := new(http.Message)
	if _, err := p.Parse([]byte(getRequest), hm); err != nil {
		panic(err)
	}
	return hm
}

// webRoot has one file.
var webRoot = fstest.MapFS{"a.txt": {Data: bytes.Repeat([]byte("a"), 1000)}}

var httpRows = []measurement{
	{name: "`http.Parser.Parse`", setup: func(t *testing.T) func() {
		in := []byte(getRequest)
		var p http.Parser
		var hm http.Message
		return func() {
			_, err := p.Parse(in, &hm)
			must(t, err)
		}
	}},
	{name: "`Message.Header`, `http.HeaderVar`, `http.Match`", setup: func(t *testing.T) func() {
		hm := parsed()
		return func() {
			var a, b []byte
			if len(hm.Header("host")) == 0 || !http.Match(hm.URI, "/*/*", &a, &b) || http.HeaderVar(hm.Header("host"), "x") != nil {
				t.Fatal("wrong")
			}
		}
	}},
	{name: "`http.Var`, dst is large enough", setup: func(t *testing.T) func() {
		form, dst := []byte("a=1&b=%41bc"), make([]byte, 0, 100)
		return func() { http.Var(dst, form, "b") }
	}},
	{name: "`Message.Var`", setup: func(t *testing.T) func() {
		hm := parsed()
		return func() { hm.Var("x") }
	}},
	{name: "`Message.Creds`", setup: func(t *testing.T) func() {
		hm := parsed()
		return func() { hm.Creds() }
	}},
	{name: "a request that `http.ReplyBytes` answers", setup: requests(getRequest, "hello", reactor.EvHTTPMsg,
		func(c *reactor.Conn, _ *http.Message) { http.ReplyBytes(c, 200, "X: y\r\n", hello) })},
	{name: "a request that `http.Reply` answers, without arguments", pooled: true, setup: requests(getRequest, "hello", reactor.EvHTTPMsg,
		func(c *reactor.Conn, _ *http.Message) { http.Reply(c, 200, "", "hello") })},
	{name: "a request that `http.Reply` answers, with \"%s\" and a string", pooled: true, setup: requests(getRequest, "/a/b", reactor.EvHTTPMsg,
		func(c *reactor.Conn, hm *http.Message) { http.Reply(c, 200, "", "%s", string(hm.URI)) })},
	{name: "a request that `http.ReplyStart`, `http.Chunk` and `http.EndChunks` answer", setup: requests(getRequest, "0\r\n\r\n", reactor.EvHTTPMsg,
		func(c *reactor.Conn, _ *http.Message) {
			http.ReplyStart(c, 200, "", http.Chunked)
			http.Chunk(c, hello)
			http.EndChunks(c)
		})},
	{name: "a request with a body that `http.StreamBody` takes, and its answer", setup: func(t *testing.T) func() {
		l, err := http.Listen(looptest.NewManager(t), "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			switch ev {
			case reactor.EvHTTPHdrs:
				http.StreamBody(c, 0)
			case reactor.EvHTTPMsg:
				http.ReplyBytes(c, 200, "", hello)
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return dial(t, l).answer(postRequest, "hello")
	}},
	{name: "a request that `http.ReplyReader` answers, a reader that exists", setup: func(t *testing.T) func() {
		r := bytes.NewReader(hello)
		return requests(getRequest, "hello", reactor.EvHTTPMsg, func(c *reactor.Conn, _ *http.Message) {
			r.Seek(0, io.SeekStart)
			http.ReplyReader(c, 200, "", r, 5)
		})(t)
	}, pooled: true},
	{name: "a request that `http.ServeFile` answers, from an fstest.MapFS", pooled: true, setup: requests(getRequest, "aaa", reactor.EvHTTPMsg,
		func(c *reactor.Conn, hm *http.Message) {
			http.ServeFile(c, hm, "a.txt", &http.ServeOptions{FS: webRoot})
		})},
	{name: "a request that `http.ServeFile` answers, from `http.Dir`", pooled: true, setup: func(t *testing.T) func() {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte("aaa"), 0o644))
		files, err := http.Dir(dir)
		must(t, err)
		opts := &http.ServeOptions{FS: files}
		return requests(getRequest, "aaa", reactor.EvHTTPMsg, func(c *reactor.Conn, hm *http.Message) {
			http.ServeFile(c, hm, "a.txt", opts)
		})(t)
	}},
	{name: "a connection with one request, from accept to EvClose", pooled: true, runs: 50, setup: func(t *testing.T) func() {
		return oneRequest(t, "http", getRequest, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				http.ReplyBytes(c, 200, "", hello)
			}
		})
	}},
	{name: "`http.Client.Do` on a connection that is kept, until EvHTTPMsg", pooled: true, setup: func(t *testing.T) func() {
		m, url := helloServer(t)
		cl := http.NewClient(m, nil)
		done, req := 0, &http.Request{URL: url}
		fn := func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvHTTPMsg {
				done++
			}
		}
		return func() {
			before := done
			must(t, cl.Do(req, fn, nil))
			until(t, m, func() bool { return done > before })
		}
	}},
	{name: "`http.SendRequest`, until EvHTTPMsg", pooled: true, setup: func(t *testing.T) func() {
		m, url := helloServer(t)
		done, req := 0, &http.Request{URL: "/"}
		c, err := http.Connect(m, url, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvHTTPMsg {
				done++
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			before := done
			must(t, http.SendRequest(c, req))
			until(t, m, func() bool { return done > before })
		}
	}},
	{name: "a request that a handler of net/http answers, see `nethttp`", pooled: true, setup: func(t *testing.T) func() {
		l, err := nethttp.Listen(looptest.NewManager(t), "http://127.0.0.1:0",
			stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { w.Write(hello) }), nil)
		if err != nil {
			t.Fatal(err)
		}
		return dial(t, l).answer(getRequest, "hello")
	}},
}

// helloServer starts a server that answers with hello. Its requests do not allocate.
func helloServer(t *testing.T) (m *reactor.Manager, url string) {
	m = looptest.NewManager(t)
	l, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			http.ReplyBytes(c, 200, "", hello)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, "http://" + l.LocalAddr().String()
}
