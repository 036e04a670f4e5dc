package ws

import "slices"

// flatePool keeps the compressors and decompressors that a Manager's
// connections do not need between messages, and the account of those that
// they do. The zero value is empty and ready for use. Like all of a Manager it
// belongs to one goroutine.
type flatePool struct {
	deflaters []*deflater
	inflaters []*inflater
	spent     int // bytes that contexts of connections may take
}

// maxPooled is how many of each are kept: they are in use while a message is
// sent or handled, so that few are at a time.
const maxPooled = 4

// deflater returns one that refers to nothing, of a level and for a window of
// 1<<bits bytes.
func (p *flatePool) deflater(o *Deflate, level int, bits uint8) *deflater {
	i := slices.IndexFunc(p.deflaters, func(d *deflater) bool { return d.serves(o, level, bits) })
	if i < 0 {
		return o.newDeflater(level, bits)
	}
	d := p.deflaters[i]
	p.deflaters = slices.Delete(p.deflaters, i, i+1)
	d.setWindow(bits)
	return d
}

// putDeflater takes one back, also in mid-message. If there are enough, the one
// that has not been used for longest goes.
func (p *flatePool) putDeflater(d *deflater) {
	d.reset()
	if len(p.deflaters) == maxPooled {
		p.deflaters = slices.Delete(p.deflaters, 0, 1)
	}
	p.deflaters = append(p.deflaters, d)
}

// inflater returns one to begin a message with.
func (p *flatePool) inflater() *inflater {
	n := len(p.inflaters)
	if n == 0 {
		return new(inflater)
	}
	f := p.inflaters[n-1]
	p.inflaters = slices.Delete(p.inflaters, n-1, n)
	return f
}

// putInflater takes one back, also in mid-message.
func (p *flatePool) putInflater(f *inflater) {
	f.end()
	if len(p.inflaters) < maxPooled {
		p.inflaters = append(p.inflaters, f)
	}
}
