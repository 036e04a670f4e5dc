package nethttp

import (
	"errors"
	"io"
	"net"
	stdhttp "net/http"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// What the loop does for an exchange.

// begin is called in EvHTTPHdrs, when the request has a worker or waits for one.
func (x *exchange) begin() {
	x.c.Fn = x.handle
	x.low, x.high = x.c.Water()
	x.c.SetWater(x.b.opts.Buffer/2, x.b.opts.Buffer-1) // EvLowWater says that a write has failed
	x.c.Stack().AddHeld(x.size)
	if x.waits { // StreamBody sends 100 (Continue): work calls it when the handler has read
		x.c.Pause()
	}
}

// stream makes the body arrive in pieces, unless the client waits before it sends it. The program's
// limits bound each piece, not the body. Raw is set if this is too late.
func (x *exchange) stream(hm *http.Message) error {
	if x.req.ContentLength == 0 || x.waits && hm.Raw == nil {
		return nil
	}
	x.streaming = true
	return http.StreamBody(x.c, -1)
}

// handle is the handler of the connection during the exchange.
func (x *exchange) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPBody:
		x.receive(data.(*http.Piece).Data)
		return
	case reactor.EvHTTPMsg:
		x.endBody()
		return
	case reactor.EvWrite:
		x.work()
	case reactor.EvHighWater: // of the exchange's marks
		x.aboveHigh = true
		x.work()
		return
	case reactor.EvLowWater:
		own := x.aboveHigh
		x.aboveHigh = false
		x.work()
		if own { // otherwise it follows an EvHighWater from before the exchange
			return
		}
	case reactor.EvEnd:
		x.clientEnded()
	case reactor.EvError:
		x.fail(errors.Unwrap(data.(error))) // Unwrap also says that the error is handled
	case reactor.EvClose:
		x.fail(x.opError("read", net.ErrClosed))
		x.over = true
	}
	if x.previous != nil {
		x.previous(c, ev, data)
	}
}

// receive takes a piece of the body. If enough waits for the handler, it pauses the connection.
func (x *exchange) receive(p []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended { // nobody reads it
		return
	}
	if x.in.Receive(p) {
		x.c.Pause()
	}
	if !x.in.HasReader() {
		x.count()
	}
	x.mu.Changed.Broadcast()
}

// count tells the memory budget how much the body holds.
func (x *exchange) count() { x.c.Stack().AddHeld(x.in.Count()) }

// endBody is called when the body is complete.
func (x *exchange) endBody() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.inErr == nil {
		x.inErr = io.EOF
	}
	x.mu.Changed.Broadcast()
}

// clientEnded is called when the client has ended its side. It may still read the response, but
// nobody knows, so the context is cancelled, as in net/http.
func (x *exchange) clientEnded() {
	x.mu.Lock()
	complete := x.inErr == io.EOF
	x.mu.Unlock()
	if complete {
		x.cancel()
	}
}

// fail is called when the connection has failed or closed. It may be called from any goroutine. A
// request that waits for a worker is forgotten.
func (x *exchange) fail(err error) {
	defer x.cancel() // last, so that a handler that it wakes finds the error
	forgotten := x.b.forget(x)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone = true
	if errors.Is(err, io.ErrUnexpectedEOF) { // as net/http has it
		err = io.ErrUnexpectedEOF
	}
	if x.inErr == nil {
		x.inErr = err
	}
	if x.outErr == nil {
		x.outErr = err
	}
	if forgotten || errors.Is(err, reactor.ErrMemoryBudget) {
		x.in.Reset()
	}
	x.out.Reset()
	x.mu.Changed.Broadcast()
}

// work is called on the loop when the handler's goroutine has posted it, and when Send has become
// shorter. It does what has become possible or necessary.
func (x *exchange) work() {
	x.mu.Begin()
	defer x.mu.Unlock()
	if !x.over {
		if x.outErr == nil && !x.c.Stack().CanSend() {
			x.outErr = x.opError("write", net.ErrClosed)
		}
		sent := x.writeInterim()
		x.continueBody()
		if sent {
			x.send()
		}
	}
	x.count()
}

// writeInterim sends responses with a status of 1xx. It returns false if they have to wait until
// Send is shorter, and the response too. EvWrite continues.
func (x *exchange) writeInterim() bool {
	if len(x.interim) > 0 && x.outErr == nil {
		if x.c.Send.Len() >= x.b.opts.Buffer {
			return false
		}
		x.c.Write(x.interim)
	}
	x.interim = x.interim[:0]
	return true
}

