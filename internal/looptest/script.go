package looptest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Peer is a scripted server's end of one connection, on which the request for a
// WebSocket has been read.
type Peer struct {
	net.Conn
	In      *bufio.Reader
	Request string // with its header's last line
}

// Serve runs the script with the first connection to addr, sends the end of
// stream, and reads until the client is gone. Wait waits for all that.
func Serve(t testing.TB, script func(p *Peer)) (addr string, wait func()) {
	t.Helper()
	return ServeTLS(t, nil, script)
}

// ServeTLS is Serve over TLS, unless cfg is nil.
func ServeTLS(t testing.TB, cfg *tls.Config, script func(p *Peer)) (addr string, wait func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		p := &Peer{Conn: c, In: bufio.NewReader(c)}
		for !strings.HasSuffix(p.Request, "\r\n\r\n") {
			line, err := p.In.ReadString('\n')
			if p.Request += line; err != nil {
				return
			}
		}
		script(p)
		c.(interface{ CloseWrite() error }).CloseWrite()
		io.Copy(io.Discard, p.In)
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), func() { <-done }
}

// Answer says p to the first connection to addr, whatever that says, and reads
// until it is gone.
func Answer(t testing.TB, p []byte) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			c.SetDeadline(time.Now().Add(time.Minute))
			c.Write(p)
			io.Copy(io.Discard, c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// Agreement is the answer that opens the WebSocket that was asked for.
func (p *Peer) Agreement(more string) string {
	return Agreement(HeaderValue(p.Request, "Sec-WebSocket-Key"), more)
}

// Result is what a run of a program left behind.
type Result struct {
	Status         int
	Stdout, Stderr string
}

// Run runs a program's function run in this process and looks for leaks. One
// descriptor more is allowed, a Peer's.
func Run(t testing.TB, run func(args []string, stdout, stderr io.Writer) int, args ...string) Result {
	t.Helper()
	before := TakeStock(t)
	var stdout, stderr bytes.Buffer
	status := run(args, &stdout, &stderr)
	before.Check(t, 1)
	return Result{status, stdout.String(), stderr.String()}
}

// WantFailure wants status 1, and one line on stderr, and there only, that has
// the words.
func (r Result) WantFailure(t testing.TB, words ...string) {
	t.Helper()
	if r.Status != 1 {
		t.Errorf("status %d, want 1", r.Status)
	}
	if strings.Count(r.Stderr, "\n") != 1 || !strings.HasSuffix(r.Stderr, "\n") || len(r.Stderr) < 5 {
		t.Errorf("stderr is not one line: %q", r.Stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.Stderr, w) {
			t.Errorf("stderr %q does not say %q", r.Stderr, w)
		}
	}
	if reason := strings.TrimSpace(r.Stderr); strings.Contains(r.Stdout, "panic") || strings.Contains(r.Stdout, reason) {
		t.Errorf("stdout:\n%s", r.Stdout)
	}
}
