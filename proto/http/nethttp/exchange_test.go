package nethttp_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	stdhttp "net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http/nethttp"
)

// pattern is a reader of n bytes that differ from their neighbours.
type pattern struct{ at, n int }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.n {
		return 0, io.EOF
	}
	n := min(len(b), p.n-p.at)
	for i := range n {
		b[i] = byte(p.at*7 + p.at>>8)
		p.at++
	}
	return n, nil
}

// sum reads all, and returns the number of bytes and their checksum.
func sum(r io.Reader) (n int64, check uint32, err error) {
	h := new(checker)
	n, err = io.Copy(h, r)
	return n, h.sum, err
}

type checker struct{ sum uint32 }

func (c *checker) Write(p []byte) (int, error) {
	for _, b := range p {
		c.sum = c.sum*31 + uint32(b)
	}
	return len(p), nil
}

// An upload of 60 MB in a form, whose handler is slow at first, holds a bounded number of bytes.
func TestLargeUpload(t *testing.T) {
	const size = 60 << 20
	begin := make(chan struct{})
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		<-begin
		parts, err := r.MultipartReader()
		must(t, err)
		for {
			part, err := parts.NextPart()
			if err == io.EOF {
				return
			}
			must(t, err)
			n, check, err := sum(part)
			fmt.Fprintln(w, part.FormName(), part.FileName(), n, check, err)
		}
	}), nil)
	before := looptest.LiveHeap()
	body, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		must(t, form.WriteField("field", "value"))
		file, err := form.CreateFormFile("file", "name.bin")
		must(t, err)
		_, err = io.Copy(file, &pattern{n: size})
		must(t, err)
		must(t, form.Close())
		w.Close()
	}()
	type result struct {
		text string
		err  error
	}
	answered := make(chan result)
	go func() {
		resp, err := stdhttp.Post("http://"+s.addr, form.FormDataContentType(), body)
		if err != nil {
			answered <- result{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		answered <- result{string(text), err}
	}()
	for paused := 0; paused == 0; {
		s.do(func() { paused = s.m.Stats().Paused })
	}
	s.do(func() {
		if st := s.m.Stats(); st.Held > 2*nethttp.DefaultBuffer || st.Unread > nethttp.DefaultBuffer {
			t.Errorf("%d bytes held, %d unread", st.Held, st.Unread)
		}
	})
	close(begin)
	got := <-answered
	_, check, _ := sum(&pattern{n: size})
	_, field, _ := sum(bytes.NewReader([]byte("value")))
	want := fmt.Sprintf("field  5 %d <nil>\nfile name.bin %d %d <nil>\n", field, size, check)
	if got.text != want || got.err != nil {
		t.Errorf("answer %q %v, want %q", got.text, got.err, want)
	}
	stdhttp.DefaultClient.CloseIdleConnections()
	if after := looptest.LiveHeap(); after-before > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", after-before)
	}
}

// A client that does not read makes Write wait. The loop holds a bounded number of bytes, and all
// of them arrive.
func TestLargeDownload(t *testing.T) {
	const size = 8 << 20
	for _, headers := range []string{"", "Content-Length"} {
		s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			if headers != "" {
				w.Header().Set(headers, fmt.Sprint(size))
			}
			n, err := io.Copy(w, &pattern{n: size})
			if n != size || err != nil {
				t.Errorf("%d bytes written, %v", n, err)
			}
		}), nil)
		r := get(t, s.addr, "/")
		for queued := 0; queued < nethttp.DefaultBuffer; {
			s.do(func() { queued = s.m.Stats().Queued })
			runtime.Gosched()
			if queued > nethttp.DefaultBuffer+1000 { // and the framing
				t.Fatalf("%d bytes in Send", queued)
			}
		}
		resp, err := stdhttp.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, check, err := sum(resp.Body)
		_, want, _ := sum(&pattern{n: size})
		if n != size || check != want || err != nil {
			t.Errorf("%d bytes received, %v", n, err)
		}
	}
}

