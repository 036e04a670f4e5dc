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
			err = p.parseChunkSize(buf)
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

// parseChunkSize parses "1*HEXDIG [;extension] CRLF". It ignores extensions, because a
// recipient must ignore extensions that it does not understand [RFC 9112 7.1.1].
func (p *Parser) parseChunkSize(buf []byte) error {
	begin := p.lineAt
	line, err := p.nextLine(buf, begin+maxSizeLine)
	switch {
	case err == errTooLong:
		return malformed("chunk size line is larger than the limit of %d bytes", maxSizeLine)
	case err != nil:
		return err
	}
	// No blank is accepted between the size and the semicolon. The grammar calls such
	// blanks bad whitespace, and different readers treat them differently.
	digits, _, _ := bytes.Cut(line, semicolon)
	if len(digits) == 0 || !allOf(digits, classHex) {
		return malformed("chunk size %s is not a hexadecimal number", digits)
	}
	const maxDigits = 16
	if len(digits) > maxDigits {
		return malformed("chunk size %s overflows: it has more than %d digits", digits, maxDigits)
	}
	var size uint64
	for _, c := range digits {
		size = size<<4 | uint64(hexValue(c))
	}
	c := &p.chunks
	if size > maxLimit || c.bodyEnd-p.headEnd+int(size) > p.Limits.body() {
		return p.bodyTooLarge()
	}
	if c.overhead += len(line) + 4; c.overhead > p.Limits.head()+p.Limits.body() {
		return p.framingTooLarge()
	}
	c.remaining, c.phase = int(size), chunkData
	if size == 0 {
		c.phase, c.trailer = chunkTrailer, p.lineAt
	}
	return nil
}

var semicolon = []byte{';'}

func (p *Parser) bodyTooLarge() error {
	return refuse(413, "chunked body is larger than the limit of %d bytes", p.Limits.body())
}

func (p *Parser) framingTooLarge() error {
	return refuse(413, "framing of the chunked body is larger than the limit of %d bytes", p.Limits.head()+p.Limits.body())
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
	const crlf = "\r\n"
	got := buf[p.scanned:min(p.scanned+len(crlf), len(buf))]
	if string(got) != crlf[:len(got)] {
		return malformed("no CRLF after the data of a chunk: the data is not as long as the chunk size says")
	}
	if len(got) < len(crlf) {
		return ErrIncomplete
	}
	p.scanned += len(crlf)
	p.lineAt = p.scanned
	p.chunks.phase = chunkSize
	return nil
}

// parseTrailer checks one line after the last chunk and drops it. done is true at the empty
// line, which ends the message. Trailer lines are dropped, because it is not safe to add them
// to the header [RFC 9110 6.5.1].
func (p *Parser) parseTrailer(buf []byte) (done bool, err error) {
	line, err := p.nextLine(buf, p.chunks.trailer+p.Limits.head())
	switch {
	case err == errTooLong:
		return false, refuse(431, "trailer is larger than the limit of %d bytes", p.Limits.head())
	case err != nil:
		return false, err
	case len(line) == 0:
		return true, nil
	}
	h := splitField(line)
	if err := checkField(line, h); err != nil {
		return false, err
	}
	if p.headerCount++; p.headerCount > p.Limits.headers() {
		return false, refuse(431, "trailer %s is beyond the limit of %d header lines", h.Name, p.Limits.headers())
	}
	return false, nil
}

// rescanTrailer goes back to the beginning of the trailer, so that parseTrailer checks its lines
// against new limits. headers is the number of header lines before it.
func (p *Parser) rescanTrailer(headers int) {
	p.headerCount = headers
	p.lineAt, p.scanned = p.chunks.trailer, p.chunks.trailer
}
