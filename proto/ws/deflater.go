package ws

import (
	"compress/flate"
	"io"
)

// deflater compresses messages, one after the other [RFC 7692 7.2.1]. newDeflater returns one
// that is ready for use.
//
// compress/flate can refer back up to 32 KiB and has no setting for a smaller window. If the
// agreed window is smaller, the deflater resets compress/flate before more than one window of
// data has gone through it. Then no reference can reach beyond the window.
type deflater struct {
	compressor Compressor
	madeBy     *Deflate // the Deflate whose NewCompressor made it; nil for compress/flate
	dst        []byte   // during a call: destination of the compressor's output
	level      int      // compression level of compress/flate
	bits       uint8    // base-2 logarithm of the window
	window     int      // window in bytes; 0 if the compressor itself stays within the window
	sinceReset int      // number of bytes that the compressor could refer to, 32 KiB at most
	unflushed  bool     // bytes were written to the compressor since the last flush
}

// cost returns the number of heap bytes that the deflater uses at most.
func (d *deflater) cost() int {
	if sized, ok := d.compressor.(interface{ Size() int }); ok {
		return max(sized.Size(), 0)
	}
	return deflateCost(d.level)
}

// deflateCost is the number of heap bytes that a deflater uses. compress/flate allocates them,
// including tables for every level.
func deflateCost(level int) int {
	switch level {
	case flate.HuffmanOnly:
		return 725 << 10
	case flate.BestSpeed:
		return 1180 << 10
	}
	return 800 << 10
}

// newDeflater returns a deflater that uses compress/flate, for a window of 1<<bits bytes.
func newDeflater(level int, bits uint8) *deflater {
	d := &deflater{level: level}
	d.compressor, _ = flate.NewWriter(d, level) // cannot fail: Deflate.validate has checked the level
	d.setWindow(bits)
	return d
}

// newDeflater returns a deflater with the compressor that the options choose.
func (o *Deflate) newDeflater(level int, bits uint8) *deflater {
	if o.NewCompressor == nil {
		return newDeflater(level, bits)
	}
	d := &deflater{madeBy: o, level: level, compressor: o.NewCompressor(level, int(bits))}
	d.compressor.Reset(d)
	d.setWindow(bits)
	return d
}

// setWindow sets the window to 1<<bits bytes.
func (d *deflater) setWindow(bits uint8) {
	d.bits, d.window = bits, 1<<bits
	if bits == maxWindow || d.level == flate.HuffmanOnly || d.madeBy != nil {
		d.window = 0
	}
}

// matches reports whether the deflater can be used with these options, level and window.
func (d *deflater) matches(o *Deflate, level int, bits uint8) bool {
	if o.NewCompressor == nil {
		return d.madeBy == nil && d.level == level
	}
	return d.madeBy == o && d.level == level && d.bits == bits
}

// Write implements io.Writer. The compressor writes its output here.
func (d *deflater) Write(p []byte) (int, error) {
	d.dst = append(d.dst, p...)
	return len(p), nil
}

// reset makes the next message independent of the previous ones.
func (d *deflater) reset() {
	if d.sinceReset > 0 {
		d.compressor.Reset(d)
		d.sinceReset, d.unflushed = 0, false
	}
}

// compress compresses the whole message p and appends the result to dst.
func (d *deflater) compress(dst, p []byte) []byte {
	if d.window > 0 && d.sinceReset+len(p) > d.window && len(p) <= d.window {
		d.reset() // between messages a reset costs nothing; in a message it would end a block
	}
	return d.finish(d.write(dst, p))
}

// write compresses p, the next part of a message, and appends the output to dst. The
// compressor may keep any part of the output until the next flush.
func (d *deflater) write(dst, p []byte) []byte {
	d.dst = dst
	for d.window > 0 && d.sinceReset+len(p) > d.window {
		n := d.window - d.sinceReset
		d.compressPart(p[:n])
		if d.unflushed {
			d.sync()
		}
		d.reset()
		p = p[n:]
	}
	d.compressPart(p)
	return d.takeOutput()
}

// compressPart passes p to the compressor.
func (d *deflater) compressPart(p []byte) {
	d.compressor.Write(p) // cannot fail, because deflater.Write cannot fail
	d.sinceReset = min(d.sinceReset+len(p), 1<<maxWindow)
	d.unflushed = d.unflushed || len(p) > 0
}

// sync makes the compressor write all output that it has kept. The output then ends on a byte
// boundary, with deflateTail.
func (d *deflater) sync() {
	d.compressor.Flush()
	d.unflushed = false
}

// takeOutput returns the destination with the output and drops the reference to it.
func (d *deflater) takeOutput() []byte {
	dst := d.dst
	d.dst = nil
	return dst
}

// flush appends the output that the compressor has kept to dst. The output ends on a byte
// boundary. More parts of the message may follow.
func (d *deflater) flush(dst []byte) []byte {
	d.dst = dst
	d.sync()
	return d.takeOutput()
}

// finish appends the rest of the message to dst. It removes deflateTail, the four bytes at the
// end of each flush [RFC 7692 7.2.1].
func (d *deflater) finish(dst []byte) []byte {
	dst = d.flush(dst)
	return dst[:len(dst)-len(deflateTail)]
}

// deflateTail is at the end of each flush. The sender removes it from the end of a message,
// and the receiver appends it again [RFC 7692 7.2.1, 7.2.2].
const deflateTail = "\x00\x00\xff\xff"

var _ io.Writer = (*deflater)(nil)
