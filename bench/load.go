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

// work is what the load makes a server do.
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

// load keeps depth messages in flight on each of its connections: for every
// reply it sends another message. It does as little as it can for that: frames
// are masked once and for all, replies are counted by their length, and it
// never sleeps, so that no server has to wake it up.
type load struct {
	work
	epfd    int
	conns   []*loadConn
	request []byte // depth of them, one after the other
	reply   int    // bytes of one
	buf     []byte
	sending bool
	replies int
}

type loadConn struct {
	fd       int
	partial  int // bytes of a reply that has begun
	flying   int // messages that are not answered
	unsent   int // bytes that the socket did not take, the last of request
	watching uint32
}

// newLoad connects and exchanges one message on each connection, whose reply it
// compares byte by byte.
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
	l.conns = append(l.conns, &loadConn{fd: fd, watching: unix.EPOLLIN})
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

// start brings the messages into flight.
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

// stop waits for what is in flight and nothing else to come back.
func (l *load) stop() error {
	l.sending = false
	flying := 1
	for end := time.Now().Add(patience * time.Second); flying > 0; {
		if time.Now().After(end) {
			return fmt.Errorf("%d messages did not come back", flying)
		}
		if err := l.turn(); err != nil {
			return err
		}
		flying = 0
		for _, c := range l.conns {
			flying += c.flying
		}
	}
	return nil
}

// turn takes the replies that are there.
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
	c.flying -= done
	l.replies += done
	if c.flying < 0 || c.flying == 0 && c.partial > 0 {
		return errors.New("more came back than was sent")
	}
	if done == 0 || !l.sending {
		return nil
	}
	return l.send(i, c, done)
}

// send sends messages, behind what the socket did not take before.
func (l *load) send(i int, c *loadConn, messages int) error {
	c.flying += messages
	c.unsent += messages * len(l.request) / l.depth
	return l.flush(i, c)
}

// flush offers the socket what is unsent. All frames are alike, so that the end
// of request is it.
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
	watch := uint32(unix.EPOLLIN)
	if c.unsent > 0 {
		watch |= unix.EPOLLOUT
	}
	if watch == c.watching {
		return nil
	}
	c.watching = watch
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epfd, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: watch, Fd: int32(i)}))
}
