package http_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A download of 60 MB to a client that reads slowly holds less than 1 MB.
func TestServeDirHoldsLittleOfALargeFile(t *testing.T) {
	const size = 60 << 20
	path := t.TempDir()
	must(t, os.WriteFile(filepath.Join(path, "large.bin"), bytes.Repeat([]byte("0123456789abcdef"), size/16), 0o644))
	files, err := http.Dir(path)
	must(t, err)
	s := serving(t, &http.ServeOptions{FS: files})
	total, most, most2 := 0, 0, 0
	client, err := s.m.Connect(s.url, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvRead {
			total += c.Recv.Len()
			c.Recv.Reset()
			c.Pause() // the next turn resumes it
		}
	}, nil)
	must(t, err)
	base := looptest.LiveHeap()
	io.WriteString(client, "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n")
	for turns := 0; total < size; turns++ {
		s.m.Poll(0)
		client.Resume()
		if s.conn != nil {
			most = max(most, s.conn.Send.Len())
		}
		if turns%200 == 100 {
			most2 = max(most2, looptest.LiveHeap()-base)
		}
		if turns > 100000 {
			t.Fatalf("%d bytes after %d turns", total, turns)
		}
	}
	if most > 64<<10 || most2 > 1<<20 {
		t.Errorf("at most %d bytes in Send, and %d on the heap", most, most2)
	}
	t.Logf("at most %d bytes in Send and %d on the heap", most, most2)
}

// A file that becomes shorter while it is sent aborts the connection: the client must not take the
// part for the whole.
func TestServeDirAbortsIfTheFileShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.bin")
	must(t, os.WriteFile(path, make([]byte, 20<<20), 0o644))
	files, err := http.Dir(filepath.Dir(path))
	must(t, err)
	s := serving(t, &http.ServeOptions{FS: files})
	p := s.dial()
	p.c.Pause()
	io.WriteString(p.c, "GET /a.bin HTTP/1.1\r\nHost: h\r\n\r\n")
	s.until("begin", func() bool { return s.conn.Send.Len() > 0 })
	s.idle()
	must(t, os.Truncate(path, 10))
	p.c.Resume()
	p.expectClosed()
	if len(p.Got) >= 20<<20 || !strings.Contains(fmt.Sprint(s.Lines), "unexpected EOF") {
		t.Errorf("%d bytes, %q", len(p.Got), s.Lines)
	}
}

// A file that grows is sent with the length that it had.
func TestServeDirSendsTheLengthThatItAnnounced(t *testing.T) {
	files := fstest.MapFS{"a.txt": {Data: []byte("0123456789")}}
	s := serving(t, &http.ServeOptions{FS: growing{files}})
	if got := s.ask("GET", "/a.txt", ""); got.body != "01234" {
		t.Errorf("%+v", got)
	}
}

// growing says that the files are half as large as they are.
type growing struct{ fs.FS }

func (g growing) Open(name string) (fs.File, error) {
	f, err := g.FS.Open(name)
	return halfFile{f}, err
}

type halfFile struct{ fs.File }

func (f halfFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return halfInfo{info}, err
}

type halfInfo struct{ fs.FileInfo }

func (i halfInfo) Size() int64 { return i.FileInfo.Size() / 2 }

// faulty is a file system with files that fail, and whose files cannot seek.
type faulty struct {
	fs.FS
	open, read error
	closed     *int
}

func (f faulty) Open(name string) (fs.File, error) {
	if f.open != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.open}
	}
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	*f.closed++
	return &faultyFile{file, f.read, f.closed}, nil
}

type faultyFile struct {
	fs.File
	read   error
	closed *int
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if f.read != nil {
		return 0, f.read
	}
	return f.File.Read(p)
}

func (f *faultyFile) Close() error {
	*f.closed--
	return f.File.Close()
}

