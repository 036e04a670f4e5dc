package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
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
	looptest.WantUsage(t, run, "http-server", nil, []looptest.Refusal{
		looptest.Wrong("-listen tcp://:1: want http://host:port, https://host:port or unix:///path", "-listen", "tcp://:1"),
		looptest.Wrong("-listen http://me:xxxxx@127.0.0.1: a listener has no user", "-listen", "http://me:"+looptest.Secret+"@127.0.0.1"),
		looptest.Wrong("https://127.0.0.1:0 needs -cert and -key", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-conns: it is negative", "-conns", "-1"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-listen", "https://127.0.0.1:0"),
		looptest.Wrong("-cert, -key and -client-ca need a URL with TLS", "-client-ca", "x"),
		looptest.Wrong("-d: http: Dir: open no/such", "-d", "no/such"),
		looptest.Wrong("-u: open no/such", "-u", "no/such"),
		looptest.Wrong("for flag -max-upload: want a positive number", "-max-upload", "0"),
	})
}

func TestExitStatus(t *testing.T) {
	used := "http://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
}

// start starts the program in a directory with files, and returns its URL.
func start(t *testing.T, args ...string) (p *looptest.Program, url, dir string) {
	t.Helper()
	dir = t.TempDir()
	looptest.Must(t, os.MkdirAll(dir+"/web/sub", 0o777))
	looptest.Must(t, os.Mkdir(dir+"/up", 0o777))
	looptest.Must(t, os.WriteFile(dir+"/web/a.html", []byte("<p>page"), 0o666))
	looptest.Must(t, os.WriteFile(dir+"/secret", []byte("secret"), 0o666))
	looptest.Must(t, os.Symlink("../secret", dir+"/web/link"))
	p = looptest.Start(t, append([]string{"-listen", "http://127.0.0.1:0", "-d", dir + "/web"}, args...)...)
	return p, "http://" + p.Await(`listening url=\S+ local=(\S+)`)[1], dir
}

func want(t *testing.T, resp *http.Response, err error, status int, part string) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != status || !strings.Contains(string(body), part) {
		t.Errorf("%s: status %d, body %q, %v; want %d, %q", resp.Request.URL, resp.StatusCode, body, err, status, part)
	}
}

func TestFiles(t *testing.T) {
	p, url, _ := start(t)
	for _, row := range []struct {
		path   string
		status int
		part   string
	}{
		{"/a.html", 200, "<p>page"}, {"/", 200, ">a.html</a>"}, {"/none", 404, ""}, {"/..%2fsecret", 404, ""},
		{"/link", 404, ""}, {"/upload", 403, "Denied: file upload directory not set\n"},
	} {
		resp, err := http.Get(url + row.path)
		want(t, resp, err, row.status, row.part)
	}
	p.Await(`request id=\d+ method=GET uri=/a\.html status=200`)
	p.Await(`request id=\d+ method=GET uri=/none status=404`)
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}

func TestTLS(t *testing.T) {
	a := looptest.NewAuthority(t)
	cert, key, _ := a.Files(t, a.Issue(t, nil))
	p := looptest.Start(t, "-listen", "https://127.0.0.1:0", "-cert", cert, "-key", key, "-d", t.TempDir())
	addr := p.Await(`listening url=\S+ local=(\S+)`)[1]
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool, ServerName: "localhost"}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get("https://" + addr + "/")
	want(t, resp, err, 200, "")
}
