package reactor

import "golang.org/x/sys/unix"

// What the systems call differently; see sock_linux.go.
const (
	reusePort     = unix.SO_REUSEPORT
	keepAliveIdle = 0 // the system's time holds for all sockets
)
