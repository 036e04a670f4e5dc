package reactor

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// Delay and KeepAlive hold for listeners, accepted connections and those of Connect.
func TestSocketOptions(t *testing.T) {
	for _, row := range []struct {
		set            Sockets
		noDelay, probe bool
		idle           int // seconds, if probe
	}{
		{Sockets{}, true, true, 60},
		{Sockets{KeepAlive: -1}, true, false, 0},
		{Sockets{Delay: true}, false, true, 60},
		{Sockets{KeepAlive: 1500 * time.Millisecond}, true, true, 2},
		{Sockets{KeepAlive: math.MaxInt64}, true, true, 32767},
	} {
		m, err := New(WithLogger(slog.New(slog.DiscardHandler)), WithSockets(row.set))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		conns := map[string]*Conn{}
		if conns["listener"], err = m.Listen("tcp://127.0.0.1:0", func(c *Conn, ev Event, _ any) {
			if ev == EvAccept {
				conns["accepted"] = c
			}
		}, nil); err != nil {
			t.Fatal(err)
		}
		connected := false
		if conns["client"], err = m.Connect("tcp://"+conns["listener"].LocalAddr().String(), func(_ *Conn, ev Event, _ any) {
			connected = connected || ev == EvConnect
		}, nil); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 4000 && (conns["accepted"] == nil || !connected); i++ {
			if err := m.Poll(5 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if len(conns) != 3 || !connected {
			t.Fatal("not connected")
		}
		for who, c := range conns {
			get := func(level, name int) int {
				n, err := unix.GetsockoptInt(int(c.fd), level, name)
				if err != nil {
					t.Errorf("%s: getsockopt: %v", who, err)
				}
				return n
			}
			if on := get(unix.IPPROTO_TCP, unix.TCP_NODELAY) != 0; on != row.noDelay {
				t.Errorf("%+v, %s: TCP_NODELAY is %v, want %v", row.set, who, on, row.noDelay)
			}
			if on := get(unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0; on != row.probe {
				t.Errorf("%+v, %s: SO_KEEPALIVE is %v, want %v", row.set, who, on, row.probe)
			}
			if row.probe && poll.KeepAliveIdle != 0 {
				if n := get(unix.IPPROTO_TCP, poll.KeepAliveIdle); n != row.idle {
					t.Errorf("%+v, %s: keep-alive after %d s, want %d s", row.set, who, n, row.idle)
				}
				if i, n := get(unix.IPPROTO_TCP, poll.KeepAliveInterval), get(unix.IPPROTO_TCP, poll.KeepAliveProbes); i != 15 || n != 4 {
					t.Errorf("%+v, %s: %d probes, one each %d s, want 4, one each 15 s", row.set, who, n, i)
				}
			}
		}
	}
}
