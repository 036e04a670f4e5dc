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
	switch {
	case x.req.ContentLength == 0:
	case x.waits: // StreamBody sends 100 (Continue): work calls it when the handler has read
		x.c.Pause()
	default:
		x.stream()
	}
}

// stream makes the body arrive in pieces. The program's limits bound each piece, not the body.
func (x *exchange) stream() {
	x.streaming = true
	if err := http.StreamBody(x.c, -1); err != nil {
		x.fail(err)
	}
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
	case reactor.EvHighWater, reactor.EvLowWater:
		x.work()
		return
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
	x.in.Append(p)
	if x.in.Len() >= x.b.opts.Buffer && !x.paused {
		x.paused = true
		x.c.Pause()
	}
	x.reportHeld()
	x.changed.Broadcast()
}

// reportHeld tells the memory budget how much a paused connection holds.
func (x *exchange) reportHeld() {
	held := 0
	if x.paused {
		held = x.in.Len()
	}
	x.c.Stack().AddHeld(held - x.held)
	x.held = held
}

// endBody is called when the body is complete.
func (x *exchange) endBody() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.inErr == nil {
		x.inErr = io.EOF
	}
	x.changed.Broadcast()
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

// fail is called when the connection has failed or closed. It may be called from any goroutine.
func (x *exchange) fail(err error) {
	x.cancel()
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
	x.out.Reset()
	x.changed.Broadcast()
}

// work is called on the loop when the handler's goroutine has posted it, and when Send has become
// shorter. It does what has become possible or necessary.
func (x *exchange) work() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.posted = false
	if x.over || x.hijacked {
		return
	}
	if len(x.interim) > 0 && !x.started && x.outErr == nil {
		x.c.Write(x.interim)
		x.interim = x.interim[:0]
	}
	x.continueBody()
	x.send()
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
	case x.paused && x.in.Len() <= x.b.opts.Buffer/2:
		x.paused = false
		x.c.Resume()
		x.reportHeld()
	}
}

// send sends what there is of the response.
func (x *exchange) send() {
	c := x.c
	if h := x.head; h != nil && !x.started && x.outErr == nil && (x.ended || !x.switches()) {
		if err := http.ReplyStart(c, h.status, h.headers, h.size); err != nil {
			x.refuse(err)
		}
		x.started = true
	}
	if x.outErr == nil && !c.Stack().CanSend() {
		x.outErr = x.opError("write", net.ErrClosed)
	}
	for x.outErr == nil && x.out.Len() > 0 {
		space := x.b.opts.Buffer - c.Send.Len()
		if space <= 0 { // EvWrite continues
			x.changed.Broadcast()
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
	x.changed.Broadcast()
	if x.ended {
		x.finish()
	}
}

// switches reports whether the header of the response says that another protocol follows. Only
// Hijack can send it.
func (x *exchange) switches() bool {
	h := x.head
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
	paused := x.paused || !x.streaming && x.req.ContentLength != 0
	x.paused = false
	x.reportHeld()
	switch {
	case c.Stack().Closed():
	case !x.aborted && x.outErr == nil:
		x.restore()
		if err := http.EndTrailers(c, x.trailers); err != nil {
			x.refuse(err)
		}
	case x.head != nil && x.head.toEnd: // an end of stream would look like the end of the body
		c.Abort()
	default:
		c.Drain()
	}
	if paused {
		c.Resume()
	}
}

// restore sets what begin has changed.
func (x *exchange) restore() {
	x.c.Fn = x.previous
	x.c.SetWater(x.low, x.high)
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
	if h := x.head; h != nil && !x.started {
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
	if x.paused || !x.streaming && x.req.ContentLength != 0 {
		x.c.Resume()
	}
	x.paused = false
	x.reportHeld()
	return nil
}
