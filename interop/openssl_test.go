package interop

import (
	"bytes"
	"crypto/tls"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// openssl is a running openssl. It sends the lines on its standard input, except its
// commands: K asks for a KeyUpdate, R renegotiates, Q ends.
type openssl struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}
	mu    sync.Mutex
	out   bytes.Buffer
	more  chan struct{} // closed and replaced when there is more output
}

func (o *openssl) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.out.Write(p)
}

// await waits until the output matches and returns the submatches.
func (o *openssl) await(t *testing.T, expr string) []string {
	t.Helper()
	re := regexp.MustCompile(expr)
	late := time.After(timeout)
	for {
		o.mu.Lock()
		more, m := o.more, re.FindStringSubmatch(o.out.String())
		o.mu.Unlock()
		if m != nil {
			return m
		}
		select {
		case <-more:
		case <-o.done:
			t.Fatalf("openssl ended without a line %q", expr)
		case <-late:
			t.Fatalf("timeout: openssl prints no line %q", expr)
		}
	}
}

// said reports whether the output contains words.
func (o *openssl) said(words string) bool { return o.count(words) > 0 }

// count returns how often the output contains words.
func (o *openssl) count(words string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Count(o.out.String(), words)
}

func startOpenSSL(t *testing.T, args ...string) *openssl {
	t.Helper()
	path := looptest.Installed(t, "openssl")
	var err error
	o := &openssl{t: t, cmd: exec.Command(path, args...), done: make(chan struct{}), more: make(chan struct{})}
	o.cmd.Stdout, o.cmd.Stderr = o, o
	if o.stdin, err = o.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(timeout, func() { o.cmd.Process.Kill() })
	go func() {
		o.cmd.Wait()
		close(o.done)
	}()
	t.Cleanup(func() {
		o.stdin.Close()
		o.cmd.Process.Kill()
		<-o.done
		late.Stop()
		if t.Failed() {
			t.Logf("%q:\n%s", o.cmd.Args, o.out.String())
		}
	})
	return o
}

func (o *openssl) send(lines string) { io.WriteString(o.stdin, lines) }

// secured is our side of a TLS connection. A server answers each line with the same in
// capitals.
type secured struct {
	looptest.Recorder
	tls *tls.ConnectionState
}

func (s *secured) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if c.IsListening() {
		return
	}
	switch {
	case ev == reactor.EvTLSHS:
		s.tls = c.TLS()
	case ev == reactor.EvRead && !c.IsClient():
		c.Write(bytes.ToUpper(c.Recv.Bytes()))
	}
	s.Handle(c, ev, data)
}

