package interop

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	rikkihttp "github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// fetched is how a request of our Client has ended.
type fetched struct {
	status  int
	header  http.Header
	body    string
	interim []int  // statuses 1xx
	conn    uint64 // the number of the connection
	err     error
}

// fetching is a request of our Client. Its handler checks the order of the events.
type fetching struct {
	fetched
	done bool
}

// begin sends a request. With stream the response is received in pieces.
func (l *loop) begin(cl *rikkihttp.Client, req *rikkihttp.Request, stream bool) *fetching {
	l.t.Helper()
	f := &fetching{}
	err := cl.Do(req, func(c *reactor.Conn, ev reactor.Event, data any) {
		if f.done {
			l.t.Errorf("%s: %v comes after the last event", req.URL, ev)
		}
		switch ev {
		case reactor.EvHTTPHdrs:
			hm := data.(*rikkihttp.Message)
			if hm.Status < 200 {
				f.interim = append(f.interim, hm.Status)
			} else if stream {
				noError(l.t, rikkihttp.StreamBody(c, -1))
			}
		case reactor.EvHTTPBody:
			f.body += string(data.(*rikkihttp.Piece).Data)
		case reactor.EvHTTPMsg:
			hm := data.(*rikkihttp.Message)
			f.done, f.status, f.conn, f.header = true, hm.Status, uint64(c.ID()), http.Header{}
			f.body += string(hm.Body)
			for _, h := range hm.Headers {
				f.header.Add(string(h.Name), string(h.Value))
			}
		case reactor.EvError:
			f.done, f.err = true, data.(error)
		}
	}, nil)
	if err != nil {
		l.t.Fatalf("%s: %v", req.URL, err)
	}
	return f
}

// fetch sends a request and waits for its end.
func (l *loop) fetch(cl *rikkihttp.Client, req *rikkihttp.Request) fetched {
	l.t.Helper()
	f := l.begin(cl, req, false)
	l.until("end of "+req.URL, func() bool { return f.done })
	return f.fetched
}

// want fetches, collected and in pieces, and checks status and body.
func (l *loop) want(cl *rikkihttp.Client, status int, want string, req rikkihttp.Request) (f fetched) {
	l.t.Helper()
	for _, stream := range []bool{false, true} {
		f := l.begin(cl, &req, stream)
		l.until("end of "+req.URL, func() bool { return f.done })
		if f.err != nil || f.status != status || f.body != want {
			l.t.Errorf("%s %s: %d with %d bytes %.60q, error %v, want %d with %d bytes %.60q", req.Method, req.URL, f.status, len(f.body), f.body, f.err, status, len(want), want)
		}
		if stream {
			return f.fetched
		}
	}
	return f
}

// rikkiClient returns a Client of ours.
func (l *loop) rikkiClient(dial func(c *reactor.Conn) error) *rikkihttp.Client {
	cl := rikkihttp.NewClient(l.m, &rikkihttp.ClientOptions{TLS: identities().client(), Redirects: 5, Timeout: timeout, Dial: dial})
	l.t.Cleanup(cl.Close) // before the loop ends
	return cl
}

