package poll

import "golang.org/x/sys/unix"

// The names that differ between systems; see socket_linux.go.
const (
	ReusePort     = unix.SO_REUSEPORT_LB
	KeepAliveIdle = unix.TCP_KEEPIDLE
)