// Whatever fails, the request is answered, every file is closed, and an error says why.
func TestServeDirAnswersWhenSomethingFails(t *testing.T) {
	broken := errors.New("broken disk")
	for _, tt := range []struct {
		name string
		opts http.ServeOptions
		path string
		fs   faulty
		want string
		err  string
	}{
		{"fine", http.ServeOptions{}, "/a.txt", faulty{}, "200 0123456789", ""},
		{"no seek", http.ServeOptions{}, "/plain", faulty{}, "200 text without an extension", ""},
		{"no seek, index", http.ServeOptions{}, "/dir/", faulty{}, "200 <p>index", ""},
		{"missing", http.ServeOptions{}, "/missing", faulty{}, "404 404 Not Found\n", ""},
		{"missing page", http.ServeOptions{NotFound: "no.html"}, "/missing", faulty{}, "404 404 Not Found\n", "ServeOptions.NotFound: open no.html"},
		{"permission", http.ServeOptions{}, "/a.txt", faulty{open: fs.ErrPermission}, "403 403 Forbidden\n", ""},
		{"open", http.ServeOptions{}, "/a.txt", faulty{open: broken}, "500 500 Internal Server Error\n", "http: /a.txt cannot be served: open a.txt: broken disk"},
		{"read", http.ServeOptions{}, "/a.txt", faulty{read: broken}, "500 500 Internal Server Error\n", "broken disk"},
		{"sniff", http.ServeOptions{}, "/plain", faulty{read: broken}, "500 500 Internal Server Error\n", "broken disk"},
		{"header", http.ServeOptions{Headers: "A: b"}, "/a.txt", faulty{}, "500 500 Internal Server Error\n", "does not end with CRLF"},
		{"own header", http.ServeOptions{Headers: "etag: b\r\n"}, "/a.txt", faulty{}, "500 500 Internal Server Error\n", `header "etag" must not be in ServeOptions.Headers`},
		{"type", http.ServeOptions{MIMETypes: map[string]string{".txt": "a\r\nB: c\x00"}}, "/a.txt", faulty{}, "500 500 Internal Server Error\n", "control byte"},
	} {
		open := 0
		tt.fs.FS, tt.fs.closed = tree(), &open
		tt.opts.FS = tt.fs
		var err error
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev == reactor.EvHTTPMsg {
				err = http.ServeDir(c, msg, &tt.opts)
			}
		})
		for _, method := range []string{"GET", "HEAD"} {
			got := s.ask(method, tt.path, "Range: bytes=0-1\r\n")
			if answer := fmt.Sprint(got.status, " ", got.body); answer != tt.want && method == "GET" {
				t.Errorf("%s: %s, want %s", tt.name, answer, tt.want)
			}
			if (err == nil) != (tt.err == "") && !(method == "HEAD" && tt.name == "read") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s %s: error %v, want %q", method, tt.name, err, tt.err)
			}
			if open != 0 {
				t.Errorf("%s %s: %d files are open", method, tt.name, open)
			}
			for _, headers := range []string{"If-Match: \"x\"\r\n", "If-None-Match: *\r\n", "Range: bytes=99-\r\n"} {
				if s.ask(method, tt.path, headers); open != 0 {
					t.Errorf("%s %s with %s: %d files are open", method, tt.name, headers, open)
				}
			}
		}
	}
}

// Without a request, and without options, there is an error.
func TestServeDirErrors(t *testing.T) {
	var errs []error
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			errs = []error{http.ServeDir(c, msg, nil), http.ServeFile(c, msg, "a", &http.ServeOptions{FS: tree()})}
		}
	})
	if got := s.ask("GET", "/", ""); got.status != 500 {
		t.Errorf("%+v", got)
	}
	looptest.WantErr(t, errs[0], nil, "http: / cannot be served: ServeOptions.FS is nil")
	looptest.WantErr(t, errs[1], http.ErrNoRequest)
}

// An ETag of the program, and files without times.
func TestServeDirETag(t *testing.T) {
	files := fstest.MapFS{"a.txt": {Data: []byte("a")}, "old.txt": {Data: []byte("b"), ModTime: time.Unix(0, 0)}}
	s := serving(t, &http.ServeOptions{FS: files})
	for _, path := range []string{"/a.txt", "/old.txt"} {
		got := s.ask("GET", path, "If-Modified-Since: "+fileDate+"\r\nIf-None-Match: \"\"\r\n")
		if got.status != 200 || got.header["Etag"] != nil || got.header["Last-Modified"] != nil {
			t.Errorf("%s: %+v", path, got)
		}
	}
	s = serving(t, &http.ServeOptions{FS: files, ETag: func(name string, info fs.FileInfo) string { return `W/"` + name + `"` }})
	if got := s.ask("GET", "/a.txt", "If-None-Match: \"a.txt\"\r\n"); got.status != 304 || got.header.Get("Etag") != `W/"a.txt"` {
		t.Errorf("%+v", got)
	}
}

// special notices that a special file is opened, which may block or have effects.
type special struct {
	fstest.MapFS
	t *testing.T
}

func (s special) Open(name string) (fs.File, error) {
	if f := s.MapFS[name]; f != nil && !f.Mode.IsRegular() {
		s.t.Errorf("%s is opened", name)
	}
	return s.MapFS.Open(name)
}

// ServeDir opens no special files, if FS can tell what they are.
func TestServeDirOpensNoSpecialFiles(t *testing.T) {
	files := special{fstest.MapFS{
		"fifo": {Mode: fs.ModeNamedPipe}, "device": {Mode: fs.ModeDevice | fs.ModeCharDevice}, "socket": {Mode: fs.ModeSocket},
		"a.txt": {Data: []byte("a")}, "a.txt.gz": {Mode: fs.ModeNamedPipe}, "dir/index.html": {Mode: fs.ModeNamedPipe},
	}, t}
	s := serving(t, &http.ServeOptions{FS: files, NotFound: "fifo"})
	for path, want := range map[string]int{"/fifo": 404, "/device": 404, "/socket": 404, "/dir/": 404, "/a.txt": 200} {
		if got := s.ask("GET", path, "Accept-Encoding: gzip\r\n"); got.status != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
}
