package poll

import (
	"time"

	"golang.org/x/sys/unix"
)

// The names that differ between systems; see socket_linux.go.
const (
	ReusePort         = unix.SO_REUSEPORT_LB
	KeepAliveIdle     = unix.TCP_KEEPIDLE
	KeepAliveInterval = unix.TCP_KEEPINTVL
	KeepAliveProbes   = unix.TCP_KEEPCNT
	KeepAliveUnit     = time.Second
)
