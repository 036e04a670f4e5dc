package main

import (
	"fmt"
	"io"
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
	looptest.WantUsage(t, run, "http-client", []string{"-data"}, []looptest.Refusal{
		looptest.Wrong("-ca: open no/such", "-ca", "no/such", "-url", "https://127.0.0.1"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-url", "https://127.0.0.1"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-url", "https://127.0.0.1"),
		looptest.Wrong("-ca, -insecure, -cert and -key need a URL with TLS", "-insecure", "-url", "http://127.0.0.1"),
		looptest.Wrong("-url", "-url", "example.com"),
		looptest.Wrong("-url", "-url", "ws://example.com"),
		looptest.Wrong("for flag -redirects: it is negative", "-redirects", "-1"),
		looptest.Wrong("for flag -connect: it is negative", "-connect", "-1s"),
		looptest.Wrong("for flag -timeout: want a time", "-timeout", "1"),
	})
}

func handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/redirect":
		http.Redirect(w, r, "/end", http.StatusFound)
		return
	case "/broken":
		panic(http.ErrAbortHandler)
	case "/silent":
		<-r.Context().Done()
	case "/error":
		w.WriteHeader(500)
	}
	fmt.Fprintf(w, "%s %s %q.", r.Method, r.URL.Path, body)
	w.(http.Flusher).Flush() // in chunks
	io.WriteString(w, "end\n")
}

// The program prints the response with its header. Without a response it fails.
func TestClient(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(handle))
	defer srv.Close()
	for _, row := range []struct {
		args   string
		status int
		begins string
		ends   string // of the output, or part of the reason
	}{
		{"-url /a", 0, "HTTP/1.1 200 OK\r\n", "\r\n\r\nGET /a \"\".end\n"},
		{"-url /a -data x=1", 0, "HTTP/1.1 200 OK\r\n", "POST /a \"x=1\".end\n"},
		{"-url /error", 0, "HTTP/1.1 500 Internal Server Error\r\n", ".end\n"},
		{"-url /redirect", 0, "HTTP/1.1 302 Found\r\n", ""},
		{"-url /redirect -redirects 1", 0, "HTTP/1.1 200 OK\r\n", "GET /end \"\".end\n"},
		{"-url /broken", 1, "", "http-client: "},
		{"-url /silent -timeout 50ms", 1, "", "timed out\n"},
	} {
		p := looptest.Start(t, strings.Fields(strings.ReplaceAll(row.args, "-url ", "-url "+srv.URL))...)
		status, stdout, stderr := p.Wait()
		stdout = strings.ReplaceAll(stdout, "\r", "")
		begins := strings.ReplaceAll(row.begins, "\r", "")
		if status != row.status || status == 0 && (!strings.HasPrefix(stdout, begins) || !strings.HasSuffix(stdout, strings.ReplaceAll(row.ends, "\r", ""))) {
			t.Errorf("%s: %d, %q, %q", row.args, status, stdout, stderr)
		}
		if status == 1 && (stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "http-client: ")) {
			t.Errorf("%s: %q, %q", row.args, stdout, stderr)
		}
	}
}

func TestTLS(t *testing.T) {
	a := looptest.NewAuthority(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(handle))
	srv.TLS = a.Server(t)
	srv.StartTLS()
	defer srv.Close()
	_, _, ca := a.Files(t, a.Issue(t, nil))
	url := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	status, stdout, stderr := looptest.Start(t, "-url", url+"/a", "-ca", ca).Wait()
	if status != 0 || !strings.HasSuffix(stdout, ".end\n") {
		t.Errorf("%d, %q, %q", status, stdout, stderr)
	}
	looptest.WantExit(t, []string{"-url", url}, 1, "certificate signed by unknown authority\n")
}

// Nobody listens there.
func TestRefused(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	looptest.WantExit(t, []string{"-url", srv.URL}, 1, "connection refused\n")
}
