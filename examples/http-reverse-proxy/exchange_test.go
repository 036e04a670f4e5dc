package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Requests that follow each other use one connection to the backend.
func TestKeepAlive(t *testing.T) {
	var addrs []string
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) { addrs = append(addrs, r.RemoteAddr) })
	for range 5 {
		req, _ := http.NewRequest("POST", url, strings.NewReader("body"))
		do(t, req)
	}
	if len(addrs) != 5 || addrs[0] != addrs[4] {
		t.Errorf("%q", addrs)
	}
}

// Bodies pass through while they arrive: the backend echoes each piece before the next is sent.
func TestStreamsBothWays(t *testing.T) {
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			w.Write(bytes.ToUpper(buf[:n]))
			rc.Flush()
			if err != nil {
				return
			}
		}
	})
	pr, pw := io.Pipe()
	req, _ := http.NewRequest("POST", url, pr)
	go pw.Write([]byte("piece 0."))
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for i := range 3 {
		if i > 0 {
			go fmt.Fprintf(pw, "piece %d.", i)
		}
		got := make([]byte, 8)
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != fmt.Sprintf("PIECE %d.", i) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	pw.Close()
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// A backend that fails is told to the client: with a status, or, in the middle of a response, with
// the end of the connection.
func TestBackendFails(t *testing.T) {
	p, url, backend := start(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, _ := http.NewResponseController(w).Hijack()
		defer c.Close()
		switch r.URL.Path {
		case "/base/silent":
			io.Copy(io.Discard, c)
		case "/base/short":
			rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		case "/base/cut":
			rw.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
		case "/base/garbage":
			rw.WriteString("garbage\r\n\r\n")
		case "/base/101":
			rw.WriteString("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		}
		rw.Flush()
	}, "-timeout", "100ms")
	for path, status := range map[string]int{"/close": 502, "/garbage": 502, "/silent": 504, "/101": 502} {
		req, _ := http.NewRequest("GET", url+path, nil)
		if resp, body := do(t, req); resp.StatusCode != status || body == "" {
			t.Errorf("%s: %d %q, want %d", path, resp.StatusCode, body, status)
		}
	}
	for _, path := range []string{"/short", "/cut"} {
		resp, err := http.Get(url + path)
		if err == nil {
			defer resp.Body.Close()
			_, err = io.ReadAll(resp.Body)
		}
		if err == nil {
			t.Errorf("%s: an incomplete response looks complete", path)
		}
	}
	backend.CloseClientConnections()
	backend.Close()
	req, _ := http.NewRequest("POST", url+"/gone", strings.NewReader("body"))
	if resp, _ := do(t, req); resp.StatusCode != 502 {
		t.Errorf("gone: %d", resp.StatusCode)
	}
	p.Await("backend failed .*connection refused")
}

// A client that leaves ends its request at the backend.
func TestClientLeaves(t *testing.T) {
	began, ended := make(chan bool), make(chan bool)
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	}, "-timeout", "0")
	c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-began
	c.Close()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the request goes on")
	}
}

// stuck is how long one side of a body reads nothing.
const stuck = time.Second

// A client that does not read slows the backend down: the memory does not grow with the body.
func TestSlowClient(t *testing.T) {
	const size = 64 << 20
	sent := make(chan int, 1)
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, _ := http.NewResponseController(w).Hijack()
		defer c.Close()
		fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		rw.Flush()
		c.SetWriteDeadline(time.Now().Add(stuck)) // the client reads nothing until then
		n, _ := c.Write(make([]byte, size))
		sent <- n
	})
	c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if n := <-sent; n == size {
		t.Error("all of the response was taken from the backend, though the client reads nothing")
	}
}

// A backend that does not read slows the client down. Its answer, before it has read the request,
// gets to the client.
func TestSlowBackend(t *testing.T) {
	const size = 64 << 20
	answer := make(chan bool)
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		defer c.Close()
		<-answer
		io.WriteString(c, "HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		io.Copy(io.Discard, c)
	})
	c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
	c.SetWriteDeadline(time.Now().Add(stuck))
	if n, _ := c.Write(make([]byte, size)); n == size {
		t.Error("all of the request was taken from the client, though the backend reads nothing")
	}
	close(answer)
	if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 413 {
		t.Errorf("%v, %v", resp, err)
	}
}

// A large request arrives whole.
func TestLargeRequest(t *testing.T) {
	const size = 64 << 20
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	req, _ := http.NewRequest("POST", url, io.LimitReader(zeros{}, size))
	req.ContentLength = size
	if _, body := do(t, req); body != fmt.Sprint(size) {
		t.Errorf("the backend gets %s bytes of %d", body, size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A WebSocket passes through, with what each side sends at once.
func TestWebSocket(t *testing.T) {
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Got: %s %s\r\n\r\nhello", r.Header.Get("Upgrade"), r.Header.Get("Sec-Websocket-Key"))
		rw.Flush()
		io.Copy(c, rw)
	})
	for _, early := range []string{"", "early"} {
		c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
		io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"+early)
		br := bufio.NewReader(c)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 101 || resp.Header.Get("X-Got") != "websocket k" || resp.Header.Get("Upgrade") != "websocket" {
			t.Fatalf("%v, %v", resp, err)
		}
		got := make([]byte, len("hello"+early)) // all of it arrives before anything else is sent
		if _, err := io.ReadFull(br, got); err != nil || string(got) != "hello"+early {
			t.Errorf("%q, %v", got, err)
		}
		io.WriteString(c, "later")
		c.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(br); err != nil || string(got) != "later" {
			t.Errorf("%q, %v", got, err)
		}
	}
}
