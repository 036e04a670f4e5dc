package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
)

// Wrong usage has status 2 and one line that names the flag. It never shows a password.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "mqtt-over-ws-client", []string{"-message"}, []looptest.Refusal{
		looptest.Wrong(`-topic "a/#" is not valid`, "-topic", "a/#"),
		looptest.Wrong(`-topic "a/+/b" is not valid`, "-topic", "a/+/b"),
		looptest.Wrong(`-topic "" is not valid`, "-topic", ""),
		looptest.Wrong(`-topic "\xff" is not valid`, "-topic", "\xff"),
		looptest.Wrong("-user or -password: mqtt: CONNECT: ", "-password", "s3cret"),
		looptest.Wrong("-user or -password: mqtt: CONNECT: ", "-user", "\xff", "-password", "s3cret"),
		looptest.Wrong("-tls is for the program's own broker", "-tls", "-url", "ws://h"),
		looptest.Wrong("need a URL with TLS", "-ca", "x"),
		looptest.Wrong("-ca: open no/such", "-ca", "no/such", "-url", "wss://h"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x", "-url", "wss://h"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x", "-url", "wss://h"),
		looptest.Wrong(`-url: reactor: bad URL "nonsense"`, "-url", "nonsense"),
		looptest.Wrong("want scheme ws://", "-url", "http://127.0.0.1/"),
		looptest.Wrong("want scheme ws://", "-url", "mqtt://127.0.0.1"),
		looptest.Wrong("host", "-url", "ws://"),
		looptest.Wrong("port", "-url", "ws://127.0.0.1:70000"),
		looptest.Wrong("port", "-url", "ws://127.0.0.1:0"),
		looptest.Wrong("me:xxxxx@", "-url", "ws://me:s3cret@127.0.0.1:70000/x"),
		looptest.Wrong("bad URL", "-url", "ws://127.0.0.1/#x"),
	})
}

func TestNoServer(t *testing.T) {
	addr, err := freeport.Addr() // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	client(t, "-url", "ws://"+addr).wantFailure(t, "connection refused", addr)
	client(t, "-url", "ws://no-such-host.invalid/mqtt").wantFailure(t, "no-such-host.invalid")
}

// Each way in which a broker can make the program fail, and words of the error.
func TestBadServer(t *testing.T) {
	raw := func(answer string) func(s *server) { return func(s *server) { s.Write([]byte(answer)) } }
	edited := func(old, new string) func(s *server) {
		return func(s *server) { s.Write([]byte(strings.Replace(s.agreement(), old, new, 1))) }
	}
	messages := func(m ...[]byte) func(s *server) { return func(s *server) { s.open(m...) } }
	frames := func(f ...[]byte) func(s *server) {
		return func(s *server) { s.Write(append([]byte(s.agreement()), slices.Concat(f...)...)) }
	}
	for _, row := range []struct {
		name   string
		script func(s *server)
		words  []string
	}{
		{"200", raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), []string{"200"}},
		{"301", raw("HTTP/1.1 301 Moved Permanently\r\nLocation: ws://elsewhere/\r\nContent-Length: 0\r\n\r\n"), []string{"301", "ws://elsewhere/"}},
		{"404", raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), []string{"404", "Not Found"}},
		{"no HTTP", raw("SSH-2.0-OpenSSH_9.9\r\n\r\n"), []string{"handshake"}},
		{"nothing", raw(""), []string{"handshake", "EOF"}},
		{"wrong accept", edited("Accept: ", "Accept: x"), []string{"Sec-WebSocket-Accept"}},
		{"no accept", edited("Sec-WebSocket-Accept", "X-Accept"), []string{"Sec-WebSocket-Accept"}},
		{"no upgrade", edited("Upgrade: websocket", "Upgrade: h2c"), []string{"Upgrade"}},
		{"no connection", edited("Connection: Upgrade", "Connection: close"), []string{"Connection"}},
		{"subprotocol", edited("Protocol: mqtt", "Protocol: soap"), []string{"soap"}},
		{"endless header", func(s *server) {
			s.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nX-Endless: "))
			for x := bytes.Repeat([]byte("x"), 4096); ; {
				if _, err := s.Write(x); err != nil {
					return
				}
			}
		}, []string{"handshake", "header"}},
		{"endless headers", func(s *server) {
			s.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n"))
			for x := bytes.Repeat([]byte("X-Y: z\r\n"), 512); ; {
				if _, err := s.Write(x); err != nil {
					return
				}
			}
		}, []string{"handshake", "header"}},

		{"refused 1", messages(unhex("20 02 00 01")), []string{"Unacceptable protocol version"}},
		{"refused 2", messages(unhex("20 02 00 02")), []string{"Identifier rejected"}},
		{"refused 3", messages(unhex("20 02 00 03")), []string{"Server unavailable"}},
		{"refused 4", messages(unhex("20 02 00 04")), []string{"Bad user name or password"}},
		{"refused 5", messages(unhex("20 02 00 05")), []string{"Not authorized"}},
		{"refused 6", messages(unhex("20 02 00 06")), []string{"CONNACK"}},

		{"malformed type", messages(connack, unhex("00 00")), []string{"Malformed", "reserved"}},
		{"malformed QoS 3", messages(connack, unhex("36")), []string{"Malformed", "PUBLISH"}},
		{"malformed length", messages(connack, unhex("30 ff ff ff ff 01")), []string{"remaining length"}},
		{"malformed in pieces", messages(connack, unhex("30"), unhex("05 00"), []byte("\x03a/#")), []string{"wildcard"}},
		{"oversized", messages(connack, unhex("30 ff ff ff 7f 00 01"), make([]byte, maxPacket)), []string{"too large", "1048576"}},
		{"oversized, header alone", messages(connack, unhex("30 ff ff ff 7f")), []string{"too large"}},

		{"text", frames(frame(1, connack)), []string{"text", "MQTT-6.0.0-1"}},
		{"text later", frames(binaries(connack), frame(1, nil)), []string{"text"}},
		{"masked", frames([]byte{0x82, 0x84, 1, 2, 3, 4, 0x21, 0, 3, 4}), []string{"mask"}},
		{"reserved opcode", frames([]byte{0x83, 0}), []string{"opcode"}},
		{"close frame", frames(frame(8, unhex("03 e8"))), nil},
		{"end before CONNACK", messages(), nil},
		{"end before PUBLISH", messages(connack, suback), nil},
		{"packet cut", messages(connack, suback, publish[:17]), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			client(t, "-url", serve(t, row.script)).wantFailure(t, row.words...)
		})
	}
}

