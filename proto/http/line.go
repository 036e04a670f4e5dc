package http

import "errors"

// errTooLong is returned by nextLine if the line does not end within the limit.
var errTooLong = errors.New("line too long")

// nextLine returns the line at p.lineAt without its CRLF, and moves p.lineAt to the next line.
// It reads at most the first limit bytes of buf. It returns ErrIncomplete if the CRLF has not
// arrived, and errTooLong if the CRLF is not within the limit.
//
// A line ends with CRLF and contains no control bytes except tabs [RFC 9112 2.2,
// RFC 9110 5.5]. nextLine returns an *Error as soon as a byte breaks this rule.
func (p *state) nextLine(buf []byte, limit int) ([]byte, error) {
	more := ErrIncomplete
	limit = max(limit, p.scanned) // lower only if the limit was lowered in the middle of the line
	if len(buf) >= limit {
		buf, more = buf[:limit], errTooLong
	}
	for i := p.scanned; ; i++ {
		if i = indexControl(buf, i); i == len(buf) {
			p.scanned = i
			return nil, more
		}
		switch buf[i] {
		case '\t':
		case '\r':
			if i+1 == len(buf) {
				p.scanned = i
				return nil, more
			}
			if buf[i+1] != '\n' {
				return nil, p.badByteError("bare CR", buf, i)
			}
			line := buf[p.lineAt:i:i]
			p.lineAt, p.scanned = i+2, i+2
			return line, nil
		case '\n':
			return nil, p.badByteError("bare LF", buf, i)
		default:
			return nil, p.badByteError("control byte", buf, i)
		}
	}
}

// nextUnfolded is nextLine for a header line of a response, which may be folded: the next line
// begins with a blank, and continues it. A client must replace each fold by spaces
// [RFC 9112 5.2]. nextUnfolded does so in buf. It returns the line when the first byte of the next
// one has arrived.
func (p *state) nextUnfolded(buf []byte, limit int) ([]byte, error) {
	begin := p.lineAt
	for {
		line, err := p.nextLine(buf, limit)
		end := p.lineAt // of the line, with CRLF
		switch {
		case err != nil || len(line) == 0: // a line without bytes ends the header
			return line, err
		case end == len(buf): // look at the CRLF again when more has arrived
			p.lineAt, p.scanned = begin, end-len("\r\n")
			return nil, ErrIncomplete
		case !isBlank(buf[end]):
			return line, nil
		}
		buf[end-2], buf[end-1] = ' ', ' '
		p.lineAt = begin
	}
}

// badByteError returns the error for buf[i]. It says in which part of the message the byte is.
func (p *state) badByteError(what string, buf []byte, i int) error {
	switch line := buf[p.lineAt:i]; {
	case p.headEnd > 0:
		return malformed("%s 0x%02x in the framing of a chunked body", what, buf[i])
	case !p.startLineDone:
		return malformed("%s 0x%02x after %s in the first line", what, buf[i], line)
	default:
		return malformed("%s 0x%02x after %s in the header", what, buf[i], line)
	}
}
