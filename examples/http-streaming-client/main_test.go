package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "http-streaming-client", nil, []looptest.Refusal{
		looptest.Wrong("-ca: open no/such", "-ca", "no/such", "-url", "https://127.0.0.1"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-url", "https://127.0.0.1"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-url", "https://127.0.0.1"),
		looptest.Wrong("-ca, -insecure, -cert and -key need a URL with TLS", "-insecure", "-url", "http://127.0.0.1"),
		looptest.Wrong("-url", "-url", "example.com"),
		looptest.Wrong("-url", "-url", "ws://example.com"),
		looptest.Wrong("for flag -quiet: it is negative", "-quiet", "-1s"),
	})
}

const size = 32 << 20 // more than the limit of a body that is collected

func server(t *testing.T) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			w.WriteHeader(404)
		case "/short":
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "abc\n")
		case "/large":
			for range size / 1024 {
				w.Write(bytes.Repeat([]byte("0123456789abcde\n"), 1024/16))
			}
		case "/close":
			c, rw, _ := http.NewResponseController(w).Hijack()
			defer c.Close()
			fmt.Fprint(rw, "HTTP/1.0 200 OK\r\n\r\nuntil the end\n")
			rw.Flush()
		case "/quiet":
			io.WriteString(w, "begin\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

// The program prints the body only, and it tells whether it is complete.
func TestClient(t *testing.T) {
	srv := server(t)
	for path, want := range map[string]struct {
		status int
		stdout string
		stderr string
	}{
		"/empty":   {0, "", ""},
		"/close":   {0, "until the end\n", ""},
		"/missing": {1, "", "http-streaming-client: the server answers with status 404\n"},
		"/short":   {1, "abc\n", ""},
		"/quiet":   {1, "begin\n", ""},
	} {
		status, stdout, stderr := looptest.Start(t, "-url", srv.URL+path, "-quiet", "500ms").Wait()
		if status != want.status || stdout != want.stdout || want.stderr != "" && stderr != want.stderr {
			t.Errorf("%s: %d, %q, %q", path, status, stdout, stderr)
		}
	}
}

// count counts bytes.
type count struct{ n int }

func (c *count) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }

// A body may be larger than the limit of one that is collected.
func TestLarge(t *testing.T) {
	srv := server(t)
	cmd := looptest.Command(t, "-url", srv.URL+"/large")
	var n count
	cmd.Stdout = &n
	if err := cmd.Run(); err != nil || n.n != size {
		t.Errorf("%d bytes, %v, want %d", n.n, err, size)
	}
}

// Output that cannot be written ends the program.
func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err) // not every system has this device
	}
	defer full.Close()
	cmd := looptest.Command(t, "-url", server(t).URL+"/large")
	cmd.Stdout = full
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if cmd.Run() == nil || cmd.ProcessState.ExitCode() != 1 || !bytes.Contains(stderr.Bytes(), []byte("no space left")) {
		t.Errorf("%v, %q", cmd.ProcessState, stderr.String())
	}
}