// opensslListen starts our server on the loop and returns its address.
func opensslListen(t *testing.T, l *loop, cfg *tls.Config) (s *secured, addr string) {
	t.Helper()
	s = &secured{}
	c, err := l.m.Listen("tls://127.0.0.1:0", s.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.StartTLS(cfg)
	return s, c.LocalAddr().String()
}

// opensslServe starts s_server and returns its address.
func opensslServe(t *testing.T, args ...string) (*openssl, string) {
	t.Helper()
	id := identities()
	o := startOpenSSL(t, append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", id.cert, "-key", id.key}, args...)...)
	return o, o.await(t, `(?m)^ACCEPT (127\.0\.0\.1:\d+)$`)[1]
}

var opensslVersions = []struct {
	flag    string
	version uint16
}{{"-tls1_2", tls.VersionTLS12}, {"-tls1_3", tls.VersionTLS13}}

// openssl's client exchanges messages, sends a KeyUpdate between two of them, closes, and
// resumes the session.
func TestOpenSSLClient(t *testing.T) {
	t.Parallel()
	for _, v := range opensslVersions {
		t.Run(v.flag, func(t *testing.T) {
			l := newLoop(t)
			s, addr := opensslListen(t, l, identities().server())
			session := t.TempDir() + "/session"
			args := []string{"s_client", "-connect", addr, "-CAfile", identities().ca, "-verify_return_error", "-servername", "localhost", v.flag}
			for i, resumed := range []bool{false, true} {
				*s = secured{}
				o := startOpenSSL(t, append(args, []string{"-sess_out", "-sess_in"}[i], session)...)
				o.send("first words\n")
				l.until("the answer", func() bool { return o.said("FIRST WORDS") || s.Closed() })
				if v.version == tls.VersionTLS13 {
					o.send("K\n")
					l.until("the KeyUpdate", func() bool { return o.said("KEYUPDATE") || s.Closed() })
				}
				o.send("second words\n")
				l.until("the second answer", func() bool { return o.said("SECOND WORDS") || s.Closed() })
				o.send("Q\n")
				l.until("the end", s.Closed)
				if len(s.Errs) > 0 || s.tls == nil || s.tls.Version != v.version || s.tls.DidResume != resumed {
					t.Errorf("errors %v, state %+v, want resumed %v", s.Errs, s.tls, resumed)
				}
			}
		})
	}
}

// openssl's server does the same with our client.
func TestOpenSSLServer(t *testing.T) {
	t.Parallel()
	for _, v := range opensslVersions {
		t.Run(v.flag, func(t *testing.T) {
			o, addr := opensslServe(t, v.flag)
			l := newLoop(t)
			cfg := identities().client()
			cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			for i, resumed := range []bool{false, true} {
				s := &secured{}
				c, err := l.m.Connect("tls://"+addr, s.handle, nil)
				if err != nil {
					t.Fatal(err)
				}
				c.StartTLS(cfg)
				words := "words to the server " + string(rune('0'+i))
				c.Write([]byte(words + "\n"))
				l.until("the words", func() bool { return o.said(words) || s.Closed() })
				o.send("first words\n")
				l.until("the answer", func() bool { return strings.Contains(string(s.Got), "first words") || s.Closed() })
				if v.version == tls.VersionTLS13 {
					o.send("K\n")
					l.until("the KeyUpdate", func() bool { return o.count("SSL_do_handshake -> 1") == i+1 || s.Closed() })
				}
				o.send("second words\n")
				l.until("the second answer", func() bool { return strings.Contains(string(s.Got), "second words") || s.Closed() })
				if s.Closed() || s.tls.Version != v.version || s.tls.DidResume != resumed {
					t.Errorf("errors %v, state %+v, want resumed %v", s.Errs, s.tls, resumed)
				}
				c.Write([]byte("after it\n"))
				c.Drain()
				l.until("the end", s.Closed)
				if len(s.Errs) > 0 {
					t.Error(s.Errs)
				}
			}
		})
	}
}

// Renegotiation is refused, whether the client or the server asks for it.
func TestOpenSSLRenegotiation(t *testing.T) {
	t.Parallel()
	t.Run("client", func(t *testing.T) {
		l := newLoop(t)
		s, addr := opensslListen(t, l, identities().server())
		o := startOpenSSL(t, "s_client", "-connect", addr, "-tls1_2")
		o.send("words\n")
		l.until("the answer", func() bool { return o.said("WORDS") || s.Closed() })
		o.send("R\n")
		l.until("the end", s.Closed)
		if len(s.Errs) != 1 || !strings.Contains(s.Errs[0].Error(), "tls: ") {
			t.Errorf("errors %v", s.Errs)
		}
	})
	t.Run("server", func(t *testing.T) {
		o, addr := opensslServe(t, "-tls1_2")
		l := newLoop(t)
		s := &secured{}
		c, err := l.m.Connect("tls://"+addr, s.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		cfg := identities().client()
		cfg.Renegotiation = tls.RenegotiateFreelyAsClient
		c.StartTLS(cfg)
		c.Write([]byte("words\n"))
		l.until("the words", func() bool { return o.said("words") || s.Closed() })
		o.send("r\n")
		l.until("the end", s.Closed)
		if len(s.Errs) != 1 || !strings.Contains(s.Errs[0].Error(), "renegotiation") {
			t.Errorf("errors %v", s.Errs)
		}
	})
}
