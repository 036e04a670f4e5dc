package ws

import (
	"compress/flate"
	"io"
	"math"
	"slices"
)

// inflater inflates messages, one after the other [RFC 7692 7.2.2]. The zero
// value is ready for use. What a message is to become is pulled piece by piece,
// with begin and next, or asked for at once, with inflate.
type inflater struct {
	fr    io.ReadCloser // compress/flate's, which is a flate.Resetter
	in    inflateSource
	past  *inflateHistory // the connection's, or own
	own   inflateHistory  // for messages without context
	size  int             // bytes that past keeps
	limit inflateLimit
	most  int // bytes that the message may become
	sum   int // bytes that it has become
	ends  int // final blocks that it may still have
}

// inflaterCost is how many bytes of heap an inflater takes at the most once it
// was used.
const inflaterCost = 76 << 10

// inflateTail is put behind a message: what the sender took away
// [RFC 7692 7.2.2], and an empty final block, so that compress/flate knows the
// end from a message that was cut off.
var inflateTail = []byte(deflateTail + "\x01\x00\x00\xff\xff")

// inflateSource reads a message and its tail. It is read to the byte, not
// beyond: it is an io.ByteReader.
type inflateSource struct{ p, tail []byte }

func (s *inflateSource) left() int {
	if len(s.p) == 0 {
		s.p, s.tail = s.tail, nil
	}
	return len(s.p)
}

func (s *inflateSource) ReadByte() (byte, error) {
	if s.left() == 0 {
		return 0, io.EOF
	}
	c := s.p[0]
	s.p = s.p[1:]
	return c, nil
}

func (s *inflateSource) Read(p []byte) (int, error) {
	if s.left() == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.p)
	s.p = s.p[n:]
	return n, nil
}

// inflateHistory is what a message may refer to of those before it: the last
// 1<<bits bytes. It grows as they come. The zero value is empty.
type inflateHistory []byte

// inflateCost is how many bytes an inflateHistory takes at the most.
func inflateCost(bits uint8) int { return 1 << bits }

// add puts p behind and drops what is more than size bytes back.
func (h *inflateHistory) add(p []byte, size int) {
	p = p[max(0, len(p)-size):]
	if need := len(*h) + len(p); need > cap(*h) && cap(*h) < size {
		*h = append(make([]byte, 0, min(size, max(need, 2*cap(*h)))), *h...)
	}
	if drop := len(*h) + len(p) - size; drop > 0 {
		*h = (*h)[:copy(*h, (*h)[drop:])]
	}
	*h = append(*h, p...)
}

// inflateLimit bounds what a message may become.
type inflateLimit struct {
	max   int // bytes; negative: no limit
	ratio int // times its size, where that is more than 64 KiB; 0: no limit
}

// freeInflated is how many bytes a message may become whatever the ratio.
const freeInflated = 64 << 10

// most is how many bytes a message of n may become.
func (l inflateLimit) most(n int) int {
	most := l.max
	if most < 0 {
		most = math.MaxInt
	}
	if l.ratio > 0 && n < math.MaxInt/l.ratio {
		most = min(most, max(freeInflated, n*l.ratio))
	}
	return most
}

// exceeded is the error for more than that.
func (l inflateLimit) exceeded(most int) error {
	if most == l.max {
		return violation(CloseTooLarge, "message of more than %d bytes", l.max)
	}
	return violation(CloseTooLarge, "message inflates to more than %d times its size", l.ratio)
}

// freeEnds is how many final blocks a message may have, besides one for every
// 256 bytes. Senders that use them make one per message. Two bytes are enough
// for one, but a restart takes as long as a kilobyte.
const freeEnds = 16

// begin starts with the compressed message p, which must stay as it is until
// next has returned an error. past is the connection's history if it takes its
// context over, with a window of 1<<bits bytes, and nil otherwise.
func (f *inflater) begin(p []byte, past *inflateHistory, bits uint8, limit inflateLimit) {
	f.past, f.size = past, 1<<bits
	if past == nil {
		f.own = f.own[:0]
		f.past, f.size = &f.own, 1<<maxWindow
	}
	f.limit, f.most, f.sum = limit, limit.most(len(p)), 0
	f.ends = freeEnds + len(p)/256
	f.in = inflateSource{p, inflateTail}
	f.restart()
}

// restart begins a DEFLATE stream that may refer to what is past.
func (f *inflater) restart() {
	if f.fr == nil {
		f.fr = flate.NewReaderDict(&f.in, *f.past)
		return
	}
	f.fr.(flate.Resetter).Reset(&f.in, *f.past)
}

// next inflates into dst, which must not be empty, and returns how many bytes
// there are: some, or none and an error. That is io.EOF after the last,
// and otherwise a *ProtocolError: CloseTooLarge beyond a limit,
// CloseInvalidData if p is not what a compressor makes.
func (f *inflater) next(dst []byte) (int, error) {
	for {
		n, err := f.fr.Read(dst)
		if n > f.most-f.sum {
			return 0, f.limit.exceeded(f.most)
		}
		f.sum += n
		f.past.add(dst[:n], f.size)
		if err == io.EOF && f.in.left() > 0 { // a final block is not a message's end [RFC 7692 7.2.3.4]
			if f.ends--; f.ends < 0 {
				return 0, violation(CloseInvalidData, "compressed message with too many final blocks")
			}
			f.restart()
			err = nil
		}
		switch {
		case n > 0:
			return n, nil // Read returns the same error again
		case err == io.EOF:
			return 0, io.EOF
		case err == io.ErrUnexpectedEOF:
			return 0, violation(CloseInvalidData, "compressed message is cut off")
		case err != nil:
			return 0, violation(CloseInvalidData, "compressed message is corrupt: %v", err)
		}
	}
}

// end lets go of the message and of the connection.
func (f *inflater) end() {
	f.in, f.past = inflateSource{}, nil
}

// inflate appends what the whole message p becomes. The arguments are those of
// begin, the errors those of next; then dst is as it was.
func (f *inflater) inflate(dst, p []byte, past *inflateHistory, bits uint8, limit inflateLimit) ([]byte, error) {
	start := len(dst)
	f.begin(p, past, bits, limit)
	defer f.end()
	for grow := 4 * len(p); ; grow = len(dst) - start {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(max(grow, 512)-1, f.most-f.sum)+1) // one more, which shows that there is more
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
