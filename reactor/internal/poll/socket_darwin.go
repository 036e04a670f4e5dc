package poll

import (
	"time"

	"golang.org/x/sys/unix"
)

// The names that differ between systems; see socket_linux.go.
const (
	ReusePort         = unix.SO_REUSEPORT
	KeepAliveIdle     = unix.TCP_KEEPALIVE
	KeepAliveInterval = unix.TCP_KEEPINTVL
	KeepAliveProbes   = unix.TCP_KEEPCNT
	KeepAliveUnit     = time.Second
)
