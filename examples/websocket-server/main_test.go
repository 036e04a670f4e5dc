package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/rikki-go/rikki/internal/frames"
	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. The program does not listen before.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "websocket-server", nil, []looptest.Refusal{
		looptest.Wrong("for flag -client-ca: it is empty", "-client-ca", ""),
		looptest.Wrong(`invalid value "64M" for flag -max-message`, "-max-message", "64M"),
		looptest.Wrong("-max-message 0 is not positive", "-max-message", "0"),
		looptest.Wrong(`-origin: ws: bad pattern "example.com"`, "-origin", "example.com"),
		looptest.Wrong("for flag -conns: it is negative", "-conns", "-1"),
		looptest.Wrong("for flag -handshake: want a time such as 30s", "-handshake", "10"),
		looptest.Wrong("for flag -stall: it is negative; 0 means no limit", "-stall", "-1s"),
		looptest.Wrong("for flag -ping: want a time such as 30s", "-ping", "often"),
		looptest.Wrong("-ping 1µs is less than 1ms", "-ping", "1us"),
		looptest.Wrong(`-listen: reactor: bad URL "127.0.0.1:0"`, "-listen", "127.0.0.1:0"),
		looptest.Wrong("-listen mqtt://127.0.0.1:0: want ws://host:port or wss://host:port", "-listen", "mqtt://127.0.0.1:0"),
		looptest.Wrong("-listen ws://me:xxxxx@127.0.0.1:0: a listener has no user", "-listen", "ws://me:s3cret@127.0.0.1:0"),
		looptest.Wrong("wss://127.0.0.1:0 needs -cert and -key", "-listen", "wss://127.0.0.1:0"),
		looptest.Wrong("-cert, -key and -client-ca need a URL with TLS", "-client-ca", "x"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-listen", "wss://127.0.0.1:0"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-listen", "wss://127.0.0.1:0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", "ws://" + used}, 1, "-listen ws://"+used+": ")
	looptest.WantExit(t, []string{"-listen", "ws://" + used}, 1, "address already in use\n")
}

func TestArgs(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want options
	}{
		{nil, options{url: "ws://127.0.0.1:8000", maxMessage: 16 << 20, handshake: 10 * time.Second, stall: 30 * time.Second, ping: 30 * time.Second}},
		{
			strings.Fields("-listen ws://[::1]:1 -origin a -origin b -max-message=5 -conns 6 -handshake 7s -stall 8s -ping 9s -deflate -v"),
			options{
				url: "ws://[::1]:1", origins: []string{"a", "b"}, maxMessage: 5, conns: 6,
				handshake: 7 * time.Second, stall: 8 * time.Second, ping: 9 * time.Second, deflate: true, verbose: true,
			},
		},
	} {
		var got options
		f := flag.NewFlagSet("", flag.ContinueOnError)
		got.flags(f)
		if err := f.Parse(tc.args); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: %+v, %v", tc.args, got, err)
		}
	}
}

// running is the program and the address that it listens on.
type running struct {
	*looptest.Program
	t     *testing.T
	addr  string
	conns []net.Conn // of dial
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t, Program: looptest.Start(t, append([]string{"-listen", "ws://127.0.0.1:0/any"}, args...)...)}
	r.addr = r.Await(`INFO  main\.go:\d+  listening url=ws://127\.0\.0\.1:0\S* local=(\S+)$`)[1]
	return r
}

// end closes the connections, because the program would wait for them, and sends a signal. The
// program must end without an error.
func (r *running) end(sig os.Signal) {
	r.t.Helper()
	for _, c := range r.conns {
		c.Close()
	}
	r.Signal(sig)
	r.ended()
}

func (r *running) ended() {
	r.t.Helper()
	r.Await(`INFO .* stopping`)
	r.WantEnd()
}

