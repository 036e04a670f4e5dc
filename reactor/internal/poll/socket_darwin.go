package poll

import "golang.org/x/sys/unix"

// The names that differ between systems; see socket_linux.go.
const (
	ReusePort     = unix.SO_REUSEPORT
	KeepAliveIdle = unix.TCP_KEEPALIVE
)
