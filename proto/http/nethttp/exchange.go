package nethttp

import (
	"context"
	"errors"
	"io"
	"net"
	stdhttp "net/http"
	"os"
	"sync"
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
	remote net.Addr
	req    *stdhttp.Request
	cancel context.CancelFunc // of the request's context
	waits  bool               // the client waits for 100 (Continue) before it sends the body
	post   func()             // work as a value, so that posting it does not allocate

	released bool // Bridge.mu guards it: the worker does not count any more, see Bridge.release

	// The loop uses these.
	previous  reactor.Handler // c.Fn before and after the exchange
	low, high int             // c's water marks before and after the exchange
	streaming bool            // StreamBody was called
	started   bool            // the header of the response is in Send
	over      bool            // the loop has done all that the exchange needs
	held      int             // bytes reported to the memory budget

	mu      sync.Mutex // guards the fields below
	changed sync.Cond  // broadcast when one of them changes
	posted  bool       // work is posted
	gone    bool       // the connection has failed or closed

	// The body of the request.
	in         blocking.Queue
	inErr      error // what Read returns when in is empty; io.EOF at the end of the body
	taken      int64 // bytes that were taken from in
	readLimit  blocking.Deadline
	bodyClosed bool // Body.Close was called, or the response has begun
	wanted     bool // the handler reads, or the client does not wait for 100 (Continue)
	paused     bool // the connection is paused because in is full

	// The response.
	interim    []byte     // responses with a status of 1xx that are to be sent
	head       *replyHead // of the response; nil until it begins
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
	status  int
	headers string
	size    int64 // of the body, or http.Chunked
	toEnd   bool  // if the response is not completed, only a reset shows that
}

var errHijacking = errors.New("nethttp: the connection has ended or cannot be hijacked")

// newExchange makes the exchange of a request whose header has arrived.
func newExchange(b *Bridge, c *reactor.Conn, r *stdhttp.Request) *exchange {
	x := &exchange{b: b, c: c, m: c.Manager(), remote: remoteAddr(c), previous: c.Fn}
	x.req, x.cancel = b.setContext(c, r)
	x.changed.L = &x.mu
	x.post = x.work
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

// wait waits for a change. The caller holds mu.
func (x *exchange) wait(call string) {
	if x.m.InHandler() {
		x.mu.Unlock()
		panic("nethttp: " + call + " has to wait within a handler of the loop: the loop would wait for itself")
	}
	x.changed.Wait()
}

// unlockAndPost unlocks mu. If needed is true it makes the loop call work.
func (x *exchange) unlockAndPost(needed bool) {
	post := needed && !x.posted
	x.posted = x.posted || post
	x.mu.Unlock()
	if post && x.m.Post(x.post) != nil {
		x.fail(x.opError("write", net.ErrClosed))
	}
}

func (x *exchange) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: x.remote.Network(), Addr: x.remote, Err: err}
}

// body is the body of a request.
type body struct{ x *exchange }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	x := b.x
	x.mu.Lock()
	if x.bodyClosed {
		x.mu.Unlock()
		return 0, stdhttp.ErrBodyReadAfterClose
	}
	return x.readLocked(p)
}

// Close implements io.Closer. The rest of the body is discarded when the response begins.
func (b *body) Close() error {
	b.x.mu.Lock()
	defer b.x.mu.Unlock()
	b.x.bodyClosed = true
	return nil
}

// readLocked reads from the body. The caller holds mu, and readLocked releases it.
func (x *exchange) readLocked(p []byte) (int, error) {
	for {
		switch {
		case x.readLimit.Passed():
			x.mu.Unlock()
			return 0, x.opError("read", os.ErrDeadlineExceeded)
		case x.in.Len() > 0 || len(p) == 0:
			n := x.in.Take(p)
			x.taken += int64(n)
			var err error
			if x.in.Len() == 0 && x.inErr == io.EOF {
				err = io.EOF
			}
			x.unlockAndPost(x.paused && x.in.Len() <= x.b.opts.Buffer/2)
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
		x.wait("Read of a request's body")
	}
}

// maxDiscard is how many bytes of a request's body are read and discarded so that the connection
// can be used again. net/http has the same number.
const maxDiscard = 256 << 10

// discardBody reads the rest of the request's body, and closes it. It returns false if the body is
// too long or cannot be read: then the connection is to close after the response.
func (x *exchange) discardBody() bool {
	x.mu.Lock()
	x.bodyClosed = true
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
		x.mu.Lock()
		n, err := x.readLocked(p)
		if left -= n; err != nil {
			return err == io.EOF
		}
	}
	return false
}

// sendInterim sends a response with a status of 1xx, whose bytes are p. If it is 100 (Continue),
// Read does not send it again.
func (x *exchange) sendInterim(p []byte, isContinue bool) {
	x.mu.Lock()
	if isContinue && !x.wanted {
		x.wanted = true // StreamBody sends it
	} else {
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
		x.wait("Flush")
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
func (x *exchange) start(h *replyHead) {
	x.mu.Lock()
	x.head = h
	x.mu.Unlock() // write or end follows
}

// errEnded is returned if a handler uses its ResponseWriter after it has returned.
var errEnded = errors.New("nethttp: ResponseWriter used after the handler has returned")

// write appends p to the body of the response. It waits until the loop has taken enough of what was
// written before. If more is true, end follows and makes the loop send the last bytes.
func (x *exchange) write(p []byte, more bool) error {
	for {
		x.mu.Lock()
		for x.out.Len() >= x.b.opts.Buffer && x.outErr == nil && !x.writeLimit.Passed() && !x.ended {
			x.wait("Write")
		}
		if x.writeLimit.Passed() && x.outErr == nil { // a part of what was written may be missing
			x.outErr = x.opError("write", os.ErrDeadlineExceeded)
		}
		err := x.outErr
		if x.ended && err == nil {
			err = errEnded
		}
		if err != nil {
			x.mu.Unlock()
			return err
		}
		n := min(len(p), x.b.opts.Buffer-x.out.Len())
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
	x.bodyClosed = true
	x.readLimit.Stop()
	x.writeLimit.Stop()
	if x.hijacked {
		x.mu.Unlock()
		return
	}
	x.aborted = abort || x.outErr != nil || x.writeLimit.Passed()
	x.trailers = trailers
	x.ended = true
	x.changed.Broadcast()
	x.unlockAndPost(true)
}

// setDeadline sets the deadline of reads or writes.
func (x *exchange) setDeadline(d *blocking.Deadline, t time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.hijacked {
		return stdhttp.ErrHijacked
	}
	d.Set(t, &x.changed)
	return nil
}
