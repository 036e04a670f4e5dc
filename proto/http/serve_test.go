package http_test

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

var fileTime = time.Date(2026, 2, 3, 4, 5, 6, 789, time.UTC)

const (
	fileDate = "Tue, 03 Feb 2026 04:05:06 GMT"
	before   = "Tue, 03 Feb 2026 04:05:05 GMT"
	after    = "Tue, 03 Feb 2026 04:05:07 GMT"
)

// tree is what most tests serve. The files have no entity tag, because those of net/http have none.
func tree() fstest.MapFS {
	file := func(data string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(data), ModTime: fileTime, Mode: 0o644}
	}
	return fstest.MapFS{
		"a.txt":           file("0123456789"),
		"empty.txt":       file(""),
		"page.html":       file("<p>page"),
		"app.js":          file("let a"),
		"app.js.gz":       file("compressed"),
		"only.css.gz":     file("compressed only"),
		"data.bin.gz":     file("compressed data"),
		"plain":           file("text without an extension"),
		"binary":          file("\x00\x01"),
		"tool.log":        file("log"),
		"dir/index.html":  file("<p>index"),
		"dir/b c.txt":     file("with a blank"),
		"files/x<y>.txt":  file("x"),
		"files/a:b.txt":   file("xy"),
		"files/sub/z.txt": file("z"),
		"private/.secret": file("s"),
		"404.html":        file("<p>nothing here"),
		"ä.txt":           file("umlaut"),
	}
}

func noETag(string, fs.FileInfo) string { return "" }

// reply is a response as a client sees it.
type answer struct {
	status int
	header nethttp.Header
	body   string
}

// readAnswer parses a response. Nothing may follow it.
func readAnswer(t *testing.T, method, raw string) answer {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(raw))
	res, err := nethttp.ReadResponse(r, &nethttp.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	body, err := io.ReadAll(res.Body)
	if rest, _ := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%q: body %q, %v, then %q", raw, body, err, rest)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// serving starts a server that answers each request with ServeDir.
func serving(t *testing.T, opts *http.ServeOptions) *server {
	return listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			http.ServeDir(c, msg, opts)
		}
	})
}

// ask sends one request on a connection of its own.
func (s *server) ask(method, path, headers string) answer {
	s.Helper()
	p := s.dial()
	p.send(method + " " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers + "\r\n")
	p.expectClosed()
	return readAnswer(s.T, method, string(p.Got))
}

// askTheirs does the same with a server of net/http.
func askTheirs(t *testing.T, s *httptest.Server, method, path, headers string) answer {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", method, path, headers)
	raw, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, method, string(raw))
}

// compared are the headers that ServeDir and net/http must agree on.
var compared = []string{"Content-Type", "Content-Length", "Content-Range", "Last-Modified", "Accept-Ranges", "Etag", "Location"}

