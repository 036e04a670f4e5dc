package ws

import (
	"compress/flate"
	"io"
	"math"
	"slices"
)

// inflater inflates messages, one after the other [RFC 7692 7.2.2]. begin and next inflate a
// message in pieces; inflate inflates a whole message. The zero value is ready for use.
type inflater struct {
	reader          io.ReadCloser // from compress/flate; also a flate.Resetter
	source          messageSource
	history         *inflateWindow // history of the connection, or &ownHistory
	ownHistory      inflateWindow  // history of a message without context takeover
	historySize     int            // largest size of history in bytes
	limit           inflateLimit
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
type messageSource struct{ p, tail []byte }

// left returns the number of bytes that are left in the message. At the end of the message it
// continues with the tail. It returns 0 at the end of the tail.
func (s *messageSource) left() int {
	if len(s.p) == 0 {
		s.p, s.tail = s.tail, nil
	}
	return len(s.p)
}

func (s *messageSource) ReadByte() (byte, error) {
	if s.left() == 0 {
		return 0, io.EOF
	}
	c := s.p[0]
	s.p = s.p[1:]
	return c, nil
}

func (s *messageSource) Read(p []byte) (int, error) {
	if s.left() == 0 {
		return 0, io.EOF
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
	ratio int // multiple of the compressed size, checked above ratioThreshold; 0: no limit
}

// ratioThreshold is the inflated size in bytes up to which the ratio is not checked.
const ratioThreshold = 64 << 10

// maxBytes returns the limit in bytes for a message of n compressed bytes.
func (l inflateLimit) maxBytes(n int) int {
	most := l.max
	if most < 0 {
		most = math.MaxInt
	}
	if l.ratio > 0 && n < math.MaxInt/l.ratio {
		most = min(most, max(ratioThreshold, n*l.ratio))
	}
	return most
}

// exceeded returns the error for a message that inflates to more than most bytes.
func (l inflateLimit) exceeded(most int) error {
	if most == l.max {
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
// an error. With context takeover, past is the connection's history with a window of 1<<bits
// bytes. Without context takeover, past is nil.
func (f *inflater) begin(p []byte, past *inflateWindow, bits uint8, limit inflateLimit) {
	f.history, f.historySize = past, 1<<bits
	if past == nil {
		f.ownHistory = f.ownHistory[:0]
		f.history, f.historySize = &f.ownHistory, 1<<maxWindow
	}
	f.limit, f.maxBytes, f.inflated = limit, limit.maxBytes(len(p)), 0
	f.finalBlocksLeft = freeFinalBlocks + len(p)/256
	f.source = messageSource{p, inflateTail}
	f.restart()
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
			return 0, f.limit.exceeded(f.maxBytes)
		}
		f.inflated += n
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
		case err == io.EOF:
			return 0, io.EOF
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

// inflate inflates the whole message p, appends the result to dst and returns the extended
// slice. The other arguments are the same as for begin. The errors are those of next, except
// io.EOF. On an error dst is returned unchanged.
func (f *inflater) inflate(dst, p []byte, past *inflateWindow, bits uint8, limit inflateLimit) ([]byte, error) {
	start := len(dst)
	f.begin(p, past, bits, limit)
	defer f.end()
	for grow := 4 * len(p); ; grow = len(dst) - start {
		if len(dst) == cap(dst) {
			// One byte more than the limit, so that next notices a message that exceeds it.
			dst = slices.Grow(dst, min(max(grow, 512)-1, f.maxBytes-f.inflated)+1)
		}
		n, err := f.next(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst[:start], err
		}
	}
}
