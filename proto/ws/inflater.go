package ws

import (
	"compress/flate"
	"io"
	"math"
	"slices"
)

// inflater inflates messages, one after the other, in pieces [RFC 7692 7.2.2]. The zero value is
// ready for use.
type inflater struct {
	reader          io.ReadCloser // from compress/flate; also a flate.Resetter
	source          messageSource
	history         *inflateWindow // history of the connection, or &ownHistory
	ownHistory      inflateWindow  // history of a message without context takeover
	historySize     int            // largest size of history in bytes
	limit           inflateLimit
	size            int // compressed size of the current message in bytes
	maxBytes        int // limit of the inflated size of the current message in bytes
	inflated        int // inflated size so far in bytes
	finalBlocksLeft int // number of final blocks that the message may still contain
}

// inflaterCost is the largest number of heap bytes that an inflater uses.
const inflaterCost = 76 << 10

// inflateTail is appended to a compressed message. It consists of the bytes that the sender
// has removed [RFC 7692 7.2.2] and an empty final block. The final block lets compress/flate
// distinguish the end of a message from a message that is cut off.
var inflateTail = []byte(deflateTail + "\x01\x00\x00\xff\xff")

// messageSource is the input of compress/flate: a message and its tail. It implements
// io.ByteReader, so compress/flate does not read ahead.
type messageSource struct {
	p, rest, tail []byte // p is followed by rest, and rest by tail
	progress      bool   // something was inflated since p was taken from rest
	stuck         bool   // a whole p was read, and nothing was inflated
}

// sourcePiece is the most of a message that compress/flate may read without inflating anything,
// in bytes. A block takes up to 10 microseconds even if it is empty, and compress/flate reads any
// number of them before it returns. DEFLATE can store data in its own size, so this refuses no
// message that a reasonable sender makes.
const sourcePiece = 64 << 10

// left returns the number of bytes that may be read now. It is 0 at the end of the tail, or if
// stuck is true.
func (s *messageSource) left() int {
	if len(s.p) == 0 {
		s.refill()
	}
	return len(s.p)
}

func (s *messageSource) refill() {
	if len(s.rest) == 0 {
		s.p, s.tail = s.tail, nil
		return
	}
	if s.stuck = !s.progress; s.stuck {
		return
	}
	s.progress = false
	n := min(len(s.rest), sourcePiece)
	s.p, s.rest = s.rest[:n], s.rest[n:]
}

// end returns the error for a read that finds no bytes.
func (s *messageSource) end() error {
	if s.stuck {
		return errStuck
	}
	return io.EOF
}

var errStuck = violation(StatusInvalidFramePayloadData, "compressed message has too many blocks without data")

// copyTo appends the part of the message that was not read to dst, which must be empty, and
// continues with the copy.
func (s *messageSource) copyTo(dst []byte) []byte {
	if s.tail == nil { // only the tail is left
		return dst
	}
	n := len(s.p)
	dst = append(append(dst, s.p...), s.rest...)
	s.p, s.rest = dst[:n], dst[n:]
	return dst
}

func (s *messageSource) ReadByte() (byte, error) {
	if s.left() == 0 {
		return 0, s.end()
	}
	c := s.p[0]
	s.p = s.p[1:]
	return c, nil
}

func (s *messageSource) Read(p []byte) (int, error) {
	if s.left() == 0 {
		return 0, s.end()
	}
	n := copy(p, s.p)
	s.p = s.p[n:]
	return n, nil
}

// inflateWindow is the window that a compressed message may refer to: the last 1<<bits
// inflated bytes. Its memory grows when it is needed. The zero value is empty.
type inflateWindow []byte

// inflateWindowCost is the largest number of bytes that an inflateWindow uses.
func inflateWindowCost(bits uint8) int { return 1 << bits }

// add appends p and keeps the last size bytes.
func (h *inflateWindow) add(p []byte, size int) {
	p = p[max(0, len(p)-size):]
	if need := len(*h) + len(p); need > cap(*h) && cap(*h) < size {
		*h = append(make([]byte, 0, min(size, max(need, 2*cap(*h)))), *h...)
	}
	if drop := len(*h) + len(p) - size; drop > 0 {
		*h = (*h)[:copy(*h, (*h)[drop:])]
	}
	*h = append(*h, p...)
}

// inflateLimit bounds the inflated size of a message.
type inflateLimit struct {
	max   int // bytes; negative: no limit
	ratio int // multiple of the compressed size; 0: no limit
	free  int // inflated bytes up to which the ratio is not checked
}

