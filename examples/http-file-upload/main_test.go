package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "http-file-upload", nil, []looptest.Refusal{
		looptest.Wrong("-listen tcp://:1: want http://host:port, https://host:port or unix:///path", "-listen", "tcp://:1"),
		looptest.Wrong("-listen http://me:xxxxx@127.0.0.1: a listener has no user", "-listen", "http://me:"+looptest.Secret+"@127.0.0.1"),
		looptest.Wrong("https://127.0.0.1:0 needs -cert and -key", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-conns: it is negative", "-conns", "-1"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert, -key and -client-ca need a URL with TLS", "-client-ca", "x"),
		looptest.Wrong("-d: open no/such", "-d", "no/such"),
		looptest.Wrong("for flag -max: want a positive number", "-max", "0"),
	})
}

func TestExitStatus(t *testing.T) {
	used := "http://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
}

// start starts the program, and returns its URL and the directory of the files.
func start(t *testing.T, args ...string) (p *looptest.Program, url, dir string) {
	t.Helper()
	dir = t.TempDir()
	looptest.Must(t, os.Mkdir(dir+"/up", 0o777))
	p = looptest.Start(t, append([]string{"-listen", "http://127.0.0.1:0", "-d", dir + "/up"}, args...)...)
	return p, "http://" + p.Await(`listening url=\S+ local=(\S+)`)[1], dir + "/up/"
}

// post sends a body and wants a status, and an answer that contains part.
func post(t *testing.T, url string, body []byte, status int, part string) {
	t.Helper()
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	looptest.Must(t, err)
	req.Header.Set("Expect", "100-continue") // a refusal arrives before the body is sent
	resp, err := (&http.Transport{ExpectContinueTimeout: 1 << 40}).RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != status || !strings.Contains(string(got), part) {
		t.Errorf("%s: status %d, %q, %v; want %d, %q", url, resp.StatusCode, got, err, status, part)
	}
}

func wantFile(t *testing.T, file string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v, want %d bytes", file, len(got), err, len(want))
	}
}

// One POST is a file of any size.
func TestSinglePost(t *testing.T) {
	p, url, dir := start(t, "-max", "100")
	large := bytes.Repeat([]byte("0123456789abcdef"), 50<<20/16)
	post(t, url+"/fs/large", large, 200, "ok, 52428800 bytes\n")
	wantFile(t, dir+"large", large)
	post(t, url+"/fs/a%20b", nil, 200, "ok, 0 bytes\n")
	wantFile(t, dir+"a b", nil)
	post(t, url+"/fs/a%20b", []byte("new"), 200, "ok, 3 bytes\n")
	wantFile(t, dir+"a b", []byte("new"))
	for name, part := range map[string]string{"": "the name is missing", "..": "bad name", "%2e%2e%2fx": "bad name", "a%2fb": "bad name", "%00": "bad name", ".x": "bad name"} {
		post(t, url+"/fs/"+name, []byte("x"), 400, part)
	}
	post(t, url+"/fs/larger", append(large, large...)[:100<<20+1], 413, "")
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	p.Await(`upload complete id=\d+ bytes=52428800`)
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}

// A file in chunks has no size that could be refused before: it is refused on its way.
func TestChunkedTooLarge(t *testing.T) {
	_, url, dir := start(t, "-max", "1")
	c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
	fmt.Fprintf(c, "POST /fs/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n%s\r\n", make([]byte, 1<<20+1))
	if got, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 413 ") {
		t.Errorf("%q, %v", got, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// A file that breaks off leaves nothing, and an older one stays.
func TestBreaksOff(t *testing.T) {
	p, url, dir := start(t)
	post(t, url+"/fs/a", []byte("old"), 200, "")
	c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
	io.WriteString(c, "POST /fs/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nnew")
	c.Close()
	p.Await("connection failed .*unexpected EOF")
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
	wantFile(t, dir+"a", []byte("old"))
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// Many POSTs are the pieces of a file.
func TestManyPosts(t *testing.T) {
	_, url, dir := start(t, "-max", "1")
	piece := bytes.Repeat([]byte("piece 123."), 1000)
	for i := range 5 {
		post(t, fmt.Sprintf("%s/upload?offset=%d&file=a%%20b", url, i*len(piece)), piece, 200, fmt.Sprintln((i+1)*len(piece)))
	}
	wantFile(t, dir+"a b", bytes.Repeat(piece, 5))
	for query, want := range map[string]struct {
		status int
		part   string
	}{
		"offset=7&file=a%20b":       {409, "50000\n"},
		"offset=1&file=none":        {409, "0\n"},
		"offset=-1&file=a":          {400, `bad offset "-1"`},
		"offset=x&file=a":           {400, `bad offset "x"`},
		"offset=0":                  {400, "the name is missing"},
		"offset=0&file=..%2Fa":      {400, "bad name"},
		"offset=0&file=.a":          {400, "bad name"},
		"offset=1048576&file=a%20b": {413, ""},
	} {
		post(t, url+"/upload?"+query, []byte("x"), want.status, want.part)
	}
	wantFile(t, dir+"a b", bytes.Repeat(piece, 5))
	post(t, url+"/upload?offset=0&file=a%20b", []byte("x"), 200, "1\n")
	wantFile(t, dir+"a b", []byte("x"))
	post(t, url+"/upload?file=a%20b", []byte("begins"), 200, "6\n")
	post(t, url+"/upload?offset=&file=a%20b", []byte("x"), 400, `bad offset ""`)
	wantFile(t, dir+"a b", []byte("begins"))
	post(t, url+"/upload?offset=0&file=a%20b", nil, 200, "0\n")
	wantFile(t, dir+"a b", nil)
}

func TestPage(t *testing.T) {
	_, url, _ := start(t)
	for path, status := range map[string]int{"/": 200, "/none": 404, "/fs/a": 404} {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != status || (status == 200) != strings.Contains(string(body), "<h1>File upload") {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
}
