package http_test

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A client of net/http that offers HTTP/2 and HTTP/1.1 gets HTTP/1.1.
func TestServeHTTPS(t *testing.T) {
	m := looptest.NewStillManager(t)
	authority := looptest.NewAuthority(t)
	l, err := http.Listen(m, "https://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			http.Reply(c, 200, "", "%s over %s", data.(*http.Message).URI, c.TLS().NegotiatedProtocol)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(authority.Server(t))
	got := make(chan string, 1)
	go func() {
		transport := &nethttp.Transport{TLSClientConfig: authority.Client(), ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		var all strings.Builder
		for i := range 3 {
			resp, err := (&nethttp.Client{Transport: transport}).Get(fmt.Sprintf("https://%s/%d", l.LocalAddr(), i))
			if err != nil {
				all.WriteString(err.Error())
				break
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			fmt.Fprintf(&all, "%s %s;", resp.Proto, body)
		}
		got <- all.String()
	}()
	var answer string
	looptest.Await(t, m, "the responses", func() bool {
		select {
		case answer = <-got:
			return true
		default:
			return false
		}
	})
	if want := "HTTP/1.1 /0 over http/1.1;HTTP/1.1 /1 over http/1.1;HTTP/1.1 /2 over http/1.1;"; answer != want {
		t.Errorf("got %q, want %q", answer, want)
	}
}

// A client of this package gets HTTP/1.1 from a server of net/http.
func TestFetchHTTPS(t *testing.T) {
	m := looptest.NewStillManager(t)
	authority := looptest.NewAuthority(t)
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		fmt.Fprint(w, r.URL.Path, " ", r.TLS.NegotiatedProtocol)
	}))
	s.TLS = &tls.Config{Certificates: authority.Server(t).Certificates}
	s.StartTLS()
	defer s.Close()
	var body string
	c, err := http.Connect(m, s.URL, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			fmt.Fprintf(c, "GET /path HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		case reactor.EvHTTPMsg:
			body = string(data.(*http.Message).Body)
		case reactor.EvError:
			body = data.(error).Error()
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.StartTLS(authority.Client())
	looptest.Await(t, m, "the response", func() bool { return body != "" })
	if body != "/path http/1.1" {
		t.Errorf("got %q", body)
	}
}

// A TLS client may close its connection without close_notify between requests. In the
// middle of a request, or before its response, that is ErrTruncated.
func TestCloseWithoutNotifyHTTPS(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	authority := looptest.NewAuthority(t)
	for _, tt := range []struct {
		name, say string
		truncated bool
	}{
		{"after a response", get, false},
		{"in a header", get + "GET", true},
		{"in a body", get + "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n1", true},
		{"unanswered", get + "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			var failure error
			closed := false
			l, err := http.Listen(m, "https://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				switch {
				case c.IsListening():
				case ev == reactor.EvHTTPMsg && string(data.(*http.Message).URI) == "/":
					http.Reply(c, 200, "", "hello")
				case ev == reactor.EvError:
					failure = data.(error)
				case ev == reactor.EvClose:
					closed = true
				}
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.StartTLS(authority.Server(t))
			wait := authority.HangUp(l.LocalAddr().String(), tt.say, "hello")
			looptest.Await(t, m, "EvClose", func() bool { return closed })
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			if errors.Is(failure, reactor.ErrTruncated) != tt.truncated || !tt.truncated && failure != nil {
				t.Errorf("EvError has %v, want ErrTruncated: %v", failure, tt.truncated)
			}
		})
	}
}

// If a TLS client connects to a port without TLS, the errors on both sides say that.
func TestTLSOnPlainPort(t *testing.T) {
	m := looptest.NewStillManager(t)
	var server, client error
	note := func(err *error) reactor.Handler {
		return func(_ *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvError {
				*err = data.(error)
			}
		}
	}
	l, err := http.Listen(m, "http://127.0.0.1:0", note(&server), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.Connect(m, "https://"+l.LocalAddr().String(), note(&client), nil); err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, m, "both errors", func() bool { return server != nil && client != nil })
	looptest.WantErr(t, server, nil, "the peer speaks TLS")
	looptest.WantErr(t, client, nil, "tls handshake", "does not speak TLS on this port", `"HTTP/"`)
}

// hangUpServer accepts one TLS connection on an address, reads until the bytes end as said, writes
// an answer and closes the socket without close_notify.
func hangUpServer(t *testing.T, a *looptest.Authority, until, answer string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		c := tls.Server(raw, a.Server(t))
		var got []byte
		for b := make([]byte, 512); !strings.HasSuffix(string(got), until); {
			n, err := c.Read(b)
			if got = append(got, b[:n]...); err != nil {
				return
			}
		}
		io.WriteString(c, answer)
	}()
	return l.Addr().String()
}

