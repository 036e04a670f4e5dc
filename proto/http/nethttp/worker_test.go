package nethttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	stdhttp "net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rikki-go/rikki/proto/http/nethttp"
)

// get sends a request without waiting for its answer.
func get(t testing.TB, addr, path string) *bufio.Reader {
	t.Helper()
	c := dial(t, addr)
	_, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	return bufio.NewReader(c)
}

// answer reads the status and the body of an answer.
func answer(t testing.TB, r *bufio.Reader) (int, string) {
	t.Helper()
	resp, err := stdhttp.ReadResponse(r, nil)
	if err != nil {
		t.Errorf("no answer: %v", err)
		return 0, ""
	}
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body)
}

// At most Workers handlers run, Queue requests wait, and others get 503. Those that waited are
// answered in order. The connection of a 503 can be used again.
func TestWorkersAreBounded(t *testing.T) {
	const workers, queue = 2, 3
	var running atomic.Int32
	entered, leave := make(chan string, 100), make(chan struct{})
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		if n := running.Add(1); n > workers {
			t.Errorf("%d handlers run", n)
		}
		defer running.Add(-1)
		entered <- r.URL.Path
		<-leave
		fmt.Fprint(w, r.URL.Path)
	}), &nethttp.Options{Workers: workers, Queue: queue})
	var readers []*bufio.Reader
	for i := range workers + queue {
		before := s.requests()
		readers = append(readers, get(t, s.addr, fmt.Sprint("/", i)))
		for s.requests() == before { // so that the order is known
		}
	}
	<-entered
	<-entered
	full := get(t, s.addr, "/full")
	if status, text := answer(t, full); status != 503 || !strings.Contains(text, "busy") {
		t.Errorf("the answer of a full queue is %d %q", status, text)
	}
	close(leave)
	for i, r := range readers {
		if status, body := answer(t, r); status != 200 || body != fmt.Sprint("/", i) {
			t.Errorf("request %d is answered with %d %q", i, status, body)
		}
	}
	for i := workers; i < workers+queue; i++ {
		<-entered
	}
}

// A request whose client goes while it waits is not given to the handler, and does not keep its
// place: one that is reset loses it at once, and one whose client has ended its side loses it to
// the next request.
func TestQueuedRequestOfAGoneClient(t *testing.T) {
	for _, ends := range []string{"reset", "end"} {
		entered, leave := make(chan string, 10), make(chan struct{})
		s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			entered <- r.URL.Path
			<-leave
		}), &nethttp.Options{Workers: 1, Queue: 1})
		first := get(t, s.addr, "/first")
		<-entered
		c := dial(t, s.addr).(*net.TCPConn)
		_, err := io.WriteString(c, "PUT /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
		must(t, err)
		for s.requests() < 2 {
		}
		if ends == "reset" {
			c.SetLinger(0)
			c.Close()
			for conns := 2; conns == 2; {
				s.do(func() { conns = s.m.Stats().Conns })
			}
		} else {
			must(t, c.CloseWrite())
			for s.ends.Load() == 0 {
			}
		}
		last := get(t, s.addr, "/last")
		for s.requests() < 3 {
		}
		if ends == "end" {
			if status, text := answer(t, bufio.NewReader(c)); status != stdhttp.StatusServiceUnavailable || !strings.Contains(text, "busy") {
				t.Errorf("the client that has ended its side gets %d %q", status, text)
			}
		}
		close(leave)
		answer(t, first)
		if status, _ := answer(t, last); status != stdhttp.StatusOK {
			t.Errorf("%s: the next request is answered with %d", ends, status)
		}
		if path := <-entered; path != "/last" {
			t.Errorf("%s: the handler got %s", ends, path)
		}
	}
}

// A panic is logged as in net/http, http.ErrAbortHandler is not, and runtime.Goexit ends the
// connection too. The worker can be used again in each case.
func TestPanics(t *testing.T) {
	h := stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("broken")
		case "/error":
			panic(io.ErrClosedPipe)
		case "/abort":
			panic(stdhttp.ErrAbortHandler)
		case "/goexit":
			runtime.Goexit()
		}
	})
	for path, want := range map[string]string{"/panic": ": broken\n", "/error": ": io: read/write on closed pipe\n", "/abort": "", "/goexit": ""} {
		s := serve(t, h, &nethttp.Options{Workers: 1})
		for range 2 {
			if _, err := stdhttp.ReadResponse(get(t, s.addr, path), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %v", path, err)
			}
		}
		if status, _ := answer(t, get(t, s.addr, "/")); status != 200 {
			t.Errorf("after %s: status %d", path, status)
		}
		text := s.log.String()
		if want == "" && text != "" || !strings.Contains(text, want) ||
			want != "" && (!strings.HasPrefix(text, "http: panic serving 127.0.0.1:") || !strings.Contains(text, "worker_test.go")) {
			t.Errorf("%s: logged %q", path, text)
		}
	}
}

// A request that waits for a worker gets one, however the handler before it ends.
func TestQueueAfterPanics(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic(stdhttp.ErrAbortHandler) }, "Goexit": runtime.Goexit} {
		entered, leave := make(chan bool), make(chan bool)
		s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			if r.URL.Path == "/first" {
				entered <- true
				<-leave
				end()
			}
		}), &nethttp.Options{Workers: 1})
		get(t, s.addr, "/first")
		<-entered
		queued := get(t, s.addr, "/")
		for s.requests() < 2 {
		}
		leave <- true
		if status, _ := answer(t, queued); status != stdhttp.StatusOK {
			t.Errorf("%s: status %d", name, status)
		}
		must(t, s.b.Wait(t.Context()))
	}
}

// Wait waits for the handlers that run.
func TestWait(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s := serve(t, stdhttp.HandlerFunc(func(stdhttp.ResponseWriter, *stdhttp.Request) {
		entered <- true
		<-leave
	}), nil)
	get(t, s.addr, "/")
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.b.Wait(ctx); err != context.Canceled {
		t.Errorf("Wait returned %v while a handler runs", err)
	}
	waited := make(chan error)
	go func() { waited <- s.b.Wait(t.Context()) }()
	leave <- true
	if err := <-waited; err != nil {
		t.Errorf("Wait returned %v", err)
	}
}
