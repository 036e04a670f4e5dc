package http_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// The wait for a response has a bound, from when the request is written. So has the wait for a
// connection. A request may set its own.
func TestClientTimeout(t *testing.T) {
	clock := looptest.NewClock()
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1}, reactor.WithClock(clock.Now))
	s := ct.listenRaw(func(p *rawConn) {})
	wantExpired := func(x *call, name string) {
		t.Helper()
		ct.await(x)
		var e *reactor.DeadlineError
		if !errors.As(x.err, &e) || e.Deadline != name || !errors.Is(x.err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v, want the deadline %q", x.err, name)
		}
	}
	first := ct.start(&http.Request{URL: s.url})
	ct.until("the request", func() bool { return len(s.conns) == 1 && s.conns[0].requests() == 1 })
	queued := ct.start(&http.Request{URL: s.url, Timeout: 10 * time.Second})
	clock.Advance(10 * time.Second)
	wantExpired(queued, "free connection")
	s.conns[0].say(lines("HTTP/1.1 102 Processing")) // does not restart the wait
	ct.until("the interim response", func() bool { return len(first.lines) == 1 })
	clock.Advance(http.DefaultClientTimeout - 10*time.Second - 1)
	ct.idle()
	if first.ended > 0 {
		t.Fatal("too early")
	}
	clock.Advance(1)
	wantExpired(first, "response")

	long := ct.start(&http.Request{URL: s.url, Timeout: -1})
	ct.until("the request", func() bool { return len(s.conns) == 2 && s.conns[1].requests() == 1 })
	clock.Advance(24 * time.Hour)
	ct.idle()
	s.conns[1].say(ok("", "late"))
	ct.await(long)
	if long.body() != "late" {
		t.Errorf("%q, error %v", long.lines, long.err)
	}
}

// The wait begins when the body is complete, however the body is sent.
func TestClientTimeoutAfterBody(t *testing.T) {
	clock := looptest.NewClock()
	ct := newClientTest(t, &http.ClientOptions{Timeout: time.Minute}, reactor.WithClock(clock.Now))
	s := ct.listenRaw(func(p *rawConn) {})
	for _, size := range []int64{3, http.Chunked} {
		x := ct.start(&http.Request{Method: "POST", URL: s.url, Stream: true, Size: size})
		ct.until("EvWrite", func() bool { return x.conn != nil && len(s.conns) > 0 && s.conns[len(s.conns)-1].got != "" })
		must(t, http.Chunk(x.conn, []byte("abc")))
		ct.idle()
		clock.Advance(time.Hour)
		ct.idle()
		if x.ended > 0 {
			t.Fatal("the wait began before the end of the body")
		}
		must(t, http.EndChunks(x.conn))
		ct.idle()
		clock.Advance(time.Minute)
		ct.await(x)
		if !errors.Is(x.err, os.ErrDeadlineExceeded) {
			t.Errorf("size %d: %v", size, x.err)
		}
	}
}

// A reader that fails ends the request with its error.
func TestClientReaderFails(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) {})
	bad := errors.New("disk on fire")
	x := ct.do(&http.Request{Method: "POST", URL: s.url, Reader: failingReader{bad}})
	if !errors.Is(x.err, bad) {
		t.Errorf("error %v", x.err)
	}
	x = ct.do(&http.Request{Method: "POST", URL: s.url, Reader: strings.NewReader("ab"), Size: 3})
	if x.err == nil || !strings.Contains(x.err.Error(), "1 bytes shorter") {
		t.Errorf("short body: error %v", x.err)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