// With EnableFullDuplex a handler answers while the request arrives.
func TestFullDuplex(t *testing.T) {
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		rc := stdhttp.NewResponseController(w)
		must(t, rc.EnableFullDuplex())
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintf(w, "<%s>\n", lines.Text())
			must(t, rc.Flush())
		}
	}), nil)
	body, w := io.Pipe()
	r, err := stdhttp.NewRequest("POST", "http://"+s.addr, body)
	must(t, err)
	transport := new(stdhttp.Transport)
	defer transport.CloseIdleConnections()
	first := make(chan bool)
	go func() {
		fmt.Fprintln(w, "0")
		<-first
	}()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	close(first)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 100 {
		if got, err := lines.ReadString('\n'); got != fmt.Sprintf("<%d>\n", i) || err != nil {
			t.Fatalf("line %d is %q, %v", i, got, err)
		}
		fmt.Fprintln(w, i+1)
	}
	w.Close()
	if _, err := io.ReadAll(lines); err != nil {
		t.Error(err)
	}
}

// Deadlines of the ResponseController end Read and Write.
func TestDeadlines(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		rc := stdhttp.NewResponseController(w)
		var err error
		switch r.URL.Path {
		case "/read":
			must(t, rc.SetReadDeadline(time.Now().Add(time.Millisecond)))
			_, err = r.Body.Read(make([]byte, 1))
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, "late")
		case "/write":
			fmt.Fprint(w, "begun")
			must(t, rc.Flush())
			must(t, rc.SetWriteDeadline(time.Now().Add(time.Millisecond)))
			for err == nil {
				_, err = w.Write(make([]byte, 10000))
			}
		}
		ended <- err
	}), nil)
	c := dial(t, s.addr)
	_, err := io.WriteString(c, "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
	must(t, err)
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read returned %v", err)
	}
	if status, body := answer(t, bufio.NewReader(c)); status != 200 || body != "late" {
		t.Errorf("answer %d %q", status, body)
	}
	r := get(t, s.addr, "/write")
	err = <-ended
	if e, ok := err.(net.Error); !ok || !e.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write returned %v", err)
	}
	resp, err := stdhttp.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client got %v", err)
	}
}

// A handler that uses its ResponseWriter too late gets errors, and does not disturb the next
// request.
func TestUseAfterReturn(t *testing.T) {
	kept := make(chan func(), 1)
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		if r.URL.Path == "/keep" {
			kept <- func() {
				var wg sync.WaitGroup
				wg.Go(func() { r.Body.Read(make([]byte, 1)) })
				wg.Wait()
				big := make([]byte, 10000)
				if _, err := w.Write(big); err == nil {
					t.Error("Write works after the handler has returned")
				}
				w.(stdhttp.Flusher).Flush()
			}
		}
		fmt.Fprint(w, r.URL.Path)
	}), nil)
	c := dial(t, s.addr)
	r := bufio.NewReader(c)
	for _, path := range []string{"/keep", "/next", "/last"} {
		_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		must(t, err)
		if _, body := answer(t, r); body != path {
			t.Errorf("answer %q to %s", body, path)
		}
		if path == "/keep" {
			(<-kept)()
		}
	}
}

// A Read that waits on another goroutine returns when the handler has returned or closed the body,
// although the client sends no more of it.
func TestReadEndsWithTheHandler(t *testing.T) {
	for _, closes := range []bool{false, true} {
		ended := make(chan error, 1)
		s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			must(t, stdhttp.NewResponseController(w).EnableFullDuplex())
			_, err := io.ReadFull(r.Body, make([]byte, 2))
			must(t, err)
			returned := make(chan bool)
			go func() {
				_, err := r.Body.Read(make([]byte, 1))
				ended <- err
				close(returned)
			}()
			if closes {
				must(t, r.Body.Close())
				<-returned
			}
		}), nil)
		c := dial(t, s.addr)
		_, err := io.WriteString(c, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nab")
		must(t, err)
		if err := <-ended; err != stdhttp.ErrBodyReadAfterClose {
			t.Errorf("Read returned %v, closed by the handler: %v", err, closes)
		}
	}
}
