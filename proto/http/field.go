package http

import (
	"bytes"
	"math"
)

// splitField splits a header line at the first colon. It returns the zero Header if there is
// no colon. It does not check the line: checkField does.
func splitField(line []byte) Header {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return Header{}
	}
	return Header{Name: line[:colon], Value: trimBlanks(line[colon+1:])}
}

// checkField checks that line has the form "field-name : OWS field-value OWS" [RFC 9112 5]. h
// is the result of splitField. The line must not be empty. It has no control bytes except
// tabs, because nextLine refuses them.
func checkField(line []byte, h Header) error {
	switch {
	case isBlank(line[0]): // obs-fold, or a blank before the first header [RFC 9112 2.2, 5.2]
		return malformed("header line %s begins with a blank: folded lines are not accepted", line)
	case h.Name == nil:
		return malformed("header line %s has no colon", line)
	case len(h.Name) == 0:
		return malformed("header line %s has no name", line)
	case isBlank(h.Name[len(h.Name)-1]): // must be refused [RFC 9112 5.1]
		return malformed("blank before the colon of header %s", h.Name)
	case !IsToken(h.Name):
		return malformed("header name %s is not a token", h.Name)
	}
	return nil
}

// framing is what the header lines so far say about the host and the body.
type framing struct {
	length  int64 // Content-Length, valid if hasLen
	hosts   int32 // number of Host headers
	hasLen  bool
	chunked bool // Transfer-Encoding is chunked
}

// addHeader checks Host, Content-Length and Transfer-Encoding and stores what they say. It
// ignores other headers. old says that the message is HTTP/1.0.
func (f *framing) addHeader(h Header, old bool) error {
	switch len(h.Name) {
	case len("Host"):
		if equalFold(h.Name, "Host") {
			return f.addHost(h.Value)
		}
	case len("Content-Length"):
		if equalFold(h.Name, "Content-Length") {
			return f.addLength(h.Value)
		}
	case len("Transfer-Encoding"):
		if equalFold(h.Name, "Transfer-Encoding") {
			return f.addCoding(h.Value, old)
		}
	}
	return nil
}

func (f *framing) addHost(value []byte) error {
	if f.hosts++; f.hosts > 1 { // [RFC 9112 3.2]
		return malformed("second Host header")
	}
	if !isAuthority(value) {
		return malformed("Host %s is neither host nor host:port", value)
	}
	return nil
}

func (f *framing) addLength(value []byte) error {
	if f.hasLen { // refused even if both values are equal, as the RFC allows [RFC 9110 8.6]
		return malformed("second Content-Length header")
	}
	if f.chunked {
		return errBothFramings
	}
	if len(value) == 0 || !allOf(value, classDigit) { // 1*DIGIT: no sign, base or list [RFC 9110 8.6]
		return malformed("Content-Length %s is not a number", value)
	}
	f.hasLen = true
	for _, c := range value {
		d := int64(c - '0')
		if f.length > (math.MaxInt64-d)/10 {
			return malformed("Content-Length %s overflows", value)
		}
		f.length = f.length*10 + d
	}
	return nil
}

func (f *framing) addCoding(value []byte, old bool) error {
	switch {
	case old: // [RFC 9112 6.1]
		return malformed("Transfer-Encoding is not allowed in an HTTP/1.0 message")
	case f.hasLen:
		return errBothFramings
	case f.chunked: // [RFC 9112 6.1]
		return malformed("second Transfer-Encoding header")
	case !equalFold(value, "chunked"):
		return refuse(501, "Transfer-Encoding %s is not supported: only chunked is", value)
	}
	f.chunked = true
	return nil
}

// errBothFramings refuses a message with two framings. Such messages are used for request
// smuggling [RFC 9112 6.3, item 3].
var errBothFramings error = &Error{Status: 400, Reason: "message has both Content-Length and Transfer-Encoding"}
