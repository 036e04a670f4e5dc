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
	if w.size >= 1<<10 {
		size = fmt.Sprintf("%d KiB", w.size>>10)
	}
	return fmt.Sprintf("%s, %d in flight", size, w.depth)
}

// load keeps depth messages in flight on each of its connections: for every reply it sends
// another message. It uses little CPU. It masks the frame once, counts replies by their
// length, and never blocks, so that no server has to wake it.
type load struct {
	work
	epfd    int
	conns   []*loadConn
	request []byte // depth messages in a row
	reply   int    // size of one reply
	buf     []byte
	sending bool
	replies int
}

type loadConn struct {
	fd       int
	partial  int // bytes of an incomplete reply
	inFlight int // messages without a reply
	unsent   int // bytes that the socket did not take: the end of request
	interest uint32
}

// newLoad opens the connections. On each it exchanges one message and compares all bytes of the
// reply.
func newLoad(w work, to netip.AddrPort) (*load, error) {
	request, reply := frames(w.size)
	l := &load{work: w, reply: len(reply), request: bytes.Repeat(request, w.depth), buf: make([]byte, max(256<<10, len(reply)))}
	var err error
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	for range w.conns {
		if err := l.connect(to, request, reply); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *load) connect(to netip.AddrPort, request, reply []byte) error {
	fd, err := dial(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to)
	if err != nil {
		return err
	}
	l.conns = append(l.conns, &loadConn{fd: fd, interest: unix.EPOLLIN})
	if err := writeAll(fd, request); err != nil {
		return err
	}
	got := l.buf[:len(reply)]
	if err := readFull(fd, got); err != nil {
		return err
	}
	if !bytes.Equal(got, reply) {
		return errors.New("the reply is not the message")
	}
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
	inFlight := 1
	for end := time.Now().Add(timeout); inFlight > 0; {
		if time.Now().After(end) {
			return fmt.Errorf("%d messages did not come back", inFlight)
		}
		if err := l.turn(); err != nil {
			return err
		}
		inFlight = 0
		for _, c := range l.conns {
			inFlight += c.inFlight
		}
	}
	return nil
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

// receive counts the replies that can be read, and sends as many messages.
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
	done := (c.partial + n) / l.reply
	c.partial = (c.partial + n) % l.reply
	c.inFlight -= done
	l.replies += done
	if c.inFlight < 0 || c.inFlight == 0 && c.partial > 0 {
		return errors.New("more came back than was sent")
	}
	if done == 0 || !l.sending {
		return nil
	}
	return l.send(i, c, done)
}

// send sends messages, after the unsent bytes.
func (l *load) send(i int, c *loadConn, messages int) error {
	c.inFlight += messages
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
