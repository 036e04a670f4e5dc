//go:build linux

package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// perHolder is how many idle connections one process holds, and comes from one
// address: fewer than the ports that Linux gives out by itself.
const perHolder = 14000

// spareFiles are descriptors that a process needs besides its connections.
const spareFiles = 100

// holdMain is the process of a holder: it opens as many connections as each line
// of standard input says, answers how many nanoseconds that took, and ends with
// standard input.
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
		began := time.Now()
		for range n {
			if _, err := dial(source, server); err != nil {
				return err
			}
		}
		fmt.Println(time.Since(began).Nanoseconds())
	}
}

// crowd is the idle connections of one server.
type crowd struct {
	m       *machine
	addr    string
	holders []*process
	size    int
}

// thousand is how many connections are opened, and their time taken, at once.
const thousand = 1000

// grow opens n more connections and returns the time that it took the clients.
func (c *crowd) grow(n int) (time.Duration, error) {
	var total time.Duration
	for n > 0 {
		room := min(perHolder, c.m.files-spareFiles)
		at := c.size % room
		if at == 0 {
			from := netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + len(c.holders))})
			h, err := launch(c.m.loadCore, "hold", from.String(), c.addr)
			if err != nil {
				return 0, err
			}
			c.holders = append(c.holders, h)
		}
		k := min(n, room-at)
		d, err := c.ask(c.holders[len(c.holders)-1], k)
		if err != nil {
			return 0, err
		}
		total += d
		n -= k
		c.size += k
	}
	return total, nil
}

func (c *crowd) ask(h *process, n int) (time.Duration, error) {
	if _, err := fmt.Fprintln(h.stdin, n); err != nil {
		return 0, err
	}
	answer, err := h.line()
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(answer, 10, 64)
	return time.Duration(ns), err
}

func (c *crowd) stop() {
	for _, h := range c.holders {
		h.stop()
	}
}

// reachable is how many of the connections that are wanted a server can have
// beside others of its own, and why not all.
func (m *machine) reachable(want, beside int) (n int, why string) {
	if most := m.files - spareFiles - beside; want > most {
		return most, fmt.Sprintf("one process may have %d descriptors here (RLIMIT_NOFILE)", m.files)
	}
	return want, ""
}

// waitQuiet waits until a process uses no CPU: it is done with what it was sent.
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
	fmt.Fprintln(os.Stderr, "bench: a server that has nothing to do does not come to rest")
	return nil
}
