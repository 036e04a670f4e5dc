package ws_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// crowdServer is set for a run of this binary that is the server of TestCrowd.
const crowdServer = "RIKKI_TEST_CROWD"

// crowds are what each client of a crowd does before it stays open.
var crowds = []struct {
	name   string
	secure bool // on the TLS port
	enter  func(t *testing.T, addr string, secure bool)
}{
	{"idle after a request", false, oneRequest},
	{"silent", false, silent},
	{"half a header", false, halfHeader},
	{"TLS, idle after a request", true, oneRequest},
	{"TLS, silent", true, silent},
	{"TLS, half a ClientHello", true, halfHello},
	{"TLS, silent after the handshake", true, func(t *testing.T, addr string, _ bool) { enter(t, addr, true) }},
	{"TLS, half a header", true, halfHeader},
}

func oneRequest(t *testing.T, addr string, secure bool) {
	t.Helper()
	wantResponse(t, enter(t, addr, secure), "/", "ok")
}

func silent(t *testing.T, addr string, _ bool) {
	t.Helper()
	enter(t, addr, false)
}

func halfHeader(t *testing.T, addr string, secure bool) {
	t.Helper()
	io.WriteString(enter(t, addr, secure), "GET / HTTP/1.1\r\nHo")
}

func halfHello(t *testing.T, addr string, _ bool) {
	t.Helper()
	io.WriteString(enter(t, addr, false), "\x16\x03\x01\x02\x00\x01")
}

// A server with default settings has 300 descriptors, and 400 clients do nothing. New clients get
// in. Open WebSockets stay, and so do requests that are not answered or not complete.
func TestCrowd(t *testing.T) {
	if os.Getenv(crowdServer) != "" {
		serveCrowd(t)
		return
	}
	for _, crowd := range crowds {
		t.Run(crowd.name, func(t *testing.T) {
			s := startCrowdServer(t)
			addr := s.plain
			if crowd.secure {
				addr = s.secure
			}
			sessions := make([]net.Conn, 30)
			for i := range sessions {
				sessions[i] = session(t, addr, crowd.secure)
			}
			waiting := enter(t, addr, crowd.secure)
			io.WriteString(waiting, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
			upload := enter(t, addr, crowd.secure)
			io.WriteString(upload, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
			for range 400 {
				crowd.enter(t, addr, crowd.secure)
			}
			for range 20 {
				oneRequest(t, addr, crowd.secure)
			}
			for _, c := range sessions {
				wantEcho(t, c)
			}
			wantResponse(t, enter(t, addr, crowd.secure), "/answer", "ok")
			wantBody(t, waiting, "late")
			io.WriteString(upload, "56789")
			wantBody(t, upload, "ok")
			s.end(t)
		})
	}
}

// enter connects to the server.
func enter(t *testing.T, addr string, secure bool) net.Conn {
	t.Helper()
	c := looptest.Dial(t, "tcp", addr)
	if !secure {
		return c
	}
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	must(t, s.Handshake())
	return s
}

func wantResponse(t *testing.T, c net.Conn, target, body string) {
	t.Helper()
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target)
	must(t, err)
	wantBody(t, c, body)
}

func wantBody(t *testing.T, c net.Conn, want string) {
	t.Helper()
	r, err := nethttp.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	if got, err := io.ReadAll(r.Body); err != nil || string(got) != want {
		t.Fatalf("got %q and %v, want %q", got, err, want)
	}
}

// session opens a WebSocket and uses it.
func session(t *testing.T, addr string, secure bool) net.Conn {
	t.Helper()
	c := enter(t, addr, secure)
	_, _, err := gobwas.Dialer{}.Upgrade(c, &url.URL{Scheme: "ws", Host: addr, Path: "/ws"})
	must(t, err)
	wantEcho(t, c)
	return c
}

func wantEcho(t *testing.T, c net.Conn) {
	t.Helper()
	must(t, wsutil.WriteClientText(c, []byte("hello")))
	if got, err := wsutil.ReadServerText(c); err != nil || string(got) != "hello" {
		t.Fatalf("got %q and %v from an open WebSocket", got, err)
	}
}

// crowdProcess is a server in a process of its own.
type crowdProcess struct {
	plain, secure string // addresses
	cmd           *exec.Cmd
	in            io.Closer
	out           *bufio.Reader
}

func startCrowdServer(t *testing.T) *crowdProcess {
	t.Helper()
	s := &crowdProcess{cmd: exec.Command(os.Args[0], "-test.run=^TestCrowd$", "-test.count=1", "-test.timeout=2m")}
	s.cmd.Env = append(os.Environ(), crowdServer+"=1", "GORACE=atexit_sleep_ms=0")
	in, err := s.cmd.StdinPipe()
	must(t, err)
	out, err := s.cmd.StdoutPipe()
	must(t, err)
	must(t, s.cmd.Start())
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	s.in, s.out = in, bufio.NewReader(out)
	if _, err := fmt.Fscanf(s.out, "%s %s\n", &s.plain, &s.secure); err != nil {
		rest, _ := io.ReadAll(s.out)
		t.Fatalf("%v: %s", err, rest)
	}
	return s
}

// end ends the server. Its test looks at what it has counted.
func (s *crowdProcess) end(t *testing.T) {
	t.Helper()
	s.in.Close()
	out, _ := io.ReadAll(s.out)
	if err := s.cmd.Wait(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("the server: %v\n%s", err, out)
	}
}

// serveCrowd is the server. It ends when its stdin does.
func serveCrowd(t *testing.T) {
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 300, Max: 300}))
	var waiting []*reactor.Conn
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvError:
			if err := data.(error); !errors.Is(err, os.ErrDeadlineExceeded) { // on a slow machine
				t.Error(err)
			}
		case reactor.EvWSMsg:
			ws.Send(c, data.(*ws.Message).Data, ws.OpText)
		case reactor.EvHTTPMsg:
			switch hm := data.(*http.Message); string(hm.URI) {
			case "/ws":
				must(t, ws.Upgrade(c, hm, ""))
			case "/wait":
				waiting = append(waiting, c)
			case "/answer":
				for _, w := range waiting {
					must(t, http.Reply(w, 200, "", "late"))
				}
				http.Reply(c, 200, "", "ok")
			default:
				http.Reply(c, 200, "", "ok")
			}
		}
	}
	log := &looptest.Warnings{}
	m, err := reactor.New(reactor.WithLogger(log.Logger()))
	must(t, err)
	defer m.Close()
	plain, err := http.Listen(m, "http://127.0.0.1:0", handler, nil)
	must(t, err)
	secure, err := http.Listen(m, "https://127.0.0.1:0", handler, nil)
	must(t, err)
	secure.StartTLS(&tls.Config{Certificates: []tls.Certificate{looptest.NewAuthority(t).Issue(t, nil)}})
	fmt.Printf("%v %v\n", plain.LocalAddr(), secure.LocalAddr())
	ended := false
	go func() {
		io.Copy(io.Discard, os.Stdin)
		m.Post(func() { ended = true })
	}()
	for !ended {
		must(t, m.Poll(-1))
	}
	if s := m.Stats(); s.Evicted == 0 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	for _, line := range log.Take() {
		if !strings.Contains(line, "listener full") {
			t.Errorf("logged %s", line)
		}
	}
}
