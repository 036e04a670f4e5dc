package http_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
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

// Cancel ends all requests of a Request, in flight and in the queues of several servers, and no
// others. Those that wait end in the order of Do. It works while a handler adds requests, too.
func TestClientCancelEndsAllOfARequest(t *testing.T) {
	for _, inHandler := range []bool{false, true} {
		ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1})
		s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
		silent := ct.listenRaw(func(*rawConn) {})
		shared, other := &http.Request{URL: s.url}, &http.Request{URL: s.url}
		busy, far := &http.Request{URL: silent.url}, &http.Request{URL: silent.url}
		var canceled []int
		do := func(req *http.Request, i int) {
			must(t, ct.cl.Do(req, func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvError {
					canceled = append(canceled, i)
				}
			}, nil))
		}
		done := 0
		finish := func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvHTTPMsg {
				done++
			}
		}
		act := func() {
			for i := range 5 {
				do(shared, i)
				must(t, ct.cl.Do(other, finish, nil))
			}
			for _, req := range []*http.Request{shared, {}, shared} {
				if got := ct.cl.Cancel(req); got != (req == shared && canceled == nil) {
					t.Errorf("Cancel returns %v", got)
				}
				if req == shared {
					canceled = append(canceled, -1) // the second call finds none
				}
			}
		}
		must(t, ct.cl.Do(busy, nil, nil))
		do(far, 100)
		do(far, 101)
		first := ct.startWith(&http.Request{URL: s.url}, looptest.Hooks{reactor.EvHTTPMsg: func(*reactor.Conn, any) {
			if inHandler {
				act()
			}
		}})
		if !inHandler {
			act()
		}
		ct.await(first)
		ct.until("the others", func() bool { return done == 5 })
		if !ct.cl.Cancel(far) || ct.cl.Cancel(far) {
			t.Error("Cancel of the requests at the silent server")
		}
		ct.until("all errors", func() bool { return len(canceled) == 9 })
		if want := []int{-1, -1, 0, 1, 2, 3, 4, 100, 101}; !slices.Equal(canceled, want) {
			t.Errorf("in a handler: %v: canceled %v, want %v", inHandler, canceled, want)
		}
		must(t, ct.cl.Do(shared, finish, nil)) // it may be used again
		ct.until("another request", func() bool { return done == 6 })
	}
}
