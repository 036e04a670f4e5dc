package http

import "math"

// Limits bounds the size of a received message. In each field zero means the default and a
// negative value means no limit. A server answers a request that exceeds a limit with the
// status in this table:
//
//	Head      414 if the request line alone is too long, otherwise 431
//	Headers   431
//	Body      413
type Limits struct {
	// Head is the largest size of the header in bytes. It counts the start line, all
	// header lines and the empty line after them. The trailer of a chunked body is counted
	// separately and has the same limit.
	Head int
	// Headers is the largest number of header lines, including trailer lines.
	Headers int
	// Body is the largest size of the body in bytes. The framing of a chunked body is
	// counted separately: its limit is Head + Body bytes.
	Body int
}

// The default limits. DefaultMaxHead and DefaultMaxBody are in bytes.
const (
	DefaultMaxHead    = 16 << 10
	DefaultMaxHeaders = 100
	DefaultMaxBody    = 3 << 20
)

// maxLimit means "no limit". It also replaces limits that are larger. No buffer is so large,
// and the sum of two limits and an offset does not overflow an int.
const maxLimit = math.MaxInt / 4

func (l *Limits) head() int    { return effectiveLimit(l.Head, DefaultMaxHead) }
func (l *Limits) headers() int { return effectiveLimit(l.Headers, DefaultMaxHeaders) }
func (l *Limits) body() int    { return effectiveLimit(l.Body, DefaultMaxBody) }

// effectiveLimit returns the limit for n, the value of a field of Limits. def is the default.
func effectiveLimit(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return maxLimit
	}
	return min(n, maxLimit)
}

// recheck returns an error if the part of the message that was parsed in earlier calls exceeds
// the limits. This is possible if the limits were lowered since then. The error is the one that
// the parser would have returned if the limits had been there from the beginning.
func (p *Parser) recheck(buf []byte, msg *Message) error {
	head := p.headEnd
	if head == 0 {
		head = p.scanned
	}
	// The empty line before a request, which ends at startLineAt, must fit into the limit too.
	if max(head-p.startLineAt, p.startLineAt) > p.Limits.head() || p.headerCount > p.Limits.headers() {
		again := Parser{Limits: p.Limits, Response: p.Response, Method: p.Method}
		if _, err := again.ParseHead(buf, msg); err != nil {
			return err
		}
		p.rescanTrailer(again.headerCount) // the header lines alone do not exceed the limit
	}
	if p.headEnd == 0 || p.kind != bodyChunked {
		return nil
	}
	return p.withStatus(p.recheckChunks())
}

// recheckChunks is recheck for a chunked body.
func (p *Parser) recheckChunks() error {
	c := &p.chunks
	switch {
	case c.bodyEnd-p.headEnd+c.remaining > p.Limits.body():
		return chunksTooLarge(int64(p.Limits.body()))
	case c.overhead > p.Limits.head()+p.Limits.body():
		return framingTooLarge(int64(p.Limits.head() + p.Limits.body()))
	}
	return nil
}
