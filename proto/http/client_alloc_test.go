package http_test

import (
	"context"
	"io"
	nethttp "net/http"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// smallServer serves "hello" on a loop and a goroutine of its own, without allocations.
func smallServer(b testing.TB) (url string) {
	b.Helper()
	m := looptest.NewManager(b)
	body := []byte("hello")
	ln, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			http.ReplyBytes(c, 200, "", body)
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	url = "http://" + ln.LocalAddr().String() + "/hello"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	b.Cleanup(func() { cancel(); <-done })
	return url
}

// pooledGet returns a function that sends a GET and waits for the response.
func pooledGet(b testing.TB, url string) func() {
	m := looptest.NewManager(b)
	cl := http.NewClient(m, nil)
	req := &http.Request{URL: url}
	done := false
	fn := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			done = string(data.(*http.Message).Body) == "hello"
		case reactor.EvError:
			b.Fatal(data)
		}
	}
	return func() {
		done = false
		if err := cl.Do(req, fn, nil); err != nil {
			b.Fatal(err)
		}
		for !done {
			if err := m.Poll(time.Second); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A request on a connection of the pool does not allocate.
func TestClientGetAllocatesNothing(t *testing.T) {
	get := pooledGet(t, smallServer(t))
	for range 20 {
		get()
	}
	looptest.WantNoAllocs(t, "GET on a connection that is kept", get)
}

func BenchmarkClientGet(b *testing.B) {
	url := smallServer(b)
	b.Run("rikki", func(b *testing.B) {
		get := pooledGet(b, url)
		get()
		b.ReportAllocs()
		for b.Loop() {
			get()
		}
	})
	b.Run("nethttp", func(b *testing.B) {
		tr := &nethttp.Transport{}
		defer tr.CloseIdleConnections()
		cl := &nethttp.Client{Transport: tr}
		buf := make([]byte, 100)
		b.ReportAllocs()
		for b.Loop() {
			r, err := cl.Get(url)
			if err != nil {
				b.Fatal(err)
			}
			for err == nil {
				_, err = r.Body.Read(buf)
			}
			if r.Body.Close(); err != io.EOF {
				b.Fatal(err)
			}
		}
	})
}
