package ws

import (
	"compress/flate"
	"io"
)

// deflater compresses messages, one after the other [RFC 7692 7.2.1]. One that
// is made with newDeflater is ready for use.
//
// compress/flate refers back up to 32 KiB whatever the peer's window is. So for
// a smaller window it begins anew before more than that has gone by: then no
// reference can reach further.
type deflater struct {
	fw     Compressor
	own    *Deflate // whose NewCompressor made fw; nil for compress/flate's
	dst    []byte   // where fw's output goes during a call
	level  int      // compress/flate's
	bits   uint8    // of the window
	window int      // bytes; 0: no reference can reach too far
	past   int      // bytes that could be referred to, 32 KiB at the most
	open   bool     // something was put in since the last flush
}

// deflateCost is how many bytes of heap a deflater takes: what compress/flate
// allocates, in which there are tables for every level.
func deflateCost(level int) int {
	switch level {
	case flate.HuffmanOnly:
		return 725 << 10
	case flate.BestSpeed:
		return 1180 << 10
	}
	return 800 << 10
}

func newDeflater(level int, bits uint8) *deflater {
	d := &deflater{level: level}
	d.fw, _ = flate.NewWriter(d, level) // Deflate.check knows the levels
	d.setWindow(bits)
	return d
}

// newDeflater returns one with the compressor that the options want.
func (o *Deflate) newDeflater(level int, bits uint8) *deflater {
	if o.NewCompressor == nil {
		return newDeflater(level, bits)
	}
	d := &deflater{own: o, level: level, fw: o.NewCompressor(level, int(bits))}
	d.fw.Reset(d)
	d.setWindow(bits)
	return d
}

func (d *deflater) setWindow(bits uint8) {
	d.bits, d.window = bits, 1<<bits
	if bits == maxWindow || d.level == flate.HuffmanOnly || d.own != nil {
		d.window = 0
	}
}

// serves reports whether the deflater is what the options want.
func (d *deflater) serves(o *Deflate, level int, bits uint8) bool {
	if o.NewCompressor == nil {
		return d.own == nil && d.level == level
	}
	return d.own == o && d.level == level && d.bits == bits
}

// Write implements io.Writer for compress/flate.
func (d *deflater) Write(p []byte) (int, error) {
	d.dst = append(d.dst, p...)
	return len(p), nil
}

// reset forgets the messages before: the next one does not refer to them.
func (d *deflater) reset() {
	if d.past > 0 {
		d.fw.Reset(d)
		d.past, d.open = 0, false
	}
}

// compress appends a whole message.
func (d *deflater) compress(dst, p []byte) []byte {
	if d.window > 0 && d.past+len(p) > d.window && len(p) <= d.window {
		d.reset() // here it costs nothing, in the middle it would the end of a block
	}
	return d.end(d.write(dst, p))
}

// write appends what the compressor gives away of a message of which p is the
// next part; it may keep any amount back.
func (d *deflater) write(dst, p []byte) []byte {
	d.dst = dst
	for d.window > 0 && d.past+len(p) > d.window {
		n := d.window - d.past
		d.put(p[:n])
		if d.open {
			d.sync()
		}
		d.reset()
		p = p[n:]
	}
	d.put(p)
	return d.take()
}

func (d *deflater) put(p []byte) {
	d.fw.Write(p) // no error: ours has none
	d.past = min(d.past+len(p), 1<<maxWindow)
	d.open = d.open || len(p) > 0
}

// sync ends what was put in at a byte's end, with deflateTail.
func (d *deflater) sync() {
	d.fw.Flush()
	d.open = false
}

func (d *deflater) take() []byte {
	dst := d.dst
	d.dst = nil
	return dst
}

// flush appends what is left of the parts written so far, up to a byte's end.
// More of the message may follow.
func (d *deflater) flush(dst []byte) []byte {
	d.dst = dst
	d.sync()
	return d.take()
}

// end appends what is left of the message, without the four bytes with which a
// flush always ends [RFC 7692 7.2.1].
func (d *deflater) end(dst []byte) []byte {
	dst = d.flush(dst)
	return dst[:len(dst)-len(deflateTail)]
}

// deflateTail is what the receiver puts behind a message [RFC 7692 7.2.2].
const deflateTail = "\x00\x00\xff\xff"

var _ io.Writer = (*deflater)(nil)
