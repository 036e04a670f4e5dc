package http

import (
	"math"
	"slices"
)

// A pieceDecoder decodes a body that is not collected. It gets the bytes after the header as they
// arrive, and needs no memory of its own. Its rules are those of parseBody.
type pieceDecoder struct {
	kind      bodyKind
	phase     chunkPhase // of a chunked body
	remaining int64      // bytes of a sized body, or of the current chunk, that have not arrived
	decoded   int64      // number of bytes of the body so far
	max       int64      // largest size of the body
	overhead  int64      // number of framing bytes of a chunked body so far
	line      state      // of a chunked body: the line that is being scanned
	trailer   int        // number of bytes of complete trailer lines
	headers   int        // number of header lines, including trailer lines
	limits    Limits     // of the trailer
}

// noMax is the size of a body without limit. It and a few more bytes do not overflow an int64.
const noMax = math.MaxInt64 / 4

// newPieceDecoder returns the decoder of the body whose header p has parsed. max is the largest
// size of the body, or negative for no limit.
func newPieceDecoder(p *Parser, max int64) pieceDecoder {
	if max < 0 || max > noMax {
		max = noMax
	}
	d := pieceDecoder{kind: p.kind, max: max, headers: p.headerCount, limits: p.Limits}
	if d.kind == bodyLength {
		d.remaining = p.framing.length
	}
	d.line.headEnd = 1 // errors say that the line is one of a chunked body
	return d
}

// checkLength returns an error if the header announces a body that is too large.
func (d *pieceDecoder) checkLength() error {
	if d.kind == bodyLength && d.remaining > d.max {
		return lengthTooLarge(d.remaining, d.max)
	}
	return nil
}

// next decodes the bytes in buf, which follow those that earlier calls have used. It returns the
// bytes of the body, a slice of buf, and how many bytes of buf it has used. The caller passes the
// others again, with more bytes after them. done is true at the end of the body. If buf is wrong,
// next returns what precedes the wrong byte, together with the error. A chunked body is decoded in
// place.
func (d *pieceDecoder) next(buf []byte) (data []byte, used int, done bool, err error) {
	switch d.kind {
	case bodyLength:
		data = buf[:min(d.remaining, int64(len(buf)))]
		d.remaining -= int64(len(data))
		done = d.remaining == 0
	case bodyToEnd:
		if data = buf; int64(len(data)) > d.max-d.decoded {
			data, err = buf[:d.max-d.decoded], bodyToEndTooLarge(d.max)
		}
	case bodyChunked:
		data, used, done, err = d.nextChunks(buf)
		d.decoded += int64(len(data))
		return data, used, done, err
	default:
		return nil, 0, true, nil
	}
	d.decoded += int64(len(data))
	return slices.Clip(data), len(data), done, err
}

// nextChunks is next for a chunked body [RFC 9112 7.1]. It moves the data of all chunks in buf
// together, so that data is one slice.
func (d *pieceDecoder) nextChunks(buf []byte) (data []byte, used int, done bool, err error) {
	l := &d.line
	for err == nil && !done {
		switch d.phase {
		case chunkSize:
			err = d.readChunkSize(buf, int64(len(data)))
		case chunkData:
			n := int(min(d.remaining, int64(len(buf)-l.lineAt)))
			data = joinPiece(data, buf[l.lineAt:l.lineAt+n])
			l.lineAt += n
			l.scanned = l.lineAt
			if d.remaining -= int64(n); d.remaining > 0 {
				err = ErrIncomplete
			} else {
				d.phase = chunkEnd
			}
		case chunkEnd:
			var n int
			if n, err = parseChunkEnd(buf[l.lineAt:]); err == nil {
				l.lineAt += n
				l.scanned, d.phase = l.lineAt, chunkSize
			}
		case chunkTrailer:
			done, err = d.readTrailer(buf)
		}
	}
	if err == ErrIncomplete {
		err = nil
	}
	used = l.lineAt
	l.scanned -= used
	l.lineAt = 0
	return slices.Clip(data), used, done, err
}

// joinPiece appends more, which lies behind data in the same buffer, to data.
func joinPiece(data, more []byte) []byte {
	if len(data) == 0 {
		return more[:len(more):cap(more)]
	}
	return append(data, more...) // within the buffer: more is behind data
}

// readChunkSize reads the size line of a chunk. undelivered is how many bytes were decoded in this
// call.
func (d *pieceDecoder) readChunkSize(buf []byte, undelivered int64) error {
	line, err := d.line.nextChunkLine(buf)
	if err != nil {
		return err
	}
	size, err := parseChunkSize(line)
	if err != nil {
		return err
	}
	if size > noMax || d.decoded+undelivered+int64(size) > d.max {
		return chunksTooLarge(d.max)
	}
	limit := int64(d.limits.head()) + d.max
	if d.overhead += int64(len(line) + chunkFraming); d.overhead > limit {
		return framingTooLarge(limit)
	}
	d.remaining, d.phase = int64(size), chunkData
	if size == 0 {
		d.phase = chunkTrailer
	}
	return nil
}

// readTrailer checks one line after the last chunk and drops it. done is true at the empty line.
func (d *pieceDecoder) readTrailer(buf []byte) (done bool, err error) {
	begin := d.line.lineAt
	line, err := d.line.nextLine(buf, begin+d.limits.head()-d.trailer)
	if err != nil || len(line) == 0 {
		return err == nil, trailerError(err, &d.limits)
	}
	d.trailer += d.line.lineAt - begin
	d.headers++
	return false, checkTrailer(line, d.headers, &d.limits)
}
