package reactor

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// datagrams is the transport of sockets that keep message boundaries: UDP, SOCK_DGRAM and
// SOCK_SEQPACKET. Send holds the bytes of its messages one after another, as for streams. The
// boundaries between the messages are kept separately, in bounds:
//
//	c.Write(p)        p is one datagram
//	c.Send.Append(p)  all bytes appended since the last boundary are one datagram. It ends
//	                  at the next Write, at the flush, or on a listener when a datagram arrives.
//
// A datagram goes to the peer that RemoteAddr returns when its boundary is set.
// Recv holds one datagram in each EvRead.
type datagrams struct {
	c            *Conn
	bounds       []outgoingDatagram // the messages in Send, in order
	boundedBytes int                // total length of the messages in bounds
	readThisTurn int                // datagrams read in this turn
	readErr      error              // read error; read returns it after the datagrams that came before it
	unreadBytes  int                // upper bound of the bytes that the socket still holds after an error
	sequenced    bool               // SOCK_SEQPACKET: an empty message is the end of the stream
}

// outgoingDatagram is one message in Send.
type outgoingDatagram struct {
	to netip.AddrPort // the zero AddrPort on a connected socket
	n  int            // bytes
}

// maxDatagram is the largest payload of UDP over IPv4 in bytes: 65,535 minus both headers
// [RFC 768, RFC 791].
const maxDatagram = 65507

// maxDatagramsPerTurn bounds how many datagrams one socket delivers in a turn.
const maxDatagramsPerTurn = 64

// datagramOverhead is the least number of bytes that a datagram takes in a socket's receive
// buffer besides its content. Kernels count more.
const datagramOverhead = 256

// errTooLong is the cause in EvError if a message does not fit into the buffer of one read.
var errTooLong = errors.New("reactor: message is longer than the receive buffer")

func (d *datagrams) write(p []byte) (int, error) {
	c := d.c
	if len(p) > maxDatagram {
		return 0, opError("write", "udp", c.RemoteAddr(), os.NewSyscallError("sendto", syscall.EMSGSIZE))
	}
	if c.role == roleListener && !c.peer.IsValid() {
		return 0, opError("write", "udp", c.RemoteAddr(), os.NewSyscallError("sendto", syscall.EDESTADDRREQ))
	}
	d.syncBoundaries()
	c.Send.Append(p)
	d.addBoundary(len(p))
	c.markDirty() // Append does not mark the connection if p is empty
	return len(p), nil
}

// syncBoundaries makes bounds agree with Send. It sets a boundary behind bytes that the program
// appended directly. If the program removed bytes from the end of Send, it shortens or
// removes the last datagrams.
func (d *datagrams) syncBoundaries() {
	n := d.c.Send.Len()
	for d.boundedBytes > n {
		last := &d.bounds[len(d.bounds)-1]
		if d.boundedBytes-last.n < n {
			last.n -= d.boundedBytes - n
			d.boundedBytes = n
			return
		}
		d.boundedBytes -= last.n
		d.bounds = d.bounds[:len(d.bounds)-1]
	}
	if n > d.boundedBytes {
		d.addBoundary(n - d.boundedBytes)
	}
}

// addBoundary adds a boundary behind the next n bytes of Send.
func (d *datagrams) addBoundary(n int) {
	to := netip.AddrPort{}
	if d.c.role == roleListener {
		to = d.c.RemoteAddr()
	}
	d.bounds = append(d.bounds, outgoingDatagram{to, n})
	d.boundedBytes += n
}

// flush sends datagrams until the socket takes no more, one system call for each. If a
// datagram cannot be sent, the connection fails. A listener has other peers, so it logs the
// error and continues. With ENOBUFS a connection does the same.
func (d *datagrams) flush() (int, error) {
	c := d.c
	d.syncBoundaries()
	count, total := 0, 0
	var failure error
	for _, b := range d.bounds {
		if failure != nil {
			break
		}
		p := c.Send.Bytes()[total : total+b.n]
		err := poll.SendTo(int(c.fd), p, d.socketAddr(b.to))
		if err == poll.ErrAgain {
			break
		}
		count++
		total += b.n
		// The BSDs return ENOBUFS if a queue is full, and do not report when it has space again.
		switch {
		case err == nil:
			c.traceWrite(b.to, p)
		case c.role == roleListener, err == syscall.ENOBUFS:
			if c.mgr.mayLog() {
				c.mgr.log.Warn("datagram not sent", append(c.attrsWithPeer(d.destination(b)), "bytes", b.n, "error", err)...)
			}
		default:
			failure = os.NewSyscallError("sendto", err)
			d.unreadBytes = poll.ReceiveBuffer(int(c.fd))
		}
	}
	if count == 0 {
		return noEvent, nil
	}
	d.bounds = append(d.bounds[:0], d.bounds[count:]...)
	d.boundedBytes -= total
	c.Send.Consume(total)
	c.noteWritten(total)
	return total, failure
}