// TestServeDirLikeNetHTTP compares the responses of ServeDir with those of net/http's FileServerFS.
// differs is the reason why a response is another one; the test checks that it is.
func TestServeDirLikeNetHTTP(t *testing.T) {
	ours := serving(t, &http.ServeOptions{FS: tree(), NoGzip: true, ETag: noETag})
	theirs := httptest.NewServer(nethttp.FileServerFS(tree()))
	defer theirs.Close()
	const (
		several   = "several ranges: the whole file, which [RFC 9110 14.2] allows"
		malformed = "a malformed Range is ignored instead of refused [RFC 9110 14.2]"
		head      = "ranges are defined for GET only [RFC 9110 14.2]"
		none      = "the last 0 bytes are unsatisfiable [RFC 9110 14.1.2]"
		onePath   = "each file has one path: others are 404"
		relative  = "the reference begins with ./, so that the name is no scheme"
		listing   = "directories are not listed unless asked for"
		ownText   = "the text of the error is another one"
	)
	for _, tt := range []struct{ method, path, headers, differs string }{
		{"GET", "/a.txt", "", ""},
		{"HEAD", "/a.txt", "", ""},
		{"GET", "/empty.txt", "", ""},
		{"HEAD", "/empty.txt", "", ""},
		{"GET", "/page.html", "", ""},
		{"GET", "/plain", "", ""},
		{"HEAD", "/plain", "", ""},
		{"GET", "/binary", "", ""},
		{"GET", "/a%2etxt", "", ""},
		{"GET", "/dir/", "", ""},
		{"GET", "/dir/b%20c.txt", "", ""},
		{"GET", "/%C3%A4.txt?query", "", ""},
		{"GET", "/a.txt", "Range: bytes=2-4\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=2-\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=-3\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=-30\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=0-0\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=9-99999999999999999\r\n", ""},
		{"GET", "/a.txt", "Range: bytes= 2-4 \r\n", ""},
		{"GET", "/plain", "Range: bytes=2-4\r\n", ""},
		{"GET", "/empty.txt", "Range: bytes=0-\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=10-\r\n", ownText},
		{"GET", "/a.txt", "Range: bytes=0-1,3-4\r\n", several},
		{"GET", "/a.txt", "Range: bytes=-0\r\n", none},
		{"GET", "/a.txt", "Range: bytes=4-2\r\n", malformed},
		{"GET", "/a.txt", "Range: bytes=a-b\r\n", malformed},
		{"GET", "/a.txt", "Range: bytes=99999999999999999999-\r\n", ownText},
		{"GET", "/a.txt", "Range: lines=1-2\r\n", malformed},
		{"HEAD", "/a.txt", "Range: bytes=2-4\r\n", head},
		{"GET", "/a.txt", "Range: bytes=2-4\r\nIf-Range: " + fileDate + "\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=2-4\r\nIf-Range: " + after + "\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n", ""},
		{"GET", "/a.txt", "Range: bytes=2-4\r\nIf-Range: x\r\n", ""},
		{"GET", "/a.txt", "If-Modified-Since: " + before + "\r\n", ""},
		{"GET", "/a.txt", "If-Modified-Since: " + fileDate + "\r\n", ""},
		{"HEAD", "/a.txt", "If-Modified-Since: " + after + "\r\n", ""},
		{"GET", "/a.txt", "If-Modified-Since: tomorrow\r\n", ""},
		{"GET", "/a.txt", "If-Unmodified-Since: " + before + "\r\n", ownText},
		{"GET", "/a.txt", "If-Unmodified-Since: " + fileDate + "\r\n", ""},
		{"GET", "/a.txt", "If-None-Match: *\r\n", ""},
		{"GET", "/a.txt", "If-None-Match: \"x\"\r\nIf-Modified-Since: " + after + "\r\n", ""},
		{"GET", "/a.txt", "If-Match: *\r\n", ""},
		{"GET", "/a.txt", "If-Match: \"x\"\r\n", ownText},
		{"GET", "/dir", "", relative},
		{"GET", "/dir?a=b", "", relative},
		{"GET", "/files/", "", listing},
		{"GET", "/dir/index.html", "", onePath}, // theirs redirects
		{"GET", "/a.txt/", "", onePath},
		{"GET", "//a.txt", "", onePath},
		{"GET", "/dir/../a.txt", "", onePath},
		{"GET", "/missing", "", ownText},
		{"POST", "/a.txt", "", "only GET and HEAD are allowed"},
	} {
		got, want := ours.ask(tt.method, tt.path, tt.headers), askTheirs(t, theirs, tt.method, tt.path, tt.headers)
		same := got.status == want.status && got.body == want.body
		for _, name := range compared {
			same = same && got.header.Get(name) == want.header.Get(name)
		}
		if same != (tt.differs == "") {
			t.Errorf("%s %s %q (%s):\nours   %d %q %v\ntheirs %d %q %v", tt.method, tt.path, tt.headers, tt.differs,
				got.status, got.body, got.header, want.status, want.body, want.header)
		}
	}
}

