package http

import "bytes"

// chunks is where the decoder of a chunked body is. It moves the data of each
// chunk down to the data before it, so that the body lies in one piece right
// behind the header: every byte moves once.
type chunks struct {
	phase    chunkPhase
	out      int // end of the decoded body
	left     int // bytes of the present chunk that are still to come
	overhead int // bytes of framing so far
	trailer  int // where the trailer begins
}

type chunkPhase uint8

const (
	chunkSize    chunkPhase = iota // in the line with the size
	chunkData                      // in the data
	chunkEnd                       // in the CRLF behind the data
	chunkTrailer                   // behind the last chunk
)

// maxSizeLine bounds a chunk's size line, extensions included.
const maxSizeLine = 256

// parseChunks decodes what has arrived of a chunked body [RFC 9112 7.1]. It
// returns nil when the body and its trailer are complete; p.line is then the
// end of the message.
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

// parseChunkSize parses "1*HEXDIG [;extension] CRLF". Extensions are ignored,
// as they must be if not understood [RFC 9112 7.1.1].
func (p *Parser) parseChunkSize(buf []byte) error {
	begin := p.line
	line, err := p.nextLine(buf, begin+maxSizeLine)
	switch {
	case err == errTooLong:
		return malformed("chunk size line is larger than the limit of %d bytes", maxSizeLine)
	case err != nil:
		return err
	}
	// Nothing may stand between size and semicolon: the blanks that the
	// grammar calls bad are read differently by different readers.
	digits, _, _ := bytes.Cut(line, semicolon)
	if len(digits) == 0 || !all(digits, isHex) {
		return malformed("chunk size %.40q is not a hexadecimal number", digits)
	}
	const maxDigits = 16
	if len(digits) > maxDigits {
		return malformed("chunk size %.40q overflows", digits)
	}
	var size uint64
	for _, c := range digits {
		size = size<<4 | uint64(hexValue(c))
	}
	c := &p.chunks
	if size > uint64(p.Limits.body()-(c.out-p.head)) {
		return refuse(413, "chunked body is larger than the limit of %d bytes", p.Limits.body())
	}
	if c.overhead += len(line) + 4; c.overhead > p.Limits.head()+p.Limits.body() {
		return refuse(413, "framing of the chunked body is larger than the limit of %d bytes", p.Limits.head()+p.Limits.body())
	}
	c.left, c.phase = int(size), chunkData
	if size == 0 {
		c.phase, c.trailer = chunkTrailer, p.line
	}
	return nil
}

var semicolon = []byte{';'}

// moveChunk takes over what has arrived of the data of a chunk.
func (p *Parser) moveChunk(buf []byte) error {
	c := &p.chunks
	n := min(c.left, len(buf)-p.scan)
	if c.out != p.scan {
		copy(buf[c.out:], buf[p.scan:p.scan+n])
	}
	c.out += n
	p.scan += n
	if c.left -= n; c.left > 0 {
		return ErrIncomplete
	}
	c.phase = chunkEnd
	return nil
}

// endChunk wants the CRLF behind the data.
func (p *Parser) endChunk(buf []byte) error {
	const crlf = "\r\n"
	got := buf[p.scan:min(p.scan+len(crlf), len(buf))]
	if string(got) != crlf[:len(got)] {
		return malformed("data of a chunk does not end where its size says")
	}
	if len(got) < len(crlf) {
		return ErrIncomplete
	}
	p.scan += len(crlf)
	p.line = p.scan
	p.chunks.phase = chunkSize
	return nil
}

// parseTrailer checks the header lines behind the last chunk, up to the empty
// line, and drops them: merging them into the header is unsafe in general
// [RFC 9110 6.5.1].
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
	if p.fields++; p.fields > p.Limits.headers() {
		return false, refuse(431, "trailer %.40q is beyond the limit of %d header lines", h.Name, p.Limits.headers())
	}
	return false, nil
}
