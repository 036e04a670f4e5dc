package http

import "errors"

// errTooLong is nextLine's for a line that does not end before its limit.
var errTooLong = errors.New("line too long")

// nextLine returns the line at p.line without its CRLF, once that is there,
// and moves on to the next. No more than the first limit bytes of buf are
// looked at. Every line ends with CRLF and has no control bytes but tabs; a
// byte that breaks this is refused when it is seen [RFC 9112 2.2, RFC 9110 5.5].
func (p *state) nextLine(buf []byte, limit int) ([]byte, error) {
	more := ErrIncomplete
	if len(buf) >= limit {
		buf, more = buf[:limit], errTooLong
	}
	for i := p.scan; ; i++ {
		if i = nextControl(buf, i); i == len(buf) {
			p.scan = i
			return nil, more
		}
		switch buf[i] {
		case '\t':
		case '\r':
			if i+1 == len(buf) {
				p.scan = i
				return nil, more
			}
			if buf[i+1] != '\n' {
				return nil, p.badByte("bare CR", buf, i)
			}
			line := buf[p.line:i:i]
			p.line, p.scan = i+2, i+2
			return line, nil
		case '\n':
			return nil, p.badByte("bare LF", buf, i)
		default:
			return nil, p.badByte("control byte", buf, i)
		}
	}
}

// badByte names the line that buf[i] is in.
func (p *state) badByte(what string, buf []byte, i int) error {
	switch line := buf[p.line:i]; {
	case p.head > 0:
		return malformed("%s 0x%02x in the framing of a chunked body", what, buf[i])
	case !p.started:
		return malformed("%s 0x%02x behind %.40q in the first line", what, buf[i], line)
	default:
		return malformed("%s 0x%02x behind %.40q in the header", what, buf[i], line)
	}
}
