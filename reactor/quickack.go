package reactor

import (
	"slices"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// A peer that sends a little and then more, with Nagle's algorithm on, waits for our
// acknowledgement before it sends the rest. The kernel delays that by 40 ms if we have
// nothing to send meanwhile. So a connection that has read and not written since asks the
// kernel to acknowledge at once, when the loop is about to block and before Poll returns
// to another loop. Under load nothing of this happens: there is more to read.

// quickAck is what a connection notes for that: whether it has read since its last write,
// and how many more acknowledgements it asks for until it writes again. Whatever only
// receives pays for a few, and whatever never writes for none.
type quickAck uint8

const (
	ackDue      quickAck = 1 << 7
	maxQuickAck quickAck = 64
)

// read notes that the connection has read.
func (a *quickAck) read(c *Conn) {
	if *a == 0 {
		return
	}
	*a |= ackDue
	if c.on&onAcks == 0 {
		c.on |= onAcks
		c.mgr.awaitAck(c)
	}
}

// wrote notes that the connection has written: the acknowledgement went with that.
func (a *quickAck) wrote(c *Conn) {
	if poll.HasQuickAck && c.isTCP() {
		*a = maxQuickAck
	}
}

// awaitAck puts a connection on the list. A loop that never blocks does not work the list
// off, so what is closed, or has written, leaves it before it grows.
func (m *Manager) awaitAck(c *Conn) {
	if len(m.acks) == cap(m.acks) {
		m.acks = slices.DeleteFunc(m.acks, func(o *Conn) bool {
			due := o.fd >= 0 && o.ack&ackDue != 0
			if !due {
				o.on &^= onAcks
			}
			return !due
		})
		m.acks = slices.Grow(m.acks, len(m.acks)+16)
	}
	m.acks = append(m.acks, c)
}

// sendAcks asks for the acknowledgements that are due.
func (m *Manager) sendAcks() {
	for i, c := range m.acks {
		m.acks[i] = nil
		c.on &^= onAcks
		if c.ack&ackDue == 0 || c.fd < 0 {
			continue
		}
		c.ack = c.ack&^ackDue - 1
		poll.QuickAck(int(c.fd)) // if it fails the kernel acknowledges in its own time
		m.stats.QuickAcks++
	}
	m.acks = m.acks[:0]
}
