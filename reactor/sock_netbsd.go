package reactor

import "golang.org/x/sys/unix"

// What the systems call differently; see sock_linux.go.
const (
	reusePort     = unix.SO_REUSEPORT
	keepAliveIdle = unix.TCP_KEEPIDLE
)
