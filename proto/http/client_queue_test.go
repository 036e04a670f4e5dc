package http_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// A queue has an end.
func TestClientQueueLimit(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1, MaxQueued: 2})
	s := ct.listenRaw(func(p *rawConn) {})
	for i := range 4 {
		err := ct.cl.Do(&http.Request{URL: s.url}, nil, nil)
		if want := i == 3; errors.Is(err, http.ErrQueueFull) != want {
			t.Errorf("request %d: %v", i, err)
		}
	}
	must(t, ct.cl.Do(&http.Request{URL: "http://127.0.0.1:1/"}, nil, nil)) // another host has room
}

// Requests that wait for a connection are sent in order. One that is canceled is left out.
func TestClientQueueOrder(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1})
	s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
	var calls []*call
	var want string
	for i := range 200 {
		req := &http.Request{URL: fmt.Sprint(s.url, "/", i)}
		calls = append(calls, ct.start(req))
		if i%7 == 3 {
			if !ct.cl.Cancel(req) {
				t.Errorf("request %d is not found", i)
			}
		} else {
			want += fmt.Sprint("/", i, " ")
		}
	}
	ct.await(calls...)
	got := ""
	for _, line := range strings.Split(s.conns[0].got, "\r\n") {
		if rest, is := strings.CutPrefix(line, "GET "); is {
			got += strings.TrimSuffix(rest, "HTTP/1.1")
		}
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if ct.cl.Cancel(&http.Request{}) {
		t.Error("a request that was never sent is found")
	}
}
