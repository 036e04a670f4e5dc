package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// The backend gets the request without the lines of the connection, and the client gets the
// response without them.
func TestForward(t *testing.T) {
	p, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "yes")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("X-Private", "no")
		w.Header().Add("Connection", "X-Private")
		w.WriteHeader(201)
		fmt.Fprintf(w, "%s %s %s %q %d %q\n", r.Method, r.RequestURI, r.Host, body, r.ContentLength, r.TransferEncoding)
		r.Header.Write(w)
	})
	for _, row := range []struct {
		method, body string
		size         int64
		framing      string
	}{
		{"GET", "", 0, `"" 0 []`}, {"POST", "", 0, `"" 0 []`}, {"PUT", "text", 4, `"text" 4 []`},
		{"POST", "chunks", -1, `"chunks" -1 ["chunked"]`}, {"DELETE", "", 0, `"" 0 []`},
	} {
		req, _ := http.NewRequest(row.method, url+"/a%20b/c?d=e&f", strings.NewReader(row.body))
		req.ContentLength = row.size
		req.Header.Set("X-Hop", "secret")
		req.Header.Set("Connection", "X-Hop")
		req.Header.Set("Te", "trailers")
		req.Header.Set("X-Forwarded-For", "192.0.2.1")
		req.Header.Set("X-Kept", "ä")
		if row.size == 0 {
			req.Body = nil
		}
		resp, body := do(t, req)
		line, lines, _ := strings.Cut(body, "\n")
		host := strings.TrimPrefix(url, "http://")
		if want := row.method + " /base/a%20b/c?d=e&f " + strings.Fields(line)[2] + " " + row.framing; line != want || strings.Fields(line)[2] == host {
			t.Errorf("%s: the backend gets %s, want %s", row.method, line, want)
		}
		for _, want := range []string{"X-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n", "X-Forwarded-Host: " + host + "\r\n", "X-Forwarded-Proto: http\r\n", "X-Kept: ä\r\n"} {
			if !strings.Contains(lines, want) {
				t.Errorf("%s: the backend does not get %q: %q", row.method, want, lines)
			}
		}
		for _, not := range []string{"X-Hop", "Te:", "Connection"} {
			if strings.Contains(lines, not) {
				t.Errorf("%s: the backend gets %q: %q", row.method, not, lines)
			}
		}
		if resp.StatusCode != 201 || resp.Header.Get("X-Answer") != "yes" || resp.Header.Get("Keep-Alive") != "" || resp.Header.Get("X-Private") != "" || len(resp.Header["Date"]) != 1 {
			t.Errorf("%s: the client gets %d %v", row.method, resp.StatusCode, resp.Header)
		}
	}
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}

// Responses without a body keep what they say about it, and the connection goes on.
func TestNoBody(t *testing.T) {
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/base/204":
			w.WriteHeader(204)
		case "/base/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "12345")
		}
	})
	for path, status := range map[string]int{"/204": 204, "/304": 304, "/": 200} {
		req, _ := http.NewRequest("HEAD", url+path, nil)
		if path != "/" {
			req.Method = "GET"
		}
		resp, body := do(t, req)
		if resp.StatusCode != status || body != "" || path == "/" && resp.ContentLength != 12345 {
			t.Errorf("%s: %d, %q, %d", path, resp.StatusCode, body, resp.ContentLength)
		}
	}
}

// What has no path at the backend is answered by the proxy. Requests that are ambiguous never get
// to the backend.
func TestNotForwarded(t *testing.T) {
	_, url, _ := start(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("forwarded: %v", r) })
	for in, status := range map[string]string{
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n":                                                      "501",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":                                                          "501",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": "400",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab":                  "400",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n":                     "501",
	} {
		c := looptest.Dial(t, "tcp", strings.TrimPrefix(url, "http://"))
		io.WriteString(c, in)
		c.(*net.TCPConn).CloseWrite()
		if got, _ := io.ReadAll(c); !strings.HasPrefix(string(got), "HTTP/1.1 "+status) {
			t.Errorf("%q: %q", in, got)
		}
	}
}
