package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// unhex turns "20 02" into bytes.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// A conversation that ends well: CONNACK, SUBACK, PUBACK and the PUBLISH.
var (
	connack = unhex("20 02 00 00")
	suback  = unhex("90 03 00 01 01")
	puback  = unhex("40 02 00 02")
	publish = append(unhex("32 10 00 07"), "mg/test\x00\x01hello"...)
)

// server is a scripted broker for one connection.
type server struct {
	net.Conn
	in      *bufio.Reader
	request string
}

// serve runs the script with the first connection to the URL it returns, and
// then reads until the client is gone.
func serve(t *testing.T, script func(s *server)) (url string) {
	t.Helper()
	url, _ = serveAndWait(t, script)
	return url
}

// serveAndWait is serve with a function that waits for the script's end.
func serveAndWait(t *testing.T, script func(s *server)) (url string, wait func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		s := &server{Conn: c, in: bufio.NewReader(c)}
		for !strings.HasSuffix(s.request, "\r\n\r\n") {
			line, err := s.in.ReadString('\n')
			if s.request += line; err != nil {
				return
			}
		}
		script(s)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, s.in)
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "ws://" + l.Addr().String() + "/mqtt", func() { <-done }
}

// header returns the value of one of the request's headers.
func (s *server) header(name string) string {
	for _, line := range strings.Split(s.request, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

// agreement is the answer that opens the WebSocket [RFC 6455 4.2.2].
func (s *server) agreement() string {
	sum := sha1.Sum([]byte(s.header("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
}

// frame is an unmasked final frame [RFC 6455 5.2].
func frame(op byte, payload []byte) []byte {
	f := []byte{0x80 | op}
	if len(payload) < 126 {
		f = append(f, byte(len(payload)))
	} else {
		f = binary.BigEndian.AppendUint64(append(f, 127), uint64(len(payload)))
	}
	return append(f, payload...)
}

func binaries(payloads ...[]byte) (out []byte) {
	for _, p := range payloads {
		out = append(out, frame(2, p)...)
	}
	return out
}

// open agrees, and sends messages at once.
func (s *server) open(messages ...[]byte) {
	s.Write(append([]byte(s.agreement()), binaries(messages...)...))
}

// message reads a binary message, which must be masked [RFC 6455 5.1].
func (s *server) message() []byte {
	var h [6]byte
	if _, err := io.ReadFull(s.in, h[:]); err != nil || h[0] != 0x82 || h[1] < 0x80 || h[1] > 0x80+125 {
		return nil
	}
	p := make([]byte, h[1]&0x7f)
	if _, err := io.ReadFull(s.in, p); err != nil {
		return nil
	}
	for i := range p {
		p[i] ^= h[2+i%4]
	}
	return p
}

// result is what a run left behind.
type result struct {
	status         int
	stdout, stderr string
}

// client runs the program here and looks for leaks.
func client(t *testing.T, args ...string) result {
	t.Helper()
	files, routines := openFiles(), runtime.NumGoroutine()
	var stdout, stderr bytes.Buffer
	status := run(args, &stdout, &stderr)
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > routines; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), routines, buf[:runtime.Stack(buf, true)])
			break
		}
	}
	if now := openFiles(); now > files+1 { // the server's end of the connection
		t.Errorf("%d descriptors, %d before", now, files)
	}
	return result{status, stdout.String(), stderr.String()}
}

func openFiles() int {
	entries, _ := os.ReadDir("/dev/fd")
	return len(entries)
}

// wantFailure wants status 1 and one line on stderr that has the words.
func (r result) wantFailure(t *testing.T, words ...string) {
	t.Helper()
	if r.status != 1 {
		t.Errorf("status %d, want 1", r.status)
	}
	if strings.Count(r.stderr, "\n") != 1 || !strings.HasSuffix(r.stderr, "\n") || len(r.stderr) < 5 {
		t.Errorf("stderr is not one line: %q", r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("stderr %q does not say %q", r.stderr, w)
		}
	}
	if strings.Contains(r.stdout, "RECEIVED") {
		t.Errorf("the message came all the same:\n%s", r.stdout)
	}
	if reason := strings.TrimSpace(r.stderr); strings.Contains(r.stdout, "panic") || strings.Contains(r.stdout, reason) {
		t.Errorf("stdout:\n%s", r.stdout)
	}
}