// theirServer starts a server of net/http:
//
//	/sum       the method, the framing, and the sum of the body
//	/chunked   three flushed pieces and a trailer
//	/hints     103 and 200
//	/close     a response to the end of the connection
//	/cut       a response that is not complete
//	/bye       a response with Connection: close
//	/move/N    a redirect to /sum with status N
//	/files/…   small.txt, big.bin
func theirServer(t *testing.T, secured bool) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/sum", func(w http.ResponseWriter, r *http.Request) {
		p, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d %v %s %v", r.Method, r.ContentLength, r.TransferEncoding, sum(p), err)
	})
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "After")
		for _, word := range []string{"one\n", "two\n", "three\n"} {
			io.WriteString(w, word)
			w.(http.Flusher).Flush()
		}
		w.Header().Set("After", "x")
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(103)
		io.WriteString(w, "hinted")
	})
	raw := func(response string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(c, response)
			c.Close()
		}
	}
	mux.HandleFunc("/close", raw("HTTP/1.0 200 OK\r\n\r\nto the end"))
	mux.HandleFunc("/cut", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all"))
	mux.HandleFunc("/bye", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "bye")
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		mux.HandleFunc(fmt.Sprintf("/move/%d", status), func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/sum", status) })
	}
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir(webFiles(t)))))
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secured {
		srv.TLS = identities().server()
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// webFiles returns a folder with small.txt and big.bin.
func webFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string][]byte{"small.txt": smallFile, "big.bin": bigFile} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWebClientNetHTTP lets our Client use a server of net/http.
func TestWebClientNetHTTP(t *testing.T) {
	for _, secured := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secured), func(t *testing.T) {
			t.Parallel()
			srv := theirServer(t, secured)
			l := newLoop(t)
			cl := l.rikkiClient(nil)
			l.useTheirServer(cl, srv.URL)
			if cut := l.fetch(cl, &rikkihttp.Request{URL: srv.URL + "/cut"}); cut.err == nil {
				t.Errorf("a response that is not complete: %+v", cut)
			}
			if endless := l.fetch(cl, &rikkihttp.Request{URL: srv.URL + "/loop"}); endless.err == nil {
				t.Errorf("redirects without end: %+v", endless)
			}
			if !secured { // with TLS the end needs close_notify, which the server does not send after Hijack
				l.want(cl, 200, "to the end", rikkihttp.Request{URL: srv.URL + "/close"})
			}
			// The server closes the connections that the Client keeps. The next request works.
			first := l.want(cl, 200, string(smallFile), rikkihttp.Request{URL: srv.URL + "/files/small.txt"})
			srv.CloseClientConnections()
			next := l.want(cl, 200, string(smallFile), rikkihttp.Request{URL: srv.URL + "/files/small.txt"})
			if first.conn == next.conn {
				t.Error("a connection that has ended is used again")
			}
		})
	}
}

// useTheirServer uses the resources of theirServer.
func (l *loop) useTheirServer(cl *rikkihttp.Client, base string) {
	l.t.Helper()
	get := func(path string, headers ...string) rikkihttp.Request {
		return rikkihttp.Request{URL: base + path, Headers: strings.Join(append(headers, ""), "\r\n")}
	}
	first := l.want(cl, 200, string(smallFile), get("/files/small.txt"))
	l.want(cl, 200, string(bigFile), get("/files/big.bin"))
	l.want(cl, 206, "abcd", get("/files/small.txt", "Range: bytes=10-13"))
	l.want(cl, 304, "", get("/files/small.txt", "If-Modified-Since: "+first.header.Get("Last-Modified")))
	head := l.want(cl, 200, "", rikkihttp.Request{Method: "HEAD", URL: base + "/files/big.bin"})
	if got := head.header.Get("Content-Length"); got != fmt.Sprint(len(bigFile)) {
		l.t.Errorf("HEAD: Content-Length %s", got)
	}
	l.want(cl, 200, "one\ntwo\nthree\n", get("/chunked"))
	if f := l.want(cl, 200, "hinted", get("/hints")); fmt.Sprint(f.interim) != "[103]" {
		l.t.Errorf("interim responses %v", f.interim)
	}
	last := l.want(cl, 200, string(smallFile), get("/files/small.txt"))
	if first.conn != last.conn {
		l.t.Errorf("connection %d, and later %d", first.conn, last.conn)
	}
	if l.want(cl, 200, "bye", get("/bye")); l.fetch(cl, &rikkihttp.Request{URL: base + "/bye"}).conn == last.conn {
		l.t.Error("a connection is used after Connection: close")
	}
	for _, n := range []int{0, 1, 70_000, len(bigFile)} {
		p := bigFile[:n]
		l.want(cl, 200, fmt.Sprintf("POST %d [] %s <nil>", n, sum(p)), rikkihttp.Request{Method: "POST", URL: base + "/sum", Body: p})
		for _, size := range []int64{rikkihttp.Chunked, int64(n)} {
			if size == 0 {
				continue
			}
			want := fmt.Sprintf("PUT %d [] %s <nil>", n, sum(p))
			if size == rikkihttp.Chunked {
				want = fmt.Sprintf("PUT -1 [chunked] %s <nil>", sum(p))
			}
			f := l.fetch(cl, &rikkihttp.Request{Method: "PUT", URL: base + "/sum", Reader: bytes.NewReader(p), Size: size})
			if f.err != nil || f.body != want {
				l.t.Errorf("%d bytes of size %d: %q, %v, want %q", n, size, f.body, f.err, want)
			}
		}
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		want := fmt.Sprintf("GET 0 [] %s <nil>", sum(nil))
		if status > 303 {
			want = fmt.Sprintf("POST 4 [] %s <nil>", sum([]byte("body")))
		}
		l.want(cl, 200, want, rikkihttp.Request{Method: "POST", URL: fmt.Sprintf("%s/move/%d", base, status), Body: []byte("body")})
	}
	var all []*fetching
	for range 40 {
		all = append(all, l.begin(cl, &rikkihttp.Request{URL: base + "/files/big.bin"}, true))
	}
	conns := map[uint64]bool{}
	for _, f := range all {
		l.until("end of forty requests", func() bool { return f.done })
		if f.err != nil || f.body != string(bigFile) {
			l.t.Errorf("forty at once: %d bytes, %v", len(f.body), f.err)
		}
		conns[f.conn] = true
	}
	if len(conns) > rikkihttp.DefaultConnsPerHost {
		l.t.Errorf("forty requests at once on %d connections", len(conns))
	}
}

