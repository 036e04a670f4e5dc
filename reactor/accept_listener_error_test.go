package reactor_test

import (
	"errors"
	"net"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"golang.org/x/sys/unix"
)

// When another holder of the listening socket shuts it down, the listener fails.
func TestListenerShutDownElsewhere(t *testing.T) {
	m := newManager(t)
	p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 8)
	fd, err := unix.Dup(p.FD)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	if _, err := m.ListenFD(fd, r.Handle, nil); err != nil {
		t.Fatal(err)
	}
	spin(t, m, 2)
	unix.Shutdown(p.FD, unix.SHUT_RDWR)
	await(t, m, "EvClose", r.Closed)
	var op *net.OpError
	if err := r.Err(t); !errors.As(err, &op) || op.Op != "accept" {
		t.Errorf("error %v, want one of accept", err)
	}
}
