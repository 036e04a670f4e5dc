package proxy_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

type recorder = looptest.Recorder

// A proxyServer is a small proxy on goroutines. It knows the hosts ending with .test, which nobody
// else can resolve.
type proxyServer struct {
	addr  string
	login string // "user:password" that it wants; "" for none
	wait  sync.WaitGroup
	l     net.Listener

	mu      sync.Mutex
	conns   []net.Conn
	targets []string // what it was asked for
}

// startProxy starts a proxy that handles each client with serve. serve returns the connection to
// the server, or nil.
func startProxy(t testing.TB, login string, serve func(p *proxyServer, c net.Conn, r *bufio.Reader) net.Conn) *proxyServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxyServer{addr: l.Addr().String(), login: login, l: l}
	t.Cleanup(p.stop)
	p.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.keep(c)
			p.wait.Go(func() {
				r := bufio.NewReader(c)
				defer c.Close()
				if far := serve(p, c, r); far != nil {
					defer far.Close()
					p.wait.Go(func() { io.Copy(c, far); c.Close() })
					io.Copy(far, r)
				}
			})
		}
	})
	return p
}

func (p *proxyServer) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

func (p *proxyServer) stop() {
	p.l.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wait.Wait()
}

// dial connects to a server. Names that end with .test are this host.
func (p *proxyServer) dial(target string) (net.Conn, error) {
	p.mu.Lock()
	p.targets = append(p.targets, target)
	p.mu.Unlock()
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(host, ".test") {
		host = "127.0.0.1"
	}
	c, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err == nil {
		p.keep(c)
	}
	return c, err
}

// asked returns what the proxy was asked for.
func (p *proxyServer) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.targets...)
}

// startHTTPProxy starts a proxy for CONNECT.
func startHTTPProxy(t testing.TB, login string) *proxyServer {
	return startProxy(t, login, func(p *proxyServer, c net.Conn, r *bufio.Reader) net.Conn {
		req, err := nethttp.ReadRequest(r)
		if err != nil {
			return nil
		}
		answer := func(status string) { fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", status) }
		if p.login != "" {
			req.Header.Set("Authorization", req.Header.Get("Proxy-Authorization"))
			if user, password, _ := req.BasicAuth(); user+":"+password != p.login {
				answer("407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0")
				return nil
			}
		}
		if req.Method != "CONNECT" || req.Host != req.RequestURI {
			answer("400 Bad Request")
			return nil
		}
		far, err := p.dial(req.RequestURI)
		if err != nil {
			answer("502 Bad Gateway")
			return nil
		}
		answer("200 Connection established")
		return far
	})
}

// startSOCKS5 starts a SOCKS5 proxy.
func startSOCKS5(t testing.TB, login string) *proxyServer {
	return startProxy(t, login, func(p *proxyServer, c net.Conn, r *bufio.Reader) net.Conn {
		read := func(n int) []byte {
			b := make([]byte, n)
			if _, err := io.ReadFull(r, b); err != nil {
				return make([]byte, n)
			}
			return b
		}
		methods := string(read(int(read(2)[1])))
		switch {
		case p.login == "" && strings.Contains(methods, "\x00"):
			c.Write([]byte{5, 0})
		case p.login != "" && strings.Contains(methods, "\x02"):
			c.Write([]byte{5, 2})
			user := string(read(int(read(2)[1])))
			password := string(read(int(read(1)[0])))
			if user+":"+password != p.login {
				c.Write([]byte{1, 1})
				return nil
			}
			c.Write([]byte{1, 0})
		default:
			c.Write([]byte{5, 0xff})
			return nil
		}
		var host string
		switch read(4)[3] {
		case 1:
			host = net.IP(read(4)).String()
		case 3:
			host = string(read(int(read(1)[0])))
		case 4:
			host = net.IP(read(16)).String()
		}
		far, err := p.dial(fmt.Sprintf("%s:%d", host, binary.BigEndian.Uint16(read(2))))
		if err != nil {
			c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
			return nil
		}
		c.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 80})
		return far
	})
}

// listen makes a listener of plain streams.
func listen(t testing.TB, m *reactor.Manager, url string, fn reactor.Handler) *reactor.Conn {
	t.Helper()
	l, err := m.Listen(url, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// debugLogger returns a logger that writes everything to w.
func debugLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// exampleProxy starts a SOCKS5 proxy for an Example.
func exampleProxy() *proxyServer { return startSOCKS5(exampleTB{}, "") }

// exampleTB is the testing.TB of an Example, which stops the proxy itself.
type exampleTB struct{ testing.TB }

func (exampleTB) Helper()           {}
func (exampleTB) Cleanup(func())    {}
func (exampleTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
