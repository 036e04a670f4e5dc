package reactor

import (
	"errors"
	"io"
	"math"
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
//	c.WriteTo(p, a)   p is one datagram for a, on an unconnected socket
//	c.Send.Append(p)  all bytes appended since the last boundary are one datagram. It ends
//	                  at the next Write, at the flush, or when an unconnected socket receives.
//
// A datagram goes to the peer that Write would use when its boundary is set (unconnected.go).
// Recv holds one datagram in each EvRead.
type datagrams struct {
	c            *Conn
	open         unconnected        // of a socket with many peers
	bounds       []outgoingDatagram // the messages in Send, in order
	boundedBytes int                // total length of the messages in bounds
	readThisTurn int                // datagrams read in this turn
	readErr      error              // read error; read returns it after the datagrams that came before it
	unreadBytes  int                // upper bound of the bytes that the socket still holds after an error
	sequenced    bool               // SOCK_SEQPACKET: an empty message is the end of the stream
	v4, v6       bool               // families that a socket of UDP can send to; see poll.IPFamily
}

// outgoingDatagram is one message in Send.
type outgoingDatagram struct {
	to     netip.AddrPort // the zero AddrPort on a connected socket
	source netip.Addr     // the host's address to send from; zero if the kernel chooses
	n      int            // bytes
}

// The largest payloads of UDP in bytes. Over IPv4 it is 65,535 minus both headers [RFC 768,
// RFC 791]. Over IPv6 the length does not count the header of IPv6 [RFC 8200 3].
const (
	maxPayload4 = 65507
	maxPayload6 = 65527
)

// maxDatagramsPerTurn bounds how many datagrams one socket delivers in a turn.
const maxDatagramsPerTurn = 64

// datagramOverhead is the least number of bytes that a datagram takes in a socket's receive
// buffer besides its content. Kernels count more.
const datagramOverhead = 256

// errTooLong is the cause in EvError if a message does not fit into the buffer of one read.
var errTooLong = errors.New("reactor: message is longer than the receive buffer")

func (d *datagrams) write(p []byte) (int, error) {
	c := d.c
	to, source := d.destination()
	if len(p) > d.maxPayload(to) {
		return 0, opError("write", "udp", c.RemoteAddr(), os.NewSyscallError("sendto", syscall.EMSGSIZE))
	}
	if d.open.on && !to.IsValid() {
		return 0, opError("write", "udp", c.RemoteAddr(), os.NewSyscallError("sendto", syscall.EDESTADDRREQ))
	}
	return d.writeTo(p, to, source)
}

// writeTo adds a datagram to Send.
func (d *datagrams) writeTo(p []byte, to netip.AddrPort, source netip.Addr) (int, error) {
	c := d.c
	d.syncBoundaries()
	c.Send.Append(p)
	d.addBoundary(len(p), to, source)
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
		to, source := d.destination()
		d.addBoundary(n-d.boundedBytes, to, source)
	}
}

// addBoundary adds a boundary behind the next n bytes of Send.
func (d *datagrams) addBoundary(n int, to netip.AddrPort, source netip.Addr) {
	d.bounds = append(d.bounds, outgoingDatagram{to, source, n})
	d.boundedBytes += n
}

// flush sends datagrams until the socket takes no more, one system call for each. If a
// datagram cannot be sent, the connection fails. An unconnected socket has other peers, so it logs
// the error and continues, unless the datagram is for the address that a client was made for.
// With ENOBUFS all of them continue.
func (d *datagrams) flush() (int, error) { return d.flushWith(d.send) }

