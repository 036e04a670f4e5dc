package reactor

import (
	"io"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// stream is the transport of tcp, UNIX-domain streams, pipes and terminals.
type stream struct{ c *Conn }

func (s stream) write(p []byte) (int, error) {
	c := s.c
	c.Send.owner = c // if the program has put another Buffer there
	c.Send.Append(p)
	return len(p), nil
}

func (s stream) read() (int, bool, error) {
	c := s.c
	n, err := c.recv(c.recvRoom(4096))
	if err != nil {
		return nothing, false, err
	}
	c.receive(n)
	return n, false, nil
}

// recv makes one system call. Its error is io.EOF at the end of the stream.
func (c *Conn) recv(into []byte) (n int, err error) {
	if c.role == roleFile {
		n, err = poll.Read(int(c.fd), into)
	} else {
		n, err = poll.Recv(int(c.fd), into)
	}
	switch {
	case err == poll.ErrAgain:
	case (err != nil || n == 0) && c.lost(): // a write has failed, and the socket has told why
		err = c.ext.lost
	case err != nil:
		err = sysErr("read", err)
	case n == 0:
		err = io.EOF
	default:
		c.heard(n)
	}
	return n, err
}

func (s stream) pending() bool    { return false }
func (s stream) opening() bool    { return false }
func (s stream) boundaries() bool { return false }

func (s stream) flush() (int, error) {
	c := s.c
	p := c.Send.Bytes()
	if len(p) == 0 {
		return nothing, nil
	}
	n, err := c.send(p)
	if err != nil || n == 0 {
		return nothing, err
	}
	c.traceWrite(c.RemoteAddr(), p[:n])
	c.Send.Consume(n)
	return n, nil
}

// send makes one system call. It returns 0 and no error if the socket takes nothing.
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
		return 0, sysErr("write", err)
	}
	c.taken(n)
	return n, nil
}

func (s stream) queued() int   { return s.c.Send.Len() }
func (s stream) blocked() bool { return s.c.Send.Len() > 0 }

func (s stream) shutdown(peerFirst bool) (said, ends bool) {
	return true, peerFirst || poll.Shutdown(int(s.c.fd))
}

func (s stream) abort() { poll.ResetOnClose(int(s.c.fd)) }

func (s stream) close() {}

// isTCP reports whether the connection's stream is TCP's.
func (c *Conn) isTCP() bool { return c.peer.IsValid() && !c.isDatagram() }