// continueBody asks for the body when the handler reads for the first time, and resumes a
// connection that was paused because too much of it waited.
func (x *exchange) continueBody() {
	switch {
	case x.gone:
	case x.wanted && !x.streaming && x.req.ContentLength != 0 && !x.ended:
		x.streaming = true
		if err := http.StreamBody(x.c, -1); err != nil && x.inErr == nil {
			x.inErr = err
		}
		x.c.Resume()
	case x.in.Resume():
		x.c.Resume()
	}
}

// send sends what there is of the response.
func (x *exchange) send() {
	c := x.c
	if h := &x.head; h.status != 0 && !x.started && x.outErr == nil && (x.ended || !x.switches()) {
		if err := http.ReplyStart(c, h.status, h.headers, h.size); err != nil {
			x.refuse(err)
		}
		x.started = true
	}
	for x.outErr == nil && x.out.Len() > 0 {
		space := x.b.opts.Buffer - c.Send.Len()
		if space <= 0 { // EvWrite continues
			x.mu.Changed.Broadcast()
			return
		}
		p := x.out.Front()
		p = p[:min(len(p), space)]
		if err := http.Chunk(c, p); err != nil {
			x.refuse(err)
			break
		}
		x.out.Consume(len(p))
	}
	x.mu.Changed.Broadcast()
	if x.ended {
		x.finish()
	}
}

// switches reports whether the header of the response says that another protocol follows. Only
// Hijack can send it.
func (x *exchange) switches() bool {
	h := &x.head
	return h.status == stdhttp.StatusSwitchingProtocols || x.req.Method == stdhttp.MethodConnect && h.status/100 == 2
}

// refuse is called when the layer does not accept a part of the response. The handler's calls were
// checked before, so the client has gone or the response is one that the layer does not send.
func (x *exchange) refuse(err error) {
	if !errors.Is(err, net.ErrClosed) {
		x.b.logf("http: response to %s %s from %v: %v", x.req.Method, x.req.URL.Path, x.req.RemoteAddr, err)
	}
	if x.outErr == nil {
		x.outErr = err
	}
	x.aborted = true
}

// finish ends the exchange: the response is complete, or cannot be completed. In the second case
// the connection ends, and handle still keeps the rest of the request from the program's handler.
func (x *exchange) finish() {
	c := x.c
	x.over = true
	x.in.Reset()
	x.out.Reset()
	paused := x.in.EndPause() || !x.streaming && x.req.ContentLength != 0
	c.Stack().AddHeld(-x.size)
	switch {
	case c.Stack().Closed():
	case !x.aborted && x.outErr == nil:
		x.restore()
		if err := http.EndTrailers(c, x.trailers); err != nil {
			x.refuse(err)
		}
	case x.head.toEnd: // an end of stream would look like the end of the body
		c.Abort()
	default:
		c.Drain()
	}
	if paused {
		c.Resume()
	}
}

// restore sets what begin has changed. If Send is above the exchange's mark, the loop raises
// EvLowWater later. A program that has marks gets the EvHighWater that belongs to it.
func (x *exchange) restore() {
	x.c.Fn = x.previous
	x.c.SetWater(x.low, x.high)
	if x.aboveHigh && x.high > 0 && x.previous != nil {
		x.previous(x.c, reactor.EvHighWater, nil)
	}
}

// hijack replaces the HTTP layer by a Conn of package netconn. It is called on the loop.
func (x *exchange) hijack(take func(layer reactor.Protocol) error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.gone || http.CheckReply(x.c) == reactor.ErrClosed {
		return errHijacking
	}
	if len(x.interim) > 0 {
		x.c.Write(x.interim)
	}
	if h := &x.head; h.status != 0 && !x.started {
		if x.switches() {
			x.c.Write(appendHead(nil, h.status, h.headers))
		} else if err := http.ReplyStart(x.c, h.status, h.headers, h.size); err != nil {
			return err
		}
	}
	for x.out.Len() > 0 { // bounded by Options.Buffer
		p := x.out.Front()
		if err := http.Chunk(x.c, p); err != nil {
			return err
		}
		x.out.Consume(len(p))
	}
	layer, ok := http.Detach(x.c)
	if !ok {
		return errHijacking
	}
	if err := take(layer); err != nil {
		return err
	}
	x.hijacked, x.over = true, true
	x.c.Fn = x.previous // netconn has set the water marks
	x.c.Stack().AddHeld(-x.size)
	if x.in.EndPause() || !x.streaming && x.req.ContentLength != 0 {
		x.c.Resume()
	}
	return nil
}