func (d *datagrams) flushWith(send func(outgoingDatagram, []byte) error) (int, error) {
	c := d.c
	d.syncBoundaries()
	count, total := 0, 0
	var failure error
	for _, b := range d.bounds {
		if failure != nil {
			break
		}
		p := c.Send.Bytes()[total : total+b.n]
		err := send(b, p)
		if err == poll.ErrAgain {
			if count == 0 { // if it is not read, nothing else drops them
				d.dropErrors()
			}
			break
		}
		count++
		total += b.n
		// The BSDs return ENOBUFS if a queue is full, and do not report when it has space again.
		switch {
		case err == nil:
			c.traceWrite(b.to, p)
		case d.open.mayLose(b.to), err == syscall.ENOBUFS:
			if c.mgr.mayLog() {
				c.mgr.log.Warn("datagram not sent", append(c.attrsWithPeer(d.peerOf(b)), "bytes", b.n, "error", err)...)
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

// peerOf returns the peer that b is for. It is the zero AddrPort if an unconnected socket had no
// peer yet when the program appended b.
func (d *datagrams) peerOf(b outgoingDatagram) netip.AddrPort {
	if d.open.on {
		return b.to
	}
	return d.c.RemoteAddr()
}

// maxPayload returns how many bytes a datagram for an address may have. The zero AddrPort means the
// peer that the socket is connected to. If the family is not known yet, the larger limit counts,
// and the kernel refuses what is too long. A UNIX-domain socket has other limits, which the kernel
// checks.
func (d *datagrams) maxPayload(to netip.AddrPort) int {
	a := to.Addr()
	if !a.IsValid() {
		a = d.c.peerAddr()
	}
	if !a.IsValid() && d.c.dialing() {
		a, _ = netip.ParseAddr(d.c.ext.dial.url.Host)
	}
	switch {
	case d.c.fd >= 0 && !d.v4 && !d.v6:
		return math.MaxInt
	case a.Unmap().Is4(), d.v4 && !d.v6:
		return maxPayload4
	}
	return maxPayload6
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
	n, from, tooLong, err := d.receive(m.readBuf)
	switch failed := d.socketErr(); {
	case failed != nil && (err == poll.ErrAgain || n == 0 && err == nil && d.sequenced || d.unreadBytes <= 0):
		return noEvent, false, failed
	case failed != nil && err != nil: // another error of the same socket
		d.unreadBytes -= datagramOverhead
		d.readThisTurn++
		return noEvent, true, nil
	case err == poll.ErrAgain:
		if d.readThisTurn == 0 {
			d.dropErrors()
		}
		d.readThisTurn = 0
		return noEvent, false, err
	case err != nil && d.open.on: // an ICMP error about one of its peers
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
	case tooLong && d.open.on: // other peers send shorter ones
		if m.mayLog() {
			m.log.Warn("datagram not received", append(c.attrsWithPeer(from), "error", errTooLong)...)
		}
		d.readThisTurn++
		return noEvent, true, nil
	case tooLong:
		return noEvent, false, errTooLong
	}
	d.readThisTurn++
	d.unreadBytes -= n + datagramOverhead
	c.noteRead(n)
	c.traceRead(m.readBuf[:n])
	c.lendReadBuf(n)
	return n, true, nil
}

// dropErrors empties the error queue of a socket of UDP, which IP_RECVERR and SO_TIMESTAMPING fill.
// It is called if the poller may have reported the socket because of the queue alone.
func (d *datagrams) dropErrors() {
	if d.v4 || d.v6 {
		poll.DropErrors(int(d.c.fd))
	}
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
func (d *datagrams) shutdown(leaveOpen bool) (done, hasEOF bool) {
	if !d.sequenced {
		return true, false
	}
	return true, leaveOpen || poll.Shutdown(int(d.c.fd))
}

func (d *datagrams) abort() {}

func (d *datagrams) close() {}

// datagramDrops returns how many datagrams the kernel has dropped at the connection's socket.
func (c *Conn) datagramDrops() uint64 {
	if c.fd < 0 || !c.isDatagram() {
		return 0
	}
	return poll.Drops(int(c.fd))
}

// newMessageTransport returns the transport of a socket of type kind (SOCK_DGRAM, ...). It
// returns nil for SOCK_STREAM.
func newMessageTransport(c *Conn, kind int) *datagrams {
	if kind == unix.SOCK_STREAM {
		return nil
	}
	return &datagrams{c: c, sequenced: kind == unix.SOCK_SEQPACKET}
}
