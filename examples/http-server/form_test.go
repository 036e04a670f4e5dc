package main

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// makeForm makes a form with a field, and files of a size.
func makeForm(t *testing.T, size int, names ...string) (body io.Reader, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("comment", "no file")
	for i, name := range names {
		f, err := w.CreateFormFile("file", name)
		looptest.Must(t, err)
		f.Write(bytes.Repeat([]byte{byte('a' + i)}, size))
	}
	w.Close()
	return &b, w.FormDataContentType()
}

// Forms may be larger than what is collected of other requests.
func TestUpload(t *testing.T) {
	up := t.TempDir()
	_, url, _ := start(t, "-u", up, "-max-upload", "20")
	const size = 5 << 20
	body, kind := makeForm(t, size, "x.txt", "y.txt")
	resp, err := http.Post(url+"/upload", kind, body)
	want(t, resp, err, 200, fmt.Sprintf("Uploaded 2 files, %d bytes\n", 2*size))
	for i, name := range []string{"x.txt", "y.txt"} {
		if got, err := os.ReadFile(up + "/" + name); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte('a' + i)}, size)) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	resp, err = http.Get(url + "/upload")
	want(t, resp, err, 405, "")
	resp, err = http.Post(url+"/upload", "text/plain", strings.NewReader("x"))
	want(t, resp, err, 400, "")
	body, kind = makeForm(t, 10, ".hidden")
	resp, err = http.Post(url+"/upload", kind, body)
	want(t, resp, err, 400, `bad name ".hidden"`)
	resp, err = http.Post(url+"/upload", kind, strings.NewReader("no form"))
	want(t, resp, err, 400, "")
	body, kind = makeForm(t, 21<<20, "large")
	resp, err = http.Post(url+"/upload", kind, body)
	if err == nil { // net/http may fail to write the body, and then it misses the response
		want(t, resp, err, 413, "")
	}
	if list, err := os.ReadDir(up); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

// An upload that breaks off leaves nothing.
func TestUploadBreaksOff(t *testing.T) {
	up := t.TempDir()
	p, url, _ := start(t, "-u", up)
	body, kind := makeForm(t, 100_000, "x.txt")
	all, _ := io.ReadAll(body)
	c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
	fmt.Fprintf(c, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kind, len(all), all[:50_000])
	c.Close()
	p.Await("connection failed .*unexpected EOF")
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
	if list, err := os.ReadDir(up); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}
