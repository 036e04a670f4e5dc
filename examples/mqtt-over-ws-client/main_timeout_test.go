package main

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// If the broker refuses the subscription, the program fails at once. It does not wait for the
// message.
func TestSubscriptionRefused(t *testing.T) {
	for _, together := range []bool{false, true} {
		client(t, "-topic", "a/b", "-url", serve(t, func(s *server) {
			refusal := unhex("90 03 00 01 80")
			if together {
				s.open(append(bytes.Clone(connack), refusal...))
			} else {
				s.open(connack, refusal)
			}
			s.In.Peek(1 << 12) // waits until the client has closed
		})).wantFailure(t, "refused", "subscription", "a/b")
	}
}

// The program fails after its timeout if the broker stops at any point before the message.
func TestTimeout(t *testing.T) {
	for name, script := range map[string]func(s *server){
		"no handshake":    func(*server) {},
		"no CONNACK":      func(s *server) { s.open() },
		"no SUBACK":       func(s *server) { s.open(connack) },
		"no PUBLISH":      func(s *server) { s.open(connack, suback, puback) },
		"half of PUBLISH": func(s *server) { s.open(connack, suback, publish[:9]) },
		"half a header":   func(s *server) { s.Write([]byte("HTTP/1.1 101 Switch")) },
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(s *server) {
				script(s)
				s.In.Peek(1 << 12)
			})
			before := looptest.TakeStock(t)
			var log bytes.Buffer
			s := &session{url: url, topic: "a/b", message: "hello", timeout: 30 * time.Millisecond, log: termlog.New(&log, slog.LevelInfo)}
			looptest.WantErr(t, s.loop(), nil, "the message did not come back within 30ms")
			before.Check(t, 1) // the server's end of the connection
		})
	}
}
