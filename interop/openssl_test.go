package interop

import (
	"bytes"
	"crypto/tls"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// openssl runs Debian's openssl; what is written to stdin are lines to send, or
// its commands: K asks for a KeyUpdate, R renegotiates, Q ends.
type openssl struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}
	mu    sync.Mutex
	out   bytes.Buffer
}

func (o *openssl) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.Write(p)
}

// said reports whether words are in what it wrote, and count how often.
func (o *openssl) said(words string) bool { return o.count(words) > 0 }

func (o *openssl) count(words string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Count(o.out.String(), words)
}

func startOpenSSL(t *testing.T, args ...string) *openssl {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	o := &openssl{t: t, cmd: exec.Command(path, args...), done: make(chan struct{})}
	o.cmd.Stdout, o.cmd.Stderr = o, o
	if o.stdin, err = o.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { o.cmd.Process.Kill() })
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

// secured is one side of a TLS connection on the loop, which answers a line with
// the same in capitals.
type secured struct {
	conn *reactor.Conn
	got  string
	errs []error
	end  bool
	tls  *tls.ConnectionState
}

func (s *secured) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if c.IsListening() {
		return
	}
	s.conn = c
	switch ev {
	case reactor.EvTLSHS:
		s.tls = c.TLS()
	case reactor.EvRead:
		s.got += string(c.Recv.Bytes())
		if !c.IsClient() {
			c.Write(bytes.ToUpper(c.Recv.Bytes()))
		}
		c.Recv.Reset()
	case reactor.EvError:
		s.errs = append(s.errs, data.(error))
	case reactor.EvClose:
		s.end = true
	}
}

// opensslListen lets the loop accept, and returns the address.
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
	addr, id := freePort(t), identities()
	o := startOpenSSL(t, append([]string{"s_server", "-accept", addr, "-cert", id.cert, "-key", id.key}, args...)...)
	for end := time.Now().Add(patience); !o.said("ACCEPT"); {
		if time.Now().After(end) {
			t.Fatal("s_server does not start")
		}
		time.Sleep(5 * time.Millisecond)
	}
	return o, addr
}

var opensslVersions = []struct {
	flag    string
	version uint16
}{{"-tls1_2", tls.VersionTLS12}, {"-tls1_3", tls.VersionTLS13}}

// openssl's client: messages, KeyUpdate in mid-stream, an orderly end, and a
// session resumed.
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
				l.until("the answer", func() bool { return o.said("FIRST WORDS") || s.end })
				if v.version == tls.VersionTLS13 {
					o.send("K\n")
					l.until("the KeyUpdate", func() bool { return o.said("KEYUPDATE") || s.end })
				}
				o.send("second words\n")
				l.until("the second answer", func() bool { return o.said("SECOND WORDS") || s.end })
				o.send("Q\n")
				l.until("the end", func() bool { return s.end })
				if len(s.errs) > 0 || s.tls == nil || s.tls.Version != v.version || s.tls.DidResume != resumed {
					t.Errorf("errors %v, state %+v, want resumed %v", s.errs, s.tls, resumed)
				}
			}
		})
	}
}

// openssl's server: the same the other way round.
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
				l.until("the words", func() bool { return o.said(words) || s.end })
				o.send("first words\n")
				l.until("the answer", func() bool { return strings.Contains(s.got, "first words") || s.end })
				if v.version == tls.VersionTLS13 {
					o.send("K\n")
					l.until("the KeyUpdate", func() bool { return o.count("SSL_do_handshake -> 1") == i+1 || s.end })
				}
				o.send("second words\n")
				l.until("the second answer", func() bool { return strings.Contains(s.got, "second words") || s.end })
				if s.end || s.tls.Version != v.version || s.tls.DidResume != resumed {
					t.Errorf("errors %v, state %+v, want resumed %v", s.errs, s.tls, resumed)
				}
				c.Write([]byte("after it\n"))
				c.Drain()
				l.until("the end", func() bool { return s.end })
				if len(s.errs) > 0 {
					t.Error(s.errs)
				}
			}
		})
	}
}

// Renegotiation is refused, whoever asks for it.
func TestOpenSSLRenegotiation(t *testing.T) {
	t.Parallel()
	t.Run("client", func(t *testing.T) {
		l := newLoop(t)
		s, addr := opensslListen(t, l, identities().server())
		o := startOpenSSL(t, "s_client", "-connect", addr, "-tls1_2")
		o.send("words\n")
		l.until("the answer", func() bool { return o.said("WORDS") || s.end })
		o.send("R\n")
		l.until("the end", func() bool { return s.end })
		if len(s.errs) != 1 || !strings.Contains(s.errs[0].Error(), "tls: ") {
			t.Errorf("errors %v", s.errs)
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
		l.until("the words", func() bool { return o.said("words") || s.end })
		o.send("r\n")
		l.until("the end", func() bool { return s.end })
		if len(s.errs) != 1 || !strings.Contains(s.errs[0].Error(), "renegotiation") {
			t.Errorf("errors %v", s.errs)
		}
	})
}
