package ws

import (
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// Close sends a Close frame with a code and a reason. The reason may be empty. When the
// peer has answered, the connection closes. Options.CloseWait limits the wait for the
// answer. Errors are those of Send.
func Close(c *reactor.Conn, code StatusCode, reason string) error {
	if len(reason) > maxControl-2 {
		return ErrControlTooLong
	}
	var buf [maxControl]byte
	payload := buf[:2+len(reason)]
	gobwas.PutCloseFrameBody(payload, code, reason)
	return Send(c, payload, OpClose)
}

// SayGoodbye implements reactor.GoodbyeSayer. An open WebSocket sends a Close frame with
// StatusGoingAway and waits for the peer's Close frame.
func (l *layer) SayGoodbye(c *reactor.Conn) bool {
	if l.state != open {
		return l.state == closing && readsAnswer(c)
	}
	err := Close(c, StatusGoingAway, "")
	return err == nil && readsAnswer(c)
}

// readsAnswer reports whether the connection reads what the peer answers. It does so if input is
// not stopped, or only until a later turn.
func readsAnswer(c *reactor.Conn) bool { return !c.InputStopped() || c.Stack().Yielded() }

// closeWait is the wait for the peer's Close frame.
type closeWait struct {
	deadline  reactor.Deadline
	unwritten int // bytes of Send up to the end of our Close frame
}

// closeSent notes that our Close frame is at the end of Send. It starts the deadline for
// the peer's Close frame.
func (l *layer) closeSent(c *reactor.Conn) {
	l.state = closing
	w := &closeWait{unwritten: c.Send.Len()}
	w.deadline = reactor.Deadline{Name: "close", Expired: l.closeExpired}
	l.ensureExtras().closeWait = w
	c.Stack().StartDeadline(&w.deadline, l.opts.closeWait())
}

// closeWritten notes that the socket took n bytes. The deadline starts again each time,
// until the socket has taken the Close frame.
func (l *layer) closeWritten(c *reactor.Conn, n int) {
	if w := l.extras.closeWait; w != nil && w.unwritten > 0 && l.state == closing {
		w.unwritten -= n
		c.Stack().StartDeadline(&w.deadline, l.opts.closeWait())
	}
}

// closeExpired fails a connection whose peer has not answered in time. It does nothing if the
// connection has been drained meanwhile: it then no longer reads the peer's Close frame, and
// Drain limits the wait for the peer's end.
func (l *layer) closeExpired(c *reactor.Conn) {
	if afterCloseError(c) == ErrCloseSent {
		l.state = done
		c.Fail(&reactor.DeadlineError{Deadline: "close", After: l.opts.closeWait()})
	}
}

// answerClose answers the peer's Close frame with a Close frame that has the same code. If
// this side sent a Close frame first, it sends no second one [RFC 6455 5.5.1]. In both cases a
// server then closes the connection, and a client waits until the server has closed it
// [RFC 6455 7.1.1].
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

// checkClose checks the payload of a Close frame [RFC 6455 5.5.1, 7.4]. If whole is false,
// p is the part that has arrived.
func checkClose(p []byte, whole bool) error {
	switch {
	case len(p) == 0 || len(p) == 1 && !whole:
		return nil
	case len(p) == 1:
		return violation(StatusProtocolError, "close frame has one byte of payload: want none, or a code of two bytes")
	}
	code, reason := gobwas.ParseCloseFrameDataUnsafe(p) // reason points into p
	if !validStatus(code) {
		return violation(StatusProtocolError, "close frame has code %s, which must not be sent", StatusName(code))
	}
	if !utf8.ValidString(reason) && (whole || !new(utf8State).next(p[2:])) {
		return violation(StatusInvalidFramePayloadData, "reason in close frame is not UTF-8")
	}
	return nil
}
