package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	stdhttp "net/http"
	"strings"
	"testing"
)

// Wrong calls are logged with their place, as in net/http, and impossible codes panic.
func TestWrongCallsAreLogged(t *testing.T) {
	for _, test := range []struct {
		name string
		call func(w stdhttp.ResponseWriter)
		want string
	}{
		{"WriteHeader twice", func(w stdhttp.ResponseWriter) { w.WriteHeader(200); w.WriteHeader(201) }, "http: superfluous response.WriteHeader call from "},
		{"WriteHeader after Write", func(w stdhttp.ResponseWriter) { io.WriteString(w, "x"); w.WriteHeader(200) }, "http: superfluous response.WriteHeader call from "},
		{"bad length", func(w stdhttp.ResponseWriter) { w.Header().Set("Content-Length", "x"); w.WriteHeader(200) }, `http: invalid Content-Length of "x"`},
		{"bad code", func(w stdhttp.ResponseWriter) { w.WriteHeader(99) }, "invalid WriteHeader code 99"},
		{"101 without Hijack", func(w stdhttp.ResponseWriter) { w.WriteHeader(101) }, "status 101"},
	} {
		s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { test.call(w) }), nil)
		stdhttp.ReadResponse(get(t, s.addr, "/"), nil)
		if text := s.log.String(); !strings.Contains(text, test.want) || strings.Contains(test.want, " call ") && !strings.Contains(text, "response_test.go:") {
			t.Errorf("%s: logged %q, want %q", test.name, text, test.want)
		}
	}
}

// What is flushed arrives before the handler returns, and CloseNotify tells old handlers that the
// client has gone.
func TestFlush(t *testing.T) {
	gone := make(chan bool, 1)
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: 1\n\n")
		w.(stdhttp.Flusher).Flush()
		//lint:ignore SA1019 old handlers use it
		gone <- <-w.(stdhttp.CloseNotifier).CloseNotify()
	}), nil)
	c := dial(t, s.addr)
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	resp, err := stdhttp.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "data: 1\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	c.Close()
	<-gone
}