// maxBytes returns the limit in bytes for a message of n compressed bytes.
func (l inflateLimit) maxBytes(n int) int {
	most := l.max
	if most < 0 {
		most = math.MaxInt
	}
	if l.ratio > 0 && n < math.MaxInt/l.ratio {
		most = min(most, max(l.free, n*l.ratio))
	}
	return most
}

// exceeded returns the error for a message of n compressed bytes that inflates to more than
// maxBytes(n).
func (l inflateLimit) exceeded(n int) error {
	if l.maxBytes(n) == l.max {
		return violation(StatusMessageTooBig, "message is too large: more than %d bytes", l.max)
	}
	return violation(StatusMessageTooBig, "message inflates to more than %d times its size", l.ratio)
}

// freeFinalBlocks is the number of final blocks that every message may contain. A message may
// contain one more for each 256 bytes of its size. Senders that use final blocks create one per
// message. The limit is necessary because a final block can be as short as two bytes, but the
// restart after it takes as much time as a kilobyte of data.
const freeFinalBlocks = 16

// begin starts to inflate the compressed message p. p must not change until next has returned
// an error, or copySource was called. With context takeover, past is the connection's history
// with a window of 1<<bits bytes. Without context takeover, past is nil.
func (f *inflater) begin(p []byte, past *inflateWindow, bits uint8, limit inflateLimit) {
	f.history, f.historySize = past, 1<<bits
	if past == nil {
		f.ownHistory = f.ownHistory[:0]
		f.history, f.historySize = &f.ownHistory, 1<<maxWindow
	}
	f.size, f.inflated = len(p), 0
	f.setLimit(limit)
	f.finalBlocksLeft = freeFinalBlocks + len(p)/256
	f.source = messageSource{rest: p, tail: inflateTail, progress: true}
	f.restart()
}

// setLimit sets the limit of the current message. It may be called between two calls of next.
func (f *inflater) setLimit(limit inflateLimit) {
	f.limit, f.maxBytes = limit, limit.maxBytes(f.size)
}

// restart begins a new DEFLATE stream that may refer to the history.
func (f *inflater) restart() {
	if f.reader == nil {
		f.reader = flate.NewReaderDict(&f.source, *f.history)
		return
	}
	f.reader.(flate.Resetter).Reset(&f.source, *f.history)
}

// next inflates the next piece of the message into dst, which must not be empty. It returns
// either the number of bytes, which is positive, or one of these errors:
//
//	io.EOF                                          the message has ended
//	*ProtocolError, StatusMessageTooBig             the message exceeds a limit
//	*ProtocolError, StatusInvalidFramePayloadData   the message is not valid DEFLATE data
func (f *inflater) next(dst []byte) (int, error) {
	for {
		n, err := f.reader.Read(dst)
		if n > f.maxBytes-f.inflated {
			return 0, f.limit.exceeded(f.size)
		}
		f.inflated += n
		f.source.progress = f.source.progress || n > 0
		f.history.add(dst[:n], f.historySize)
		// A final block does not end the message [RFC 7692 7.2.3.4].
		if err == io.EOF && f.source.left() > 0 {
			if f.finalBlocksLeft--; f.finalBlocksLeft < 0 {
				return 0, violation(StatusInvalidFramePayloadData, "compressed message has too many final blocks")
			}
			f.restart()
			err = nil
		}
		switch {
		case n > 0:
			return n, nil // the next Read returns the error again
		case err == io.EOF, err == errStuck:
			return 0, err
		case err == io.ErrUnexpectedEOF:
			return 0, violation(StatusInvalidFramePayloadData, "compressed message is cut off")
		case err != nil:
			return 0, violation(StatusInvalidFramePayloadData, "compressed message is corrupt: %v", err)
		}
	}
}

// end drops the references to the message and to the connection's history.
func (f *inflater) end() {
	f.source, f.history = messageSource{}, nil
}

// firstGrowth is the most that appendPiece allocates before anything is inflated, in bytes.
const firstGrowth = 1 << 20

// appendPiece inflates the next piece of the message, at most 32 KiB, and appends it to dst. The
// errors are those of next.
func (f *inflater) appendPiece(dst []byte) ([]byte, error) {
	if len(dst) == cap(dst) {
		grow := f.inflated
		if grow == 0 {
			grow = min(4*f.size, firstGrowth)
		}
		// One byte more than the limit, so that next notices a message that exceeds it. Nothing is
		// left of the limit if it was lowered meanwhile.
		left := max(f.maxBytes-f.inflated, 0)
		dst = slices.Grow(dst, min(max(grow, 512)-1, left)+1)
	}
	n, err := f.next(dst[len(dst):cap(dst)])
	return dst[:len(dst)+n], err
}

// copySource copies the rest of the compressed message to dst, which must be empty.
func (f *inflater) copySource(dst []byte) []byte { return f.source.copyTo(dst) }
