package ws

import "slices"

// flatePool is a Manager's pool of unused compressors and decompressors. It also counts the
// bytes of the contexts that connections keep. The zero value is empty and ready for use. It
// belongs to the goroutine of the Manager.
type flatePool struct {
	deflaters    []*deflater // the least recently used one first
	inflaters    []*inflater
	contextBytes int              // bytes that the connections' contexts use at most
	sizes        []compressorSize // the oldest one first
}

// maxPooled is the largest number of deflaters and of inflaters in the pool. It is small,
// because they are used only while a message is sent or handled.
const maxPooled = 4

// getDeflater takes a deflater from the pool or creates one. The deflater has the given level
// and a window of 1<<bits bytes. It does not refer to previous messages.
func (p *flatePool) getDeflater(o *Deflate, level int, bits uint8) *deflater {
	i := slices.IndexFunc(p.deflaters, func(d *deflater) bool { return d.matches(o, level, bits) })
	if i < 0 {
		return o.newDeflater(level, bits)
	}
	d := p.deflaters[i]
	p.deflaters = slices.Delete(p.deflaters, i, i+1)
	d.setWindow(bits)
	return d
}

// putDeflater puts d into the pool. d may be in the middle of a message. If the pool is full,
// putDeflater drops the least recently used deflater.
func (p *flatePool) putDeflater(d *deflater) {
	d.reset()
	if len(p.deflaters) == maxPooled {
		p.deflaters = slices.Delete(p.deflaters, 0, 1)
	}
	p.deflaters = append(p.deflaters, d)
}

// compressorSize is how many bytes a compressor of NewCompressor takes.
type compressorSize struct {
	madeBy *Deflate
	level  int
	bits   uint8
	bytes  int
}

// maxSizes is the largest number of sizes that the pool remembers: those of two Deflates with every
// window.
const maxSizes = 2 * (maxWindow - minWindow + 1)

// deflateCost returns how many bytes the context of a connection takes that sends with these
// options and a window of 1<<bits bytes. Only a compressor knows how large it is. So deflateCost
// takes one from the pool, or makes the one that the connection may use later. It remembers the
// size. Otherwise a peer could cause a new compressor with each connection, by asking for another
// window each time.
func (p *flatePool) deflateCost(o *Deflate, bits uint8) int {
	level := o.level(bits, true)
	if o.NewCompressor == nil {
		return deflateCost(level)
	}
	for _, s := range p.sizes {
		if s.madeBy == o && s.level == level && s.bits == bits {
			return s.bytes
		}
	}
	d := p.getDeflater(o, level, bits)
	p.putDeflater(d)
	if len(p.sizes) == maxSizes {
		p.sizes = slices.Delete(p.sizes, 0, 1)
	}
	p.sizes = append(p.sizes, compressorSize{o, level, bits, d.cost()})
	return d.cost()
}

// getInflater takes an inflater from the pool or creates one. The caller calls begin or inflate.
func (p *flatePool) getInflater() *inflater {
	n := len(p.inflaters)
	if n == 0 {
		return new(inflater)
	}
	f := p.inflaters[n-1]
	p.inflaters = slices.Delete(p.inflaters, n-1, n)
	return f
}

// putInflater puts f into the pool, even in the middle of a message.
func (p *flatePool) putInflater(f *inflater) {
	f.end()
	if len(p.inflaters) < maxPooled {
		p.inflaters = append(p.inflaters, f)
	}
}
