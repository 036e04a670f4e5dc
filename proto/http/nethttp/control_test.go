package nethttp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	stdhttp "net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// A WebSocket library that upgrades connections of net/http works on a hijacked connection. Such a
// handler does not count towards the workers.
func TestHijackForWebSocket(t *testing.T) {
	entered := make(chan bool, 10)
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		if r.URL.Path == "/plain" {
			return
		}
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		entered <- true
		for {
			p, op, err := wsutil.ReadClientData(conn)
			if err != nil {
				return
			}
			must(t, wsutil.WriteServerMessage(conn, op, p))
		}
	}), &nethttp.Options{Workers: 1})
	var conns []net.Conn
	for range 3 {
		c, _, _, err := ws.Dial(t.Context(), "ws://"+s.addr+"/ws")
		must(t, err)
		defer c.Close()
		conns = append(conns, c)
		<-entered
	}
	if status, _ := answer(t, get(t, s.addr, "/plain")); status != 200 {
		t.Errorf("status %d beside hijacked connections", status)
	}
	for i, c := range conns {
		want := strings.Repeat(fmt.Sprint(i), 100*1000)
		go wsutil.WriteClientText(c, []byte(want))
		got, err := wsutil.ReadServerText(c)
		if string(got) != want || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

// What the client has sent after the request is read from the connection, and the calls of the
// ResponseWriter return http.ErrHijacked.
func TestHijack(t *testing.T) {
	ended := make(chan bool)
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		defer close(ended)
		rc := stdhttp.NewResponseController(w)
		conn, rw, err := rc.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, ok := conn.(*netconn.Conn); !ok || conn.RemoteAddr().String() != r.RemoteAddr {
			t.Errorf("a %T to %v", conn, conn.RemoteAddr())
		}
		line, err := rw.ReadString('\n')
		must(t, err)
		fmt.Fprintf(rw, "HTTP/1.1 299 own\r\n\r\n<%s>", strings.TrimSpace(line))
		must(t, rw.Flush())
		_, err = w.Write([]byte("x"))
		_, _, again := rc.Hijack()
		for _, err := range []error{err, again, rc.Flush(), rc.SetReadDeadline(time.Time{})} {
			if !errors.Is(err, stdhttp.ErrHijacked) {
				t.Errorf("error %v after Hijack", err)
			}
		}
		w.WriteHeader(500)
	}), nil)
	c := dial(t, s.addr)
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\nafter\n")
	must(t, err)
	got, err := io.ReadAll(c)
	if string(got) != "HTTP/1.1 299 own\r\n\r\n<after>" || err != nil {
		t.Errorf("answer %q, %v", got, err)
	}
	<-ended
	if text := s.log.String(); strings.Count(text, "on hijacked connection from") != 2 || strings.Count(text, "control_test.go") != 2 {
		t.Errorf("logged %q", text)
	}
}

// The body of the request that has arrived is in the bufio.ReadWriter, also if the handler has read
// a part of it.
func TestHijackInTheBody(t *testing.T) {
	for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
		got := make(chan string, 1)
		s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			if expect == "" {
				io.ReadFull(r.Body, make([]byte, 2))
			}
			conn, rw, err := w.(stdhttp.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			p := make([]byte, 4)
			_, err = io.ReadFull(rw, p)
			got <- fmt.Sprintf("%q %v", p, err)
		}), nil)
		_, err := io.WriteString(dial(t, s.addr), "POST / HTTP/1.1\r\nHost: x\r\n"+expect+"Content-Length: 100\r\n\r\nabcdef")
		must(t, err)
		want := `"cdef" <nil>`
		if expect != "" {
			want = `"abcd" <nil>`
		}
		if text := <-got; text != want {
			t.Errorf("%sread %s, want %s", expect, text, want)
		}
	}
}

// The usual proxy handler: WriteHeader(200), Hijack, and copying.
func TestHijackForCONNECT(t *testing.T) {
	for _, writeHeader := range []bool{true, false} {
		echo, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer echo.Close()
		go func() {
			for {
				c, err := echo.Accept()
				if err != nil {
					return
				}
				go func() {
					io.Copy(c, c)
					c.Close()
				}()
			}
		}()
		s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			target, err := net.Dial("tcp", r.Host)
			must(t, err)
			if writeHeader {
				w.Header().Set("X-Proxy", "1")
				w.WriteHeader(200)
			}
			conn, rw, err := w.(stdhttp.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			if !writeHeader {
				rw.WriteString("HTTP/1.1 200 OK\r\nX-Proxy: 1\r\n\r\n")
				rw.Flush()
			}
			go func() {
				io.Copy(target, rw)
				target.(*net.TCPConn).CloseWrite()
			}()
			io.Copy(conn, target)
			conn.Close()
			target.Close()
		}), nil)
		c := dial(t, s.addr)
		_, err = fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\nearly,", echo.Addr())
		must(t, err)
		r := bufio.NewReader(c)
		resp, err := stdhttp.ReadResponse(r, &stdhttp.Request{Method: "CONNECT"})
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 || resp.Header.Get("X-Proxy") != "1" {
			t.Errorf("answer %v", resp)
		}
		_, err = io.WriteString(c, "late")
		must(t, err)
		must(t, c.(*net.TCPConn).CloseWrite())
		if got, err := io.ReadAll(r); string(got) != "early,late" || err != nil {
			t.Errorf("%v: echo %q, %v", writeHeader, got, err)
		}
	}
}

// WriteHeader(101) before Hijack sends the header of the upgrade, and no other.
func TestWriteHeader101BeforeHijack(t *testing.T) {
	theirs, ours := both(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "own")
		w.WriteHeader(101)
		conn, rw, err := w.(stdhttp.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.CopyN(rw, rw, 4)
		rw.Flush()
	}))
	var got [2]string
	for i, addr := range []string{theirs.Listener.Addr().String(), ours.addr} {
		c := dial(t, addr)
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\necho")
		must(t, err)
		text, err := io.ReadAll(c)
		must(t, err)
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "Date: ") {
				got[i] += line
			}
		}
	}
	if got[0] != got[1] {
		t.Errorf("%q, net/http's %q", got[1], got[0])
	}
}

// net/http/httputil's ReverseProxy passes an upgrade on.
func TestReverseProxyUpgrade(t *testing.T) {
	backend := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		p, err := wsutil.ReadClientText(conn)
		must(t, err)
		must(t, wsutil.WriteServerText(conn, append([]byte("echo "), p...)))
	}), nil)
	target, err := url.Parse("http://" + backend.addr)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &stdhttp.Transport{DisableKeepAlives: true}
	s := serve(t, proxy, nil)
	c, _, _, err := ws.Dial(t.Context(), "ws://"+s.addr+"/")
	must(t, err)
	defer c.Close()
	must(t, wsutil.WriteClientText(c, []byte("hello")))
	if got, err := wsutil.ReadServerText(c); string(got) != "echo hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
