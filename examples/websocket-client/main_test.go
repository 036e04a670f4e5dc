package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/rikki-go/rikki/internal/frames"
	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
)

// TestMain lets the test binary run as the program, for the tests of signals.
func TestMain(m *testing.M) {
	looptest.Main(main)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt) // starts a goroutine that stays, and is no leak
	signal.Stop(signals)
	os.Exit(m.Run())
}

// server is the script's end of the connection. It reports errors to the test.
type server struct {
	*looptest.Peer
	t testing.TB
}

// serve runs the script with the client's connection, after the WebSocket handshake.
func serve(t *testing.T, script func(s *server)) (url string, wait func()) {
	t.Helper()
	addr, wait := looptest.Serve(t, func(p *looptest.Peer) {
		io.WriteString(p, p.Agreement(""))
		script(&server{p, t})
	})
	return "ws://" + addr + "/any?x=1", wait
}

func (s *server) send(op ws.OpCode, payload string) {
	io.WriteString(s, looptest.Frame(0x80|byte(op), false, -1, payload))
}

// want reads a frame, which must be masked [RFC 6455 5.1].
func (s *server) want(op ws.OpCode, payload string) bool {
	f, err := frames.Read(s.In)
	if err != nil || !f.Header.Masked || !f.Header.Fin || f.Header.Rsv != 0 {
		s.t.Errorf("want %q: %+v, %v", op, f.Header, err)
		return false
	}
	if f = ws.UnmaskFrame(f); f.Header.OpCode != op || string(f.Payload) != payload {
		s.t.Errorf("opcode %d with %d bytes, want %d with %d", f.Header.OpCode, len(f.Payload), op, len(payload))
		return false
	}
	return true
}

// code returns the payload of a Close frame.
func code(c ws.StatusCode, reason string) string { return string(ws.NewCloseFrameBody(c, reason)) }

// The client sends each message after the reply to the one before, and then a Close frame.
func TestMessages(t *testing.T) {
	for _, count := range []int{0, 1, 3} {
		url, wait := serve(t, func(s *server) {
			for i := range count {
				s.want(ws.OpText, fmt.Sprintf("hello %d", i+1))
				if i == 1 {
					s.send(ws.OpBinary, "\x00\xff")
				} else {
					s.send(ws.OpText, fmt.Sprintf("reply %d", i+1))
				}
			}
			s.want(ws.OpClose, code(1000, ""))
			s.send(ws.OpText, "one more")
			s.send(ws.OpClose, code(1000, "bye"))
		})
		r := looptest.Run(t, run, "-url", url, "-n", fmt.Sprint(count))
		wait()
		want := []string{"CONNECTED to " + url, "SENT hello 1", "RECEIVED reply 1", "SENT hello 2", "RECEIVED 00 ff", "SENT hello 3", "RECEIVED reply 3"}
		want = append(want[:1+2*count], "RECEIVED one more", "CLOSED 1000 normal closure reason=bye")
		if got := texts(t, r.Stdout); r.Status != 0 || r.Stderr != "" || !slices.Equal(got, want) {
			t.Errorf("%d: status %d, stderr %q, log %q, want %q", count, r.Status, r.Stderr, got, want)
		}
	}
}

