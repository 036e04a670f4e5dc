//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// work describes the load on a server.
type work struct {
	conns int
	size  int // bytes of a message
	depth int // messages in flight on each connection
}

func (w work) String() string {
	size := fmt.Sprintf("%d B", w.size)
	switch {
	case w.size >= 1<<20:
		size = fmt.Sprintf("%d MiB", w.size>>20)
	case w.size >= 1<<10:
		size = fmt.Sprintf("%d KiB", w.size>>10)
	}
	name := fmt.Sprintf("%s, %d in flight", size, w.depth)
	if w.conns != usualConns {
		name += fmt.Sprintf(", %s connections", figure(float64(w.conns)))
	}
	return name
}

// usualConns is the number of busy connections, if a row does not name another.
const usualConns = 64

// load keeps depth messages in flight on each of its connections: for every reply it sends
// another message. It uses little CPU. It masks the frame once, compares all replies with the
// only correct one, and never blocks, so that no server has to wake it.
type load struct {
	work
	epfd     int
	conns    []*loadConn
	request  []byte // depth messages in a row
	reply    []byte // as many replies
	varying  [2]int // offsets in a reply between which it may differ, as a date does
	buf      []byte
	sending  bool
	replies  int
	inFlight int                            // messages without a reply, on all connections
	arrived  func(c *loadConn, replies int) // is called instead of sending as many messages, or nil
}

type loadConn struct {
	fd       int
	at       int // offset in reply of the next byte
	inFlight int // messages without a reply
	unsent   int // bytes that the socket did not take: the end of request
	interest uint32
	due      []time.Time // of the messages in flight, if they have a timetable
}

// newLoad opens WebSocket connections. On each it exchanges one message.
func newLoad(w work, to netip.AddrPort) (*load, error) {
	request, reply := frames(w.size)
	l, err := emptyLoad(w, request, reply)
	if err != nil {
		return nil, err
	}
	return l, l.open(func() (int, error) { return dial(localhost, to) })
}

// loadAt is newLoad for an address as text.
func loadAt(w work, addr string) (*load, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	return newLoad(w, to)
}

var localhost = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// open opens the connections. On each it exchanges one message. If that fails, it closes the load.
func (l *load) open(dial func() (fd int, err error)) error {
	for i := range l.work.conns {
		err := l.connect(dial)
		if err == nil {
			err = l.send(i, l.conns[i], 1)
		}
		if err == nil {
			err = l.stop()
		}
		if err != nil {
			l.close()
			return err
		}
	}
	return nil
}

// emptyLoad returns a load without connections.
func emptyLoad(w work, request, reply []byte) (*load, error) {
	l := &load{work: w, request: bytes.Repeat(request, w.depth), reply: bytes.Repeat(reply, w.depth),
		buf: make([]byte, max(256<<10, len(reply)))}
	var err error
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return l, nil
}

// connect adds a connection.
func (l *load) connect(dial func() (fd int, err error)) error {
	fd, err := dial()
	if err != nil {
		return err
	}
	l.conns = append(l.conns, &loadConn{fd: fd, interest: unix.EPOLLIN})
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd,
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(l.conns) - 1)}))
}

func (l *load) close() {
	for _, c := range l.conns {
		unix.Close(c.fd)
	}
	unix.Close(l.epfd)
}

// start sends depth messages on each connection.
func (l *load) start() error {
	l.sending = true
	for i, c := range l.conns {
		if err := l.send(i, c, l.depth); err != nil {
			return err
		}
	}
	return nil
}

// run exchanges messages for a time and returns how many came back.
func (l *load) run(d time.Duration) (int, error) {
	before := l.replies
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	return l.replies - before, nil
}

// stop waits for the replies to the messages in flight.
func (l *load) stop() error {
	l.sending = false
	for end := time.Now().Add(timeout); l.inFlight > 0; {
		if time.Now().After(end) {
			return fmt.Errorf("%d messages did not come back", l.inFlight)
		}
		if err := l.turn(); err != nil {
			return err
		}
	}
	return l.turn() // reads bytes that nobody asked for
}

// turn handles the ready connections. It does not block.
func (l *load) turn() error {
	var events [64]unix.EpollEvent
	n, err := unix.EpollWait(l.epfd, events[:], 0)
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, ev := range events[:max(n, 0)] {
		i := int(ev.Fd)
		c := l.conns[i]
		if ev.Events&unix.EPOLLOUT != 0 {
			if err := l.flush(i, c); err != nil {
				return err
			}
		}
		if ev.Events&^unix.EPOLLOUT != 0 {
			if err := l.receive(i, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// receive compares what can be read with the replies that are due, and sends as many messages.
func (l *load) receive(i int, c *loadConn) error {
	n, err := unix.Read(c.fd, l.buf)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return errors.New("the server closed a connection")
	}
	size := len(l.reply) / l.depth
	partial := c.at % size
	done := (partial + n) / size
	c.inFlight -= done
	l.inFlight -= done
	l.replies += done
	if c.inFlight < 0 || c.inFlight == 0 && (partial+n)%size > 0 {
		return errors.New("more came back than was sent")
	}
	for p := l.buf[:n]; len(p) > 0; {
		k := min(len(p), len(l.reply)-c.at)
		if !bytes.Equal(p[:k], l.reply[c.at:c.at+k]) && !l.varies(p[:k], c.at) {
			return errors.New("the reply is not the message")
		}
		p, c.at = p[k:], (c.at+k)%len(l.reply)
	}
	switch {
	case done == 0 || !l.sending:
		return nil
	case l.arrived != nil:
		l.arrived(c, done)
		return nil
	}
	return l.send(i, c, done)
}

// varies returns true if p, at an offset of reply, differs from it only where a reply may differ.
// The replies that follow are compared with the new bytes.
func (l *load) varies(p []byte, at int) bool {
	size := len(l.reply) / l.depth
	for i, b := range p {
		if b == l.reply[at+i] {
			continue
		}
		if offset := (at + i) % size; offset < l.varying[0] || offset >= l.varying[1] {
			return false
		}
		l.reply[at+i] = b
	}
	return true
}

// send sends messages, after the unsent bytes.
func (l *load) send(i int, c *loadConn, messages int) error {
	if c.unsent+messages*len(l.request)/l.depth > len(l.request) {
		return errors.New("the server does not read")
	}
	c.inFlight += messages
	l.inFlight += messages
	c.unsent += messages * len(l.request) / l.depth
	return l.flush(i, c)
}

// flush writes the unsent bytes. All messages are equal, so these are the end of request.
func (l *load) flush(i int, c *loadConn) error {
	for c.unsent > 0 {
		n, err := unix.Write(c.fd, l.request[len(l.request)-c.unsent:])
		if err == unix.EAGAIN {
			break
		}
		if err != nil {
			return os.NewSyscallError("write", err)
		}
		c.unsent -= n
	}
	interest := uint32(unix.EPOLLIN)
	if c.unsent > 0 {
		interest |= unix.EPOLLOUT
	}
	if interest == c.interest {
		return nil
	}
	c.interest = interest
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epfd, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: interest, Fd: int32(i)}))
}
