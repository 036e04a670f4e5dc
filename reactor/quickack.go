package reactor

import (
	"slices"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Quick acknowledgements. A peer with Nagle's algorithm on sends a small segment and waits for
// our acknowledgement before it sends the next one. The kernel delays the acknowledgement by
// 40 ms, because data that we send could carry it. If we have nothing to send, this delay only
// slows the peer down. So a connection that has read and has not written since then sets
// TCP_QUICKACK, which makes the kernel acknowledge at once.
//
// The loop does this when it is about to block. It also does this at the end of Poll(0), because
// the program may then wait in another loop. Under load the loop never blocks: there is always
// more to read, and answers carry the acknowledgements. A connection asks at most 64 times after
// a write. So a connection that writes once and then only receives makes at most 64 of these
// system calls, and one that never writes makes none.

// quickAck is one connection's state. The bit ackDue says that it has read since its last
// write. The other bits count how many acknowledgements it may still ask for before it writes
// again.
type quickAck uint8

const (
	ackDue      quickAck = 1 << 7
	maxQuickAck quickAck = 64
)

// noteRead notes that the connection has read bytes.
func (a *quickAck) noteRead(c *Conn) {
	if *a == 0 {
		return
	}
	*a |= ackDue
	if c.on&onAcks == 0 {
		c.on |= onAcks
		c.mgr.queueAck(c)
	}
}

// noteWritten notes that the connection has written. The bytes carried the acknowledgement.
func (a *quickAck) noteWritten(c *Conn) {
	if poll.HasQuickAck && c.isTCP() {
		*a = maxQuickAck
	}
}

// queueAck adds a connection to the list of connections with a due acknowledgement. A loop that
// never blocks does not empty the list. So queueAck removes connections that are closed, or have
// written, before the list grows.
func (m *Manager) queueAck(c *Conn) {
	if len(m.ackQueue) == cap(m.ackQueue) {
		m.ackQueue = slices.DeleteFunc(m.ackQueue, func(o *Conn) bool {
			due := o.fd >= 0 && o.ack&ackDue != 0
			if !due {
				o.on &^= onAcks
			}
			return !due
		})
		m.ackQueue = slices.Grow(m.ackQueue, len(m.ackQueue)+16)
	}
	m.ackQueue = append(m.ackQueue, c)
}

// sendAcks asks the kernel for the acknowledgements that are due, and empties the list.
func (m *Manager) sendAcks() {
	for i, c := range m.ackQueue {
		m.ackQueue[i] = nil
		c.on &^= onAcks
		if c.ack&ackDue == 0 || c.fd < 0 {
			continue
		}
		c.ack = c.ack&^ackDue - 1
		poll.QuickAck(int(c.fd)) // if this fails, the kernel acknowledges after its delay
		m.stats.QuickAcks++
	}
	m.ackQueue = m.ackQueue[:0]
}