// TestServeDir has the responses that net/http does not have.
func TestServeDir(t *testing.T) {
	opts := &http.ServeOptions{FS: tree(), NotFound: "404.html", Headers: "Cache-Control: max-age=9\r\n",
		MIMETypes: map[string]string{".log": "text/x-log"}}
	s := serving(t, opts)
	tag := s.ask("GET", "/a.txt", "").header.Get("Etag")
	zipped := s.ask("GET", "/app.js", "Accept-Encoding: gzip\r\n").header.Get("Etag")
	if tag == "" || tag[0] != '"' || zipped == "" || zipped == tag || zipped == s.ask("GET", "/app.js", "").header.Get("Etag") {
		t.Errorf("tags %s, %s", tag, zipped)
	}
	const gz = "Accept-Encoding: deflate, gzip;q=0.5\r\n"
	for _, tt := range []struct {
		method, path, headers string
		status                int
		body                  string
		want                  string // "Name: value" of headers, joined by '|'; "-Name" for none
	}{
		{"GET", "/a.txt", "If-None-Match: W/" + tag + "\r\n", 304, "", "Cache-Control: max-age=9|Etag: " + tag + "|-Last-Modified|-Content-Type|-Content-Length"},
		{"GET", "/a.txt", "If-None-Match: \"x\", " + tag + "\r\n", 304, "", ""},
		{"GET", "/a.txt", "If-None-Match: \"x\"\r\nIf-None-Match: " + tag + "\r\n", 304, "", ""},
		{"GET", "/a.txt", "If-None-Match: \"x\"\r\n", 200, "0123456789", "Last-Modified: " + fileDate},
		{"GET", "/a.txt", "If-Match: " + tag + "\r\n", 200, "0123456789", ""},
		{"GET", "/a.txt", "If-Match: W/" + tag + "\r\n", 412, "412 Precondition Failed\n", ""},
		{"GET", "/a.txt", "Range: bytes=1-2\r\nIf-Range: " + tag + "\r\n", 206, "12", "Content-Range: bytes 1-2/10"},
		{"GET", "/a.txt", "Range: bytes=1-2\r\nIf-Range: W/" + tag + "\r\n", 200, "0123456789", "-Content-Range"},
		{"GET", "/a.txt", "Range: bytes=10-\r\n", 416, "416 Range Not Satisfiable\n", "Content-Range: bytes */10"},
		{"GET", "/a.txt", gz, 200, "0123456789", "-Vary|-Content-Encoding"},
		{"GET", "/app.js", "", 200, "let a", "Vary: Accept-Encoding|-Content-Encoding|Content-Type: text/javascript; charset=utf-8"},
		{"GET", "/app.js", gz, 200, "compressed", "Vary: Accept-Encoding|Content-Encoding: gzip|Content-Type: text/javascript; charset=utf-8|Content-Length: 10"},
		{"HEAD", "/app.js", gz, 200, "", "Content-Encoding: gzip|Content-Length: 10"},
		{"GET", "/app.js", gz + "Range: bytes=1-3\r\n", 206, "omp", "Content-Encoding: gzip|Content-Range: bytes 1-3/10"},
		{"GET", "/app.js", gz + "If-None-Match: " + zipped + "\r\n", 304, "", "Vary: Accept-Encoding|-Content-Encoding"},
		{"GET", "/app.js", "If-None-Match: " + zipped + "\r\n", 200, "let a", ""},
		{"GET", "/only.css", gz, 200, "compressed only", "Content-Encoding: gzip|Content-Type: text/css; charset=utf-8"},
		{"GET", "/only.css", "", 406, "406 Not Acceptable\n", "Vary: Accept-Encoding"},
		{"GET", "/data.bin", gz, 200, "compressed data", "Content-Encoding: gzip"},
		{"GET", "/app.js.gz", gz, 200, "compressed", "-Content-Encoding|Content-Type: application/gzip"},
		{"GET", "/tool.log", "", 200, "log", "Content-Type: text/x-log"},
		{"GET", "/dir", "", 301, "301 Moved Permanently\n", "Location: ./dir/"},
		{"HEAD", "/missing", "", 404, "", "Content-Length: 15|Content-Type: text/html; charset=utf-8|-Cache-Control"},
		{"GET", "/missing", "Range: bytes=1-2\r\n", 404, "<p>nothing here", ""},
		{"GET", "/files/", "", 404, "<p>nothing here", ""},
		{"GET", "/files/sub", "", 301, "301 Moved Permanently\n", "Location: ./sub/"},
		{"DELETE", "/a.txt", "", 405, "405 Method Not Allowed\n", "Allow: GET, HEAD"},
		{"OPTIONS", "*", "", 405, "405 Method Not Allowed\n", ""},
	} {
		got := s.ask(tt.method, tt.path, tt.headers)
		if got.status != tt.status || got.body != tt.body {
			t.Errorf("%s %s %q: %d %q, want %d %q", tt.method, tt.path, tt.headers, got.status, got.body, tt.status, tt.body)
		}
		for want := range strings.SplitSeq(tt.want, "|") {
			name, value, found := strings.Cut(want, ": ")
			if name, absent := strings.CutPrefix(name, "-"); absent && got.header[name] != nil || found && got.header.Get(name) != value {
				t.Errorf("%s %s %q: want %s, got %v", tt.method, tt.path, tt.headers, want, got.header)
			}
		}
	}
}

