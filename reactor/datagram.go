package reactor

import (
	"errors"
	"io"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// datagrams is the transport of sockets that keep message boundaries. The bytes of
// Send and Recv lie in one piece, as those of streams do, and the boundaries beside
// them: each Write is one datagram, to the connection's peer of that moment. Bytes that
// a program appended to Send directly are one datagram, to the peer of the moment when
// the next one begins.
type datagrams struct {
	c         *Conn
	bounds    []datagram // of what lies in Send
	bounded   int        // bytes of those
	burst     int        // datagrams that were read in this turn
	err       error      // what the socket has failed with: what lies in it is delivered first
	left      int        // bytes that may lie there still
	sequenced bool       // SOCK_SEQPACKET: an empty message is the end of the stream
}

// datagram is one message in Send.
type datagram struct {
	to netip.AddrPort // the zero AddrPort on a connected socket
	n  int
}

// maxDatagram is the most that UDP over IPv4 carries: 65,535 bytes less both headers
// [RFC 768, RFC 791].
const maxDatagram = 65507

// receiveBurst bounds how many datagrams one socket delivers in a turn.
const receiveBurst = 64

// datagramCost is the least that a datagram takes of a socket's receive buffer besides its
// bytes. Kernels count more.
const datagramCost = 256

// errTooLong is EvError's data if a message does not fit into the buffer of one read.
var errTooLong = errors.New("reactor: message is longer than the receive buffer")

func (d *datagrams) write(p []byte) (int, error) {
	c := d.c
	if len(p) > maxDatagram {
		return 0, opError("write", "udp", c.RemoteAddr(), sysErr("sendto", syscall.EMSGSIZE))
	}
	if c.role == roleListener && !c.peer.IsValid() {
		return 0, opError("write", "udp", c.RemoteAddr(), sysErr("sendto", syscall.EDESTADDRREQ))
	}
	d.endDatagram()
	c.Send.Append(p)
	d.add(len(p))
	c.mark() // Append does not, for an empty one
	return len(p), nil
}

// endDatagram sets the boundary behind what was appended directly, or takes boundaries
// back if the program took bytes back.
func (d *datagrams) endDatagram() {
	n := d.c.Send.Len()
	for d.bounded > n {
		last := &d.bounds[len(d.bounds)-1]
		if d.bounded-last.n < n {
			last.n -= d.bounded - n
			d.bounded = n
			return
		}
		d.bounded -= last.n
		d.bounds = d.bounds[:len(d.bounds)-1]
	}
	if n > d.bounded {
		d.add(n - d.bounded)
	}
}

func (d *datagrams) add(n int) {
	to := netip.AddrPort{}
	if d.c.role == roleListener {
		to = d.c.RemoteAddr()
	}
	d.bounds = append(d.bounds, datagram{to, n})
	d.bounded += n
}

// flush sends datagrams until the socket takes no more. One that cannot be sent fails a
// client. A listener has other peers and goes on.
func (d *datagrams) flush() (int, error) {
	c := d.c
	d.endDatagram()
	count, total := 0, 0
	var failure error
	for _, b := range d.bounds {
		if failure != nil {
			break
		}
		p := c.Send.Bytes()[total : total+b.n]
		err := poll.SendTo(int(c.fd), p, d.mapped(b.to))
		if err == poll.ErrAgain {
			break
		}
		count++
		total += b.n
		switch {
		case err == nil:
			c.traceWrite(b.to, p)
		case c.role == roleListener, err == syscall.ENOBUFS: // the BSDs have it for a full queue, and report no readiness
			c.mgr.log.Warn("datagram not sent", append(c.attrs(), "to", b.to, "bytes", b.n, "error", err)...)
		default:
			failure = sysErr("sendto", err)
			d.left = poll.ReceiveBuffer(int(c.fd))
		}
	}
	if count == 0 {
		return nothing, nil
	}
	d.bounds = append(d.bounds[:0], d.bounds[count:]...)
	d.bounded -= total
	c.Send.Consume(total)
	c.taken(total)
	return total, failure
}

// mapped gives an IPv4 peer of a dual-stack listener the form that its socket wants:
// not all systems take the plain one.
func (d *datagrams) mapped(to netip.AddrPort) netip.AddrPort {
	if to.Addr().Is4() && d.c.ext.local.Addr().Is6() {
		return netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
	}
	return to
}

// read takes in one datagram.
func (d *datagrams) read() (n int, more bool, err error) {
	c, m := d.c, d.c.mgr
	if d.burst >= receiveBurst || c.Stopped() || m.ending {
		d.burst = 0
		if d.err != nil { // the socket does not tell of it once more
			c.wantInput()
		}
		return nothing, false, nil
	}
	n, from, err := poll.RecvFrom(int(c.fd), m.rbuf)
	switch failed := d.failure(); {
	case failed != nil && (err == poll.ErrAgain || n == 0 && err == nil && d.sequenced || d.left <= 0):
		return nothing, false, failed
	case failed != nil && err != nil:
		d.left -= datagramCost
		d.burst++
		return nothing, true, nil
	case err == poll.ErrAgain:
		d.burst = 0
		return nothing, false, err
	case err != nil && c.role == roleListener: // an ICMP error about some peer
		m.log.Debug("read", "id", c.id, "error", err)
		d.burst++
		return nothing, true, nil
	case err != nil: // the kernel tells of it before it hands out what came earlier
		d.err = sysErr("recvfrom", err)
		d.left = poll.ReceiveBuffer(int(c.fd))
		d.burst++
		return nothing, true, nil
	case n == 0 && d.sequenced:
		return nothing, false, io.EOF
	case n == len(m.rbuf) && c.role == roleListener: // other peers send shorter ones
		m.log.Warn("datagram not received", "id", c.id, "from", from, "error", errTooLong)
		d.burst++
		return nothing, true, nil
	case n == len(m.rbuf): // and perhaps more: the kernel drops what does not fit
		return nothing, false, errTooLong
	}
	if c.role == roleListener {
		d.endDatagram() // it was meant for the sender before
		c.setRemote(from)
	}
	d.burst++
	d.left -= n + datagramCost
	c.heard(n)
	c.traceRead(m.rbuf[:n])
	c.borrow(n)
	return n, true, nil
}

// failure returns what the socket has failed with, in reading or in writing.
func (d *datagrams) failure() error {
	if d.err == nil && d.c.lost() {
		return d.c.ext.lost
	}
	return d.err
}

func (d *datagrams) pending() bool    { return d.err != nil && !d.c.over() }
func (d *datagrams) opening() bool    { return false }
func (d *datagrams) boundaries() bool { return true }

func (d *datagrams) queued() int { return d.c.Send.Len() }

func (d *datagrams) blocked() bool { return d.c.Send.Len() > 0 || len(d.bounds) > 0 }

// shutdown does nothing: a datagram socket has no end of stream. What is in Send is
// written by then.
func (d *datagrams) shutdown(peerFirst bool) (said, ends bool) {
	if !d.sequenced {
		return true, false
	}
	return true, peerFirst || poll.Shutdown(int(d.c.fd))
}

func (d *datagrams) abort() {}

func (d *datagrams) close() {}

// messageTransport returns the transport of a socket of that type, nil for a stream.
func messageTransport(c *Conn, kind int) transport {
	if kind == unix.SOCK_STREAM {
		return nil
	}
	return &datagrams{c: c, sequenced: kind == unix.SOCK_SEQPACKET}
}
