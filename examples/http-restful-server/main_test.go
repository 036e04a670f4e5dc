package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "http-restful-server", nil, []looptest.Refusal{
		looptest.Wrong("-listen tcp://:1: want http://host:port, https://host:port or unix:///path", "-listen", "tcp://:1"),
		looptest.Wrong("-listen http://me:xxxxx@127.0.0.1: a listener has no user", "-listen", "http://me:"+looptest.Secret+"@127.0.0.1"),
		looptest.Wrong("https://127.0.0.1:0 needs -cert and -key", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-conns: it is negative", "-conns", "-1"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert, -key and -client-ca need a URL with TLS", "-client-ca", "x"),
		looptest.Wrong("-d: http: Dir: open no/such", "-d", "no/such"),
	})
}

func TestExitStatus(t *testing.T) {
	used := "http://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
}

func TestServer(t *testing.T) {
	dir := t.TempDir()
	looptest.Must(t, os.WriteFile(dir+"/a.txt", []byte("text"), 0o666))
	p := looptest.Start(t, "-listen", "http://127.0.0.1:0", "-listen", "http://127.0.0.1:0", "-d", dir, "-v")
	p.Await(`listening url`)
	addr := p.Await(`listening url=\S+ local=(\S+)`)[1]
	for _, row := range []struct {
		path   string
		status int
		body   string // regular expression
	}{
		{"/a.txt", 200, `^text$`},
		{"/none", 404, ``},
		{"/api/f2/x", 200, `^\{"result":"/api/f2/x"\}\n$`},
		{"/api/f2/%22x", 200, `^\{"result":"/api/f2/%22x"\}\n$`},
		{"/api/f2/x/y", 404, ``},
		{"/api/stats", 200, `(?s)^ID PROTO TYPE      LOCAL           REMOTE\n(\d+ +TCP LISTENING 127\.0\.0\.1:\d+ -\n){2}\d+ +TCP ACCEPTED  127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+\n$`},
	} {
		resp, err := http.Get("http://" + addr + row.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != row.status || !regexp.MustCompile(row.body).Match(body) {
			t.Errorf("%s: %d %q, %v", row.path, resp.StatusCode, body, err)
		}
	}
	p.Await(`request id=\d+ method=GET uri=/a\.txt`)
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}
