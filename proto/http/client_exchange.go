package http

import (
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// exchange is one request of a Client, with its redirects.
//
//	phase        means                                                 ends with
//	exQueued     waits for a connection                                begin
//	exAssigned   its header is in Send, perhaps of a connection that   the first EvWrite
//	             is being established
//	exSending    the socket has taken bytes of it                      all of it is written
//	exWritten    it is written                                         EvHTTPMsg, EvError
//	exDone       the handler has got its last event
//
// A response may arrive before the request is written. Therefore what has arrived is noted apart.
// The response deadline runs in exWritten until the header of the final response has arrived. A
// redirect, and a connection that was lost before anything was heard on it, lead back to
// exQueued.
type exchange struct {
	req       Request // a copy; redirects change it
	id        *Request
	fn        reactor.Handler
	fnData    any
	host      *hostPool
	target    string
	auth      string
	lines     requestLines
	phase     exPhase
	heard     bool // bytes of a response have arrived
	interim   bool // an interim response has arrived
	answered  bool // the header of the final response has arrived
	following bool // the response that arrives is a redirect that is followed
	retried   bool // it was sent again, on a new connection
	hadBody   bool // the body came from a Reader
	redirects int  // number of redirects that were followed
	timed     bool // the wait for a connection is bounded, if there is a bound
	timer     *reactor.Timer
	err       error // for flushFailed, and of a redirect

	prev, next         *exchange // the neighbors in the queue
	samePrev, sameNext *exchange // the neighbors in Client.waiting; nil if it is not there
}

type exPhase uint8

const (
	exQueued exPhase = iota
	exAssigned
	exSending
	exWritten
	exDone
)

const maxSpareExchanges = 64

func (cl *Client) newExchange() *exchange {
	if n := len(cl.spareEx); n > 0 {
		x := cl.spareEx[n-1]
		cl.spareEx = cl.spareEx[:n-1]
		return x
	}
	return new(exchange)
}

// freeExchange keeps an exchange that has ended for another request.
func (cl *Client) freeExchange(x *exchange) {
	x.stopQueueTimer()
	*x = exchange{}
	if len(cl.spareEx) < maxSpareExchanges {
		cl.spareEx = append(cl.spareEx, x)
	}
}

// call calls the handler of the request.
func (x *exchange) call(c *reactor.Conn, ev reactor.Event, data any) {
	if x.fn != nil {
		x.fn(c, ev, data)
	}
}

// fail gives the handler its last event.
func (x *exchange) fail(c *reactor.Conn, err error) {
	x.phase = exDone
	closeReader(x.req.Reader)
	x.call(c, reactor.EvError, err)
	x.host.cl.freeExchange(x)
}

// timeout returns the bound of each wait, or a value of 0 or less.
func (x *exchange) timeout() time.Duration {
	if x.req.Timeout != 0 {
		return x.req.Timeout
	}
	return x.host.cl.opts.Timeout
}

// canSendAgain reports whether the body can be sent a second time.
func (x *exchange) canSendAgain() bool { return !x.hadBody && !x.req.Stream }

// startQueueTimer is called when a request has to wait for a connection. It bounds the wait.
func (x *exchange) startQueueTimer() {
	cl, d := x.host.cl, x.timeout()
	cl.waiting.add(x)
	if x.timed = true; d <= 0 {
		return
	}
	x.timer = cl.m.AddTimer(d, reactor.TimerOnce, func() {
		x.timer = nil
		if x.phase == exQueued {
			x.host.queue.remove(x)
			c := reactor.ClosedConn(cl.m, x.fn, x.fnData)
			x.fail(c, c.Stack().Report(&reactor.DeadlineError{Deadline: "free connection", After: d}))
		}
	})
}

func (x *exchange) stopQueueTimer() {
	x.timed = false
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
}

// failLater fails a request that has no connection, in the next turn of the loop. So no handler is
// called in a call of the program.
func (cl *Client) failLater(x *exchange, err error) {
	x.err, x.phase = err, exDone
	x.stopQueueTimer()
	cl.failing = append(cl.failing, x)
	if len(cl.failing) == 1 {
		cl.m.AddTimer(0, reactor.TimerOnce, cl.flushFailed)
	}
}

// flushFailed calls the handlers of the requests that failLater got.
func (cl *Client) flushFailed() {
	for len(cl.failing) > 0 {
		x := cl.failing[0]
		cl.failing[0] = nil
		if cl.failing = cl.failing[1:]; len(cl.failing) == 0 {
			cl.failing = nil
		}
		c := reactor.ClosedConn(cl.m, x.fn, x.fnData)
		x.fail(c, c.Stack().Report(x.err))
	}
	if cl.closed {
		cl.forget()
	}
}
