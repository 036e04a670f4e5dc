// Package freeport finds ports for programs that cannot let the system choose one.
package freeport

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// The ports lie below those that the systems give to clients, and to listeners that ask for any
// port. So nothing takes a port between Addr and the program that listens on it, except another
// program that looks for a port in the same way.
const (
	first = 10000
	count = 20000
)

// next counts the ports that were tried. Processes begin at different ports.
var next atomic.Uint32

// Addr returns an address of loopback, such as 127.0.0.1:12345, whose TCP port is free. It does not
// return the same one twice in a process.
func Addr() (string, error) {
	for {
		n := next.Add(1)
		if n > count {
			return "", fmt.Errorf("freeport: all %d ports from %d on were tried", count, first)
		}
		port := first + (uint32(os.Getpid())*101+n)%count
		l, err := net.Listen("tcp4", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		return l.Addr().String(), l.Close()
	}
}