// destination returns the peer that b is for. It is the zero AddrPort if a listener had no
// peer yet when the program appended b.
func (d *datagrams) destination(b outgoingDatagram) netip.AddrPort {
	if d.c.role == roleListener {
		return b.to
	}
	return d.c.RemoteAddr()
}

// socketAddr returns an IPv4 peer of a dual-stack listener as an IPv4-mapped IPv6 address. Not all
// systems take the IPv4 form on an IPv6 socket. It returns other addresses as they are.
func (d *datagrams) socketAddr(to netip.AddrPort) netip.AddrPort {
	if to.Addr().Is4() && d.c.ext.local.Addr().Is6() {
		return netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
	}
	return to
}

// read reads one datagram. The kernel reports an error before it returns the datagrams that
// arrived earlier. If a read or a write has failed, read therefore delivers these datagrams
// first and then returns the error. It counts their bytes to bound how long this can take.
func (d *datagrams) read() (n int, more bool, err error) {
	c, m := d.c, d.c.mgr
	if d.readThisTurn >= maxDatagramsPerTurn || c.InputStopped() || m.turn.ended || m.closeCalled {
		d.readThisTurn = 0
		if d.readErr != nil { // the socket does not report the error again
			c.scheduleInput()
		}
		return noEvent, false, nil
	}
	n, from, err := poll.RecvFrom(int(c.fd), m.readBuf)
	switch failed := d.socketErr(); {
	case failed != nil && (err == poll.ErrAgain || n == 0 && err == nil && d.sequenced || d.unreadBytes <= 0):
		return noEvent, false, failed
	case failed != nil && err != nil: // another error of the same socket
		d.unreadBytes -= datagramOverhead
		d.readThisTurn++
		return noEvent, true, nil
	case err == poll.ErrAgain:
		d.readThisTurn = 0
		return noEvent, false, err
	case err != nil && c.role == roleListener: // an ICMP error about one of its peers
		if m.verbose() {
			m.log.Debug("read failed", append(c.attrsWithPeer(netip.AddrPort{}), "error", err)...)
		}
		d.readThisTurn++
		return noEvent, true, nil
	case err != nil: // the datagrams that came earlier are delivered first
		d.readErr = os.NewSyscallError("recvfrom", err)
		d.unreadBytes = poll.ReceiveBuffer(int(c.fd))
		d.readThisTurn++
		return noEvent, true, nil
	case n == 0 && d.sequenced:
		return noEvent, false, io.EOF
	case n == len(m.readBuf) && c.role == roleListener: // other peers send shorter ones
		if m.mayLog() {
			m.log.Warn("datagram not received", append(c.attrsWithPeer(from), "error", errTooLong)...)
		}
		d.readThisTurn++
		return noEvent, true, nil
	case n == len(m.readBuf): // it may have been longer: the kernel drops what does not fit
		return noEvent, false, errTooLong
	}
	if c.role == roleListener {
		d.syncBoundaries() // what the program has appended is for the previous sender
		c.setRemote(from)
	}
	d.readThisTurn++
	d.unreadBytes -= n + datagramOverhead
	c.noteRead(n)
	c.traceRead(m.readBuf[:n])
	c.lendReadBuf(n)
	return n, true, nil
}

// socketErr returns the error with which a read or a write has failed, or nil.
func (d *datagrams) socketErr() error {
	if d.readErr == nil && d.c.writeHasFailed() {
		return d.c.ext.writeErr
	}
	return d.readErr
}

func (d *datagrams) inputPending() bool     { return d.readErr != nil && !d.c.inputOver() }
func (d *datagrams) handshakePending() bool { return false }
func (d *datagrams) keepsBoundaries() bool  { return true }

func (d *datagrams) unsentBytes() int { return d.c.Send.Len() }

// blocked also counts empty datagrams, which have no bytes in Send.
func (d *datagrams) blocked() bool { return d.c.Send.Len() > 0 || len(d.bounds) > 0 }

// shutdown does nothing on SOCK_DGRAM sockets, which have no end of stream. Send is empty
// when it is called.
func (d *datagrams) shutdown(peerFirst bool) (done, hasEOF bool) {
	if !d.sequenced {
		return true, false
	}
	return true, peerFirst || poll.Shutdown(int(d.c.fd))
}

func (d *datagrams) abort() {}

func (d *datagrams) close() {}

// newMessageTransport returns the transport of a socket of type kind (SOCK_DGRAM, ...). It
// returns nil for SOCK_STREAM.
func newMessageTransport(c *Conn, kind int) transport {
	if kind == unix.SOCK_STREAM {
		return nil
	}
	return &datagrams{c: c, sequenced: kind == unix.SOCK_SEQPACKET}
}
