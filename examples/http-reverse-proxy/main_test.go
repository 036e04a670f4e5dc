package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "http-reverse-proxy", nil, []looptest.Refusal{
		looptest.Wrong("-listen tcp://:1: want http://host:port, https://host:port or unix:///path", "-listen", "tcp://:1"),
		looptest.Wrong("-conns: it is negative", "-conns", "-1"),
		looptest.Wrong("for flag -backend-conns: want a positive number, or a negative one", "-backend-conns", "0"),
		looptest.Wrong("for flag -timeout: want a time such as 30s", "-timeout", "1"),
		looptest.Wrong("for flag -idle: it is negative", "-idle", "-1s"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert, -key and -client-ca need a URL with TLS", "-client-ca", "x"),
		looptest.Wrong("-ca: open no/such", "-ca", "no/such", "-to", "https://127.0.0.1"),
		looptest.Wrong("-to: reactor: bad URL", "-to", "example.com"),
		looptest.Wrong("-to ws://example.com: want http://", "-to", "ws://example.com"),
		looptest.Wrong("-to http://: the host is missing", "-to", "http://"),
		looptest.Wrong("-to http://a?b: a query has no meaning", "-to", "http://a?b"),
		looptest.Wrong("-to http://me:xxxxx@a: clients send their own", "-to", "http://me:"+looptest.Secret+"@a"),
	})
}

func TestExitStatus(t *testing.T) {
	used := "http://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
}

// start starts a backend and the program, and returns the URL of the program.
func start(t *testing.T, h http.HandlerFunc, args ...string) (p *looptest.Program, url string, backend *httptest.Server) {
	t.Helper()
	backend = httptest.NewServer(h)
	t.Cleanup(backend.Close)
	p = looptest.Start(t, append([]string{"-listen", "http://127.0.0.1:0", "-to", backend.URL + "/base/"}, args...)...)
	return p, "http://" + p.Await(`listening url=\S+ local=(\S+)`)[1], backend
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp, string(body)
}
