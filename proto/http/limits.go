package http

import "math"

// Limits bounds what a peer can make us hold. In each field zero means the
// default and a negative value means no limit.
type Limits struct {
	// Head is the size in bytes of the start line and all header lines with
	// the empty line that ends them. The trailer of a chunked body may have
	// as much again. Beyond it a request is answered with 414 if its first
	// line alone is too long, else with 431.
	Head int
	// Headers is the number of header lines, trailer lines included (431).
	Headers int
	// Body is the size in bytes of the body (413). The framing of a chunked
	// body may take at most Head + Body bytes beside it.
	Body int
}

// The limits that hold unless others are set.
const (
	DefaultHead    = 16 << 10
	DefaultHeaders = 100
	DefaultBody    = 3 << 20
)

// maxLimit keeps sums of limits and offsets far from overflow. A larger limit
// counts as this one, and so does none: it is far beyond what a buffer holds.
const maxLimit = math.MaxInt / 4

func (l *Limits) head() int    { return limitOr(l.Head, DefaultHead) }
func (l *Limits) headers() int { return limitOr(l.Headers, DefaultHeaders) }
func (l *Limits) body() int    { return limitOr(l.Body, DefaultBody) }

func limitOr(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return maxLimit
	}
	return min(n, maxLimit)
}
