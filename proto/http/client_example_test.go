package http_test

import (
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// hello answers each request with its method and path.
func hello(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
}

// A Client keeps connections for further requests, and follows redirects if asked to.
func ExampleClient() {
	server := httptest.NewServer(nethttp.HandlerFunc(hello))
	defer server.Close()

	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	client := http.NewClient(m, &http.ClientOptions{Redirects: 5, Timeout: 10 * time.Second})
	done := false
	err = client.Do(&http.Request{Method: "POST", URL: server.URL + "/things", Body: []byte("blue")},
		func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvHTTPMsg:
				msg := data.(*http.Message)
				fmt.Printf("%d %s\n", msg.Status, msg.Body)
				done = true
			case reactor.EvError:
				fmt.Println(data.(error))
				done = true
			}
		}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for !done {
		m.Poll(time.Second)
	}
	// Output: 200 POST /things blue
}

// The body of a request may come from the program, as it becomes available. The body of the
// response is delivered in pieces.
func ExampleClient_stream() {
	server := httptest.NewServer(nethttp.HandlerFunc(hello))
	defer server.Close()

	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	client := http.NewClient(m, nil)
	rows := []string{"one,", "two,", "three"}
	var got strings.Builder
	done := false
	err = client.Do(&http.Request{Method: "PUT", URL: server.URL + "/table", Stream: true},
		func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvWrite: // the socket took bytes: send more
				if len(rows) == 0 {
					return
				}
				http.Chunk(c, []byte(rows[0]))
				if rows = rows[1:]; len(rows) == 0 {
					http.EndChunks(c)
				}
			case reactor.EvHTTPHdrs:
				http.StreamBody(c, -1)
			case reactor.EvHTTPBody:
				got.Write(data.(*http.Piece).Data)
			case reactor.EvHTTPMsg, reactor.EvError:
				done = true
			}
		}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for !done {
		m.Poll(time.Second)
	}
	fmt.Println(got.String())
	// Output: PUT /table one,two,three
}

// SendRequest sends a request on a connection of Connect. The program decides when the connection
// ends.
func ExampleSendRequest() {
	server := httptest.NewServer(nethttp.HandlerFunc(hello))
	defer server.Close()

	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	closed := false
	c, err := http.Connect(m, server.URL, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			msg := data.(*http.Message)
			fmt.Printf("%d %s\n", msg.Status, msg.Body)
			c.Drain()
		case reactor.EvError:
			fmt.Println(data.(error))
		case reactor.EvClose:
			closed = true
		}
	}, nil)
	if err == nil {
		err = http.SendRequest(c, &http.Request{URL: "/index.html"})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for !closed {
		m.Poll(time.Second)
	}
	// Output: 200 GET /index.html
}

// After a 2xx response to CONNECT the connection is a tunnel. StartTLS and StartClient make it a
// connection to the server behind the proxy.
func ExampleStartClient() {
	server := httptest.NewTLSServer(nethttp.HandlerFunc(hello))
	defer server.Close()
	proxy := httptest.NewServer(nethttp.HandlerFunc(tunnel))
	defer proxy.Close()
	address := server.Listener.Addr().String()

	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	cfg := server.Client().Transport.(*nethttp.Transport).TLSClientConfig
	closed, inside := false, false
	c, err := http.Connect(m, proxy.URL, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			switch msg := data.(*http.Message); {
			case inside:
				fmt.Printf("%d %s\n", msg.Status, msg.Body)
				c.Drain()
			case msg.Status/100 == 2:
				fmt.Println("the tunnel is open")
				inside = true
				own := cfg.Clone()
				own.ServerName = "example.com" // not the name of the proxy
				c.StartTLS(own)
				http.StartClient(c, address)
				http.SendRequest(c, &http.Request{URL: "/secret"})
			default:
				fmt.Println("the proxy answers", msg.Status)
				c.Close()
			}
		case reactor.EvError:
			fmt.Println(data.(error))
		case reactor.EvClose:
			closed = true
		}
	}, nil)
	if err == nil {
		err = http.SendRequest(c, &http.Request{Method: "CONNECT", URL: address})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for !closed {
		m.Poll(time.Second)
	}
	// Output:
	// the tunnel is open
	// 200 GET /secret
}

// tunnel is a proxy for CONNECT.
func tunnel(w nethttp.ResponseWriter, r *nethttp.Request) {
	far, err := net.Dial("tcp", r.Host)
	if err != nil || r.Method != "CONNECT" {
		w.WriteHeader(502)
		return
	}
	defer far.Close()
	near, buffered, err := w.(nethttp.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go io.Copy(far, buffered)
	io.Copy(near, far)
}
