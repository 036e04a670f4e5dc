package http

import "slices"

// A MultipartParser parses a multipart body that arrives in pieces, for example a form with
// files. Its memory does not grow with the size of the parts: it holds at most the header of one
// part. It takes the pieces as an io.Writer:
//
//	boundary, err := hm.Boundary()
//	p := &http.MultipartParser{
//		Boundary: boundary,
//		Begin:    func(part *http.Part) error { … },
//		Data:     func(b []byte) error { … },
//		End:      func() error { … },
//	}
//	_, err = p.Write(piece.Data) // for each piece
//	err = p.Close()              // at the end of the body
//
// The body may be cut anywhere. It begins with the boundary: text before it is refused. Text
// after the last boundary is ignored. The functions are called inside Write. A nil one is not
// called.
type MultipartParser struct {
	Boundary string // of [Message.Boundary]
	Limits   MultipartLimits

	// Begin is called for each part, with its header. The part is valid until Begin returns.
	Begin func(part *Part) error
	// Data is called for each piece of the part. It is valid until Data returns, and not empty.
	Data func(p []byte) error
	// End is called at the end of the part.
	End func() error

	delimiter delimiter
	phase     multipartPhase
	part      Part
	parts     int    // number of parts that have begun
	held      []byte // bytes that cannot be interpreted without those that follow
	scanned   int    // number of bytes of held that were searched for the end of a header
	begins    bool   // no byte of the current part's body was delivered
	busy      bool   // Write has not returned
	err       error  // the error of an earlier call
}

// MultipartLimits bounds what a peer can make a [MultipartParser] do. In each field zero means the
// default and a negative value means no limit. The size of the data is bounded by the limit of the
// body, and by the program.
type MultipartLimits struct {
	Head    int // the largest size of a part's header in bytes, with the empty line after it
	Headers int // the largest number of header lines of a part
	Parts   int // the largest number of parts
}

// The default limits of a multipart body. DefaultMaxPartHead is in bytes.
const (
	DefaultMaxPartHead    = 8 << 10
	DefaultMaxPartHeaders = 32
	DefaultMaxParts       = 1000
)

type multipartPhase uint8

const (
	multipartStart multipartPhase = iota // before the first boundary
	multipartLine                        // after a boundary, in the same line
	multipartHead                        // in the header of a part
	multipartData                        // in the body of a part
	multipartDone                        // after the last boundary
)

// Write parses the next piece of the body. It returns an error if the body is malformed or exceeds
// a limit, which is an [*Error], or the first error of a function. After an error every call
// returns the same error and parses nothing. The functions must not call Write or Close: that is
// an error too.
func (p *MultipartParser) Write(piece []byte) (int, error) {
	if p.busy {
		return 0, errMultipartNested
	}
	if p.err == nil {
		p.busy = true
		p.err = p.write(piece)
		p.busy = false
	}
	if p.err != nil {
		return 0, p.err
	}
	return len(piece), nil
}

// Close tells the parser that the body is complete. It returns the error of Write, or an error that
// wraps io.ErrUnexpectedEOF if the last boundary is missing.
func (p *MultipartParser) Close() error {
	if p.busy {
		return errMultipartNested
	}
	if p.err == nil && p.phase == multipartLine {
		_, final, err := cutDelimiterLine(p.held, true)
		if err == nil && final {
			p.phase = multipartDone
		}
	}
	if p.err == nil && p.phase != multipartDone {
		p.err = errMultipartEnd
	}
	return p.err
}

// joinedBytes is how much of a piece is copied behind the bytes that are held, at a time.
const joinedBytes = 256

func (p *MultipartParser) write(piece []byte) error {
	if p.delimiter == nil {
		if err := checkBoundary(p.Boundary); err != nil {
			return err
		}
		p.delimiter = newDelimiter(p.Boundary)
	}
	for len(piece) > 0 {
		before := len(p.held)
		if before == 0 {
			n, err := p.consume(piece)
			if err != nil {
				return err
			}
			p.hold(piece[n:])
			return nil
		}
		joined := min(len(piece), joinedBytes)
		p.held = append(p.held, piece[:joined]...)
		n, err := p.consume(p.held)
		if err != nil {
			return err
		}
		if n < before { // the rest is needed together with what follows
			p.held = slices.Delete(p.held, 0, n)
			piece = piece[joined:]
			continue
		}
		p.held = p.held[:0]
		piece = piece[n-before:]
	}
	return nil
}

// hold keeps what cannot be interpreted yet.
func (p *MultipartParser) hold(rest []byte) {
	p.held = append(p.held[:0], rest...)
}

// consume parses what it can of buf. The bytes after buf[:n] are the beginning of something that
// is incomplete.
func (p *MultipartParser) consume(buf []byte) (n int, err error) {
	for n < len(buf) && p.phase != multipartDone {
		used, err := p.step(buf[n:])
		if err == ErrIncomplete {
			return n + used, nil
		}
		if err != nil {
			return n, err
		}
		n += used
	}
	return len(buf), nil
}

// step parses the beginning of b. It returns how many bytes it used, and ErrIncomplete if it needs
// more bytes.
func (p *MultipartParser) step(b []byte) (used int, err error) {
	switch p.phase {
	case multipartStart:
		if used, err = p.delimiter.skipFirst(b); err == nil {
			p.phase = multipartLine
		}
	case multipartLine:
		var final bool
		used, final, err = cutDelimiterLine(b, false)
		if err == nil {
			p.phase = multipartHead
			if final {
				p.phase = multipartDone
			}
		}
	case multipartHead:
		if used, err = parsePartHead(b, &p.part, &p.Limits, p.scanned); err == ErrIncomplete {
			p.scanned = len(b)
			return 0, err
		}
		p.scanned = 0
		if err == nil {
			err = p.beginPart()
		}
	case multipartData:
		return p.stepData(b)
	}
	return used, err
}

// beginPart delivers the header of a part.
func (p *MultipartParser) beginPart() error {
	p.phase, p.begins = multipartData, true
	p.parts++
	if limit := effectiveLimit(p.Limits.Parts, DefaultMaxParts); p.parts > limit {
		return refuse(413, "multipart: more parts than the limit of %d", limit)
	}
	if p.Begin == nil {
		return nil
	}
	return p.Begin(&p.part)
}

// stepData is step in the body of a part.
func (p *MultipartParser) stepData(b []byte) (used int, err error) {
	end, after, found := p.delimiter.find(b, p.begins)
	if end > 0 {
		p.begins = false
		if p.Data != nil {
			err = p.Data(b[:end:end])
		}
	}
	switch {
	case err != nil:
		return 0, err
	case !found && end == len(b):
		return end, nil
	case !found:
		return end, ErrIncomplete
	}
	p.phase = multipartLine
	if p.End != nil {
		err = p.End()
	}
	return after, err
}
