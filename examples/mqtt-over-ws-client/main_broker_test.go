package main

import (
	"encoding/hex"
	"io"
	"strings"
	"testing"

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

// The broker's packets in a session without errors.
var (
	connack = unhex("20 02 00 00")
	suback  = unhex("90 03 00 01 01")
	puback  = unhex("40 02 00 02")
	publish = append(unhex("32 10 00 07"), "mg/test\x00\x01hello"...)
)

// server is a scripted broker for one connection.
type server struct{ *looptest.Peer }

// serve runs the script with the first connection to the URL that it returns, and then reads
// until the client has closed.
func serve(t *testing.T, script func(s *server)) (url string) {
	t.Helper()
	url, _ = serveAndWait(t, script)
	return url
}

// serveAndWait is serve. wait blocks until the script has ended.
func serveAndWait(t *testing.T, script func(s *server)) (url string, wait func()) {
	t.Helper()
	addr, wait := looptest.Serve(t, func(p *looptest.Peer) { script(&server{p}) })
	return "ws://" + addr + "/mqtt", wait
}

// agreement returns the answer that opens the WebSocket.
func (s *server) agreement() string { return s.Agreement("Sec-WebSocket-Protocol: mqtt\r\n") }

// frame returns an unmasked final frame.
func frame(op byte, payload []byte) []byte {
	return []byte(looptest.Frame(0x80|op, false, -1, string(payload)))
}

func binaries(payloads ...[]byte) (out []byte) {
	for _, p := range payloads {
		out = append(out, frame(2, p)...)
	}
	return out
}

// open accepts the WebSocket and sends messages at once.
func (s *server) open(messages ...[]byte) {
	s.Write(append([]byte(s.agreement()), binaries(messages...)...))
}

// message reads a binary message, which must be masked [RFC 6455 5.1].
func (s *server) message() []byte { return s.frame(0x82) }

// frame reads a frame that begins with first, and returns its payload.
func (s *server) frame(first byte) []byte {
	var h [6]byte
	if _, err := io.ReadFull(s.In, h[:]); err != nil || h[0] != first || h[1] < 0x80 || h[1] > 0x80+125 {
		return nil
	}
	p := make([]byte, h[1]&0x7f)
	if _, err := io.ReadFull(s.In, p); err != nil {
		return nil
	}
	for i := range p {
		p[i] ^= h[2+i%4]
	}
	return p
}

// result is the status and the output of a run.
type result struct{ looptest.Result }

// client runs the program in this process and checks for leaks.
func client(t *testing.T, args ...string) result {
	t.Helper()
	return result{looptest.Run(t, run, args...)}
}

// wantFailure wants status 1, and one line on stderr that contains the words.
func (r result) wantFailure(t *testing.T, words ...string) {
	t.Helper()
	r.WantFailure(t, words...)
	if strings.Contains(r.Stdout, "RECEIVED") {
		t.Errorf("the program received the message:\n%s", r.Stdout)
	}
}