// No path leads out of the directory, and none has a second spelling.
func TestServeDirRefusesPaths(t *testing.T) {
	s := serving(t, &http.ServeOptions{FS: tree(), List: true})
	for _, path := range []string{
		"/../a.txt", "/dir/../a.txt", "/%2e%2e/a.txt", "/.%2E/a.txt", "/dir/..", "/..", "/./a.txt", "/.", "/dir/.",
		"//a.txt", "/dir//index.html", "/dir%2findex.html", "/dir%2Findex.html", `/dir\index.html`, "/dir%5cindex.html",
		"/..%5ca.txt", "/a.txt%00", "/a.txt%00.html", "/%00", "/a.txt/", "/a.txt/x", "/%ff", "/C:/a.txt", "/dir///", "//",
		"/" + strings.Repeat("a", 5000), "/a.txt%20", "/A.TXT",
	} {
		if got := s.ask("GET", path, ""); got.status != 404 {
			t.Errorf("%s: %d %q, want 404", path, got.status, got.body)
		}
	}
	for path, want := range map[string]string{
		"/dir:x": "404 Not Found\n", "http://h/a.txt": "0123456789", "/%61.txt": "0123456789", "/dir/": "<p>index",
	} {
		if got := s.ask("GET", path, ""); got.body != want {
			t.Errorf("%s: %d %q, want %q", path, got.status, got.body, want)
		}
	}
}

func TestServeDirPrefix(t *testing.T) {
	for _, prefix := range []string{"/static", "/static/"} {
		s := serving(t, &http.ServeOptions{FS: tree(), Prefix: prefix, Index: "a.txt"})
		for path, want := range map[string]string{
			"/static/a.txt": "0123456789", "/static/": "0123456789", "/static": "301 Moved Permanently\n",
			"/st%61tic/a.txt": "0123456789", "/statica.txt": "404 Not Found\n", "/a.txt": "404 Not Found\n",
			"/static/static/a.txt": "404 Not Found\n", "/static/../a.txt": "404 Not Found\n", "/static//a.txt": "404 Not Found\n",
		} {
			if got := s.ask("GET", path, ""); got.body != want {
				t.Errorf("prefix %s, %s: %d %q, want %q", prefix, path, got.status, got.body, want)
			}
		}
		if got := s.ask("GET", "/static?x=y", "").header.Get("Location"); got != "./static/?x=y" {
			t.Errorf("Location %q", got)
		}
	}
}

func TestServeFile(t *testing.T) {
	opts := &http.ServeOptions{FS: tree()}
	var name string
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			http.ServeFile(c, msg, name, opts)
		}
	})
	for file, want := range map[string]string{
		"a.txt": "0123456789", "dir/b c.txt": "with a blank", "../a.txt": "404 Not Found\n", "": "404 Not Found\n",
		"/a.txt": "404 Not Found\n", "dir": "404 Not Found\n", ".": "404 Not Found\n", "a.txt\x00": "404 Not Found\n",
	} {
		name = file
		if got := s.ask("GET", "/other/path", ""); got.body != want {
			t.Errorf("%q: %d %q, want %q", file, got.status, got.body, want)
		}
	}
}