// TestWebClientNginx lets our Client use an nginx.
func TestWebClientNginx(t *testing.T) {
	looptest.Installed(t, "nginx") // skips the test before it waits
	t.Parallel()
	passwords := writeFile(t, "passwords", "user:{PLAIN}pass")
	dir := webFiles(t)
	a := startNginx(t, 2, func(a []string) (http, stream string) {
		id := identities()
		return "types { text/plain txt; } gzip on; gzip_min_length 1; gzip_types text/plain; keepalive_requests 3; client_max_body_size 1k;\n" +
			"ssl_certificate " + id.cert + "; ssl_certificate_key " + id.key + ";\n" +
			"server { listen " + a[0] + "; listen " + a[1] + " ssl; root " + dir + ";\n" +
			"location = /move { return 308 /small.txt; }\n" +
			"location = /words { return 200 'words'; }\n" +
			"location = /secret { auth_basic s; auth_basic_user_file " + passwords + "; try_files /small.txt =404; }\n}", ""
	})
	for _, base := range []string{"http://" + a[0], "https://" + a[1]} {
		l := newLoop(t)
		cl := l.rikkiClient(nil)
		first := l.want(cl, 200, string(smallFile), rikkihttp.Request{URL: base + "/small.txt"})
		l.want(cl, 200, string(bigFile), rikkihttp.Request{URL: base + "/big.bin"})
		l.want(cl, 206, "abcd", rikkihttp.Request{URL: base + "/small.txt", Headers: "Range: bytes=10-13\r\n"})
		l.want(cl, 304, "", rikkihttp.Request{URL: base + "/small.txt", Headers: "If-None-Match: " + first.header.Get("ETag") + "\r\n"})
		l.want(cl, 200, "", rikkihttp.Request{Method: "HEAD", URL: base + "/big.bin"})
		l.want(cl, 200, string(smallFile), rikkihttp.Request{URL: base + "/move"})
		for range 4 { // the server closes the connection after every third request
			l.want(cl, 200, "words", rikkihttp.Request{URL: base + "/words"})
		}
		if f := l.fetch(cl, &rikkihttp.Request{URL: base + "/small.txt", Headers: "Accept-Encoding: gzip\r\n"}); f.err != nil ||
			f.header.Get("Content-Encoding") != "gzip" || f.header.Get("Transfer-Encoding") != "chunked" || !strings.HasPrefix(f.body, "\x1f\x8b") {
			t.Errorf("compressed: %+v", f)
		}
		for _, row := range []struct {
			url  string
			want int
		}{{base + "/secret", 401}, {strings.Replace(base, "://", "://user:pass@", 1) + "/secret", 200}, {base + "/none", 404}} {
			if f := l.fetch(cl, &rikkihttp.Request{URL: row.url}); f.err != nil || f.status != row.want {
				t.Errorf("%s: %d, %v, want %d", row.url, f.status, f.err, row.want)
			}
		}
		// It refuses the body before it has read it. The Client gets the response all the same.
		if f := l.fetch(cl, &rikkihttp.Request{Method: "POST", URL: base + "/words", Body: bigFile[:2000]}); f.err != nil || f.status != 413 {
			t.Errorf("a body that is too large: %d, %v", f.status, f.err)
		}
	}
}
