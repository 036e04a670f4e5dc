package main

import (
	"bytes"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"-url"}, {"ws://127.0.0.1"}, {"-topic", "a/#"}, {"-topic", "a/+/b"}, {"-topic", ""}, {"-topic", "\xff"}, {"-hexdump=x"}} {
		if r := client(t, args...); r.Status != 2 || r.Stderr == "" || r.Stdout != "" {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, r.Status, r.Stdout, r.Stderr)
		}
	}
	if r := client(t, "-h"); r.Status != 0 || !strings.Contains(r.Stderr, "-topic") {
		t.Errorf("-h: %+v", r)
	}
}

func TestBadURL(t *testing.T) {
	for url, words := range map[string][]string{
		"nonsense":                         {"bad URL"},
		"http://127.0.0.1/":                {"bad URL", "ws://"},
		"mqtt://127.0.0.1":                 {"bad URL", "ws://"},
		"ws://":                            {"bad URL", "host"},
		"ws://127.0.0.1:70000":             {"bad URL", "port"},
		"ws://127.0.0.1:0":                 {"bad URL", "port"},
		"ws://me:s3cret@127.0.0.1:70000/x": {"bad URL", "port", "me:xxxxx@"},
		"ws://127.0.0.1/#x":                {"bad URL"},
	} {
		t.Run(url, func(t *testing.T) {
			r := client(t, "-url", url)
			r.wantFailure(t, words...)
			if strings.Contains(r.Stderr, "s3cret") {
				t.Error("stderr shows the password")
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	client(t, "-url", "ws://"+l.Addr().String()).wantFailure(t, "connection refused", l.Addr().String())
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