var logLine = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} INFO  main\.go:\d+  (.*)$`)

// texts returns the messages and attributes of the lines of a log.
func texts(t *testing.T, log string) (all []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		m := logLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Errorf("in the log: %q", line)
			continue
		}
		all = append(all, m[1])
	}
	return all
}

// With -deflate the client offers compression, and uses it if the server agrees.
func TestDeflate(t *testing.T) {
	large := strings.Repeat("all the same ", 2000)
	addr, wait := looptest.Serve(t, func(p *looptest.Peer) {
		if offer := looptest.HeaderValue(p.Request, "Sec-WebSocket-Extensions"); !strings.HasPrefix(offer, "permessage-deflate") {
			t.Errorf("offered %q", offer)
		}
		io.WriteString(p, p.Agreement("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"))
		f, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(large)))
		if err == nil {
			err = ws.WriteFrame(p, f)
		}
		if err == nil {
			f, err = frames.Read(p.In)
		}
		if err != nil || f.Header.Length > int64(len(large)/50) {
			t.Errorf("%+v, %v", f.Header, err)
			return
		}
		if f, err = wsflate.DecompressFrame(ws.UnmaskFrame(f)); err != nil || string(f.Payload) != large {
			t.Errorf("%d bytes, %v", len(f.Payload), err)
		}
		(&server{p, t}).send(ws.OpClose, code(1000, ""))
	})
	r := looptest.Run(t, run, "-echo", "-deflate", "-url", "ws://"+addr)
	wait()
	if r.Status != 0 || r.Stderr != "" {
		t.Errorf("status %d, stderr %q", r.Status, r.Stderr)
	}
}

// With -echo the client sends messages of any size back, until the server closes.
func TestEcho(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<18/16)
	url, wait := serve(t, func(s *server) {
		for _, p := range []string{"", "hi", large[:65536], large} {
			for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary} {
				s.send(op, p)
				s.want(op, p)
			}
		}
		io.WriteString(s, looptest.Frame(0x01, false, -1, "in ")) // the first of two fragments
		s.send(ws.OpPing, "there?")
		s.send(ws.OpContinuation, "parts")
		s.want(ws.OpPong, "there?")
		s.want(ws.OpText, "in parts")
		s.send(ws.OpClose, code(4000, "enough"))
		s.want(ws.OpClose, code(4000, ""))
	})
	r := looptest.Run(t, run, "-url", url, "-echo", "-v", "-n", "5")
	wait()
	if r.Status != 0 || r.Stderr != "" {
		t.Errorf("status %d, stderr %q", r.Status, r.Stderr)
	}
	for _, line := range []string{"ECHOED op=binary bytes=262144\n", "ECHOED op=text bytes=8\n", "GOT op=ping bytes=6\n", "CLOSED 4000 reason=enough\n"} {
		if !strings.Contains(r.Stdout, line) {
			t.Errorf("no %q in\n%s", line, r.Stdout)
		}
	}
}

// If the server does not read the echoes, the client stops reading. When the server reads, it
// gets all echoes.
func TestEchoToSlowServer(t *testing.T) {
	const messages, size = 64, 256 << 10 // 16 MiB: more than the client and the sockets hold
	frame := looptest.Frame(0x82, false, -1, strings.Repeat("x", size))
	url, wait := serve(t, func(s *server) {
		s.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		s.Conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
		rest := []byte(strings.Repeat(frame, messages))
		s.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // long enough for all, if the client took it
		n, err := s.Write(rest)
		if err == nil {
			s.t.Error("the client took everything although nothing was read")
		}
		s.SetWriteDeadline(time.Now().Add(time.Minute))
		go func() {
			s.Write(rest[n:])
			s.send(ws.OpClose, code(1000, ""))
		}()
		for range messages {
			if !s.want(ws.OpBinary, strings.Repeat("x", size)) {
				return
			}
		}
		s.want(ws.OpClose, code(1000, ""))
	})
	r := looptest.Run(t, run, "-url", url, "-echo")
	wait()
	if r.Status != 0 || r.Stderr != "" {
		t.Errorf("status %d, stderr %q", r.Status, r.Stderr)
	}
}

// Wrong usage has status 2 and one line that names the flag. It never shows a password.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "websocket-client", nil, []looptest.Refusal{
		looptest.Wrong("for flag -ca: it is empty", "-ca", ""),
		looptest.Wrong(`invalid value "x" for flag -n`, "-n", "x"),
		looptest.Wrong("-n -1 is negative", "-n", "-1"),
		looptest.Wrong("-max-message 0 is not positive", "-max-message", "0"),
		looptest.Wrong(`-url: reactor: bad URL "nonsense"`, "-url", "nonsense"),
		looptest.Wrong("want scheme ws://", "-url", "http://127.0.0.1/"),
		looptest.Wrong("me:xxxxx@", "-url", "ws://me:s3cret@127.0.0.1:70000/"),
		looptest.Wrong("need a URL with TLS", "-ca", "x"),
		looptest.Wrong("-ca: open no/such", "-ca", "no/such", "-url", "wss://h"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-url", "wss://h"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-url", "wss://h"),
	})
}

func TestBadURL(t *testing.T) {
	addr, err := freeport.Addr() // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	for url, words := range map[string]string{
		"ws://" + addr: "connection refused",
	} {
		looptest.Run(t, run, "-url", url).WantFailure(t, words)
	}
}

// Each way in which a server can make the program fail, and words of the error.
func TestBadServer(t *testing.T) {
	frames := func(f ...string) func(s *server) {
		return func(s *server) { io.WriteString(s, strings.Join(f, "")) }
	}
	closing := func(c ws.StatusCode, reason string) string {
		return looptest.Frame(0x88, false, -1, code(c, reason))
	}
	hi := looptest.Frame(0x81, false, -1, "hi")
	for _, row := range []struct {
		name   string
		args   []string
		script func(s *server)
		words  []string
	}{
		{"end of stream", nil, frames(), []string{"without a Close frame"}},
		{"end after replies", nil, frames(hi, hi), []string{"without a Close frame"}},
		{"end in a frame", nil, frames(hi, hi[:3]), []string{"inside a frame"}},
		{"closed early", nil, frames(hi, closing(1008, "no more")), []string{"1008", `"no more"`, "1 of 2"}},
		{"masked", nil, frames(looptest.Frame(0x81, true, -1, "hi")), []string{"mask"}},
		{"not UTF-8", nil, frames(looptest.Frame(0x81, false, -1, "\xff")), []string{"UTF-8", "1007"}},
		{"too large", []string{"-max-message", "4"}, frames(hi, looptest.Frame(0x82, false, -1, "12345")), []string{"more than 4 bytes", "1009"}},
		{"echo, end of stream", []string{"-echo"}, frames(hi), []string{"without a Close frame"}},
		{"echo, too large", []string{"-echo", "-max-message", "1"}, frames(hi), []string{"more than 1 bytes"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			url, _ := serve(t, row.script)
			looptest.Run(t, run, append([]string{"-n", "2", "-url", url}, row.args...)...).WantFailure(t, row.words...)
		})
	}
	addr, _ := looptest.Serve(t, func(p *looptest.Peer) {
		io.WriteString(p, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	})
	looptest.Run(t, run, "-url", "ws://"+addr).WantFailure(t, "404 Not Found")
}

// The client closes the connection if the server sends nothing when it should.
func TestTimeout(t *testing.T) {
	for name, script := range map[string]func(s *server){
		"no reply": func(s *server) {},
		"no Close": func(s *server) { s.send(ws.OpText, "hi") },
	} {
		wait := func(s *server) {
			script(s)
			io.Copy(io.Discard, s.In)
		}
		// On a busy machine an earlier deadline may pass. Then a longer one shows the same.
		for timeout := 30 * time.Millisecond; ; timeout *= 4 {
			url, _ := serve(t, wait)
			s := &session{url: url, count: 1, maxMessage: 100, timeout: timeout, log: slog.New(slog.DiscardHandler)}
			err := s.loop()
			if err != nil && strings.Contains(err.Error(), "idle") {
				break
			}
			if err == nil || timeout > 10*time.Second {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// SIGINT and SIGTERM end the program.
func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		url, _ := serve(t, func(s *server) { io.Copy(io.Discard, s.In) })
		p := looptest.Start(t, "-url", url)
		p.Await("SENT hello 1")
		p.Signal(sig)
		status, stdout, stderr := p.Wait()
		looptest.Result{Status: status, Stdout: stdout, Stderr: stderr}.WantFailure(t, "interrupted")
	}
}
