package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/reactor"
)

// through connects to server.test:443 through a proxy that the test plays.
func through(t testing.TB, m *reactor.Manager, form string, fn reactor.Handler) *looptest.Socket {
	t.Helper()
	l, addr := looptest.ListenSocket(t)
	c, err := m.Connect("tcp://server.test:443", fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := proxy.Dial(c, fmt.Sprintf(form, addr)); err != nil {
		t.Fatal(err)
	}
	return l.AwaitAccept(m)
}

// splits calls fn with each way to cut s in two, with s whole, and with s byte by byte.
func splits(s string, fn func(parts []string)) {
	for i := 1; i < len(s); i++ {
		fn([]string{s[:i], s[i:]})
	}
	fn([]string{s})
	fn(strings.Split(s, ""))
}

const connectRequest = "CONNECT server.test:443 HTTP/1.1\r\nHost: server.test:443\r\n\r\n"

// Any 2xx answer opens the tunnel. Its header says nothing about the bytes behind it.
func TestConnectAnswers(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 Connection established\r\n\r\n",
		"HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n\r\n",
		"HTTP/1.1 204\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 299 \r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	} {
		splits(answer+"SSH-2.0\r\n", func(parts []string) {
			m := looptest.NewManager(t)
			defer m.Close()
			var r recorder
			p := through(t, m, "http://%s", r.Handle)
			looptest.Await(t, m, "the request", p.Received(connectRequest))
			for _, part := range parts {
				p.WriteString(part)
				looptest.Settle(t, m)
			}
			looptest.Await(t, m, "what follows", func() bool { return string(r.Got) == "SSH-2.0\r\n" || r.Closed() })
			if r.LastErr() != nil || r.Count(reactor.EvConnect) != 1 {
				t.Fatalf("%q: %v, %s", parts, r.LastErr(), looptest.EventNames(r.Events))
			}
		})
	}
}

// Each refusal says what is wrong, names the target, and has no credentials.
func TestConnectRefused(t *testing.T) {
	for _, test := range []struct{ url, answer, says string }{
		{"http://%s", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy: CONNECT server.test:443: the proxy answers 502 Bad Gateway"},
		{"http://%s", "HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "answers 301 Moved"},
		{"http://%s", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "answers 101"},
		{"http://%s", "HTTP/1.1 407 No\x01\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", "control byte 0x01"},
		{"http://%s", "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", `the proxy's URL has none (it asks for Basic realm="x")`},
		{"http://secret:secret2@%s", "HTTP/1.1 407 Auth\r\n\r\n", "it does not accept the user and password"},
		{"http://secret:secret2@%s", "SSH-2.0-x\r\n", "proxy: CONNECT server.test:443: answer of the proxy"},
		{"http://secret@%s", "\x15\x03\x01\x00\x02\x02\x28", "it speaks TLS on this port"},
		{"http://%s", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 20000) + "\r\n\r\n", "answer of the proxy"},
		{"http://%s", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10) + "HTTP/1.1 500 x\r\n\r\n", "answers 500"},
	} {
		m := looptest.NewManager(t)
		var r recorder
		p := through(t, m, test.url, r.Handle)
		looptest.Settle(t, m)
		p.WriteIfOpen(test.answer)
		looptest.Await(t, m, "EvClose", r.Closed)
		err := r.Err(t).Error()
		if !strings.Contains(err, test.says) || strings.Contains(err, "secret") || !strings.HasPrefix(err, "dial tcp 127.0.0.1:") {
			t.Errorf("%q: %s, want %q", test.answer, err, test.says)
		}
		r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	}
}

func TestConnectErrorIsTyped(t *testing.T) {
	m := looptest.NewManager(t)
	var r recorder
	p := through(t, m, "http://%s", r.Handle)
	looptest.Settle(t, m)
	p.WriteString("HTTP/1.1 403 Forbidden\r\n\r\n")
	looptest.Await(t, m, "EvClose", r.Closed)
	var e *proxy.ConnectError
	if !errors.As(r.LastErr(), &e) || e.Status != 403 || e.Target != "server.test:443" || e.Reason != "Forbidden" || e.Sent {
		t.Errorf("error %v, %+v", r.LastErr(), e)
	}
}

// The end of the stream in the answer names the step.
func TestProxyEndsInTheAnswer(t *testing.T) {
	for url, step := range map[string]string{
		"http://%s":   "proxy: CONNECT server.test:443: answer of the proxy: unexpected EOF",
		"socks5://%s": "proxy: SOCKS5 server.test:443: choice of a method: unexpected EOF",
	} {
		for _, part := range []string{"", "HTTP/1.1 200 OK\r\n", "\x05"} {
			if part != "" && (part[0] == 5) != (url[0] == 's') {
				continue
			}
			m := looptest.NewManager(t)
			var r recorder
			p := through(t, m, url, r.Handle)
			looptest.Settle(t, m)
			p.WriteString(part)
			p.Shutdown()
			looptest.Await(t, m, "EvClose", r.Closed)
			if err := r.Err(t); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), step) {
				t.Errorf("%s %q: %v", url, part, err)
			}
		}
	}
}

// Credentials appear in the request only, also with everything logged.
func TestCredentialsAreNotLogged(t *testing.T) {
	for _, form := range []string{"http://secretuser:secretword@%s", "socks5://secretuser:secretword@%s"} {
		log := new(strings.Builder)
		m := looptest.NewManager(t, reactor.WithLogger(debugLogger(log)))
		var r recorder
		p := through(t, m, form, func(c *reactor.Conn, ev reactor.Event, data any) {
			c.SetHexdump(true)
			r.Handle(c, ev, data)
		})
		looptest.Settle(t, m)
		p.WriteString("\x05\x02")
		looptest.Settle(t, m)
		if p.Receive(); !strings.Contains(string(p.In), "secretword") && !strings.Contains(string(p.In), "c2VjcmV0dXNlcjpzZWNyZXR3b3Jk") {
			t.Errorf("%s: the proxy got %q", form, p.In)
		}
		p.WriteIfOpen("\x01\x01")
		looptest.Await(t, m, "EvClose", func() bool { p.Close(); return r.Closed() })
		for _, text := range []string{log.String(), r.LastErr().Error()} {
			if strings.Contains(text, "secret") || strings.Contains(text, "c2Vj") {
				t.Errorf("%s: credentials in %s", form, text)
			}
		}
	}
}
