//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// attacker is the client that a row is about. It holds its connections until its standard input
// ends.
type attacker struct {
	addr string
	// until returns the end of the attack. Its time runs from the first call on, so that what an
	// attack prepares before its first connection does not count.
	until func() time.Time
	short bool

	mu    sync.Mutex
	open  []net.Conn
	sent  atomic.Int64 // bytes
	dials atomic.Int64
}

// report is what an attacker has done.
type report struct {
	Dials int64
	Sent  int64
	Err   string // why it could not attack
}

// attackMain runs the attack of a row, prints a report and holds the connections.
func attackMain(r *row, addr string, span time.Duration, short bool) error {
	if !short { // then times count
		if err := yieldCPU(); err != nil {
			return err
		}
	}
	a := &attacker{addr: addr, short: short}
	a.until = sync.OnceValue(func() time.Time { return time.Now().Add(span) })
	// A defect of an attack must not keep the program from ending.
	overdue := time.AfterFunc(span+time.Minute, func() { os.Exit(3) })
	defer overdue.Stop()
	err := r.attack(a)
	said := report{Dials: a.dials.Load(), Sent: a.sent.Load()}
	if err != nil {
		said.Err = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// size is a number of things: full, or fewer if the attack is to be short.
func (a *attacker) size(full, short int) int {
	if a.short {
		return short
	}
	return full
}

// over reports whether the time of the attack is up.
func (a *attacker) over() bool { return !time.Now().Before(a.until()) }

// wait waits until the time of the attack is up.
func (a *attacker) wait() error {
	time.Sleep(time.Until(a.until()))
	return nil
}

// dial opens a connection and holds it until the end. After the time of the attack it fails.
func (a *attacker) dial() (net.Conn, error) {
	c, err := a.dialOnce()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.open = append(a.open, c)
	a.mu.Unlock()
	return c, nil
}

// dialOnce opens a connection that the caller closes.
func (a *attacker) dialOnce() (net.Conn, error) {
	c, err := (&net.Dialer{Deadline: a.until()}).Dial("tcp", a.addr)
	if err != nil {
		return nil, err
	}
	a.dials.Add(1)
	c.SetDeadline(a.until())
	return &conn{TCPConn: c.(*net.TCPConn), sent: &a.sent}, nil
}

// conn is a connection that counts the bytes that are sent.
type conn struct {
	*net.TCPConn
	sent    *atomic.Int64 // on all connections
	written atomic.Int64
}

// Write counts and sends p.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.sent.Add(int64(n))
	c.written.Add(int64(n))
	return n, err
}

// write sends bytes until the time of the attack is up. It reports whether it could send all.
func (a *attacker) write(c net.Conn, p []byte) bool {
	_, err := c.Write(p)
	return err == nil && !a.over()
}

// repeat sends the same bytes until the time is up or the connection has ended.
func (a *attacker) repeat(c net.Conn, p []byte) {
	for a.write(c, p) {
	}
}

// each runs one client for each connection, all at once. It returns when all have returned. A
// connection that the server refuses is no error: the server may defend itself.
func (a *attacker) each(n int, client func(c net.Conn)) error {
	var all sync.WaitGroup
	for range n {
		c, err := a.dial()
		if err != nil {
			continue
		}
		all.Go(func() { client(c) })
	}
	all.Wait()
	if a.dials.Load() == 0 {
		return fmt.Errorf("%s accepts no connections", a.addr)
	}
	return nil
}

// again opens connections, one after the other, on n goroutines until the time is up. The client
// closes its connection.
func (a *attacker) again(n int, client func(c net.Conn)) error {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for !a.over() {
				if c, err := a.dialOnce(); err == nil {
					client(c)
				}
			}
		})
	}
	all.Wait()
	return nil
}

// crowd opens n connections and sends the beginning of p on each. Then it sends one more byte of p
// on each of them every second, until the time is up.
func (a *attacker) crowd(n int, begin int, p []byte) error {
	var all []net.Conn
	for range n {
		if c, err := a.dial(); err == nil && (begin == 0 || a.write(c, p[:begin])) {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("%s accepts no connections", a.addr)
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for i := begin; i < len(p) && !a.over(); i++ {
		for _, c := range all {
			a.write(c, p[i:i+1])
		}
		<-second.C
	}
	return a.wait()
}

// reset closes a connection with RST.
func reset(c net.Conn) {
	c.(*conn).SetLinger(0)
	c.Close()
}

// drop reads and forgets what the server sends.
func drop(c net.Conn) { io.Copy(io.Discard, c) }
