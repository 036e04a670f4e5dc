//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// patience is how many seconds a client waits for a server to answer.
const patience = 10

// dial opens a WebSocket from a loopback address and returns its descriptor,
// which blocks.
func dial(from netip.Addr, to netip.AddrPort) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = shakeHands(fd, from, to); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func shakeHands(fd int, from netip.Addr, to netip.AddrPort) error {
	for _, o := range [][3]int{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1}, // the port may be in use towards other servers
	} {
		if err := unix.SetsockoptInt(fd, o[0], o[1], o[2]); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	for _, o := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, o, &unix.Timeval{Sec: patience}); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if _, err := again(func() (int, error) {
		return 0, unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	if err := writeAll(fd, handshake); err != nil {
		return err
	}
	return readAnswer(fd)
}

// handshake has the key of RFC 6455 section 1.3.
var handshake = []byte("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")

const acceptKey = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// again repeats a call until no signal interrupts it. Go's runtime sends signals to
// itself, and Linux does not repeat calls on sockets that have a timeout.
func again(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}

func readAnswer(fd int) error {
	var buf [1024]byte
	n := 0
	for !bytes.Contains(buf[:n], []byte("\r\n\r\n")) {
		k, err := again(func() (int, error) { return unix.Read(fd, buf[n:]) })
		if err != nil || k == 0 {
			return fmt.Errorf("handshake: %w after %q", os.NewSyscallError("read", err), buf[:n])
		}
		n += k
	}
	if !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 101 ")) || !bytes.Contains(buf[:n], []byte(acceptKey)) || !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
		return fmt.Errorf("handshake: answer is %q", buf[:n])
	}
	return nil
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := again(func() (int, error) { return unix.Write(fd, p) })
		if err != nil {
			return os.NewSyscallError("write", err)
		}
		p = p[n:]
	}
	return nil
}

func readFull(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := again(func() (int, error) { return unix.Read(fd, p) })
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return fmt.Errorf("read: end of stream")
		}
		p = p[n:]
	}
	return nil
}

// key masks all frames of the load.
var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frames returns a binary message of size bytes as a client sends it and as a
// server sends it back.
func frames(size int) (request, reply []byte) {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i*7 + i>>8)
	}
	request = appendHeader(nil, size, 0x80)
	request = append(request, key[:]...)
	at := len(request)
	request = append(request, payload...)
	ws.Cipher(request[at:], key, 0)
	return request, append(appendHeader(nil, size, 0), payload...)
}

func appendHeader(b []byte, size int, masked byte) []byte {
	b = append(b, 0x80|byte(ws.OpBinary))
	switch {
	case size < 126:
		return append(b, masked|byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, masked|126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, masked|127), uint64(size))
}
