package reactor_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Control is called once for each socket, before it is bound or connected.
func TestControlIsCalledForEachSocket(t *testing.T) {
	var calls []string
	var kept syscall.RawConn
	m := newManager(t, reactor.WithSockets(reactor.Sockets{Control: func(network, address string, c syscall.RawConn) error {
		calls = append(calls, network+" "+address)
		kept = c
		if err := c.Read(func(uintptr) bool { return true }); err == nil {
			t.Error("Read: no error")
		}
		if err := c.Write(func(uintptr) bool { return true }); err == nil {
			t.Error("Write: no error")
		}
		return c.Control(func(fd uintptr) {
			if sa, err := unix.Getsockname(int(fd)); err != nil {
				t.Error(err)
			} else if in, ok := sa.(*unix.SockaddrInet4); ok && in.Port != 0 {
				t.Errorf("the socket is bound to port %d already", in.Port)
			}
			if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 5000); err != nil {
				t.Error(err)
			}
		})
	}}))
	none := func(*reactor.Conn, reactor.Event, any) {}
	path := listenURL(t, "unix")
	for _, url := range []string{"tcp://127.0.0.1:0", "udp://127.0.0.1:0", "tcp://[::1]:0", path} {
		l := listen(t, m, url, none)
		if url != path {
			url = url[:6] + l.LocalAddr().String()
		}
		var r recorder
		dial(t, m, url, r.Handle)
		await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
		name := strings.TrimPrefix(path, "unix://")
		want := []string{"unix " + name, "unix " + name}
		if url != path {
			network := url[:3] + "4"
			if strings.Contains(url, "[") {
				network = url[:3] + "6"
			}
			address := l.LocalAddr().String()
			want = []string{network + " " + address[:strings.LastIndex(address, ":")] + ":0", network + " " + address}
		}
		if strings.Join(calls, ", ") != strings.Join(want, ", ") {
			t.Errorf("calls %q, want %q", calls, want)
		}
		calls = nil
	}
	if err := kept.Control(func(uintptr) { t.Error("called after Control has returned") }); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Control later: %v", err)
	}
}

// Its error is that of Listen, and of the attempt.
func TestControlFails(t *testing.T) {
	refusal := errors.New("no such device")
	m := newManager(t, reactor.WithSockets(reactor.Sockets{Control: func(string, string, syscall.RawConn) error { return refusal }}))
	if _, err := m.Listen("tcp://127.0.0.1:0", nil, nil); !errors.Is(err, refusal) {
		t.Errorf("Listen: %v", err)
	}
	for _, url := range []string{"tcp://127.0.0.1:9", "udp://127.0.0.1:9", "unix:///nowhere"} {
		var r recorder
		dial(t, m, url, r.Handle)
		await(t, m, "EvClose", r.Closed)
		if err := r.Err(t); !errors.Is(err, refusal) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
