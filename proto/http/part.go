package http

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
)

// A Part is one part of a multipart message, for example a field or a file of a submitted form
// [RFC 7578].
type Part struct {
	Name []byte // the name of the field; nil if the part has none
	// Filename is the name of the file; nil if the part is no file. Folders are removed, and it
	// is never "." or "..". The client has chosen it: open it with an os.Root.
	Filename []byte
	Headers  []Header // in the order sent
	Body     []byte   // set by NextPart
}

// Header returns the value of the first header line with that name, as [Message.Header] does.
func (p *Part) Header(name string) []byte {
	for i := range p.Headers {
		if h := &p.Headers[i]; equalFold(h.Name, name) {
			return h.Value
		}
	}
	return nil
}

// Boundary returns the boundary of a multipart message, for a [MultipartParser]. It returns an
// error if the Content-Type is not multipart or has no valid boundary.
func (m *Message) Boundary() (string, error) {
	value := m.Header("Content-Type")
	mediaType, params, err := mime.ParseMediaType(string(value))
	switch {
	case value == nil:
		return "", malformed("multipart: there is no Content-Type")
	case err != nil:
		return "", malformed("multipart: Content-Type %s is malformed", value)
	case !strings.HasPrefix(mediaType, "multipart/"):
		return "", malformed("multipart: Content-Type is %s, want multipart/…", value)
	}
	boundary := params["boundary"]
	if err := checkBoundary(boundary); err != nil {
		return "", err
	}
	return boundary, nil
}

// checkBoundary returns an error if boundary breaks the rules [RFC 2046 5.1.1].
func checkBoundary(boundary string) error {
	const marks = "'()+_,-./:=? "
	valid := func(r rune) bool {
		return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune(marks, r)
	}
	invalid := func(r rune) bool { return !valid(r) }
	if n := len(boundary); n == 0 || n > 70 || boundary[n-1] == ' ' || strings.ContainsFunc(boundary, invalid) {
		return malformed("multipart: %s is not a boundary", []byte(boundary))
	}
	return nil
}

// NextPart finds the next part of the Body and stores it in p, like mg_http_next_multipart.
// Begin with ofs 0. NextPart returns the offset for the next call, or 0 if there is no further
// part: p is unchanged then. The slices of p are valid as long as those of the message.
//
//	var p http.Part
//	ofs, err := hm.NextPart(&p, 0)
//	for ; ofs > 0; ofs, err = hm.NextPart(&p, ofs) { … }
//
// The error says what is wrong with the Content-Type or with the body. It is an [*Error], and
// next is 0. To receive large parts in pieces, use a [MultipartParser].
func (m *Message) NextPart(p *Part, ofs int) (next int, err error) {
	boundary, err := m.Boundary()
	if err != nil {
		return 0, err
	}
	return NextPart(p, m.Body, boundary, ofs)
}

// NextPart is [Message.NextPart] for a complete body with a boundary.
func NextPart(p *Part, body []byte, boundary string, ofs int) (next int, err error) {
	if err := checkBoundary(boundary); err != nil {
		return 0, err
	}
	d := newDelimiter(boundary)
	if ofs < 0 || ofs > len(body) {
		return 0, fmt.Errorf("http: NextPart with the offset %d in a body of %d bytes", ofs, len(body))
	}
	n, err := d.skipFirst(body[ofs:])
	if err != nil {
		return 0, endsEarly(err)
	}
	at := ofs + n
	n, final, err := cutDelimiterLine(body[at:], true)
	if err != nil || final {
		return 0, endsEarly(err)
	}
	at += n
	var limits MultipartLimits
	var part Part
	if n, err = parsePartHead(body[at:], &part, &limits, 0); err != nil {
		return 0, endsEarly(err)
	}
	at += n
	end, after, found := d.find(body[at:], true)
	if !found {
		return 0, endsEarly(ErrIncomplete)
	}
	part.Body = body[at : at+end : at+end]
	*p = part
	return at + after - len(d.dashed()), nil
}

// endsEarly replaces ErrIncomplete, which a complete body must not cause.
func endsEarly(err error) error {
	if err == ErrIncomplete {
		return malformed("multipart: the body ends in the middle of a part")
	}
	return err
}

// delimiter is the line between two parts, with the CRLF before it, which does not belong to the
// part: CRLF "--" boundary [RFC 2046 5.1.1].
type delimiter []byte

func newDelimiter(boundary string) delimiter { return delimiter("\r\n--" + boundary) }

// dashed returns the delimiter without the CRLF.
func (d delimiter) dashed() []byte { return d[2:] }

// errNoDelimiter refuses a body that begins with something else. Other parsers skip a preamble,
// but they do not agree where it ends.
var errNoDelimiter error = &Error{Status: 400, Reason: "multipart: the body does not begin with the boundary"}

// skipFirst returns the length of the first delimiter, with which b begins. There may be a CRLF
// before it. The error may be ErrIncomplete.
func (d delimiter) skipFirst(b []byte) (int, error) {
	full := []byte(d)
	if len(b) > 0 && b[0] == '-' {
		full = d.dashed()
	}
	n := min(len(b), len(full))
	switch {
	case !bytes.Equal(b[:n], full[:n]):
		return 0, errNoDelimiter
	case n < len(full):
		return 0, ErrIncomplete
	}
	return n, nil
}

