package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "http-proxy-client", nil, []looptest.Refusal{
		looptest.Wrong("-ca: open no/such", "-ca", "no/such", "-url", "https://127.0.0.1"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-url", "https://127.0.0.1"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-url", "https://127.0.0.1"),
		looptest.Wrong("-ca, -insecure, -cert and -key need a URL with TLS", "-insecure", "-url", "http://127.0.0.1"),
		looptest.Wrong("-url: reactor: bad URL", "-url", "example.com"),
		looptest.Wrong("-url ws://example.com: want http:// or https://…", "-url", "ws://example.com"),
		looptest.Wrong("-url http://: the host is missing", "-url", "http://"),
		looptest.Wrong("-proxy: reactor: bad URL", "-proxy", "127.0.0.1"),
		looptest.Wrong("-proxy socks5://me:xxxxx@127.0.0.1: want http://", "-proxy", "socks5://me:"+looptest.Secret+"@127.0.0.1"),
	})
}

// proxy is a proxy that wants a user and a password.
func proxy(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		if user, password, _ := in.BasicAuth(); r.Method != "CONNECT" || user != "me" || password != looptest.Secret || r.Header.Get("Authorization") != "" {
			w.WriteHeader(407)
			return
		}
		d, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(502)
			return
		}
		defer d.Close()
		c, rw, _ := http.NewResponseController(w).Hijack()
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(d, rw)
			d.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(c, d)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// The program prints the server's response, with and without TLS. What the proxy refuses is an
// error.
func TestClient(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %q\n", r.Host, r.RequestURI, r.Header["Proxy-Authorization"])
	})
	a := looptest.NewAuthority(t)
	plain, secure := httptest.NewServer(h), httptest.NewUnstartedServer(h)
	secure.TLS = a.Server(t)
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	_, _, ca := a.Files(t, a.Issue(t, nil))
	overTLS := strings.Replace(secure.URL, "127.0.0.1", "localhost", 1)
	addr := strings.TrimPrefix(proxy(t).URL, "http://")
	good := "http://me:" + looptest.Secret + "@" + addr
	for _, row := range []struct {
		args           []string
		stdout, stderr string // parts; a program with stderr fails
	}{
		{[]string{"-proxy", good, "-url", plain.URL + "/a?b"}, strings.TrimPrefix(plain.URL, "http://") + " /a?b []\n", ""},
		{[]string{"-proxy", good, "-url", overTLS + "/a", "-ca", ca}, strings.TrimPrefix(overTLS, "https://") + " /a []\n", ""},
		{[]string{"-proxy", good, "-url", overTLS}, "", "unknown authority\n"},
		{[]string{"-proxy", "http://" + addr, "-url", plain.URL}, "", `the proxy answers with status 407 "Proxy Authentication Required"`},
		{[]string{"-proxy", good, "-url", "http://127.0.0.1:1"}, "", "the proxy answers with status 502"},
	} {
		status, stdout, stderr := looptest.Start(t, row.args...).Wait()
		if (status != 0) != (row.stderr != "") || !strings.HasSuffix(stdout, row.stdout) || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%q: %d, %q, %q", row.args, status, stdout, stderr)
		}
		if row.stdout != "" && !strings.HasPrefix(stdout, "HTTP/1.1 200 OK") {
			t.Errorf("%q: %q", row.args, stdout)
		}
		if strings.Contains(stdout+stderr, looptest.Secret) {
			t.Errorf("%q: the password is shown: %q", row.args, stdout+stderr)
		}
	}
}
