//go:build linux

package main

import (
	"fmt"
	"os"

	"github.com/gobwas/ws"
	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/freeport"
)

// gnetEcho writes the replies into the buffer that gnet lends it. A reply is shorter than
// its request by the masking key, so it fits there. All frames of one read are answered
// with one write, without a copy if there is one frame.
type gnetEcho struct{ gnetBoot }

// gnetConn is the state of a connection.
type gnetConn struct {
	open   bool // after the handshake
	ending bool // a Close frame was answered
	need   int  // bytes that must have come before a frame can be complete
	tally  *tally
}

// serveGnet sets ReusePort because otherwise gnet accepts in a second loop.
func serveGnet(o *serving, listening func(addr string)) error {
	g := &gnetEcho{gnetBoot: gnetBoot{listening: listening}}
	return g.run(g, o.loops)
}

// gnetBoot is the part of gnet's handlers that starts the engine.
type gnetBoot struct {
	gnet.BuiltinEventEngine
	listening func(addr string)
	err       error
}

// run runs gnet with a handler that contains g. All loops need the same port.
func (g *gnetBoot) run(handler gnet.EventHandler, loops int) error {
	addr, err := freeport.Addr()
	if err != nil {
		return err
	}
	err = gnet.Run(handler, "tcp4://"+addr,
		gnet.WithMulticore(loops > 1), gnet.WithNumEventLoop(loops), gnet.WithReusePort(true),
		gnet.WithTCPNoDelay(gnet.TCPNoDelay), gnet.WithReadBufferCap(64<<10), gnet.WithLogger(gnetLog{}))
	if err == nil {
		err = g.err
	}
	return err
}

// OnBoot is called when the socket listens.
func (g *gnetBoot) OnBoot(e gnet.Engine) gnet.Action {
	fd, err := e.Dup()
	if err != nil {
		g.err = err
		return gnet.Shutdown
	}
	defer unix.Close(fd)
	sa, err := unix.Getsockname(fd)
	if err != nil {
		g.err = os.NewSyscallError("getsockname", err)
		return gnet.Shutdown
	}
	g.listening(fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port))
	return gnet.None
}

func (g *gnetEcho) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	c.SetContext(&gnetConn{})
	return nil, gnet.None
}

func (g *gnetEcho) OnTraffic(c gnet.Conn) gnet.Action {
	s := c.Context().(*gnetConn)
	if c.InboundBuffered() < s.need {
		return gnet.None
	}
	in, err := c.Peek(-1)
	if err != nil {
		return gnet.Close
	}
	if !s.open {
		rest, err := upgradeGnet(c, in)
		switch {
		case err == errShort:
			return gnet.None
		case err != nil:
			return gnet.Close
		}
		s.open = true
		if rest == 0 {
			return gnet.None
		}
		if in, err = c.Peek(-1); err != nil {
			return gnet.Close
		}
	}
	out, taken, err := s.frames(in)
	if err != nil {
		return gnet.Close
	}
	if len(out) > 0 {
		if _, err := c.Write(out); err != nil {
			return gnet.Close
		}
	}
	if s.ending {
		return s.end(c)
	}
	if taken > 0 { // Discard(0) discards everything
		c.Discard(taken) // not earlier: then gnet may reuse the bytes
	}
	return gnet.None
}

// upgradeGnet answers the request of a handshake in in, and discards it. rest is the number of
// bytes after it.
func upgradeGnet(c gnet.Conn, in []byte) (rest int, err error) {
	var space [512]byte
	answer, after, err := upgrade(space[:0], in)
	if err != nil {
		return 0, err
	}
	if _, err := c.Write(answer); err != nil {
		return 0, err
	}
	c.Discard(len(in) - len(after))
	return len(after), nil
}

// end closes the connection after the answer to a Close frame. gnet does not report when
// everything is sent, and closing discards the rest. If bytes are left the client must
// close.
func (s *gnetConn) end(c gnet.Conn) gnet.Action {
	if c.OutboundBuffered() == 0 {
		return gnet.Close
	}
	c.Discard(-1)
	return gnet.None
}

// frames replaces the complete frames in in by the answers. taken is the size of these
// frames. A message in fragments is echoed in the same fragments.
func (s *gnetConn) frames(in []byte) (out []byte, taken int, err error) {
	s.need = 0
	from, to := 0, 0 // offsets in in of the frame and of the answer
	for !s.ending {
		frame := in[taken:]
		size, length, err := frameHeader(frame)
		if err == errShort {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		if len(frame)-size < length {
			s.need = size + length
			break
		}
		payload := frame[size : size+length]
		ws.Cipher(payload, [4]byte(frame[size-4:size]), 0)
		taken += size + length
		op := ws.OpCode(frame[0] & 15)
		switch op {
		case ws.OpPong: // has no answer
			continue
		case ws.OpText, ws.OpBinary:
			live.touch()
			if s.tally != nil {
				s.tally.messages.Add(1)
			}
		case ws.OpPing:
			op = ws.OpPong
		case ws.OpClose:
			s.ending = true
		}
		first := to == 0
		if first { // leave the payload where it is
			from = taken - length - (size - 4)
			to = from
		}
		fin := frame[0] & 0x80
		copy(in[to:], frame[:size-4])
		in[to], in[to+1] = fin|byte(op), in[to+1]&0x7f
		to += size - 4
		if !first {
			copy(in[to:], payload)
		}
		to += length
	}
	return in[from:to], taken, nil
}

// gnetLog logs errors to standard error. gnet's own logger uses standard output, where the
// parent expects the address.
type gnetLog struct{}

func (gnetLog) Debugf(string, ...any) {}
func (gnetLog) Infof(string, ...any)  {}

func (gnetLog) Warnf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "gnet: "+format+"\n", args...)
}

func (l gnetLog) Errorf(format string, args ...any) { l.Warnf(format, args...) }

func (l gnetLog) Fatalf(format string, args ...any) {
	l.Warnf(format, args...)
	os.Exit(1)
}
