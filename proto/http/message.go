package http

import "bytes"

// A Header is one header line.
type Header struct {
	Name  []byte // as sent; compare it without regard to case
	Value []byte // without the blanks around it; bytes above 0x7f are possible
}

// A Message is a parsed request or response. Its slices alias the buffer it
// was parsed from: in an event's data they are valid until the handler
// returns. The zero value is ready to be parsed into; its Headers array is
// used again by the next parse.
type Message struct {
	Method []byte // of a request, case-sensitive; nil in a response
	URI    []byte // path as sent, not percent-decoded; host:port for CONNECT; "*" for OPTIONS *
	Query  []byte // what follows the first '?', nil if there is none
	Proto  []byte // "HTTP/1.1" or "HTTP/1.0"
	Status int    // of a response; 0 in a request
	Reason []byte // of a response, may be empty

	Headers []Header // in the order sent, repeated names included

	Head []byte // start line, header lines and the empty line
	Body []byte // without chunk framing; empty until the message is complete
	Raw  []byte // Head and Body in one piece

	authority []byte // of a target in absolute form or of CONNECT
}

// notNil panics if a call that fills a Message was given none.
func (m *Message) notNil(call string) {
	if m == nil {
		panic("http: " + call + " into a nil Message")
	}
}

// IsRequest reports whether m is a request.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// Header returns the value of the first header line of that name, compared
// without regard to case: nil if there is none, empty but not nil if the
// value is empty.
func (m *Message) Header(name string) []byte {
	for i := range m.Headers {
		if h := &m.Headers[i]; equalFold(h.Name, name) {
			return h.Value
		}
	}
	return nil
}

// HasToken reports whether token is a member of the comma-separated list
// that all header lines of that name make up together [RFC 9110 5.6.1]. Both
// are compared without regard to case.
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

// Host returns the host and port that a request is for: those of its target
// if that has any, else the Host header's [RFC 9112 3.2.2].
func (m *Message) Host() []byte {
	if m.authority != nil {
		return m.authority
	}
	return m.Header("Host")
}

// Var returns the value of a variable of a Query, or of a form in a Body,
// with '+' and percent escapes decoded: appended to dst, so that a dst with
// room makes it free of allocation. The name is compared with what was sent.
// If the variable is missing or has a broken escape ok is false and dst is
// returned as it was.
func Var(dst, form []byte, name string) (value []byte, ok bool) {
	for rest, more := form, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, ampersand)
		if len(pair) < len(name) || string(pair[:len(name)]) != name {
			continue
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

// isEscape reports whether b begins with a percent escape [RFC 3986 2.1].
func isEscape(b []byte) bool {
	return len(b) >= 3 && b[0] == '%' && class[b[1]]&class[b[2]]&isHex != 0
}

// minor returns the y of HTTP/1.y as far as it matters: 0 or 1.
func (m *Message) minor() int {
	if len(m.Proto) > 0 && m.Proto[len(m.Proto)-1] == '0' {
		return 0
	}
	return 1
}

// persists reports whether the connection lives on behind this message and
// its answer, if it is up to the sender [RFC 9112 9.3].
func (m *Message) persists() bool {
	if m.HasToken("Connection", "close") {
		return false
	}
	return m.minor() == 1 || m.HasToken("Connection", "keep-alive")
}

// clear forgets everything but the memory of Headers.
func (m *Message) clear() {
	headers := m.Headers
	clear(headers)
	*m = Message{Headers: headers[:0]}
}