// A TLS server may close the connection without close_notify when its responses are complete. A
// response that is missing, or in the middle, is truncated.
func TestServerCloseWithoutNotify(t *testing.T) {
	const get, whole = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	authority := looptest.NewAuthority(t)
	for _, tt := range []struct {
		name, send, answer string
		expect             []string
		truncated          bool
	}{
		{"whole response", get, whole, nil, false},
		{"whole response, registered", get, whole, []string{"GET"}, false},
		{"chunked", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", nil, false},
		{"close-delimited", get, "HTTP/1.1 200 OK\r\n\r\nok", nil, true},
		{"no response", get, "", nil, true},
		{"no response, registered", get, "", []string{"GET"}, true},
		{"interim response", get, "HTTP/1.1 103 Early Hints\r\n\r\n", nil, true},
		{"in the header", get, whole[:20], nil, true},
		{"in the body", get, whole[:len(whole)-1], nil, true},
		{"second response missing", get + get, whole, []string{"GET", "GET"}, true},
		{"in the second response", get + get, whole + "H", nil, true},
		{"nothing sent", "", "", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			addr := hangUpServer(t, authority, tt.send, tt.answer)
			var failure error
			closed, messages := false, 0
			c, err := http.Connect(m, "https://"+addr, func(c *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvConnect:
					for _, method := range tt.expect {
						http.ExpectResponseTo(c, method)
					}
					io.WriteString(c, tt.send)
				case reactor.EvHTTPMsg:
					messages++
				case reactor.EvError:
					failure = data.(error)
				case reactor.EvClose:
					closed = true
				}
			}, nil)
			must(t, err)
			cfg := authority.Client()
			cfg.ServerName = "127.0.0.1"
			c.StartTLS(cfg)
			looptest.Await(t, m, "EvClose", func() bool { return closed })
			if errors.Is(failure, reactor.ErrTruncated) != tt.truncated || !tt.truncated && failure != nil {
				t.Errorf("EvError has %v, want ErrTruncated: %v", failure, tt.truncated)
			}
			if want := strings.Count(tt.answer, "ok"); !tt.truncated && messages != want {
				t.Errorf("%d responses, want %d", messages, want)
			}
		})
	}
}

// A server accepts clients that offer HTTP/1.1 or HTTP/1.0, and prefers HTTP/1.1.
func TestNegotiation(t *testing.T) {
	authority := looptest.NewAuthority(t)
	for _, tt := range []struct {
		offer []string
		want  string // "": refused
	}{
		{nil, "none"}, {[]string{"http/1.1"}, "http/1.1"}, {[]string{"http/1.0"}, "http/1.0"},
		{[]string{"http/1.0", "h2", "http/1.1"}, "http/1.1"}, {[]string{"h2"}, ""},
	} {
		m := looptest.NewStillManager(t)
		l, err := http.Listen(m, "https://127.0.0.1:0", nil, nil)
		must(t, err)
		l.StartTLS(authority.Server(t))
		got := make(chan string, 1)
		go func() {
			cfg := authority.Client()
			cfg.NextProtos = tt.offer
			c, err := tls.Dial("tcp", l.LocalAddr().String(), cfg)
			if err != nil {
				got <- ""
				return
			}
			got <- cmp.Or(c.ConnectionState().NegotiatedProtocol, "none")
			c.Close()
		}()
		looptest.Await(t, m, "the handshake", func() bool {
			select {
			case p := <-got:
				if p != tt.want {
					t.Errorf("offer %q: got %q, want %q", tt.offer, p, tt.want)
				}
				return true
			default:
				return false
			}
		})
	}
}
