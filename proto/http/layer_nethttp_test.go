package http_test

import (
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A client of net/http gets its responses, over keep-alive connections.
func TestServeNetHTTPClient(t *testing.T) {
	s := listen(t, echo(t))
	type result struct {
		got string
		err error
	}
	results := make(chan result, 1)
	go func() {
		url := "http://" + strings.TrimPrefix(s.url, "tcp://")
		var r result
		transport := &nethttp.Transport{}
		defer transport.CloseIdleConnections()
		for i := 0; i < 20 && r.err == nil; i++ {
			r.err = func() error {
				var body io.Reader = strings.NewReader(fmt.Sprint("body", i))
				if i%2 == 1 {
					body = io.MultiReader(body) // hides the length: chunked
				}
				req, _ := nethttp.NewRequest("POST", url+fmt.Sprintf("/%d?q", i), body)
				resp, err := transport.RoundTrip(req)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				p, err := io.ReadAll(resp.Body)
				r.got += string(p) + ";"
				return err
			}()
		}
		results <- r
	}()
	var r result
	s.until("20 responses", func() bool {
		select {
		case r = <-results:
			return true
		default:
			return false
		}
	})
	var want string
	for i := range 20 {
		want += fmt.Sprintf("POST /%d body%d;", i, i)
	}
	if r.err != nil || r.got != want {
		t.Errorf("got %v, %s", r.err, r.got)
	}
}

// A client of this package understands the responses of a server of net/http.
func TestClientOfNetHTTPServer(t *testing.T) {
	srv := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/flush" {
			fmt.Fprint(w, "first ")
			w.(nethttp.Flusher).Flush() // chunked
		}
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, body)
	}))
	defer srv.Close()
	l := newLoop(t)
	var got []string
	closed := false
	requests := []string{
		lines("GET /flush HTTP/1.1", "Host: h"),
		lines("HEAD /head HTTP/1.1", "Host: h"),
		lines("POST /p HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 2") + "hi",
		lines("GET /last HTTP/1.0"),
	}
	send := func(c *reactor.Conn) {
		if len(requests) > 0 {
			method, _, _ := strings.Cut(requests[0], " ")
			http.ExpectResponseTo(c, method)
			io.WriteString(c, requests[0])
			requests = requests[1:]
		}
	}
	_, err := http.Connect(l.m, srv.URL, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			send(c)
		case reactor.EvHTTPMsg:
			msg := data.(*http.Message)
			got = append(got, fmt.Sprintf("%d %s", msg.Status, msg.Body))
			send(c)
		case reactor.EvError:
			t.Error(data)
		case reactor.EvClose:
			closed = true
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.until("close", func() bool { return closed })
	if want := "200 first GET /flush |200 |200 POST /p hi|200 GET /last "; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}
