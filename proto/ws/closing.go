package ws

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"github.com/rikki-go/rikki/reactor"
)

// Close sends a Close frame with a code and a reason, which may be empty. The
// peer's answer closes the connection; Options.CloseWait bounds the wait for it.
// Errors are those of Send.
func Close(c *reactor.Conn, code CloseCode, reason string) error {
	if len(reason) > maxControl-2 {
		return ErrControlTooLong
	}
	var buf [maxControl]byte
	return Send(c, append(binary.BigEndian.AppendUint16(buf[:0], uint16(code)), reason...), OpClose)
}

// Leave implements reactor.Leaver: an open WebSocket says that it is going away
// and waits for the peer's Close frame.
func (l *layer) Leave(c *reactor.Conn) bool {
	if l.state != open {
		return l.state == closing && !c.Stopped()
	}
	return Close(c, CloseGoingAway, "") == nil && !c.Stopped() // while paused its answer is not read
}

// farewell is the wait for the peer's Close frame. Like the keep-alive it notes the
// time and looks at that when its timer fires.
type farewell struct {
	timer *reactor.Timer
	since time.Time // when our Close frame was sent, or the socket last took something of it or before it
	ahead int       // bytes of Send up to its end
	late  bool      // the time is up; what waits in the socket is read once more
}

// closeSent notes that our Close frame is at the end of Send, and bounds the wait
// for the peer's.
func (l *layer) closeSent(c *reactor.Conn) {
	l.state = closing
	l.extra().farewell = &farewell{since: c.Manager().Now(), ahead: c.Send.Len()}
	l.watchClose(c, l.opts.closeWait())
}

// taken notes that the socket took n bytes.
func (f *farewell) taken(c *reactor.Conn, n int) {
	if f.ahead > 0 {
		f.ahead -= n
		f.since = c.Manager().Now()
	}
}

func (l *layer) watchClose(c *reactor.Conn, d time.Duration) {
	l.rare.farewell.timer = c.Manager().AddTimer(d, reactor.TimerOnce, func() { l.closeDue(c) })
}

// closeDue fails a connection whose peer's time is up, unless it was drained: then
// the peer's Close frame would not be heard, and Drain bounds the wait for its end.
func (l *layer) closeDue(c *reactor.Conn) {
	f, wait := l.rare.farewell, l.opts.closeWait()
	switch waited := c.Manager().Now().Sub(f.since); {
	case notOpen(c) != ErrCloseSent:
	case waited < wait:
		f.late = false
		l.watchClose(c, wait-waited)
	case !f.late:
		f.late = true
		l.watchClose(c, 0)
	default:
		l.state = done
		c.Fail(&reactor.DeadlineError{Deadline: "close", After: wait})
	}
}

// answerClose answers the peer's Close frame with its code, unless ours came
// first [RFC 6455 5.5.1]. A server closes the connection then; a client waits for
// that [RFC 6455 7.1.1].
func (l *layer) answerClose(c *reactor.Conn, payload []byte) {
	if l.state == open {
		Send(c, payload[:min(len(payload), 2)], OpClose)
	}
	l.state = done
	if l.rare != nil && l.rare.farewell != nil {
		l.rare.farewell.timer.Stop()
	}
	if c.IsClient() {
		c.AwaitEnd()
	} else {
		c.Drain()
	}
}

// checkClose checks the payload of a Close frame [RFC 6455 5.5.1, 7.4], or what
// has arrived of it if it is not whole.
func checkClose(p []byte, whole bool) error {
	switch {
	case len(p) == 0 || len(p) == 1 && !whole:
		return nil
	case len(p) == 1:
		return violation(CloseProtocolError, "close frame with one byte of payload")
	}
	if code := CloseCode(binary.BigEndian.Uint16(p)); !code.valid() {
		return violation(CloseProtocolError, "close frame with code %d", code)
	}
	if reason := new(textState); !utf8.Valid(p[2:]) && (whole || !reason.next(p[2:])) {
		return violation(CloseInvalidData, "reason in close frame is not UTF-8")
	}
	return nil
}
