package http_test

import (
	"fmt"
	"io"
	"log"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A server answers each request with its path.
func ExampleReply() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			msg := data.(*http.Message)
			http.Reply(c, 200, "Content-Type: text/plain\r\n", "you asked for %s\n", msg.URI)
		}
	}
	l, err := http.Listen(m, "http://127.0.0.1:0", handler, nil)
	if err != nil {
		log.Fatal(err)
	}
	ask(m, l, "GET /hello HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")

	// Output:
	// 200 you asked for /hello
}

// A server sends a response in pieces, one each time a timer fires. Its size is not known when it
// begins.
func ExampleReplyStart() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvHTTPMsg {
			return
		}
		if err := http.ReplyStart(c, 200, "Content-Type: text/plain\r\n", http.Chunked); err != nil {
			return // logged, because the program does not look at it
		}
		n := 0
		var t *reactor.Timer
		t = m.AddTimer(10*time.Millisecond, reactor.TimerRepeat, func() {
			n++
			err := http.Chunkf(c, "line %d\n", n)
			if n == 3 && err == nil {
				err = http.EndChunks(c)
			}
			if n == 3 || err != nil { // reactor.ErrClosed: the client has left
				t.Stop()
			}
		})
	}
	l, err := http.Listen(m, "http://127.0.0.1:0", handler, nil)
	if err != nil {
		log.Fatal(err)
	}
	ask(m, l, "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")

	// Output:
	// 200 line 1
	// line 2
	// line 3
}

// A server takes an upload of any size in pieces, without holding more than one of them.
func ExampleStreamBody() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPHdrs:
			http.StreamBody(c, -1) // no limit; without it bodies are collected, up to 3 MiB
		case reactor.EvHTTPBody:
			p := data.(*http.Piece)
			c.FnData = p.Offset + int64(len(p.Data)) // a program would write p.Data to a file
		case reactor.EvHTTPMsg:
			http.Reply(c, 200, "", "%s: %d bytes\n", data.(*http.Message).URI, c.FnData)
		}
	}
	l, err := http.Listen(m, "http://127.0.0.1:0", handler, nil)
	if err != nil {
		log.Fatal(err)
	}
	const size = 10 << 20
	head := fmt.Sprintf("PUT /file HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", size)
	ask(m, l, head+string(make([]byte, size)))

	// Output:
	// 200 /file: 10485760 bytes
}

// ask sends a request to the server l, and prints the status and the body of the response.
func ask(m *reactor.Manager, l *reactor.Conn, request string) {
	closed := false
	_, err := http.Connect(m, "http://"+l.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			io.WriteString(c, request)
		case reactor.EvHTTPMsg:
			msg := data.(*http.Message)
			fmt.Printf("%d %s", msg.Status, msg.Body)
		case reactor.EvError:
			log.Print(data.(error))
		case reactor.EvClose:
			closed = true
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for !closed && m.Poll(time.Second) == nil {
	}
}
