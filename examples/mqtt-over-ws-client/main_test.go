package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"testing"

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

var logLine = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} (DEBUG|INFO |WARN |ERROR) [a-z_]+\.go:\d+  (.*)$`)

// texts returns the messages and attributes of the log lines. Each line must begin with time,
// level and file:line.
func texts(t *testing.T, stdout string) (list []string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(stdout, "\n"), "\n") {
		m := logLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no log line: %q", line)
			continue
		}
		list = append(list, m[2])
	}
	return list
}

var wantLog = []string{
	"Connected to WS. Logging in to MQTT...",
	"GOT 4 bytes WS msg",
	"CONNECTED to URL",
	"SUBSCRIBED to mg/test",
	"PUBLISHED hello -> mg/test",
	"GOT 5 bytes WS msg",
	"GOT 18 bytes WS msg",
	"RECEIVED hello <- mg/test",
}

func wantSuccess(t *testing.T, r result) {
	t.Helper()
	if r.Status != 0 || r.Stderr != "" {
		t.Errorf("status %d, stderr %q", r.Status, r.Stderr)
	}
	if !strings.Contains(r.Stdout, "RECEIVED hello <- mg/test\n") {
		t.Errorf("stdout:\n%s", r.Stdout)
	}
}

// Without -url the program uses its own broker. Its log is the one in the tutorial.
func TestEmbeddedBroker(t *testing.T) {
	r := client(t)
	wantSuccess(t, r)
	got := texts(t, r.Stdout)
	for i, text := range got {
		if strings.HasPrefix(text, "CONNECTED to ws://127.0.0.1:") && strings.HasSuffix(text, "/mqtt") {
			got[i] = "CONNECTED to URL"
		}
	}
	if n := len(wantLog); len(got) == n+1 && got[n] == "GOT 4 bytes WS msg" {
		got = got[:n] // the broker may send PUBACK after the message
	}
	if !slices.Equal(got, wantLog) {
		t.Errorf("log\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantLog, "\n"))
	}
}

func TestTopicAndMessage(t *testing.T) {
	for _, message := range []string{"", "one\ntwo", strings.Repeat("long", 30000), "\x00\xff%d"} {
		r := client(t, "-topic", "x/y", "-message", message)
		if r.Status != 0 || r.Stderr != "" {
			t.Errorf("%.20q: status %d, stderr %q", message, r.Status, r.Stderr)
		}
		want := fmt.Sprintf("GOT %d bytes WS msg", 2+2+3+2+len(message))
		if len(message) < 100 && !slices.Contains(texts(t, r.Stdout), want) {
			t.Errorf("%q: no %q in\n%s", message, want, r.Stdout)
		}
	}
}

// The bytes that the program sends, and their WebSocket messages. At the end are DISCONNECT, so
// that the broker does not publish the will, and a Close frame [RFC 6455 7.1.1].
func TestBytesSent(t *testing.T) {
	var sent [][]byte
	rest := []byte("nothing read")
	url, wait := serveAndWait(t, func(s *server) {
		s.open()
		sent = append(sent, s.message())
		s.Write(binaries(connack))
		sent = append(sent, s.message(), s.message())
		s.Write(binaries(suback, puback, publish))
		sent = append(sent, s.message(), s.message(), s.frame(0x88))
		s.Write(frame(8, unhex("03 e8")))
		s.Conn.(*net.TCPConn).CloseWrite()
		rest, _ = io.ReadAll(s.In)
	})
	wantSuccess(t, client(t, "-url", url, "-user", "me", "-password", "s3cret"))
	wait()
	if len(sent) != 6 || len(rest) > 0 {
		t.Fatalf("%d messages, then % x", len(sent), rest)
	}
	connect := sent[0]
	will := "\x00\x07mg/test\x00\x07goodbye\x00\x02me\x00\x06s3cret"
	if len(connect) < 14 || connect[0] != 0x10 || !bytes.Equal(connect[2:10], append([]byte("\x00\x04MQTT\x04"), 0xce)) ||
		!bytes.HasSuffix(connect, []byte(will)) {
		t.Errorf("CONNECT % x", connect)
	}
	for i, want := range [][]byte{
		append(append(unhex("82 0c 00 01 00 07"), "mg/test"...), 1),
		append(unhex("32 10 00 07"), "mg/test\x00\x02hello"...),
		unhex("40 02 00 01"),
		unhex("e0 00"),
		unhex("03 e8"), // in the Close frame
	} {
		if !bytes.Equal(sent[i+1], want) {
			t.Errorf("message %d: % x, want % x", i+1, sent[i+1], want)
		}
	}
}

// A packet may span several messages, and a message may hold several packets [MQTT-6.0.0-2].
func TestSplitMessages(t *testing.T) {
	all := slices.Concat(connack, suback, puback, publish)
	try := func(name string, messages ...[]byte) {
		t.Run(name, func(t *testing.T) {
			wantSuccess(t, client(t, "-url", serve(t, func(s *server) { s.open(messages...) })))
		})
	}
	try("one", all)
	try("a byte each", slices.Collect(slices.Chunk(all, 1))...)
	try("empty ones", nil, connack, nil, suback, publish[:7], nil, publish[7:])
	for at := 1; at < len(all); at++ {
		try(fmt.Sprintf("split at %d", at), all[:at], all[at:])
	}
}

// The program does not answer a message at QoS 0. It sends no empty WebSocket message either:
// DISCONNECT comes next.
func TestQoS0(t *testing.T) {
	rest := []byte("nothing read")
	url, wait := serveAndWait(t, func(s *server) {
		s.open(connack, suback, append([]byte{0x30, 14, 0, 7}, "mg/testhello"...))
		s.message()
		s.message()
		s.message()
		rest = s.message()
	})
	wantSuccess(t, client(t, "-url", url))
	wait()
	if !bytes.Equal(rest, unhex("e0 00")) {
		t.Errorf("a message of % x after PUBLISH, want DISCONNECT", rest)
	}
}

// Once the message came the status is 0, even if the broker then breaks the protocol.
func TestAfterReceived(t *testing.T) {
	for name, after := range map[string][]byte{
		"text":     frame(1, []byte("hi")),
		"reserved": {0xff, 0xff},
		"masked":   {0x82, 0x80, 1, 2, 3, 4},
		"cut":      {0x82, 5, 1},
		"close":    frame(8, unhex("03 e8")),
		"packets":  binaries(publish, unhex("00 00")),
	} {
		t.Run(name, func(t *testing.T) {
			wantSuccess(t, client(t, "-url", serve(t, func(s *server) {
				s.Write(slices.Concat([]byte(s.agreement()), binaries(connack, suback, publish), after))
			})))
		})
	}
}

// -hexdump logs the bytes, including those of the handshake.
func TestHexdump(t *testing.T) {
	r := client(t, "-hexdump")
	wantSuccess(t, r)
	for _, want := range []string{"47 45 54 20 2f 6d 71 74  74 20 48 54 54 50", "|GET /mqtt HTTP/1|", "|HTTP/1.1 101 Swi|", "82 04 20 02 00 00"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("no %q in\n%s", want, r.Stdout)
		}
	}
	if r := client(t); strings.Contains(r.Stdout, "|GET") {
		t.Error("bytes are logged without -hexdump")
	}
}

// -v logs more.
func TestVerbose(t *testing.T) {
	r := client(t, "-v")
	wantSuccess(t, r)
	if !strings.Contains(r.Stdout, " DEBUG ") || !strings.Contains(r.Stdout, "closed") {
		t.Errorf("stdout:\n%s", r.Stdout)
	}
	texts(t, r.Stdout)
}
