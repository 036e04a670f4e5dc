//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// timeout is how long a client waits for an answer.
const timeout = time.Minute

// dial opens a WebSocket from a loopback address and returns its descriptor, which blocks.
func dial(from netip.Addr, to netip.AddrPort) (fd int, err error) {
	if fd, err = dialTCP(from, to); err != nil {
		return -1, err
	}
	if err = writeAll(fd, handshake); err == nil {
		err = readAnswer(fd)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// dialTCP opens a connection from a loopback address and returns its descriptor, which blocks.
func dialTCP(from netip.Addr, to netip.AddrPort) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = connect(fd, from, to); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// connect connects a socket.
func connect(fd int, from netip.Addr, to netip.AddrPort) error {
	for _, o := range [][3]int{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1}, // several servers may see the same port
	} {
		if err := unix.SetsockoptInt(fd, o[0], o[1], o[2]); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	for _, o := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, o, &unix.Timeval{Sec: int64(timeout / time.Second)}); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	_, err := retry(func() (int, error) {
		return 0, unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	})
	return os.NewSyscallError("connect", err)
}

// handshake is the request of the opening handshake, with the key of [RFC 6455 1.3].
var handshake = []byte("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")

const acceptKey = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// retry repeats a call while a signal interrupts it. Go's runtime sends signals to its own
// threads, and Linux does not restart calls on sockets that have a timeout.
func retry(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}

// readAnswer reads the answer to the opening handshake and checks it.
func readAnswer(fd int) error {
	var buf [1024]byte
	n := 0
	for !bytes.Contains(buf[:n], []byte("\r\n\r\n")) {
		k, err := retry(func() (int, error) { return unix.Read(fd, buf[n:]) })
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
		n, err := retry(func() (int, error) { return unix.Write(fd, p) })
		if err != nil {
			return os.NewSyscallError("write", err)
		}
		p = p[n:]
	}
	return nil
}

func readFull(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := retry(func() (int, error) { return unix.Read(fd, p) })
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		p = p[n:]
	}
	return nil
}

// ping is a frame without payload, and pong the answer to it.
var (
	ping = append([]byte{0x80 | byte(ws.OpPing), 0x80}, key[:]...)
	pong = []byte{0x80 | byte(ws.OpPong), 0}
)

// dialAlive opens a WebSocket and exchanges a ping on it. Then the server has told its handler of
// the connection. The answer to the handshake may come earlier.
func dialAlive(to netip.AddrPort) (fd int, err error) {
	if fd, err = dial(localhost, to); err != nil {
		return -1, err
	}
	got := make([]byte, len(pong))
	if err = writeAll(fd, ping); err == nil {
		err = readFull(fd, got)
	}
	if err == nil && !bytes.Equal(got, pong) {
		err = fmt.Errorf("the answer to a ping is %x", got)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// key is the masking key of all frames of the load.
var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frames returns a binary message of size bytes in two forms: as the client sends it, and
// as the server sends it back.
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

// appendHeader appends the header of a binary frame. masked is the mask bit.
func appendHeader(b []byte, size int, masked byte) []byte {
	at := len(b)
	b = appendFrameHeader(b, true, ws.OpBinary, size)
	b[at+1] |= masked
	return b
}

// appendFrameHeader appends the header of a frame without a mask.
func appendFrameHeader(b []byte, fin bool, op ws.OpCode, size int) []byte {
	first := byte(op)
	if fin {
		first |= 0x80
	}
	b = append(b, first)
	switch {
	case size < 126:
		return append(b, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
}
