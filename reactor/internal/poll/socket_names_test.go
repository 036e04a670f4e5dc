//go:build unix

package poll

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A UNIX-domain socket has the name that it is bound to. Everything else has none.
func TestNamesOfUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	newFD := func(fd int, err error) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	listener := newFD(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	if err := unix.Bind(listener, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		t.Fatal(err)
	}
	client := newFD(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	fresh := newFD(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	accepted, _, err := Accept(listener)
	newFD(accepted, err)
	tcp := newFD(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	pipe := make([]int, 2)
	if err := unix.Pipe(pipe); err != nil {
		t.Fatal(err)
	}
	newFD(pipe[0], nil)
	newFD(pipe[1], nil)

	for _, test := range []struct {
		name          string
		fd            int
		local, remote string
	}{
		{"listener", listener, path, ""},
		{"accepted", accepted, path, ""},
		{"client", client, "", path},
		{"not connected", fresh, "", ""},
		{"TCP", tcp, "", ""},
		{"pipe", pipe[0], "", ""},
		{"no descriptor", -1, "", ""},
	} {
		if local, remote := LocalName(test.fd), RemoteName(test.fd); local != test.local || remote != test.remote {
			t.Errorf("%s: local %q, remote %q, want %q and %q", test.name, local, remote, test.local, test.remote)
		}
	}
}
