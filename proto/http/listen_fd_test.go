package http_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// answerHello answers each request.
func answerHello(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvHTTPMsg && !c.IsClient() {
		http.Reply(c, 200, "", "hello")
	}
}

// A server on a UNIX-domain socket, and a client of it by the path and by a name.
func TestUnixURL(t *testing.T) {
	m := looptest.NewManager(t)
	path := "unix://" + filepath.Join(t.TempDir(), "a b")
	if _, err := http.Listen(m, path, answerHello, nil); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{path, "http://app.test/x"} {
		got := ""
		c, err := http.Connect(m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvConnect:
				c.Write([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
			case reactor.EvHTTPMsg:
				got = string(data.(*http.Message).Body)
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if url != path {
			if err := c.SetDialURL(path); err != nil {
				t.Fatal(err)
			}
		}
		looptest.Await(t, m, "the answer of "+url, func() bool { return got == "hello" })
	}
	for _, url := range []string{"unix:///x?y", "unix://host/x", "unix:"} {
		if _, err := http.Listen(m, url, answerHello, nil); err == nil {
			t.Errorf("%s: no error", url)
		}
	}
}

func TestListenFD(t *testing.T) {
	m := looptest.NewManager(t)
	s, addr := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 4)
	fd := s.FD
	s.FD = -1 // it belongs to the listener
	if _, err := http.ListenFD(m, fd, answerHello, nil); err != nil {
		t.Fatal(err)
	}
	p := looptest.DialSocket(t, addr)
	p.WriteString("GET / HTTP/1.0\r\n\r\n")
	looptest.Await(t, m, "the answer", func() bool { p.Receive(); return strings.HasSuffix(string(p.In), "hello") })
}

// What is no listening stream socket is refused, and stays as it was.
func TestListenFDErrors(t *testing.T) {
	m := looptest.NewManager(t)
	udp, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	tcp, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, -1)
	for fd, says := range map[int]string{udp.FD: "want a stream socket", tcp.FD: "does not listen", -1: "bad file descriptor"} {
		if _, err := http.ListenFD(m, fd, answerHello, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("descriptor %d: %v, want %q", fd, err, says)
		}
	}
	if _, err := unix.Getsockname(udp.FD); err != nil {
		t.Errorf("the descriptor of the caller is closed: %v", err)
	}
}
