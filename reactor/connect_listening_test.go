package reactor_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"golang.org/x/sys/unix"
)

// An IPv6 address that maps an IPv4 address makes an IPv4 listener.
func TestListenOnAMappedAddress(t *testing.T) {
	l := listen(t, newManager(t), "tcp://[::ffff:127.0.0.1]:0", nil)
	if !l.LocalAddr().Addr().Is4() {
		t.Errorf("LocalAddr is %v, want an IPv4 address", l.LocalAddr())
	}
}

// WrapFD refuses a listening socket. The socket stays the caller's and still accepts.
func TestWrapFDRefusesAListeningSocket(t *testing.T) {
	for name, listenRaw := range map[string]func(t *testing.T) (p *peer, connect func()){
		"tcp": func(t *testing.T) (*peer, func()) {
			p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 4)
			return p, func() { looptest.DialSocket(t, at) }
		},
		"tcp6": func(t *testing.T) (*peer, func()) {
			p, at := looptest.BindSocket(t, "::1", unix.SOCK_STREAM, 4)
			return p, func() { looptest.DialSocket(t, at) }
		},
		"unix": func(t *testing.T) (*peer, func()) {
			p, name := bindUnix(t, unix.SOCK_STREAM)
			return p, func() {
				looptest.Must(t, unix.Connect(looptest.NewSocket(t, unixSocket(t)).FD, &unix.SockaddrUnix{Name: name}))
			}
		},
		"seqpacket": func(t *testing.T) (*peer, func()) {
			p, name := bindUnix(t, unix.SOCK_SEQPACKET)
			return p, func() {
				fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
				looptest.Must(t, err)
				looptest.Must(t, unix.Connect(looptest.NewSocket(t, fd).FD, &unix.SockaddrUnix{Name: name}))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			p, connect := listenRaw(t)
			r := &recorder{}
			c, err := m.WrapFD(p.FD, r.Handle, nil)
			if c != nil {
				t.Error("WrapFD returns a connection")
			}
			looptest.WantErr(t, err, nil, "WrapFD", fmt.Sprint(p.FD), "listen")
			connect()
			if spin(t, m, 3); pollable(t, m.Fd()) || countConns(m) != 0 || len(r.Events) > 0 {
				t.Errorf("the manager has registered the socket: %d connections, events %s", countConns(m), eventList(r.Events))
			}
			looptest.Must(t, m.Close())
			if p.Accept() == nil {
				t.Error("the socket no longer accepts")
			}
		})
	}
}
