package http

import (
	"errors"
	"io"
	"syscall"

	"github.com/rikki-go/rikki/reactor"
)

// retry queues a request that was lost again, before all others. A reader that was not read from
// yet goes with it.
func (k *clientConn) retry(x *exchange) {
	if x.hadBody {
		x.req.Reader, k.l.out.reader = k.l.out.reader, nil
	}
	x.retried = true
	x.phase = exQueued
	k.host.queue.pushFront(x)
	x.startQueueTimer()
}

// mayRetry reports whether x, which the connection has lost, may be sent again, if the connection
// was lost because the server has ended it. A request that is sent again gets a new connection, so
// it is not sent a third time.
func (k *clientConn) mayRetry(c *reactor.Conn, x *exchange) bool {
	return !x.heard && c.Recv.Len() == 0 && k.maySendAgain(x)
}

// maySendAgain reports whether x may be sent again if the server has not read it. As long as no
// byte of it was written, this holds for every request.
func (k *clientConn) maySendAgain(x *exchange) bool {
	return k.used && !k.host.cl.closed &&
		(x.phase == exAssigned || x.canSendAgain() && isIdempotent(x.req.method()))
}

// comesLate reports whether the header of a response that has arrived is no answer to x: the server
// has sent it while the connection was idle. Usually it is 408, before the server closes the
// connection [RFC 9110 15.5.9].
func (k *clientConn) comesLate(x *exchange, msg *Message) bool {
	return (x.phase == exAssigned || msg.Status == 408 && k.l.closes) && !x.interim && k.maySendAgain(x)
}

// isLoss reports whether the error of a connection says that the server has ended it.
func isLoss(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isIdempotent reports whether a request with that method may be sent twice [RFC 9110 9.2.2].
func isIdempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}
