package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
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

// agreement is the answer that opens the WebSocket.
func (s *server) agreement() string {
	return looptest.Agreement(looptest.HeaderValue(s.request, "Sec-WebSocket-Key"), "Sec-WebSocket-Protocol: mqtt\r\n")
}

// frame is an unmasked final frame.
func frame(op byte, payload []byte) []byte {
	return []byte(looptest.Frame(0x80|op, false, -1, string(payload)))
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
	before := looptest.TakeStock(t)
	var stdout, stderr bytes.Buffer
	status := run(args, &stdout, &stderr)
	before.Check(t, 1) // the server's end of the connection
	return result{status, stdout.String(), stderr.String()}
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
