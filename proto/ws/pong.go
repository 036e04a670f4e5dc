package ws

import (
	"time"

	"github.com/rikki-go/rikki/reactor"
)

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
		p := &l.rare.pongs
		p.owed, p.payload = true, append(p.payload[:0], payload...)
		return
	}
	if l.rare != nil { // this is the answer to those before as well
		l.rare.pongs.owed = false
	}
	if appendFrame(c, byte(OpPong)|finBit, payload) == nil && slow { // it fails only on a connection that is closing
		l.rare.pongs.ahead = c.Send.Len()
	}
}

// taken notes that the socket took n bytes.
func (l *layer) taken(c *reactor.Conn, n int) {
	if f := l.rare.farewell; f != nil {
		f.taken(c, n)
	}
	p := &l.rare.pongs
	if p.ahead = max(p.ahead-n, 0); p.ahead == 0 && p.owed {
		p.owed = false
		l.answerPing(c, p.payload)
	}
}

// keepAlive is the state of Options.Ping. Like the loop's deadlines it notes
// when bytes came and looks at that when its timer fires, once per period.
type keepAlive struct {
	timer *reactor.Timer
	heard time.Time // when the peer last gave a sign of life, or was sent a ping
	asked bool      // a ping was sent that no pong has answered
	late  bool      // its time is up; what waits in the socket is read once more
}

// keepAlive begins the keep-alive.
func (l *layer) keepAlive(c *reactor.Conn) {
	l.extra().alive = &keepAlive{heard: c.Manager().Now()}
	l.watchPeer(c, l.opts.Ping)
}

// heard notes a sign of life.
func (l *layer) heard(c *reactor.Conn) {
	if l.rare != nil && l.rare.alive != nil {
		l.rare.alive.heard = c.Manager().Now()
	}
}

func (l *layer) watchPeer(c *reactor.Conn, d time.Duration) {
	l.rare.alive.timer = c.Manager().AddTimer(d, reactor.TimerOnce, func() { l.checkPeer(c) })
}

// checkPeer pings a peer that has been silent, or gives it up. While the
// connection is paused the peer cannot be heard, so that time does not count; and
// as it may be the loop that was late, it reads once more before that.
func (l *layer) checkPeer(c *reactor.Conn) {
	a, now := l.rare.alive, c.Manager().Now()
	if l.state != open {
		return
	}
	if c.Stopped() {
		a.heard = now
	}
	wait, silent := l.opts.Ping, now.Sub(a.heard)
	if a.asked {
		wait = l.opts.pong()
	}
	switch {
	case silent < wait:
		a.late = false
		l.watchPeer(c, min(wait-silent, l.opts.Ping)) // the pong may come, and silence begin anew
	case !a.asked:
		Ping(c, nil) // which fails only on a connection that is closing
		a.asked, a.heard = true, now
		l.watchPeer(c, min(l.opts.pong(), l.opts.Ping))
	case !a.late:
		a.late = true
		l.watchPeer(c, 0)
	default:
		l.state = done
		c.Fail(&reactor.DeadlineError{Deadline: "pong", After: wait})
	}
}
