package reactor

import (
	"io"
	"net/netip"
	"os"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// stream is the transport of TCP, UNIX-domain streams, pipes and terminals. Each call
// of read or flush makes one system call. One read takes at most readSize bytes.
type stream struct{ c *Conn }

func (s stream) write(p []byte) (int, error) {
	c := s.c
	c.Send.owner = c // the program may have assigned another Buffer to Send
	c.Send.Append(p)
	return len(p), nil
}

func (s stream) read() (int, bool, error) {
	c := s.c
	n, err := c.recv(c.recvSpace(4096))
	if err != nil {
		return noEvent, false, err
	}
	c.commitRecv(n)
	return n, false, nil
}

// recv reads into p with one system call. The error is poll.ErrAgain if the descriptor has no
// bytes, and io.EOF at the end of the stream. If a write has failed before, recv returns
// the error of that write instead of io.EOF or a read error.
func (c *Conn) recv(p []byte) (n int, err error) {
	if c.role == roleFile {
		n, err = poll.Read(int(c.fd), p)
	} else {
		n, err = poll.Recv(int(c.fd), p)
	}
	switch {
	case err == poll.ErrAgain:
	case (err != nil || n == 0) && c.writeHasFailed(): // only that write got the cause
		err = c.ext.writeErr
	case err != nil:
		err = os.NewSyscallError("read", err)
	case n == 0:
		err = io.EOF
	default:
		c.mgr.readFull = n == len(p)
		c.noteRead(n)
	}
	return n, err
}

func (s stream) inputPending() bool     { return false }
func (s stream) handshakePending() bool { return false }
func (s stream) keepsBoundaries() bool  { return false }

func (s stream) flush() (int, error) {
	c := s.c
	p := c.Send.Bytes()
	if len(p) == 0 {
		return noEvent, nil
	}
	most := c.mgr.writeSize()
	if len(p) > most && !c.is(failed) { // after a failure Send is offered once
		p = p[:most]
	}
	n, err := c.send(p)
	if err != nil || n == 0 {
		return noEvent, err
	}
	c.mgr.writeLeft -= n
	c.traceWrite(netip.AddrPort{}, p[:n])
	c.Send.Consume(n)
	if n == most && c.Send.Len() > 0 { // the socket may take more in the next turn
		c.markDirty()
	}
	return n, nil
}

// send writes p with one system call and returns how many bytes the descriptor took. It
// returns 0 and no error if the descriptor takes nothing now.
func (c *Conn) send(p []byte) (n int, err error) {
	if c.role == roleFile {
		n, err = poll.Write(int(c.fd), p)
	} else {
		n, err = poll.Send(int(c.fd), p)
	}
	switch {
	case err == poll.ErrAgain:
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("write", err)
	}
	c.noteWritten(n)
	return n, nil
}

func (s stream) unsentBytes() int { return s.c.Send.Len() }
func (s stream) blocked() bool    { return s.c.Send.Len() > 0 }

func (s stream) shutdown(leaveOpen bool) (done, hasEOF bool) {
	return true, leaveOpen || poll.Shutdown(int(s.c.fd))
}

func (s stream) abort() { poll.ResetOnClose(int(s.c.fd)) }

func (s stream) close() {}

// isTCP reports whether the connection is a TCP stream whose peer is known.
func (c *Conn) isTCP() bool { return c.peerKind != addrNone && !c.isDatagram() }