// dial opens a WebSocket.
func (r *running) dial(path string) net.Conn {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, br, _, err := ws.Dial(ctx, "ws://"+r.addr+path)
	if err != nil || br != nil {
		r.t.Fatalf("%s: %v, %v", path, br, err)
	}
	r.t.Cleanup(func() { c.Close() })
	r.conns = append(r.conns, c)
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// ask sends a request that is no WebSocket handshake and returns the answer.
func (r *running) ask(request string) string {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, request); err != nil {
		r.t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(answer)
}

func send(t *testing.T, c net.Conn, op ws.OpCode, p []byte) {
	t.Helper()
	if err := ws.WriteFrame(c, ws.MaskFrame(ws.NewFrame(op, true, bytes.Clone(p)))); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c net.Conn, op ws.OpCode, want []byte) {
	t.Helper()
	f, err := frames.Read(c)
	if err != nil || f.Header.OpCode != op || !f.Header.Fin || !bytes.Equal(f.Payload, want) {
		t.Fatalf("got %+v, %v; want opcode %#x and %d bytes", f.Header, err, op, len(want))
	}
}

// TestEcho sends text and binary messages at several paths. The largest takes several reads.
func TestEcho(t *testing.T) {
	r := start(t, "-v")
	large := bytes.Repeat([]byte("0123456789abcdef"), 100<<10/16)
	for _, path := range []string{"/", "/chat?room=1"} {
		c := r.dial(path)
		for _, p := range [][]byte{nil, []byte("hi"), large} {
			send(t, c, ws.OpText, p)
			receive(t, c, ws.OpText, p)
			send(t, c, ws.OpBinary, p)
			receive(t, c, ws.OpBinary, p)
		}
	}
	r.Await(`DEBUG main\.go:\d+  message id=\d+ op=binary bytes=102400`)
	c := r.dial("/")
	send(t, c, ws.OpClose, ws.NewCloseFrameBody(4001, "so long"))
	receive(t, c, ws.OpClose, ws.NewCloseFrameBody(4001, ""))
	r.Await(`DEBUG main\.go:\d+  closed by the peer id=\d+ code=4001 reason="so long"`)
	r.end(syscall.SIGTERM)
}

// TestPage sends requests that do not ask for a WebSocket.
func TestPage(t *testing.T) {
	r := start(t)
	for _, tc := range []struct{ request, first, rest string }{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", string(page)},
		{strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2), "HTTP/1.1 200 ", "\r\n\r\n" + string(page)}, // one page, then the end of stream
		{"GET /any HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", string(page)},
		{"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n"},
		{strings.Repeat("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 2), "HTTP/1.1 405 ", "GET\n"}, // one answer
		{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: close\r\n\r\n", "HTTP/1.1 426 ", "Upgrade: websocket\n"},
	} {
		if got := r.ask(tc.request); !strings.HasPrefix(got, tc.first) || !strings.HasSuffix(got, tc.rest) || strings.Count(got, "HTTP/1.1 ") > 1 {
			t.Errorf("%q is answered %q", tc.request, got)
		}
	}
	r.end(os.Interrupt)
}

// With -deflate the server compresses the echo of a compressed message. Without it the server
// agrees to no extension.
func TestDeflate(t *testing.T) {
	for _, args := range [][]string{{"-deflate"}, nil} {
		r := start(t, args...)
		d := ws.Dialer{Timeout: time.Minute}
		d.Extensions = append(d.Extensions, wsflate.DefaultParameters.Option())
		c, br, hs, err := d.Dial(context.Background(), "ws://"+r.addr)
		if err != nil || br != nil || len(hs.Extensions) != len(args) {
			t.Fatalf("%q: %v, %v, agreed on %v", args, br, err, hs.Extensions)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		if args != nil {
			large := bytes.Repeat([]byte("all the same "), 2000)
			f, err := wsflate.CompressFrame(ws.NewTextFrame(large))
			if err == nil {
				err = ws.WriteFrame(c, ws.MaskFrame(f))
			}
			if err == nil {
				f, err = frames.Read(c)
			}
			if err != nil || f.Header.Length > int64(len(large)/50) {
				t.Fatalf("%+v, %v", f.Header, err)
			}
			if f, err = wsflate.DecompressFrame(f); err != nil || !bytes.Equal(f.Payload, large) {
				t.Errorf("%d bytes, %v", len(f.Payload), err)
			}
		}
		c.Close()
		r.end(os.Interrupt)
	}
}

// A message above -max-message is refused with Close code 1009.
func TestMaxMessage(t *testing.T) {
	r := start(t, "-max-message", "1000")
	c := r.dial("/")
	send(t, c, ws.OpBinary, make([]byte, 1000))
	receive(t, c, ws.OpBinary, make([]byte, 1000))
	send(t, c, ws.OpBinary, make([]byte, 1001))
	receive(t, c, ws.OpClose, ws.NewCloseFrameBody(ws.StatusMessageTooBig, ""))
	r.Await(`connection failed id=\d+ remote=127\.0\.0\.1:\d+ error=.*more than 1000 bytes`)
	r.end(os.Interrupt)
}

// After a signal the clients get a Close frame behind the answers to their messages. A
// connection with half a request does not delay the end.
func TestSignal(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			r := start(t)
			half, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer half.Close()
			io.WriteString(half, "GET / HTTP/1.1\r\n")
			c := r.dial("/")
			send(t, c, ws.OpText, []byte("hi"))
			receive(t, c, ws.OpText, []byte("hi"))
			r.Signal(sig)
			receive(t, c, ws.OpClose, ws.NewCloseFrameBody(ws.StatusGoingAway, ""))
			send(t, c, ws.OpClose, ws.NewCloseFrameBody(ws.StatusGoingAway, ""))
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				t.Errorf("behind the Close frame: %x, %v", rest, err)
			}
			c.Close()
			if rest, err := io.ReadAll(half); err != nil || len(rest) > 0 {
				t.Errorf("half a request is answered %q, %v", rest, err)
			}
			half.Close()
			r.ended()
		})
	}
}
