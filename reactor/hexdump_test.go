package reactor_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// logged makes a manager that logs into a buffer.
func logged(t *testing.T, level slog.Level) (*reactor.Manager, *bytes.Buffer) {
	var log bytes.Buffer
	h := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level})
	return newManager(t, reactor.WithLogger(slog.New(h))), &log
}

// Accepted connections inherit the hexdump, and each byte read and written is in it once.
func TestHexdump(t *testing.T) {
	m, log := logged(t, slog.LevelInfo)
	l := listen(t, m, "tcp://127.0.0.1:0", echo)
	l.SetHexdump(true)
	p := dialRaw(t, l.LocalAddr())
	spin(t, m, 2)
	p.write("Hello, hexdump")
	await(t, m, "the echo", p.received("Hello, hexdump"))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("log %q, want two records", log)
	}
	local, remote := boundAddr(t, p.fd), l.LocalAddr()
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
	p.write("quiet")
	await(t, m, "the echo", p.received("Hello, hexdumpquiet"))
	if log.Len() > 0 {
		t.Errorf("log %q after SetHexdump(false)", log)
	}
}

// The record of a datagram names whom it came from or went to.
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
		p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		if err := unix.Sendto(p.fd, []byte{byte('0' + i)}, 0, sockaddr(l.LocalAddr())); err != nil {
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

// Without it nothing above level Debug is logged in an ordinary life.
func TestQuietLog(t *testing.T) {
	m, log := logged(t, slog.LevelInfo)
	r := &recorder{}
	c := connected(t, m, "tcp4", echo, r.handle)
	c.Write([]byte("x"))
	await(t, m, "the echo", r.saw(reactor.EvRead))
	c.Drain()
	await(t, m, "EvClose", r.closed)
	m.Close()
	if log.Len() > 0 {
		t.Errorf("log %q", log)
	}
}
