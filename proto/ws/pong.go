package ws

import "github.com/rikki-go/rikki/reactor"

// Ping sends a ping. The peer answers with a pong of the same payload, of at
// most 125 bytes, which raises EvWSCtl. Errors are those of Send.
func Ping(c *reactor.Conn, payload []byte) error { return Send(c, payload, OpPing) }

// pongs are what a peer that does not read has yet to be sent.
type pongs struct {
	ahead   int    // bytes of Send up to the end of one that it has yet to read
	owed    bool   // another is due after that
	payload []byte // of that
}

// maxUnsent is how many bytes may wait in Send before pings share a pong.
const maxUnsent = 64 << 10

// answerPing sends a pong, also after our Close frame, which only data must not
// follow [RFC 6455 5.5.1, 5.5.2]. If the peer does not read and one is
// waiting for it already, only the last of its pings is answered, when that one
// is gone [RFC 6455 5.5.3].
func (l *layer) answerPing(c *reactor.Conn, payload []byte) {
	if l.state != open && l.state != closing {
		return
	}
	slow := c.Send.Len() > maxUnsent
	if slow && l.extra().pongs.ahead > 0 {
		p := &l.extras.pongs
		p.owed, p.payload = true, append(p.payload[:0], payload...)
		return
	}
	if l.extras != nil { // this is the answer to those before as well
		l.extras.pongs.owed = false
	}
	if appendFrame(c, byte(OpPong)|finBit, payload) == nil && slow { // it fails only on a connection that is closing
		l.extras.pongs.ahead = c.Send.Len()
	}
}

// taken notes that the socket took n bytes.
func (l *layer) taken(c *reactor.Conn, n int) {
	l.closeTaken(c, n)
	p := &l.extras.pongs
	if p.ahead = max(p.ahead-n, 0); p.ahead == 0 && p.owed {
		p.owed = false
		l.answerPing(c, p.payload)
	}
}

// keepAlive is the state of Options.Ping: how long the peer has been silent, first until
// it is sent a ping and then until it must have answered.
type keepAlive struct {
	silence reactor.Deadline
	asked   bool // a ping was sent that no pong has answered
}

// keepAlive begins the keep-alive.
func (l *layer) keepAlive(c *reactor.Conn) {
	a := &keepAlive{silence: reactor.Deadline{Name: "pong", OnRead: true, Expired: l.silent}}
	l.extra().alive = a
	c.Stack().StartDeadline(&a.silence, l.opts.Ping)
}

// answered notes that a pong has come. The deadline of the silence begins anew with each
// byte by itself.
func (l *layer) answered(c *reactor.Conn) {
	if l.extras != nil && l.extras.alive != nil && l.extras.alive.asked && l.state == open {
		l.extras.alive.asked = false
		c.Stack().StartDeadline(&l.extras.alive.silence, l.opts.Ping)
	}
}

// reads notes that the peer takes what waits in Send, and our ping behind it: that is a
// sign of life too.
func (l *layer) reads(c *reactor.Conn) {
	if l.state != open || l.extras == nil || l.extras.alive == nil {
		return
	}
	wait := l.opts.Ping
	if l.extras.alive.asked {
		wait = l.opts.pong()
	}
	c.Stack().StartDeadline(&l.extras.alive.silence, wait)
}

// silent pings a peer that was silent for Options.Ping, and gives up one that has not
// answered a ping in time.
func (l *layer) silent(c *reactor.Conn) {
	a := l.extras.alive
	switch {
	case l.state != open:
	case a.asked:
		l.state = done
		c.Fail(&reactor.DeadlineError{Deadline: "pong", After: l.opts.pong()})
	default:
		Ping(c, nil) // which fails only on a connection that is closing
		wait := l.opts.pong()
		if a.asked = wait > 0; !a.asked { // it need not answer, and is pinged again
			wait = l.opts.Ping
		}
		c.Stack().StartDeadline(&a.silence, wait)
	}
}
