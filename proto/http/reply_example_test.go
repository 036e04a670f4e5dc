package http_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// answering starts a server for an example. It calls fn with each request.
func answering(m *reactor.Manager, fn func(c *reactor.Conn, hm *http.Message)) *reactor.Conn {
	l, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			fn(c, data.(*http.Message))
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return l
}

// A response whose body is read while the client reads it, at most 64 KiB ahead.
func ExampleReplyReader() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	l := answering(m, func(c *reactor.Conn, hm *http.Message) {
		r := strings.NewReader("it could be a file of any size\n") // an io.Closer is closed at the end
		http.ReplyReader(c, 200, "Content-Type: text/plain\r\n", r, r.Size())
	})
	ask(m, l, "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
	// Output: 200 it could be a file of any size
}

// The query, and the fields of a form in the body.
func ExampleMessage_Var() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	l := answering(m, func(c *reactor.Conn, hm *http.Message) {
		name, ok := hm.Var("name")
		if !ok {
			http.Reply(c, 400, "", "name is missing\n")
			return
		}
		http.Reply(c, 200, "", "hello, %s\n", name)
	})
	ask(m, l, "GET /?name=J%C3%BCrgen+K HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
	// Output: 200 hello, Jürgen K
}

// A cookie is set with a header line, and comes back with the next request.
func ExampleSetCookie() {
	line, err := http.SetCookie(&http.Cookie{Name: "session", Value: "a1b2", Path: "/", MaxAge: time.Hour,
		HTTPOnly: true, SameSite: "Strict"})
	fmt.Printf("%q %v\n", line, err)

	var p http.Parser
	var hm http.Message
	if _, err := p.Parse([]byte("GET / HTTP/1.1\r\nHost: h\r\nCookie: lang=en; session=a1b2\r\n\r\n"), &hm); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", hm.Cookie("session"))
	// Output:
	// "Set-Cookie: session=a1b2; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict\r\n" <nil>
	// a1b2
}

// The parser alone, for bytes that come from elsewhere.
func ExampleParser_Parse() {
	in := []byte("POST /light HTTP/1.1\r\nHost: example.org\r\nContent-Length: 2\r\n\r\non")
	var p http.Parser
	var hm http.Message
	_, err := p.Parse(in[:40], &hm)
	fmt.Println(err == http.ErrIncomplete)
	n, err := p.Parse(in, &hm) // the same bytes again, and more
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes: %s %s, host %s, body %s\n", n, hm.Method, hm.URI, hm.Header("Host"), hm.Body)
	// Output:
	// true
	// 64 bytes: POST /light, host example.org, body on
}

// HTTP on a connection that exists already. Here it is one end of a connection of plain tcp.
func ExampleStartServer() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvAccept:
			http.StartServer(c)
		case reactor.EvHTTPMsg:
			http.Reply(c, 200, "", "HTTP began later\n")
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ask(m, l, "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
	// Output: 200 HTTP began later
}
