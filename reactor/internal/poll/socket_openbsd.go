package poll

import (
	"time"

	"golang.org/x/sys/unix"
)

// The names that differ between systems; see socket_linux.go.
const (
	ReusePort         = unix.SO_REUSEPORT
	KeepAliveIdle     = 0 // all sockets use the system's times
	KeepAliveInterval = 0
	KeepAliveProbes   = 0
	KeepAliveUnit     = time.Second
)
