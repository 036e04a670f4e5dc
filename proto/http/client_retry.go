package http

import (
	"errors"
	"io"
	"syscall"

	"github.com/rikki-go/rikki/reactor"
)

// retry queues a request that was lost again, before all others.
func (k *clientConn) retry(x *exchange) {
	x.retried = true
	x.phase = exQueued
	k.host.queue.pushFront(x)
	x.startQueueTimer()
}

// mayRetry reports whether x, which the connection has lost, may be sent again, if the connection
// was lost because the server has ended it. A request that is sent again gets a new connection, so
// it is not sent a third time.
func (k *clientConn) mayRetry(c *reactor.Conn, x *exchange) bool {
	return k.used && !x.heard && c.Recv.Len() == 0 && x.canSendAgain() &&
		(x.phase == exAssigned || isIdempotent(x.req.method())) && !k.host.cl.closed
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
