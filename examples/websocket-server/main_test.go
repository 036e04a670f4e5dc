package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/rikki-go/rikki/internal/frames"
	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		stderr string // part of it
	}{
		{"help", []string{"-h"}, 0, "Usage of websocket-server"},
		{"unknown flag", []string{"-port", "8000"}, 2, "flag provided but not defined: -port"},
		{"no URL", []string{"-listen"}, 2, "flag needs an argument: -listen"},
		{"argument", []string{"ws://127.0.0.1:0"}, 2, `unexpected argument "ws://127.0.0.1:0"`},
		{"size is no number", []string{"-max-message", "64M"}, 2, `invalid value "64M"`},
		{"size is 0", []string{"-max-message", "0"}, 2, "not positive"},
		{"no scheme", []string{"-listen", "127.0.0.1:0"}, 1, "127.0.0.1:0"},
		{"wrong scheme", []string{"-listen", "mqtt://127.0.0.1:0"}, 1, "want ws://"},
		{"used", []string{"-listen", "ws://" + used}, 1, "address already in use"},
	} {
		t.Run(tc.name, func(t *testing.T) { looptest.WantExit(t, tc.args, tc.status, tc.stderr) })
	}
}

func TestArgs(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want options
	}{
		{nil, options{url: "ws://127.0.0.1:8000", maxMessage: 64 << 20}},
		{[]string{"-listen", "ws://[::1]:1", "-max-message=5", "-deflate", "-v"}, options{url: "ws://[::1]:1", maxMessage: 5, deflate: true, verbose: true}},
	} {
		var got options
		f := flag.NewFlagSet("", flag.ContinueOnError)
		got.flags(f)
		if err := f.Parse(tc.args); err != nil || got != tc.want {
			t.Errorf("%q: %+v, %v", tc.args, got, err)
		}
	}
}

// running is the program and where it listens.
type running struct {
	*looptest.Program
	t    *testing.T
	addr string
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t, Program: looptest.Start(t, append([]string{"-listen", "ws://127.0.0.1:0/any"}, args...)...)}
	r.addr = r.Await(`INFO  main\.go:\d+  listening url=ws://127\.0\.0\.1:0\S* local=(\S+)$`)[1]
	return r
}

// end sends a signal and wants the program to end well.
func (r *running) end(sig os.Signal) {
	r.t.Helper()
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
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, br, _, err := ws.Dial(ctx, "ws://"+r.addr+path)
	if err != nil || br != nil {
		r.t.Fatalf("%s: %v, %v", path, br, err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// ask sends bytes that are no WebSocket handshake and returns the answer.
func (r *running) ask(request string) string {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
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

// TestEcho sends messages of both kinds, at several paths, and what is larger
// than one read.
func TestEcho(t *testing.T) {
	r := start(t, "-v")
	large := bytes.Repeat([]byte("0123456789abcdef"), 300<<10/16)
	for _, path := range []string{"/", "/chat?room=1"} {
		c := r.dial(path)
		for _, p := range [][]byte{nil, []byte("hi"), large} {
			send(t, c, ws.OpText, p)
			receive(t, c, ws.OpText, p)
			send(t, c, ws.OpBinary, p)
			receive(t, c, ws.OpBinary, p)
		}
	}
	r.Await(`DEBUG main\.go:\d+  message id=\d+ op=binary bytes=307200`)
	c := r.dial("/")
	send(t, c, ws.OpClose, ws.NewCloseFrameBody(4001, "so long"))
	receive(t, c, ws.OpClose, ws.NewCloseFrameBody(4001, ""))
	r.Await(`DEBUG main\.go:\d+  closed by the peer id=\d+ code=4001 reason="so long"`)
	r.end(syscall.SIGTERM)
}

// TestPage asks for what is no WebSocket.
func TestPage(t *testing.T) {
	r := start(t)
	for _, tc := range []struct{ request, first, rest string }{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", string(page)},
		{strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2), "HTTP/1.1 200 ", "\r\n\r\n" + string(page)}, // one page, then the end
		{"GET /any HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", string(page)},
		{"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "HTTP/1.1 405 ", "GET\n"},
		{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: close\r\n\r\n", "HTTP/1.1 426 ", "Upgrade: websocket\n"},
	} {
		if got := r.ask(tc.request); !strings.HasPrefix(got, tc.first) || !strings.HasSuffix(got, tc.rest) || strings.Count(got, "<title>") > 1 {
			t.Errorf("%q is answered %q", tc.request, got)
		}
	}
	r.end(os.Interrupt)
}

// TestDeflate: what comes compressed goes back compressed, and without -deflate
// nothing is agreed on.
func TestDeflate(t *testing.T) {
	for _, args := range [][]string{{"-deflate"}, nil} {
		r := start(t, args...)
		d := ws.Dialer{Extensions: []httphead.Option{wsflate.DefaultParameters.Option()}, Timeout: 10 * time.Second}
		c, br, hs, err := d.Dial(context.Background(), "ws://"+r.addr)
		if err != nil || br != nil || len(hs.Extensions) != len(args) {
			t.Fatalf("%q: %v, %v, agreed on %v", args, br, err, hs.Extensions)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		if args != nil {
			large := bytes.Repeat([]byte("all the same "), 10_000)
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
		r.end(os.Interrupt)
	}
}

// TestMaxMessage: what is larger is refused with the code for that.
func TestMaxMessage(t *testing.T) {
	r := start(t, "-max-message", "1000")
	c := r.dial("/")
	send(t, c, ws.OpBinary, make([]byte, 1000))
	receive(t, c, ws.OpBinary, make([]byte, 1000))
	send(t, c, ws.OpBinary, make([]byte, 1001))
	receive(t, c, ws.OpClose, ws.NewCloseFrameBody(ws.StatusMessageTooBig, ""))
	r.Await(`failed .*more than 1000 bytes`)
	r.end(os.Interrupt)
}

// TestSlowReader: one that does not read is not read from, and gets everything
// once it does.
func TestSlowReader(t *testing.T) {
	const messages, size = 256, 256 << 10 // 64 MiB: more than sockets hold
	r := start(t)
	c := r.dial("/")
	failed := make(chan error, 1)
	stalled := make(chan struct{})
	go func() {
		w := &stallWriter{c: c, stalled: stalled}
		for i := range messages {
			p := binary.BigEndian.AppendUint32(make([]byte, 0, size), uint32(i))
			if err := ws.WriteFrame(w, ws.MaskFrame(ws.NewBinaryFrame(p[:size]))); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	select {
	case <-stalled:
	case err := <-failed:
		t.Fatalf("all was taken though nothing was read (%v)", err)
	}
	for i := range messages {
		f, err := frames.Read(c)
		if err != nil || len(f.Payload) != size || binary.BigEndian.Uint32(f.Payload) != uint32(i) {
			t.Fatalf("message %d: %d bytes, %v", i, len(f.Payload), err)
		}
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	r.end(os.Interrupt)
}

// stallWriter writes, and says when it cannot go on for a while.
type stallWriter struct {
	c       net.Conn
	stalled chan struct{}
	said    bool
}

func (w *stallWriter) Write(p []byte) (int, error) {
	if w.said {
		return w.c.Write(p)
	}
	w.c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	n, err := w.c.Write(p)
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	w.said = true
	close(w.stalled)
	w.c.SetWriteDeadline(time.Now().Add(30 * time.Second))
	k, err := w.c.Write(p[n:])
	return n + k, err
}

// TestSignal: the clients are told, their messages answered before, and half a
// request does not hold the program up.
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
			r.ended()
		})
	}
}
