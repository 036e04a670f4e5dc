package reactor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// logged makes a manager that logs into a buffer.
func logged(t *testing.T, level slog.Level) (*reactor.Manager, *bytes.Buffer) {
	var log bytes.Buffer
	h := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level})
	return newManager(t, reactor.WithLogger(slog.New(h))), &log
}

// Accepted connections inherit the hexdump. It shows each byte that is read and written
// once.
func TestHexdump(t *testing.T) {
	m, log := logged(t, slog.LevelInfo)
	l := listen(t, m, "tcp://127.0.0.1:0", echo)
	l.SetHexdump(true)
	p := looptest.DialSocket(t, l.LocalAddr())
	spin(t, m, 2)
	p.WriteString("Hello, hexdump")
	await(t, m, "the echo", p.Received("Hello, hexdump"))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("log %q, want two records", log)
	}
	local, remote := looptest.BoundAddr(t, p.FD), l.LocalAddr()
	for i, what := range []string{"msg=read", "msg=write"} {
		for _, want := range []string{
			"level=INFO", what, "bytes=14", "id=2", "local=" + remote.String(), "remote=" + local.String(),
			"48 65 6c 6c 6f 2c 20 68", "|Hello, hexdump|",
		} {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%q lacks %q", lines[i], want)
			}
		}
	}
	log.Reset()
	for c := range m.Conns() {
		c.SetHexdump(false)
	}
	p.WriteString("quiet")
	await(t, m, "the echo", p.Received("Hello, hexdumpquiet"))
	if log.Len() > 0 {
		t.Errorf("log %q after SetHexdump(false)", log)
	}
}

// The hexdump of a datagram names its sender or its receiver.
func TestHexdumpOfDatagrams(t *testing.T) {
	m, log := logged(t, slog.LevelInfo)
	reads := 0
	l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			reads++
			fmt.Fprintf(c, "to %s", c.Recv.Bytes())
		}
	})
	l.SetHexdump(true)
	var want []string
	for i := range 2 {
		p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		if err := unix.Sendto(p.FD, []byte{byte('0' + i)}, 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		want = append(want, at.String())
	}
	await(t, m, "both", func() bool { return reads == 2 })
	spin(t, m, 2)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("log %q, want four records", log)
	}
	for _, line := range lines {
		n := 0
		if strings.Contains(line, "|1|") || strings.Contains(line, "|to 1|") {
			n = 1
		}
		if !strings.Contains(line, "remote="+want[n]+" ") {
			t.Errorf("%q does not name %s", line, want[n])
		}
	}
}

// Without a hexdump nothing above level Debug is logged in an ordinary life of a
// connection.
func TestQuietLog(t *testing.T) {
	m, log := logged(t, slog.LevelInfo)
	r := &recorder{}
	c := connected(t, m, "tcp4", echo, r.Handle)
	c.Write([]byte("x"))
	await(t, m, "the echo", r.Saw(reactor.EvRead))
	c.Drain()
	await(t, m, "EvClose", r.Closed)
	m.Close()
	if log.Len() > 0 {
		t.Errorf("log %q", log)
	}
}

// A log record names the layers, the lowest first. Without layers it has no such attribute.
func TestLogNamesTheProtocol(t *testing.T) {
	for layers, want := range map[int]string{0: "network=fd error=", 1: "protocol=reactor_test ", 2: "protocol=reactor_test/reactor_test "} {
		m, _, log := recorded(t)
		c, _ := wrap(t, m, nil)
		for range layers {
			c.Stack().Push(&indifferent{})
		}
		c.SetRecorder(&reactor.Recorder{Entries: 1})
		c.Fail(errors.New("x"))
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s lacks %s", log, want)
		}
	}
}

// Log records and errors of a client that was never connected name its network.
func TestNetworkOfAClientNeverConnected(t *testing.T) {
	nobody := resolverFunc(func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("nobody") })
	_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, -1) // a stream socket that does not listen
	for _, test := range []struct{ url, network string }{
		{"tcp://" + at.String(), "tcp"},
		{"tcp://host.test:1", "tcp"},
		{"udp://host.test:1", "udp"},
		{"unix://" + t.TempDir() + "/nobody", "unix"},
	} {
		for _, early := range []bool{false, true} {
			var log bytes.Buffer
			h := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
			m := newManager(t, reactor.WithLogger(slog.New(h)), reactor.WithResolver(nobody))
			r := &recorder{}
			c := dial(t, m, test.url, r.Handle)
			if early {
				c.Close()
			}
			await(t, m, "EvClose", r.Closed)
			want, found := " network="+test.network, false
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "msg=closed") {
					found = strings.Contains(line, want)
				}
			}
			if !found {
				t.Errorf("%s: no %q in\n%s", test.url, want, log.String())
			}
			if !early && !strings.HasPrefix(r.Err(t).Error(), "dial "+test.network+" ") {
				t.Errorf("%s: %v", test.url, r.Errs)
			}
		}
	}
}

// Hexdump and flight recorder show the plaintext, and nothing of the handshake.
func TestTracesOfTLSShowPlaintext(t *testing.T) {
	var out bytes.Buffer
	m := newManager(t, reactor.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	server := &recorder{On: hooks{reactor.EvRead: sendBack}}
	l, url := tlsListen(t, m, serverConfig(), server.Handle)
	l.SetHexdump(true)
	client := &recorder{}
	client.On = hooks{
		reactor.EvConnect: func(c *reactor.Conn, _ any) {
			c.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 16})
			c.Write([]byte("plain words"))
		},
		reactor.EvRead: func(c *reactor.Conn, _ any) { c.Fail(io.EOF) },
	}
	tlsConnect(t, m, url, clientConfig(), client.Handle)
	await(t, m, "the end", func() bool { return client.Closed() && server.Closed() })
	if n := strings.Count(out.String(), "|plain words|"); n != 4 { // read and written, on both sides
		t.Errorf("the words are logged %d times:\n%s", n, out.String())
	}
	if strings.Contains(out.String(), "localhost") { // in the certificate
		t.Errorf("the handshake is logged:\n%s", out.String())
	}
}