// The server closes the connection after each byte of its stream.
func TestCutAnywhere(t *testing.T) {
	for at := 0; ; at++ {
		size := 0
		url, wait := serveAndWait(t, func(s *server) {
			stream := append([]byte(s.agreement()), binaries(connack, suback, puback, publish)...)
			size = len(stream)
			s.Write(stream[:min(at, size)])
		})
		r := client(t, "-url", url)
		wait()
		if at >= size {
			wantSuccess(t, r)
			return
		}
		if r.wantFailure(t); t.Failed() {
			t.Fatalf("closed after %d of %d bytes", at, size)
		}
	}
}

// The output never contains the password.
func TestPasswordIsNeverShown(t *testing.T) {
	for _, code := range []byte{0, 4} {
		for _, inURL := range []bool{false, true} {
			url := serve(t, func(s *server) { s.open([]byte{0x20, 2, 0, code}, suback, publish) })
			args := []string{"-v", "-hexdump", "-user", "me", "-password", "s3cret", "-url", url}
			if inURL {
				args = []string{"-v", "-url", strings.Replace(url, "ws://", "ws://me:s3cret@", 1)}
			}
			r := client(t, args...)
			if out := r.Stdout + r.Stderr; strings.Contains(out, "s3cret") || inURL && code == 0 && !strings.Contains(out, "CONNECTED to ws://me:xxxxx@") {
				t.Errorf("code %d, in URL %v:\n%s", code, inURL, out)
			}
		}
	}
}

// SIGINT and SIGTERM close the connection and end the program, before and after the login.
func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		for _, open := range []bool{false, true} {
			arrived := make(chan struct{})
			url := serve(t, func(s *server) {
				if open {
					s.open(connack)
				} else {
					close(arrived)
				}
				s.In.Peek(1 << 12) // waits until the client has closed
			})
			p := looptest.Start(t, "-v", "-url", url)
			if open {
				p.Await("PUBLISHED")
			} else {
				<-arrived
			}
			p.Signal(sig)
			var r result
			r.Status, r.Stdout, r.Stderr = p.Wait()
			r.wantFailure(t)
			if r.Stderr != "mqtt-over-ws-client: interrupted\n" || !strings.Contains(r.Stdout, "closed") { // EvClose was raised
				t.Errorf("%v: stderr %q, stdout\n%s", sig, r.Stderr, r.Stdout)
			}
		}
	}
}
