package ws

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// The pool returns a deflater that was put back, if the level is right. It works like a new
// one. The pool keeps only a few, and no messages.
func TestFlatePool(t *testing.T) {
	var pool flatePool
	p := text(rand.New(rand.NewPCG(9, 10)), 5000)
	fresh := newDeflater(1, 10).compress(nil, p)
	d := pool.getDeflater(new(Deflate), 1, maxWindow)
	d.write(nil, p) // the message is not ended
	pool.putDeflater(d)
	if pool.getDeflater(new(Deflate), 2, maxWindow) == d {
		t.Error("the pool returns a deflater of level 1 for level 2")
	}
	if again := pool.getDeflater(new(Deflate), 1, 10); again != d || !bytes.Equal(again.compress(nil, p), fresh) {
		t.Error("the pool returns another deflater, or a used one compresses differently from a new one")
	}
	f := pool.getInflater()
	f.begin(fresh, nil, maxWindow, inflateLimit{max: -1})
	f.next(make([]byte, 1)) // the message is not read to its end
	pool.putInflater(f)
	if f.source.p != nil || f.source.tail != nil || f.history != nil {
		t.Error("an inflater in the pool refers to a message")
	}
	if again := pool.getInflater(); again != f {
		t.Error("the pool returns another inflater")
	}
	if got, err := f.inflate(nil, fresh, nil, maxWindow, inflateLimit{max: -1}); err != nil || !bytes.Equal(got, p) {
		t.Errorf("a used inflater returns %d bytes, want %d: %v", len(got), len(p), err)
	}
	for range 10 {
		pool.putDeflater(newDeflater(1, maxWindow))
		pool.putInflater(new(inflater))
	}
	last := newDeflater(2, maxWindow)
	pool.putDeflater(last)
	if len(pool.deflaters) != maxPooled || len(pool.inflaters) != maxPooled || pool.getDeflater(new(Deflate), 2, maxWindow) != last {
		t.Errorf("the pool keeps %d deflaters and %d inflaters, want %d of each and the newest deflater", len(pool.deflaters), len(pool.inflaters), maxPooled)
	}
}

// made records the arguments of NewCompressor.
type made struct{ levels, bits []int }

func (m *made) compressor(level, windowBits int) Compressor {
	m.levels, m.bits = append(m.levels, level), append(m.bits, windowBits)
	w, _ := flate.NewWriter(nil, level)
	return w
}

// NewCompressor gets the level and the window. Its compressors go into the pool, and they
// get a message in one piece also if the window is small.
func TestNewCompressor(t *testing.T) {
	p := text(rand.New(rand.NewPCG(7, 8)), 3000)
	var m made
	o := &Deflate{NewCompressor: m.compressor}
	var pool flatePool
	for _, bits := range []uint8{minWindow, 10, 10, maxWindow} {
		d := pool.getDeflater(o, o.level(bits, true), bits)
		z := d.compress(nil, p)
		received(t, z, p, nil, maxWindow)
		if bits == 10 && len(z) != len(newDeflater(2, maxWindow).compress(nil, p)) {
			t.Errorf("%d bits: the compressor was reset inside the message", bits)
		}
		pool.putDeflater(d)
	}
	if !slices.Equal(m.bits, []int{minWindow, 10, maxWindow}) || !slices.Equal(m.levels, []int{2, 2, 2}) {
		t.Errorf("NewCompressor got the windows %v and the levels %v", m.bits, m.levels)
	}
	if d := pool.getDeflater(new(Deflate), 2, 10); d.madeBy != nil {
		t.Error("the pool returns a compressor of NewCompressor for options without it")
	}
	if d := pool.getDeflater(&Deflate{NewCompressor: m.compressor}, 2, 10); len(m.bits) != 4 || d.madeBy == o {
		t.Error("the pool returns a compressor of NewCompressor for other options")
	}
}

// allocated returns how many bytes fn allocates. Others may allocate at the same time, and
// packages at their first use. So it runs fn again if the result is more than most.
func allocated(most int, fn func()) (n int) {
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fn()
		runtime.ReadMemStats(&after)
		if n = int(after.TotalAlloc - before.TotalAlloc); n <= most {
			break
		}
	}
	return n
}

// The bytes that the budget counts for a context are those that it allocates, within a
// tenth.
func TestDeflateCosts(t *testing.T) {
	p := text(rand.New(rand.NewPCG(7, 8)), 80_000)
	z := newDeflater(6, maxWindow).compress(nil, p)
	buf := make([]byte, 0, len(p)+1)
	near := func(what string, cost int, fn func()) {
		t.Helper()
		if got := allocated(cost, fn); got > cost || got < cost*9/10 {
			t.Errorf("%s allocates %d bytes, but the budget counts %d", what, got, cost)
		}
	}
	for level := flate.HuffmanOnly; level <= 9; level++ {
		if level != 0 {
			near(fmt.Sprintf("level %d", level), deflateCost(level), func() { newDeflater(level, maxWindow).compress(buf, p) })
		}
	}
	near("an inflater", inflaterCost, func() { new(inflater).inflate(buf, z, nil, maxWindow, inflateLimit{max: -1}) })
	for bits := uint8(minWindow); bits <= maxWindow; bits++ {
		near(fmt.Sprintf("a history of %d bits", bits), inflateWindowCost(bits), func() { new(inflateWindow).add(p, 1<<bits) })
	}
}