// find looks for the delimiter that ends a part. b[:end] is the rest of the part, and after is
// the offset after the delimiter. If begins is true, the part begins at b[0]: an empty part may
// have no CRLF before the delimiter.
//
// If found is false, b[:end] belongs to the part, and the rest of b may belong to a delimiter.
func (d delimiter) find(b []byte, begins bool) (end, after int, found bool) {
	if dashed := d.dashed(); begins && bytes.HasPrefix(b, dashed[:min(len(b), len(dashed))]) {
		if len(b) <= len(dashed) {
			return 0, 0, false
		}
		if endsBoundary(b[len(dashed)]) {
			return 0, len(dashed), true
		}
	}
	for from := 0; ; {
		i := bytes.Index(b[from:], d)
		if i < 0 {
			break
		}
		after = from + i + len(d)
		if after == len(b) {
			return from + i, 0, false
		}
		if endsBoundary(b[after]) {
			return from + i, after, true
		}
		from = after
	}
	return len(b) - d.prefixAtEnd(b), 0, false
}

// prefixAtEnd returns the length of the longest beginning of the delimiter that b ends with.
func (d delimiter) prefixAtEnd(b []byte) int {
	tail := b[max(0, len(b)-len(d)+1):]
	for {
		i := bytes.IndexByte(tail, '\r')
		if i < 0 {
			return 0
		}
		if tail = tail[i:]; bytes.HasPrefix(d, tail) {
			return len(tail)
		}
		tail = tail[1:]
	}
}

// endsBoundary reports whether c ends a boundary. If it does not, the bytes before c are data
// that only begin like a delimiter. After LF the line is refused: other parsers accept it.
func endsBoundary(c byte) bool { return c == '\r' || c == '\n' || c == '-' || isBlank(c) }

// maxPadding is the largest number of blanks after a boundary.
const maxPadding = 64

// cutDelimiterLine returns the length of the rest of a line after a boundary: blanks and CRLF, or
// "--" before them if there is no further part. complete says that no more bytes follow b: the
// last line needs no CRLF then.
func cutDelimiterLine(b []byte, complete bool) (n int, final bool, err error) {
	if len(b) > 0 && b[0] == '-' {
		if len(b) == 1 {
			return 0, false, ErrIncomplete
		}
		if b[1] != '-' {
			return 0, false, malformed("multipart: %s follows a boundary", b[:2])
		}
		n, final = 2, true
	}
	start := n
	for n < len(b) && isBlank(b[n]) && n-start < maxPadding {
		n++
	}
	switch rest := b[n:]; {
	case len(rest) >= 2 && rest[0] == '\r' && rest[1] == '\n':
		return n + 2, final, nil
	case len(rest) == 0 && final && complete:
		return n, final, nil
	case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
		return 0, false, ErrIncomplete
	default:
		return 0, false, malformed("multipart: %s follows a boundary", b[:min(len(b), n+1)])
	}
}

// parsePartHead parses the header of a part at the beginning of b. It returns its length with the
// empty line. The first scanned bytes contain no CRLF CRLF.
func parsePartHead(b []byte, p *Part, limits *MultipartLimits, scanned int) (n int, err error) {
	limit := effectiveLimit(limits.Head, DefaultMaxPartHead)
	switch {
	case bytes.HasPrefix(b, crlf):
		n = 2
	case len(b) < 2:
		return 0, ErrIncomplete
	default:
		within := b[:min(len(b), limit)]
		from := max(0, min(scanned, len(within))-3) // the limit may have been lowered since then
		i := bytes.Index(within[from:], crlfTwice)
		if i < 0 {
			if len(b) >= limit {
				return 0, malformed("multipart: the header of a part is larger than the limit of %d bytes", limit)
			}
			return 0, ErrIncomplete
		}
		n = from + i + 4
	}
	p.Name, p.Filename, p.Headers, p.Body = nil, nil, p.Headers[:0], nil
	for rest := b[:n-2]; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		if err := p.addHeader(line, effectiveLimit(limits.Headers, DefaultMaxPartHeaders)); err != nil {
			return 0, err
		}
	}
	return n, nil
}

var (
	crlf      = []byte("\r\n")
	crlfTwice = []byte("\r\n\r\n")
)

// addHeader checks a header line and adds it.
func (p *Part) addHeader(line []byte, limit int) error {
	for i := range line {
		if line[i] < ' ' && line[i] != '\t' || line[i] == 0x7f {
			return malformed("multipart: control byte 0x%02x in the header line %s", line[i], line)
		}
	}
	h := splitField(line)
	if err := checkField(line, h); err != nil {
		var e *Error
		errors.As(err, &e)
		return malformed("multipart: %s", e.Reason)
	}
	if len(p.Headers) == limit {
		return malformed("multipart: a part has more header lines than the limit of %d", limit)
	}
	if equalFold(h.Name, "Content-Disposition") {
		if p.Header("Content-Disposition") != nil {
			return malformed("multipart: second Content-Disposition header in a part")
		}
		p.Name = HeaderVar(h.Value, "name")
		p.Filename = baseName(HeaderVar(h.Value, "filename"))
	}
	p.Headers = append(p.Headers, h)
	return nil
}

// baseName removes folders from a file name [RFC 7578 4.2]. Clients on Windows separate them with
// a backslash.
func baseName(name []byte) []byte {
	if i := bytes.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if string(name) == "." || string(name) == ".." {
		name = name[:0]
	}
	return name
}

// errMultipartNested is returned by Write and Close inside of Write.
var errMultipartNested = errors.New("http: multipart: Write or Close is called by a function of the MultipartParser")

// errMultipartEnd is the error of a multipart body that ends early.
var errMultipartEnd = fmt.Errorf("http: multipart: the body ends before the last boundary: %w", io.ErrUnexpectedEOF)
