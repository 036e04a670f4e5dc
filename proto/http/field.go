package http

import (
	"bytes"
	"math"
)

// splitField cuts a line that checkField has accepted, or is about to see.
func splitField(line []byte) Header {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return Header{}
	}
	return Header{Name: line[:colon], Value: trimBlanks(line[colon+1:])}
}

// checkField accepts "field-name : OWS field-value OWS" [RFC 9112 5]. The line
// has no control bytes but tabs: the scan for its end has seen to that.
func checkField(line []byte, h Header) error {
	switch {
	case isBlank(line[0]): // obs-fold, or a blank before the first header [RFC 9112 2.2, 5.2]
		return malformed("folded header line %.40q", line)
	case h.Name == nil:
		return malformed("header line %.40q has no colon", line)
	case len(h.Name) == 0:
		return malformed("header line %.40q has no name", line)
	case isBlank(h.Name[len(h.Name)-1]): // must be refused [RFC 9112 5.1]
		return malformed("blank before the colon of header %.40q", h.Name)
	case !IsToken(h.Name):
		return malformed("header name %.40q is not a token", h.Name)
	}
	return nil
}

// framing is what the header says about the connection and the body.
type framing struct {
	hosts   int
	length  int64 // Content-Length, valid if hasLen
	hasLen  bool
	chunked bool
}

// add takes note of a header line that matters for framing.
func (f *framing) add(h Header, old bool) error {
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
		return malformed("Host %.40q is not a host", value)
	}
	return nil
}

func (f *framing) addLength(value []byte) error {
	if f.hasLen { // also an identical one: refusing both is allowed [RFC 9110 8.6]
		return malformed("second Content-Length header")
	}
	if f.chunked {
		return errBothFramings
	}
	if len(value) == 0 || !all(value, isDigit) { // 1*DIGIT: no sign, no base, no list [RFC 9110 8.6]
		return malformed("Content-Length %.40q is not a number", value)
	}
	f.hasLen = true
	for _, c := range value {
		d := int64(c - '0')
		if f.length > (math.MaxInt64-d)/10 {
			return malformed("Content-Length %.40q overflows", value)
		}
		f.length = f.length*10 + d
	}
	return nil
}

func (f *framing) addCoding(value []byte, old bool) error {
	switch {
	case old: // faulty framing [RFC 9112 6.1]
		return malformed("Transfer-Encoding in an HTTP/1.0 message")
	case f.hasLen:
		return errBothFramings
	case f.chunked: // chunked twice [RFC 9112 6.1]
		return malformed("second Transfer-Encoding header")
	case !equalFold(value, "chunked"):
		return refuse(501, "Transfer-Encoding %.40q is not chunked", value)
	}
	f.chunked = true
	return nil
}

// errBothFramings is the classic of request smuggling [RFC 9112 6.3, item 3].
var errBothFramings error = &Error{Status: 400, Reason: "Content-Length beside Transfer-Encoding"}
