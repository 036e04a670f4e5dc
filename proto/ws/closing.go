package ws

import (
	"encoding/binary"
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

// closeWait is the wait for the peer's Close frame.
type closeWait struct {
	deadline reactor.Deadline
	ahead    int // bytes of Send up to the end of our Close frame
}

// closeSent notes that our Close frame is at the end of Send, and bounds the wait for the
// peer's.
func (l *layer) closeSent(c *reactor.Conn) {
	l.state = closing
	w := &closeWait{ahead: c.Send.Len()}
	w.deadline = reactor.Deadline{Name: "close", Expired: l.closeDue}
	l.extra().closeWait = w
	c.Stack().StartDeadline(&w.deadline, l.opts.closeWait())
}

// closeTaken notes that the socket took n bytes. The wait counts from when it took the
// Close frame, and before that from when it last took something.
func (l *layer) closeTaken(c *reactor.Conn, n int) {
	if w := l.extras.closeWait; w != nil && w.ahead > 0 && l.state == closing {
		w.ahead -= n
		c.Stack().StartDeadline(&w.deadline, l.opts.closeWait())
	}
}

// closeDue fails a connection whose peer has not answered in time, unless it was drained:
// then the peer's Close frame would not be heard, and Drain bounds the wait for its end.
func (l *layer) closeDue(c *reactor.Conn) {
	if notOpen(c) == ErrCloseSent {
		l.state = done
		c.Fail(&reactor.DeadlineError{Deadline: "close", After: l.opts.closeWait()})
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
	if l.extras != nil && l.extras.closeWait != nil {
		c.Stack().StopDeadline(&l.extras.closeWait.deadline)
	}
	if c.IsClient() {
		c.Stack().AwaitEnd()
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
