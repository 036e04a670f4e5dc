//go:build linux

package main

import (
	"bytes"
	"fmt"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// plain is a loop that can only echo frames. It has no timers, no limits, no layers and one
// kind of event. It reads into one buffer, unmasks and frames there, and writes once per
// ready socket. It shows how little CPU an echo needs.
type plain struct {
	epfd   int
	listen int
	toAll  bool         // messages go to all connections, and not back to their senders only
	conns  []*plainConn // by descriptor
	in     [64 << 10]byte
	out    []byte // answers to the frames of one read
}

type plainConn struct {
	fd       int
	open     bool   // after the handshake
	ending   bool   // a Close frame was answered
	interest uint32 // events registered with epoll
	rest     []byte // an incomplete frame or request
	unsent   []byte
}

func servePlain(_ *serving, listening func(addr string)) error {
	return new(plain).serve(listening)
}

func servePlainFan(_ *serving, listening func(addr string)) error {
	return (&plain{toAll: true}).serve(listening)
}

func (p *plain) serve(listening func(addr string)) error {
	fd, addr, err := listenLoopback()
	if err != nil {
		return err
	}
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	p.epfd, p.listen = epfd, fd
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		return err
	}
	listening(addr)
	var events [256]unix.EpollEvent
	for {
		n, err := unix.EpollWait(epfd, events[:], 0)
		if err == nil && n == 0 {
			n, err = unix.EpollWait(epfd, events[:], -1)
		}
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, ev := range events[:max(n, 0)] {
			p.ready(int(ev.Fd), ev.Events)
		}
	}
}

// listenLoopback listens on a free port of 127.0.0.1.
func listenLoopback() (fd int, addr string, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil { // accepted sockets inherit it
		return -1, "", err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, "", err
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		return -1, "", err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return -1, "", err
	}
	return fd, fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port), nil
}

func (p *plain) ready(fd int, events uint32) {
	if fd == p.listen {
		p.accept()
		return
	}
	c := p.conns[fd]
	if c == nil { // closed earlier in this batch
		return
	}
	if len(c.unsent) > 0 { // read nothing until it is sent
		p.write(c, nil)
		return
	}
	n, err := unix.Read(fd, p.in[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case err != nil || n <= 0:
		p.close(c)
	default:
		p.arrived(c, p.in[:n])
	}
}

func (p *plain) accept() {
	for {
		fd, _, err := unix.Accept4(p.listen, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		c := &plainConn{fd: fd, interest: unix.EPOLLIN}
		if fd >= len(p.conns) {
			p.conns = append(p.conns, make([]*plainConn, fd+1-len(p.conns))...)
		}
		p.conns[fd] = c
		if unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: c.interest, Fd: int32(fd)}) != nil {
			p.close(c)
		}
	}
}

// arrived answers the complete frames, or the request, in in.
func (p *plain) arrived(c *plainConn, in []byte) {
	wasOpen := c.open
	if len(c.rest) > 0 {
		c.rest = append(c.rest, in...)
		in = c.rest
	}
	p.out = p.out[:0]
	var err error
	if !c.open {
		p.out, in, err = upgrade(p.out, in)
		c.open = err == nil
	}
	for err == nil && c.open && !c.ending {
		in, err = p.frame(c, in)
	}
	switch {
	case err != nil && err != errShort:
		p.close(c)
		return
	case len(in) == 0:
		c.rest = nil
	case len(in) == len(c.rest): // nothing was complete
	default:
		c.rest = append(make([]byte, 0, max(len(in), 512)), in...)
	}
	if p.toAll && wasOpen && len(p.out) > 0 && !c.ending && ws.OpCode(p.out[0]&15) != ws.OpPong {
		p.writeToAll(p.out)
		return
	}
	p.write(c, p.out)
}

func (p *plain) writeToAll(out []byte) {
	for _, c := range p.conns {
		if c != nil && c.open && !c.ending {
			p.write(c, out)
		}
	}
}

// write sends the unsent bytes and then out.
func (p *plain) write(c *plainConn, out []byte) {
	waited := len(c.unsent) > 0
	if waited {
		out = append(c.unsent, out...)
	}
	n := 0
	if len(out) > 0 {
		var err error
		if n, err = unix.Write(c.fd, out); err == unix.EAGAIN {
			n = 0
		} else if err != nil {
			p.close(c)
			return
		}
	}
	wants := uint32(unix.EPOLLIN)
	switch {
	case n < len(out) && waited:
		c.unsent = out[n:]
		wants = unix.EPOLLOUT
	case n < len(out):
		c.unsent = bytes.Clone(out[n:])
		wants = unix.EPOLLOUT
	case c.ending:
		p.close(c)
		return
	default:
		c.unsent = nil
	}
	if wants != c.interest {
		c.interest = wants
		if unix.EpollCtl(p.epfd, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: wants, Fd: int32(c.fd)}) != nil {
			p.close(c)
		}
	}
}

func (p *plain) close(c *plainConn) {
	if p.conns[c.fd] == c {
		p.conns[c.fd] = nil
		unix.Close(c.fd)
	}
}
