package nethttp

import (
	"context"
	"errors"
	"io"
	"net"
	stdhttp "net/http"
	"os"
	"time"

	"github.com/rikki-go/rikki/internal/blocking"
	"github.com/rikki-go/rikki/reactor"
)

// exchange is a request and its response: what the loop and the handler's goroutine share. The
// methods of this file are called by the handler's goroutine, those of loop.go by the loop's.
type exchange struct {
	b      *Bridge
	c      *reactor.Conn
	m      *reactor.Manager
	peer   *peer
	req    *stdhttp.Request
	ctx    requestContext     // the parent of the request's context
	cancel context.CancelFunc // of the request's context
	waits  bool               // the client waits for 100 (Continue) before it sends the body
	writer response           // for the handler

	released bool // Bridge.mu guards it: the worker does not count any more, see Bridge.release

	// The loop uses these.
	previous  reactor.Handler // c.Fn before and after the exchange
	low, high int             // c's water marks before and after the exchange
	aboveHigh bool            // EvHighWater has come, and EvLowWater has not
	streaming bool            // StreamBody was called
	started   bool            // the header of the response is in Send
	over      bool            // the loop has done all that the exchange needs
	size      int             // of the request's header; it counts towards the memory budget

	mu   blocking.Monitor // guards the fields below
	gone bool             // the connection has failed or closed

	// The body of the request.
	in         blocking.Input
	inErr      error // what Read returns when in is empty; io.EOF at the end of the body
	taken      int64 // bytes that were taken from in
	readLimit  blocking.Deadline
	bodyClosed bool // Body.Close was called, or the response has begun
	wanted     bool // the handler reads, or the client does not wait for 100 (Continue)

	// The response.
	interim    []byte    // responses with a status of 1xx that are to be sent
	head       replyHead // of the response
	out        blocking.Queue
	outErr     error // why no more can be sent
	writeLimit blocking.Deadline
	ended      bool   // the response is complete
	aborted    bool   // the response is not complete, and the connection ends
	trailers   string // lines that follow the body
	hijacked   bool
}

// replyHead is the header of a response.
type replyHead struct {
	status  int // 0: the response has not begun
	headers string
	size    int64 // of the body, or http.Chunked
	toEnd   bool  // if the response is not completed, only a reset shows that
}

var errHijacking = errors.New("nethttp: the connection has ended or cannot be hijacked")

// newExchange makes the exchange of a request whose header has arrived. r has no context yet.
func newExchange(b *Bridge, c *reactor.Conn, p *peer, r stdhttp.Request, size int) *exchange {
	x := &exchange{b: b, c: c, m: c.Manager(), peer: p, previous: c.Fn, size: size}
	x.mu.Init(x.m, x.work)
	x.writer = response{x: x, length: -1}
	x.in.Limit = b.opts.Buffer
	x.setContext(r)
	if r.ContentLength != 0 {
		x.req.Body = &body{x}
		x.waits = r.ProtoMinor > 0 && hasToken(r.Header.Get("Expect"), "100-continue")
		x.wanted = !x.waits
	} else {
		x.inErr = io.EOF
	}
	return x
}

// isGone reports whether the client has gone before the handler was called.
func (x *exchange) isGone() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.gone
}

// unlockAndPost unlocks mu. If needed is true it makes the loop call work.
func (x *exchange) unlockAndPost(needed bool) {
	if x.mu.UnlockAndPost(needed) != nil {
		x.fail(x.opError("write", net.ErrClosed))
	}
}

func (x *exchange) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: x.peer.remote.Network(), Addr: x.peer.remote, Err: err}
}

// body is the body of a request.
type body struct{ x *exchange }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	return b.x.read(p, false)
}

// Close implements io.Closer. The rest of the body is discarded when the response begins. A Read
// that waits on another goroutine returns.
func (b *body) Close() error {
	b.x.mu.Lock()
	defer b.x.mu.Unlock()
	b.x.closeBody()
	return nil
}

// closeBody ends the handler's reads. The caller holds mu.
func (x *exchange) closeBody() {
	x.bodyClosed = true
	x.mu.Changed.Broadcast()
}

// read reads from the body. If discarding is true, the handler's reads have ended already.
func (x *exchange) read(p []byte, discarding bool) (int, error) {
	x.mu.Lock()
	for {
		switch {
		case x.bodyClosed && !discarding:
			x.unlockAndPost(x.in.NeedsLoop())
			return 0, stdhttp.ErrBodyReadAfterClose
		case x.readLimit.Passed():
			x.unlockAndPost(x.in.NeedsLoop())
			return 0, x.opError("read", os.ErrDeadlineExceeded)
		case x.in.Len() > 0 || len(p) == 0:
			n := x.in.Take(p)
			x.taken += int64(n)
			var err error
			if x.in.Len() == 0 && x.inErr == io.EOF {
				err = io.EOF
			}
			x.unlockAndPost(x.in.NeedsLoop())
			return n, err
		case x.inErr != nil:
			err := x.inErr
			x.mu.Unlock()
			return 0, err
		case !x.wanted:
			x.wanted = true
			x.unlockAndPost(true)
			x.mu.Lock()
			continue
		}
		x.in.Wait(&x.mu, "nethttp: Read of a request's body")
	}
}

