package http

import (
	"bytes"
	"strconv"
)

// A Header is one header line.
type Header struct {
	Name  []byte // as sent; compare it without regard to case
	Value []byte // without leading and trailing blanks; may contain bytes above 0x7f
}

// A Message is a parsed request or response. Its slices point into the buffer that was
// parsed. If the Message is the data of an event, they are valid until the handler returns.
// The zero value is ready for parsing. A later parse into the same Message overwrites Headers.
type Message struct {
	Method []byte // request: the method, case-sensitive; response: nil
	// URI is the path of a request as sent, not percent-decoded. It is host:port for
	// CONNECT, and "*" for OPTIONS *.
	URI    []byte
	Query  []byte // request: what follows the first '?'; nil if there is no '?'
	Proto  []byte // the version, such as "HTTP/1.1" or "HTTP/1.0"
	Status int    // response: the status code; request: 0
	Reason []byte // response: the reason phrase; may be empty

	// Scheme is "https" if the message arrived over TLS, and "http" if not. It says nothing
	// about the target that a request names. It is empty after a call of the parser, and set in
	// the messages of events.
	Scheme string

	Headers []Header // in the order sent, including repeated names

	Head []byte // the start line, the header lines and the empty line
	Body []byte // without chunk framing; empty until the message is complete
	Raw  []byte // Head and Body in one slice

	authority []byte // host and port of an absolute-form or CONNECT target; nil otherwise
}

// requireNotNil panics if m is nil. call is the name of the function that got m.
func (m *Message) requireNotNil(call string) {
	if m == nil {
		panic("http: " + call + " into a nil Message")
	}
}

func (m *Message) setScheme(overTLS bool) {
	m.Scheme = "http"
	if overTLS {
		m.Scheme = "https"
	}
}

// IsRequest reports whether m is a request.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// Header returns the value of the first header line with that name, compared without regard
// to case. It returns nil if there is no such line. An empty value is not nil.
func (m *Message) Header(name string) []byte {
	for i := range m.Headers {
		if h := &m.Headers[i]; equalFold(h.Name, name) {
			return h.Value
		}
	}
	return nil
}

// HasToken reports whether token is a member of the comma-separated list in the header lines
// with that name [RFC 9110 5.6.1]. If the name is repeated, all lines together are the list.
// Name and token are compared without regard to case.
func (m *Message) HasToken(name, token string) bool {
	for i := range m.Headers {
		h := &m.Headers[i]
		if !equalFold(h.Name, name) {
			continue
		}
		for rest, more := h.Value, true; more; {
			var item []byte
			item, rest, more = bytes.Cut(rest, comma)
			if equalFold(trimBlanks(item), token) {
				return true
			}
		}
	}
	return false
}

var comma = []byte{','}

// Host returns the host and port that a request addresses. They come from the request
// target, or from the Host header if the target has none [RFC 9112 3.2.2].
func (m *Message) Host() []byte {
	if m.authority != nil {
		return m.authority
	}
	return m.Header("Host")
}

// BodySize returns the size of the body in bytes, as the header announces it, or [Chunked] if it
// does not: the body is sent in chunks, or a response lasts until the connection closes. It is 0
// for a request without a body. For a response to HEAD and for one with status 304 it is the size
// that the body would have, if the header says so; they have no body all the same.
func (m *Message) BodySize() int64 {
	if m.Header("Transfer-Encoding") != nil {
		return Chunked
	}
	value := m.Header("Content-Length")
	if size, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return size // the parser has refused all others [RFC 9112 6.3]
	}
	if m.IsRequest() || m.Status/100 == 1 || m.Status == 204 {
		return 0
	}
	return Chunked
}

// Var looks up a variable in form, which is a Query or the Body of a submitted form. It
// appends the value to dst and returns the extended slice. '+' and percent escapes in the
// value are decoded. Var does not allocate if dst has enough capacity.
//
// name is compared with the bytes that were sent, before decoding. If the variable is missing
// or its value contains a broken escape, ok is false and dst is returned unchanged.
func Var(dst, form []byte, name string) (value []byte, ok bool) {
	for rest, more := form, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, ampersand)
		if len(pair) == 0 || len(pair) < len(name) || string(pair[:len(name)]) != name {
			continue // an empty pair is no variable, not one with an empty name
		}
		switch raw := pair[len(name):]; {
		case len(raw) == 0:
			return dst, true
		case raw[0] == '=':
			return appendUnescaped(dst, raw[1:])
		}
	}
	return dst, false
}

var ampersand = []byte{'&'}

// appendUnescaped appends raw to dst with '+' and percent escapes decoded. On a broken
// escape it returns dst unchanged and false.
func appendUnescaped(dst, raw []byte) ([]byte, bool) {
	keep := len(dst)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if !isEscape(raw[i:]) {
				return dst[:keep], false
			}
			c = byte(hexValue(raw[i+1])<<4 | hexValue(raw[i+2]))
			i += 2
		}
		dst = append(dst, c)
	}
	return dst, true
}

// isEscape reports whether b starts with a percent escape [RFC 3986 2.1].
func isEscape(b []byte) bool {
	return len(b) >= 3 && b[0] == '%' && charClasses[b[1]]&charClasses[b[2]]&classHex != 0
}

// minorVersion returns the minor version: 0 for HTTP/1.0 and 1 for all others.
func (m *Message) minorVersion() int {
	if len(m.Proto) > 0 && m.Proto[len(m.Proto)-1] == '0' {
		return 0
	}
	return 1
}

// wantsKeepAlive reports whether the sender of this message wants to keep the connection open
// after the message and its response [RFC 9112 9.3].
func (m *Message) wantsKeepAlive() bool {
	if m.HasToken("Connection", "close") {
		return false
	}
	return m.minorVersion() == 1 || m.HasToken("Connection", "keep-alive")
}

// reset sets m to its zero value, but keeps the array of Headers for the next parse.
func (m *Message) reset() {
	headers := m.Headers
	clear(headers)
	*m = Message{Headers: headers[:0]}
}
