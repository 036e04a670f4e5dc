package reactor

import (
	"net/netip"
	"syscall"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Datagram sockets keep the bytes of Send and Recv like streams do, and the
// borders between datagrams beside them: each Write is one, to where the
// connection's peer was then. Bytes that a program appended to Send directly
// are one datagram, to where the peer is when it ends.

// datagram is one border in Send.
type datagram struct {
	to netip.AddrPort // the zero AddrPort on a connected socket
	n  int
}

// maxDatagram is the most that UDP over IPv4 carries: 65,535 bytes less both
// headers [RFC 768, RFC 791].
const maxDatagram = 65507

// receiveBurst bounds how many datagrams one socket delivers in a turn.
const receiveBurst = 64

func (c *Conn) writePacket(p []byte) (int, error) {
	if len(p) > maxDatagram {
		return 0, opError("write", "udp", c.remote, sysErr("sendto", syscall.EMSGSIZE))
	}
	if c.is(listening) && !c.remote.IsValid() {
		return 0, opError("write", "udp", c.remote, sysErr("sendto", syscall.EDESTADDRREQ))
	}
	c.endDatagram()
	c.Send.Append(p)
	c.addDatagram(len(p))
	c.mark() // Append does not, for an empty one
	return len(p), nil
}

// endDatagram draws the border behind what was appended directly, or takes
// borders back if the program took bytes back.
func (c *Conn) endDatagram() {
	n := c.Send.Len()
	if x := c.ext; x != nil {
		for x.bordered > n {
			last := &x.dgrams[len(x.dgrams)-1]
			if x.bordered-last.n < n {
				last.n -= x.bordered - n
				x.bordered = n
				return
			}
			x.bordered -= last.n
			x.dgrams = x.dgrams[:len(x.dgrams)-1]
		}
		n -= x.bordered
	}
	if n > 0 {
		c.addDatagram(n)
	}
}

func (c *Conn) addDatagram(n int) {
	d := datagram{n: n}
	if c.is(listening) {
		d.to = c.remote
	}
	x := c.extra()
	x.dgrams = append(x.dgrams, d)
	x.bordered += n
}

// flushPackets sends datagrams until the socket takes no more. One that
// cannot be sent fails a client; a listener has other peers and goes on.
func (c *Conn) flushPackets() {
	c.endDatagram()
	if c.ext == nil || len(c.ext.dgrams) == 0 {
		return
	}
	x, count, total := c.ext, 0, 0
	var failure error
	for _, d := range x.dgrams {
		if failure != nil {
			break
		}
		p := c.Send.Bytes()[total : total+d.n]
		err := poll.SendTo(int(c.fd), p, c.mapped(d.to))
		if err == poll.ErrAgain {
			break
		}
		count++
		total += d.n
		switch {
		case err == nil:
			if c.is(hexdump | recorded) {
				c.trace("write", d.to, p)
			}
		case c.is(listening), err == syscall.ENOBUFS: // the BSDs have it for a full queue, and report no readiness
			c.mgr.log.Warn("datagram not sent", append(c.attrs(), "to", d.to, "bytes", d.n, "error", err)...)
		default:
			failure = opError("write", "udp", c.remote, sysErr("sendto", err))
		}
	}
	x.dgrams = append(x.dgrams[:0], x.dgrams[count:]...)
	x.bordered -= total
	if count > 0 {
		c.sent(total)
	} else {
		c.flushed(0)
	}
	if failure != nil {
		c.Fail(failure)
	}
}

// mapped gives an IPv4 peer of a dual-stack listener the form that its socket
// wants: not all systems take the plain one.
func (c *Conn) mapped(to netip.AddrPort) netip.AddrPort {
	if to.Addr().Is4() && c.ext.local.Addr().Is6() {
		return netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
	}
	return to
}

// readPackets raises EvRead once per datagram.
func (c *Conn) readPackets() {
	m := c.mgr
	for range receiveBurst {
		if c.Stopped() || m.ending {
			return
		}
		n, from, err := poll.RecvFrom(int(c.fd), m.rbuf)
		switch {
		case err == poll.ErrAgain:
			return
		case err != nil && c.is(listening): // an ICMP error about some peer
			m.log.Debug("read", "id", c.id, "error", err)
			continue
		case err != nil:
			c.Fail(opError("read", "udp", c.remote, sysErr("recvfrom", err)))
			return
		}
		if c.is(listening) {
			c.endDatagram() // it was meant for the sender before
			c.remote = from
		}
		if c.is(hexdump | recorded) {
			c.trace("read", c.remote, m.rbuf[:n])
		}
		c.borrow(n)
		m.arrived = n
		m.stats.Reads++
		m.stats.BytesIn += uint64(n)
		c.heard(n)
		c.offerRead()
	}
}
