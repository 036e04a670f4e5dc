package ws

import "github.com/rikki-go/rikki/reactor"

// Ping sends a ping with a copy of payload, 125 bytes at most. The peer answers with a pong
// that has the same payload, and the pong raises EvWSCtl. Ping returns the same errors as
// Send.
func Ping(c *reactor.Conn, payload []byte) error { return Send(c, payload, OpPing) }

// pongState is the state of pongs to a peer that does not read.
type pongState struct {
	unsent      int    // number of bytes in Send up to the end of the last pong; 0 if it is sent
	owed        bool   // another pong must be sent when unsent is 0
	owedPayload []byte // payload of the owed pong
}

// maxUnsent is a number of bytes. If Send contains more, several pings get only one pong.
const maxUnsent = 64 << 10

// answerPing sends a pong, even after our Close frame: only data frames must not follow a
// Close frame [RFC 6455 5.5.1, 5.5.2].
//
// A peer may send pings without reading the pongs. If Send contains a pong and more than
// maxUnsent bytes, answerPing only stores the payload. When the socket has taken this pong,
// another pong answers the most recent ping [RFC 6455 5.5.3].
func (l *layer) answerPing(c *reactor.Conn, payload []byte) {
	if l.state != open && l.state != closing {
		return
	}
	slow := c.Send.Len() > maxUnsent
	if slow && l.ensureExtras().pongs.unsent > 0 {
		p := &l.extras.pongs
		p.owed, p.owedPayload = true, append(p.owedPayload[:0], payload...)
		return
	}
	if l.extras != nil { // this pong also answers the previous pings
		l.extras.pongs.owed = false
	}
	// appendFrame fails only if the connection is closing.
	if appendFrame(c, byte(OpPong)|finBit, payload) == nil && slow {
		l.extras.pongs.unsent = c.Send.Len()
	}
}

// bytesWritten is called when the socket has taken n bytes of Send.
func (l *layer) bytesWritten(c *reactor.Conn, n int) {
	l.closeWritten(c, n)
	p := &l.extras.pongs
	if p.unsent = max(p.unsent-n, 0); p.unsent == 0 && p.owed {
		p.owed = false
		l.answerPing(c, p.owedPayload)
	}
}

// keepAlive is the state of the keep-alive: see Options.Ping. The deadline expires when the
// peer has sent nothing for some time: for Options.Ping before a ping is sent, and for
// Options.Pong after it.
type keepAlive struct {
	deadline reactor.Deadline
	pingSent bool // a ping was sent and no pong has arrived
}

// startKeepAlive starts the keep-alive.
func (l *layer) startKeepAlive(c *reactor.Conn) {
	a := &keepAlive{deadline: reactor.Deadline{Name: "pong", RestartOnRead: true, Expired: l.peerSilent}}
	l.ensureExtras().keepAlive = a
	c.Stack().StartDeadline(&a.deadline, l.opts.Ping)
}

// pongArrived is called when a pong arrives. It sets the deadline back to Options.Ping. Every byte
// from the peer restarts the deadline, but does not change its length.
func (l *layer) pongArrived(c *reactor.Conn) {
	if l.extras != nil && l.extras.keepAlive != nil && l.extras.keepAlive.pingSent && l.state == open {
		l.extras.keepAlive.pingSent = false
		c.Stack().StartDeadline(&l.extras.keepAlive.deadline, l.opts.Ping)
	}
}

// peerReads is called when a full socket has taken bytes. The peer reads, so it is alive,
// although our ping may still be in Send. peerReads restarts the deadline.
func (l *layer) peerReads(c *reactor.Conn) {
	if l.state != open || l.extras == nil || l.extras.keepAlive == nil {
		return
	}
	wait := l.opts.Ping
	if l.extras.keepAlive.pingSent {
		wait = l.opts.pong()
	}
	c.Stack().StartDeadline(&l.extras.keepAlive.deadline, wait)
}

// peerSilent is called when the deadline has expired. If no ping waits for a pong, peerSilent
// sends a ping. Otherwise the pong is late, and peerSilent fails the connection.
func (l *layer) peerSilent(c *reactor.Conn) {
	a := l.extras.keepAlive
	switch {
	case l.state != open:
	case a.pingSent:
		l.state = done
		c.Fail(&reactor.DeadlineError{Deadline: "pong", After: l.opts.pong()})
	default:
		Ping(c, nil) // fails only if the connection is closing
		wait := l.opts.pong()
		if a.pingSent = wait > 0; !a.pingSent { // a pong is not required: ping again after Options.Ping
			wait = l.opts.Ping
		}
		c.Stack().StartDeadline(&a.deadline, wait)
	}
}
