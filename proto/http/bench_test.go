package http_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// servedRequests are one request, in one piece and in two.
var servedRequests = map[string][]string{
	"whole":  {"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\n\r\n"},
	"halves": {"GET /index.html HTTP/1.1\r\nHost: ", "www.example.org\r\nAccept: */*\r\n\r\n"},
}

// newServing makes a server with the default deadlines, and a bare socket as its client. The
// function that it returns sends a request and reads the answer.
func newServing(tb testing.TB, pieces []string) (serve func()) {
	m, answered, body := looptest.NewManager(tb), 0, []byte("hello")
	l, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvHTTPMsg {
			answered++
			http.ReplyBytes(c, 200, "", body)
		}
	}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	client := looptest.DialSocket(tb, l.LocalAddr())
	var out [][]byte
	for _, p := range pieces {
		out = append(out, []byte(p))
	}
	in := make([]byte, 4096)
	return func() {
		for i, p := range out {
			if _, err := unix.Write(client.FD, p); err != nil {
				tb.Fatal(err)
			}
			for reads, n := m.Stats().Reads, answered; m.Stats().Reads == reads || i == len(out)-1 && answered == n; {
				if err := m.Poll(-1); err != nil {
					tb.Fatal(err)
				}
			}
		}
		unix.Read(client.FD, in)
	}
}

// BenchmarkServe measures one request and its answer, with all default deadlines.
func BenchmarkServe(b *testing.B) {
	for name, pieces := range servedRequests {
		b.Run(name, func(b *testing.B) {
			serve := newServing(b, pieces)
			serve()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				serve()
			}
		})
	}
}

// BenchmarkServeDir serves a small file of a directory again and again on one connection.
func BenchmarkServeDir(b *testing.B) {
	path := b.TempDir()
	if err := os.WriteFile(filepath.Join(path, "a.txt"), make([]byte, 2000), 0o644); err != nil {
		b.Fatal(err)
	}
	files, err := http.Dir(path)
	if err != nil {
		b.Fatal(err)
	}
	m := looptest.NewManager(b)
	opts := &http.ServeOptions{FS: files}
	ln, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			http.ServeDir(c, data.(*http.Message), opts)
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	got := 0
	client, err := http.Connect(m, "http://"+ln.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			got++
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		client.Send.AppendString("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n")
		for got == i {
			m.Poll(time.Second)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	uri := []byte("/api/device/17/led/on")
	b.ReportAllocs()
	for b.Loop() {
		var id, rest []byte
		if !http.Match(uri, "/api/device/*/#", &id, &rest) {
			b.Fatal("no match")
		}
	}
}
