package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Peer is one connection's side of JSON-RPC: it serves requests with Methods, and makes calls.
type Peer struct {
	Methods *Methods // nil: none
	Data    any      // becomes Request.Data, such as the connection

	last  uint64 // the id of the last call
	calls map[uint64]call

	closed bool
}

// call is a call without a response.
type call struct {
	done  Done
	until time.Time // zero: no limit
}

// Done is called once with the outcome of a call. result is JSON, and valid until Done returns. err
// is the *Error of the other side, ErrTimeout, ErrClosed, or says that the response is not valid.
type Done func(result json.RawMessage, err error)

// Call appends a request with a new id, and keeps done for its response. params is as for
// AppendNotification. until is when the call fails with ErrTimeout, see Expire; zero means never.
// On an error dst is returned unchanged, and done is never called: too many calls have no response
// yet, or params are not valid.
func (p *Peer) Call(dst []byte, method string, params any, until time.Time, done Done) ([]byte, error) {
	if p.closed {
		return dst, ErrClosed
	}
	if most := or(p.methods().Limits.Calls, DefaultMaxCalls); len(p.calls) >= most {
		return dst, fmt.Errorf("jsonrpc: %d calls have no response yet, the limit is %d", len(p.calls), most)
	}
	dst, err := appendRequest(dst, strconv.AppendUint(nil, p.last+1, 10), method, params)
	if err != nil {
		return dst, err
	}
	if p.calls == nil {
		p.calls = map[uint64]call{}
	}
	p.last++
	p.calls[p.last] = call{done, until}
	return dst, nil
}

// Append passes a message of the other side: it calls methods for requests, and the functions of
// calls for responses. It appends the reply, or nothing, see Methods.Append. A response without a
// call, such as one that comes too late, is ignored: to answer it could begin a loop.
func (p *Peer) Append(dst, message []byte) []byte {
	s := p.methods()
	if err := s.Limits.check(message); err != nil {
		return AppendError(dst, nil, err)
	}
	if kind(message) != '[' {
		return p.appendOne(dst, message, false)
	}
	count, most := 0, or(s.Limits.Batch, DefaultMaxBatch)
	elements(message, func([]byte) { count++ })
	switch {
	case count == 0:
		return AppendError(dst, nil, Errorf(CodeInvalidRequest, "the batch is empty"))
	case count > most:
		return AppendError(dst, nil, Errorf(CodeInvalidRequest, "the batch has %d messages, the limit is %d", count, most))
	}
	start := len(dst)
	dst = append(dst, '[')
	elements(message, func(value []byte) {
		if last := len(dst); last > start+1 {
			if dst = p.appendOne(append(dst, ','), value, true); len(dst) == last+1 {
				dst = dst[:last]
			}
			return
		}
		dst = p.appendOne(dst, value, true)
	})
	if len(dst) == start+1 {
		return dst[:start]
	}
	return append(dst, ']')
}

// appendOne passes a single message, or one of a batch.
func (p *Peer) appendOne(dst, value []byte, batch bool) []byte {
	if kind(value) != '{' {
		return AppendError(dst, nil, Errorf(CodeInvalidRequest, "the message is no object"))
	}
	m := parse(value)
	if m.isResponse() {
		p.answered(&m)
		return dst
	}
	return p.methods().appendReply(dst, &m, batch, p.Data)
}

// answered ends the call that a response belongs to.
func (p *Peer) answered(m *message) {
	id, err := strconv.ParseUint(string(m.id), 10, 64)
	c, ok := p.calls[id]
	if err != nil || !ok {
		return
	}
	delete(p.calls, id)
	failed := m.err != nil && string(m.err) != "null" // JSON-RPC 1.0 always has both members
	switch {
	case m.twice != "":
		c.done(nil, fmt.Errorf("jsonrpc: bad response: the member %q is there twice", m.twice))
	case failed && m.result != nil && string(m.result) != "null":
		c.done(nil, errors.New("jsonrpc: bad response: it has a result and an error"))
	case failed:
		c.done(nil, parseError(m.err))
	case m.result == nil:
		c.done(nil, errors.New("jsonrpc: bad response: it has no result and no error"))
	default:
		c.done(m.result, nil)
	}
}

// parseError returns the error of a response.
func parseError(text []byte) error {
	e := &Error{}
	if err := json.Unmarshal(text, e); err != nil {
		return fmt.Errorf("jsonrpc: bad response: its error is not valid: %w", err)
	}
	return e
}

// Pending returns the number of calls without a response.
func (p *Peer) Pending() int { return len(p.calls) }

// Expire fails the calls whose time has passed with ErrTimeout.
func (p *Peer) Expire(now time.Time) {
	last := p.last // Done may make further calls
	for id, c := range p.calls {
		if id <= last && !c.until.IsZero() && !now.Before(c.until) {
			delete(p.calls, id)
			c.done(nil, ErrTimeout)
		}
	}
}

// Close fails all calls with ErrClosed, and those that are made later. Call it when the connection
// has closed.
func (p *Peer) Close() {
	calls := p.calls
	p.calls, p.closed = nil, true
	for _, c := range calls {
		c.done(nil, ErrClosed)
	}
}

// none is the set of a Peer without Methods.
var none = &Methods{}

func (p *Peer) methods() *Methods {
	if p.Methods == nil {
		return none
	}
	return p.Methods
}
