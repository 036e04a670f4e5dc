package http

import "bytes"

// chunkState is the state of the decoder of a chunked body. The decoder works in place: it moves
// the data of each chunk down to the end of the previous chunk's data. So the decoded body is
// one slice, directly after the header. Every byte moves at most once.
type chunkState struct {
	phase     chunkPhase
	bodyEnd   int // offset of the end of the decoded body
	remaining int // number of bytes of the current chunk that have not arrived
	overhead  int // number of framing bytes so far
	trailer   int // offset of the trailer
}

type chunkPhase uint8

const (
	chunkSize    chunkPhase = iota // in the size line
	chunkData                      // in the data
	chunkEnd                       // in the CRLF after the data
	chunkTrailer                   // after the last chunk
)

// maxSizeLine is the largest size in bytes of a chunk's size line, including extensions.
const maxSizeLine = 256

// parseChunks decodes the part of a chunked body that has arrived [RFC 9112 7.1]. It returns
// nil when the body and its trailer are complete. p.lineAt is then the end of the message.
func (p *Parser) parseChunks(buf []byte) error {
	for {
		var err error
		switch p.chunks.phase {
		case chunkSize:
			err = p.startChunk(buf)
		case chunkData:
			err = p.moveChunk(buf)
		case chunkEnd:
			err = p.endChunk(buf)
		case chunkTrailer:
			done, err := p.parseTrailer(buf)
			if done || err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// chunkFraming is the number of bytes that frame a chunk, besides its size line: two CRLF.
const chunkFraming = 4

// startChunk parses the size line of a chunk.
func (p *Parser) startChunk(buf []byte) error {
	line, err := p.nextChunkLine(buf)
	if err != nil {
		return err
	}
	size, err := parseChunkSize(line)
	if err != nil {
		return err
	}
	c := &p.chunks
	if size > maxLimit || c.bodyEnd-p.headEnd+int(size) > p.Limits.body() {
		return chunksTooLarge(int64(p.Limits.body()))
	}
	if c.overhead += len(line) + chunkFraming; c.overhead > p.Limits.head()+p.Limits.body() {
		return framingTooLarge(int64(p.Limits.head() + p.Limits.body()))
	}
	c.remaining, c.phase = int(size), chunkData
	if size == 0 {
		c.phase, c.trailer = chunkTrailer, p.lineAt
	}
	return nil
}

// nextChunkLine returns the size line of a chunk.
func (p *state) nextChunkLine(buf []byte) ([]byte, error) {
	line, err := p.nextLine(buf, p.lineAt+maxSizeLine)
	if err == errTooLong {
		err = malformed("chunk size line is larger than the limit of %d bytes", maxSizeLine)
	}
	return line, err
}

// parseChunkSize parses "1*HEXDIG [;extension]". It ignores extensions, because a recipient must
// ignore extensions that it does not understand [RFC 9112 7.1.1].
func parseChunkSize(line []byte) (size uint64, err error) {
	// No blank is accepted between the size and the semicolon. The grammar calls such
	// blanks bad whitespace, and different readers treat them differently.
	digits, _, _ := bytes.Cut(line, semicolon)
	if len(digits) == 0 || !allOf(digits, classHex) {
		return 0, malformed("chunk size %s is not a hexadecimal number", digits)
	}
	const maxDigits = 16
	if len(digits) > maxDigits {
		return 0, malformed("chunk size %s overflows: it has more than %d digits", digits, maxDigits)
	}
	for _, c := range digits {
		size = size<<4 | uint64(hexValue(c))
	}
	return size, nil
}

var semicolon = []byte{';'}

func chunksTooLarge(limit int64) error {
	return refuse(413, "chunked body is larger than the limit of %d bytes", limit)
}

func framingTooLarge(limit int64) error {
	return refuse(413, "framing of the chunked body is larger than the limit of %d bytes", limit)
}

// moveChunk moves the part of a chunk's data that has arrived to the end of the decoded body.
func (p *Parser) moveChunk(buf []byte) error {
	c := &p.chunks
	n := min(c.remaining, len(buf)-p.scanned)
	if c.bodyEnd != p.scanned {
		copy(buf[c.bodyEnd:], buf[p.scanned:p.scanned+n])
	}
	c.bodyEnd += n
	p.scanned += n
	if c.remaining -= n; c.remaining > 0 {
		return ErrIncomplete
	}
	c.phase = chunkEnd
	return nil
}

// endChunk parses the CRLF after the data of a chunk.
func (p *Parser) endChunk(buf []byte) error {
	n, err := parseChunkEnd(buf[p.scanned:])
	if err != nil {
		return err
	}
	p.scanned += n
	p.lineAt = p.scanned
	p.chunks.phase = chunkSize
	return nil
}

// parseChunkEnd parses the CRLF after the data of a chunk and returns its length.
func parseChunkEnd(buf []byte) (n int, err error) {
	const crlf = "\r\n"
	got := buf[:min(len(crlf), len(buf))]
	if string(got) != crlf[:len(got)] {
		return 0, malformed("no CRLF after the data of a chunk: the data is not as long as the chunk size says")
	}
	if len(got) < len(crlf) {
		return 0, ErrIncomplete
	}
	return len(crlf), nil
}

// parseTrailer checks one line after the last chunk and drops it. done is true at the empty
// line, which ends the message. Trailer lines are dropped, because it is not safe to add them
// to the header [RFC 9110 6.5.1].
func (p *Parser) parseTrailer(buf []byte) (done bool, err error) {
	line, err := p.nextLine(buf, p.chunks.trailer+p.Limits.head())
	if err != nil || len(line) == 0 {
		return err == nil, trailerError(err, &p.Limits)
	}
	p.headerCount++
	return false, checkTrailer(line, p.headerCount, &p.Limits)
}

// trailerError returns the error for err, which nextLine has returned in a trailer.
func trailerError(err error, limits *Limits) error {
	if err == errTooLong {
		return refuse(431, "trailer is larger than the limit of %d bytes", limits.head())
	}
	return err
}

// checkTrailer checks a trailer line. headers is the number of header lines including it.
func checkTrailer(line []byte, headers int, limits *Limits) error {
	h := splitField(line)
	if err := checkField(line, h); err != nil {
		return err
	}
	if headers > limits.headers() {
		return refuse(431, "trailer %s is beyond the limit of %d header lines", h.Name, limits.headers())
	}
	return nil
}

// rescanTrailer goes back to the beginning of the trailer, so that parseTrailer checks its lines
// against new limits. headers is the number of header lines before it.
func (p *Parser) rescanTrailer(headers int) {
	p.headerCount = headers
	p.lineAt, p.scanned = p.chunks.trailer, p.chunks.trailer
}
