//go:build linux

package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// perHolder is how many idle connections one process holds. They come from one address.
// There are fewer than the ephemeral ports of Linux.
const perHolder = 14000

// spareFiles is the number of descriptors that a process needs besides its connections.
const spareFiles = 100

// holdMain runs the process of a holder. For each line of standard input, a number, it opens as
// many connections and prints the number. It ends when standard input ends.
func holdMain(from, to string) error {
	source, err := netip.ParseAddr(from)
	if err != nil {
		return err
	}
	server, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	for {
		var n int
		if _, err := fmt.Scanln(&n); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		for range n {
			if _, err := dial(source, server); err != nil {
				return err
			}
		}
		fmt.Println(n)
	}
}

// crowd is the idle connections to one server.
type crowd struct {
	m       *machine
	addr    string
	holders []*process
	size    int
}

// grow opens n more connections.
func (c *crowd) grow(n int) error {
	for n > 0 {
		capacity := min(perHolder, c.m.files-spareFiles)
		at := c.size % capacity
		if at == 0 {
			from := netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + len(c.holders))})
			h, err := launchBuild("", []int{c.m.loadCore}, 1, "hold", from.String(), c.addr)
			if err != nil {
				return err
			}
			c.holders = append(c.holders, h)
		}
		k := min(n, capacity-at)
		h := c.holders[len(c.holders)-1]
		if _, err := fmt.Fprintln(h.stdin, k); err != nil {
			return err
		}
		if _, err := h.line(); err != nil {
			return err
		}
		n -= k
		c.size += k
	}
	return nil
}

func (c *crowd) stop() {
	for _, h := range c.holders {
		h.stop()
	}
}

// reachable returns how many idle connections a server can have, at most want, besides its busy
// ones. If these are fewer than want, why is the reason.
func (m *machine) reachable(want, busy int) (n int, why string) {
	if most := m.files - spareFiles - busy; want > most {
		return most, fmt.Sprintf("one process may have %d descriptors here (RLIMIT_NOFILE)", m.files)
	}
	return want, ""
}

// waitQuiet waits until a process uses no CPU, because it has handled everything.
func waitQuiet(p *process) error {
	const step = 20 * time.Millisecond
	var last time.Duration
	for range 5 * time.Second / step {
		now, err := p.cpu()
		if err != nil {
			return err
		}
		if now-last < step/100 {
			return nil
		}
		last = now
		unix.Nanosleep(&unix.Timespec{Nsec: int64(step)}, nil)
	}
	fmt.Fprintln(os.Stderr, "bench: a server without work goes on using CPU")
	return nil
}
