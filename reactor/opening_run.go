package reactor

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// maxOpeningInput bounds how many bytes an Opening may leave unused, in bytes. A message whose
// length has 16 bits is shorter, with what comes before its length.
const maxOpeningInput = 65 << 10

// openingReadSize is how many bytes are peeked at once.
const openingReadSize = 4 << 10

// maxOpeningReads bounds how often one turn peeks for one connection.
const maxOpeningReads = 16

var errOpeningInput = fmt.Errorf("more than %d bytes without a result", maxOpeningInput)

// openingRun runs the Opening of one connection.
type openingRun struct {
	c        *Conn
	opening  Opening
	fd       int
	listener *Conn  // that has accepted the connection; nil on a client
	held     []byte // read from the socket, not used by Advance
	heard    bool   // a byte of the peer has arrived
	out      []byte // bytes for the peer that the socket did not take
	done     bool   // Advance has returned done; out may be unwritten
	finished bool   // the connection has begun
}

// begin calls Advance for the first time.
func (r *openingRun) begin() {
	if r.call(nil) {
		r.run()
	}
}

// ready is called when the poller reports the socket of a client.
func (r *openingRun) ready(poll.Interest) { r.run() }

// run writes, reads, and calls Advance until it must wait for the socket. It returns true if the
// socket was empty.
func (r *openingRun) run() (empty bool) {
	for range maxOpeningReads {
		switch written := r.write(); {
		case r.ended():
			return false
		case !written:
			r.await(poll.Writable)
			return true
		case r.done:
			r.finish()
			return false
		}
		in, err := r.input()
		switch {
		case err == poll.ErrAgain:
			r.await(poll.Readable)
			return true
		case err != nil:
			r.fail(r.inStep(err))
			return false
		case !r.call(in):
			return false
		}
	}
	r.await(poll.Readable)
	return false
}

// ended reports whether the opening has failed, or the program has ended the connection.
func (r *openingRun) ended() bool { return r.fd < 0 || r.c.inputOver() }

// input returns the bytes for the next call of Advance: those in held, and those in the socket,
// which stay there.
func (r *openingRun) input() ([]byte, error) {
	buf := r.c.mgr.readBuf[:openingReadSize]
	n, err := poll.Peek(r.fd, buf)
	isProbe := r.listener != nil && !r.heard
	switch {
	case err == poll.ErrAgain:
		return nil, err
	case err == syscall.ECONNRESET && isProbe:
		return nil, io.EOF
	case err != nil:
		return nil, os.NewSyscallError("read", err)
	case n == 0 && isProbe:
		return nil, io.EOF
	case n == 0:
		return nil, io.ErrUnexpectedEOF
	}
	r.heard = true
	if len(r.held) > 0 {
		return append(r.held[:len(r.held):len(r.held)], buf[:n]...), nil
	}
	return buf[:n], nil
}

// call calls Advance until it has nothing more to do with in, and reads from the socket what was
// used. It returns false if the opening has ended.
func (r *openingRun) call(in []byte) bool {
	total := 0
	for {
		rest := in[total:]
		used, out, done, err := r.opening.Advance(r.c, rest[:len(rest):len(rest)])
		if r.ended() {
			return false
		}
		if used < 0 || used > len(rest) || done && total+used < len(r.held) {
			err = fmt.Errorf("the Opening has used %d of %d bytes, %d of them in the call before", used, len(rest), len(r.held)-total)
			used = 0
		}
		total += used
		r.out = append(r.out, out...)
		switch {
		case err != nil:
			if len(r.out) > 0 {
				poll.Send(r.fd, r.out)                             // one attempt: err is the reason, whatever becomes of it
				poll.Recv(r.fd, r.c.mgr.readBuf[:openingReadSize]) // unread bytes would reset the connection
			}
			r.fail(err)
			return false
		case done:
			r.done = true
			return r.take(in, total, total)
		case len(out) > 0:
			return r.take(in, total, max(total, len(r.held)))
		case used == 0 || total == len(in):
			return r.take(in, total, len(in))
		}
	}
}

// take reads the bytes of in up to the offset `to` from the socket, unless they were read before.
// Those from `used` on become held. It returns false if the opening has failed.
func (r *openingRun) take(in []byte, used, to int) bool {
	held := append([]byte(nil), in[used:to]...) // in may be the buffer that is read into
	for left := to - min(to, len(r.held)); left > 0; {
		n, err := poll.Recv(r.fd, r.c.mgr.readBuf[:left])
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			r.fail(r.inStep(os.NewSyscallError("read", err)))
			return false
		}
		left -= n
		r.c.mgr.stats.Reads++
		r.c.mgr.stats.BytesIn += uint64(n)
	}
	if r.held = held; len(held) > maxOpeningInput {
		r.fail(r.inStep(errOpeningInput))
		return false
	}
	return true
}

// write offers out to the socket. It reports whether nothing is left.
func (r *openingRun) write() bool {
	for len(r.out) > 0 {
		n, err := poll.Send(r.fd, r.out)
		switch {
		case err == poll.ErrAgain:
			return false
		case err != nil:
			r.out = nil
			r.fail(r.inStep(os.NewSyscallError("write", err)))
			return false
		}
		r.out = r.out[n:]
		r.c.mgr.stats.Writes++
		r.c.mgr.stats.BytesOut += uint64(n)
	}
	r.out = nil
	return true
}

// await tells the poller what to report.
func (r *openingRun) await(what poll.Interest) {
	var owner descriptorOwner = r
	if r.listener != nil {
		owner = r.c
	}
	if err := r.c.mgr.register(r.fd, owner, what); err != nil {
		r.fail(fmt.Errorf("register: %w", err))
	}
}

// finish begins the connection. The socket has what follows.
func (r *openingRun) finish() {
	c, l := r.c, r.listener
	r.finished, r.held = true, nil
	if l == nil {
		fd := r.fd
		r.fd, c.ext.dial.opening = -1, nil
		c.ext.dial.established(fd)
		return
	}
	c.stopDeadline(deadlineHandshake)
	c.listIdle()
	c.initAccepted(l)
}

// inStep adds to an error what the opening waits for.
func (r *openingRun) inStep(err error) error {
	if r.opening == nil { // SetOpening's function has failed the connection
		return err
	}
	return fmt.Errorf("%s: %w", r.opening.Step(), err)
}

// fail ends the connection with err.
func (r *openingRun) fail(err error) {
	if r.ended() {
		return
	}
	if r.listener != nil {
		r.c.refuse(err)
		return
	}
	r.c.ext.dial.openingFailed(err)
}

// close closes the descriptor of a client's opening that was not done.
func (r *openingRun) close() {
	if r.fd >= 0 {
		r.c.mgr.unregister(r.fd)
		poll.Close(r.fd)
		r.fd = -1
	}
}
