// Package activation finds the sockets that a service manager such as systemd has passed to the
// process: the service manager listens, and starts the program when a client connects, or keeps the
// sockets open while the program is replaced.
//
//	sockets, err := activation.Sockets()
//	if err != nil {
//		return err
//	}
//	fd, err := activation.Named(sockets, "http")
//	if err != nil {
//		return err
//	}
//	l, err := http.ListenFD(m, fd, fn, nil)
//
// The functions ListenFD of the packages reactor, http, ws and mqtt adopt such sockets.
package activation

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Socket is a socket that the service manager has passed.
type Socket struct {
	FD   int    // it belongs to the program, which closes it or passes it to ListenFD
	Name string // FileDescriptorName of the unit, by default the unit's name; "" if it has none
}

// firstFD is the descriptor of the first socket [sd_listen_fds(3)]. The others follow it.
const firstFD = 3

// maxSockets bounds LISTEN_FDS. It is far above what service managers pass.
const maxSockets = 1 << 16

// variables are what a service manager sets. Child processes must not take them for theirs.
var variables = []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"}

// Sockets returns the sockets that the service manager has passed to this process, in the order of
// the units. It returns nil and no error if there are none: LISTEN_PID is not set, or is that of
// another process.
//
// It sets close-on-exec on the sockets, and removes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES from
// the environment, so that child processes get neither. Therefore only the first call returns
// sockets. Call it early in main. It returns an error if one of the variables has no sense, or if
// one of the descriptors is not open. Then no descriptor is changed.
func Sockets() ([]Socket, error) {
	pid, hasPID := os.LookupEnv("LISTEN_PID")
	fds, names := os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, v := range variables {
		os.Unsetenv(v)
	}
	if !hasPID {
		return nil, nil
	}
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 0 {
		return nil, fmt.Errorf("activation: LISTEN_PID is %q, want the number of a process", pid)
	}
	if n != os.Getpid() {
		return nil, nil
	}
	count, err := strconv.Atoi(fds)
	if err != nil || count < 0 || count > maxSockets {
		return nil, fmt.Errorf("activation: LISTEN_FDS is %q, want the number of sockets", fds)
	}
	sockets := make([]Socket, count)
	for i := range sockets {
		sockets[i].FD = firstFD + i
		if _, err := syscall.GetsockoptInt(firstFD+i, syscall.SOL_SOCKET, syscall.SO_TYPE); err == syscall.EBADF {
			return nil, fmt.Errorf("activation: LISTEN_FDS is %d, but descriptor %d is not open", count, firstFD+i)
		}
	}
	if names != "" {
		list := strings.Split(names, ":")
		if len(list) != count {
			return nil, fmt.Errorf("activation: LISTEN_FDNAMES has %d names for %d sockets: %q", len(list), count, names)
		}
		for i := range sockets {
			sockets[i].Name = list[i]
		}
	}
	for _, s := range sockets {
		syscall.CloseOnExec(s.FD)
	}
	return sockets, nil
}

// ErrNoSocket means that the service manager has passed no socket with that name. The error that
// wraps it lists the names.
var ErrNoSocket = errors.New("no such socket")

// Named returns the descriptor of the first socket with a name. A unit may have several with one
// name.
func Named(sockets []Socket, name string) (fd int, err error) {
	var names []string
	for _, s := range sockets {
		if s.Name == name {
			return s.FD, nil
		}
		names = append(names, strconv.Quote(s.Name))
	}
	if names == nil {
		return -1, fmt.Errorf("activation: %q: %w: the service manager has passed none", name, ErrNoSocket)
	}
	return -1, fmt.Errorf("activation: %q: %w: the service manager has passed %s", name, ErrNoSocket, strings.Join(names, ", "))
}