// maxDiscard is how many bytes of a request's body are read and discarded so that the connection
// can be used again. net/http has the same number.
const maxDiscard = 256 << 10

// discardBody reads the rest of the request's body, and closes it. It returns false if the body is
// too long or cannot be read: then the connection is to close after the response.
func (x *exchange) discardBody() bool {
	x.mu.Lock()
	x.closeBody()
	wanted, size, taken := x.wanted, x.in.Len(), x.taken
	complete := x.inErr == io.EOF
	x.mu.Unlock()
	if complete && size <= maxDiscard {
		return true
	}
	if !wanted || x.req.ContentLength > 0 && x.req.ContentLength-taken > maxDiscard {
		return false
	}
	p := make([]byte, 16<<10)
	for left := maxDiscard; left >= 0; {
		n, err := x.read(p, true)
		if left -= n; err != nil {
			return err == io.EOF
		}
	}
	return false
}

// sendInterim sends a response with a status of 1xx, whose bytes are p. If it is 100 (Continue),
// Read does not send it again. It waits like write, so that a handler which sends many of them does
// not fill the memory. After an error p is not sent.
func (x *exchange) sendInterim(p []byte, isContinue bool) {
	x.mu.Lock()
	if isContinue && !x.wanted {
		x.wanted = true // StreamBody sends it
	} else if x.awaitSpace("nethttp: WriteHeader") == nil {
		x.interim = append(x.interim, p...)
	}
	x.unlockAndPost(true)
}

// flush makes the loop send what was written, and waits until all of it is in Send. The error is
// that of the connection.
func (x *exchange) flush() error {
	x.mu.Lock()
	x.unlockAndPost(x.outErr == nil)
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.outErr == nil && !x.ended && (x.out.Len() > 0 || !x.started && !x.switches()) {
		if x.writeLimit.Passed() {
			x.outErr = x.opError("write", os.ErrDeadlineExceeded)
			break
		}
		x.mu.Wait("nethttp: Flush")
	}
	return x.outErr
}

// isWanted reports whether the body arrives: the handler has read, or the client does not wait for
// 100 (Continue).
func (x *exchange) isWanted() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.wanted
}

// bodyRead reports whether all of the body was read.
func (x *exchange) bodyRead() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.inErr == io.EOF && x.in.Len() == 0
}

// isHijacked reports whether the connection was hijacked.
func (x *exchange) isHijacked() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.hijacked
}

// start begins the response.
func (x *exchange) start(h replyHead) {
	x.mu.Lock()
	x.head = h
	x.mu.Unlock() // write or end follows
}

// errEnded is returned if a handler uses its ResponseWriter after it has returned.
var errEnded = errors.New("nethttp: ResponseWriter used after the handler has returned")

// awaitSpace waits until the loop has taken enough of what was written before. The error says why
// no more can be written. The caller holds mu.
func (x *exchange) awaitSpace(call string) error {
	for x.space() <= 0 && x.outErr == nil && !x.writeLimit.Passed() && !x.ended {
		x.mu.Wait(call)
	}
	switch {
	case x.outErr != nil:
	case x.writeLimit.Passed(): // a part of what was written may be missing
		x.outErr = x.opError("write", os.ErrDeadlineExceeded)
	case x.ended:
		return errEnded
	}
	return x.outErr
}

// space returns how many bytes may be written before the loop takes some. The caller holds mu.
func (x *exchange) space() int { return x.b.opts.Buffer - len(x.interim) - x.out.Len() }

// write appends p to the body of the response. It waits until the loop has taken enough of what was
// written before. If more is true, end follows and makes the loop send the last bytes.
func (x *exchange) write(p []byte, more bool) error {
	for {
		x.mu.Lock()
		if err := x.awaitSpace("nethttp: Write"); err != nil {
			x.mu.Unlock()
			return err
		}
		n := min(len(p), x.space())
		x.out.Append(p[:n])
		p = p[n:]
		x.unlockAndPost(len(p) > 0 || !more)
		if len(p) == 0 {
			return nil
		}
	}
}

// end ends the response. If abort is true, or not all could be sent, the connection ends too.
// trailers are the lines that follow the body.
func (x *exchange) end(trailers string, abort bool) {
	x.mu.Lock()
	x.closeBody()
	x.readLimit.Stop()
	x.writeLimit.Stop()
	if x.hijacked {
		x.mu.Unlock()
		return
	}
	x.aborted = abort || x.outErr != nil || x.writeLimit.Passed()
	x.trailers = trailers
	x.ended = true
	x.mu.Changed.Broadcast()
	x.unlockAndPost(true)
}

// setDeadline sets the deadline of reads or writes.
func (x *exchange) setDeadline(d *blocking.Deadline, t time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.hijacked {
		return stdhttp.ErrHijacked
	}
	d.Set(t, &x.mu.Changed)
	return nil
}
