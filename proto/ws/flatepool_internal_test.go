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

// sizedWriter is a compressor that says how large it is.
type sizedWriter struct {
	*flate.Writer
	size int
}

func (w *sizedWriter) Size() int { return w.size }

// The budget counts what a compressor of NewCompressor says, or what one of compress/flate takes if
// it says nothing. The pool makes one compressor to ask, which the first message then uses. It does
// not ask again.
func TestNewCompressorIsAskedForItsSize(t *testing.T) {
	made := 0
	sized := func(size int) *Deflate {
		return &Deflate{NewCompressor: func(level, bits int) Compressor {
			made++
			w, _ := flate.NewWriter(nil, level)
			return &sizedWriter{w, size + bits}
		}}
	}
	unknown := &Deflate{Level: 1, NewCompressor: func(level, _ int) Compressor {
		made++
		w, _ := flate.NewWriter(nil, level)
		return w
	}}
	for _, tt := range []struct {
		name   string
		o      *Deflate
		budget int
		cost   int // of a context for sending; 0 if there is none
		made   int
	}{
		{"fits", sized(1000), 1015, 1015, 1},
		{"does not fit", sized(1000), 1014, 0, 1},
		{"no budget", sized(0), 0, 0, 0},
		{"overspent", sized(0), -1, 0, 0},
		{"negative", sized(-100), 1, 0, 1},
		{"unknown", unknown, 1180 << 10, 1180 << 10, 1},
		{"unknown, does not fit", unknown, 1180<<10 - 1, 0, 1},
	} {
		made = 0
		var pool flatePool
		p := tt.o.withinBudget(deflateParams{sendBits: maxWindow, recvBits: maxWindow, sendTakeover: true}, &pool, tt.budget)
		if cost := tt.o.contextCost(p, &pool); cost != tt.cost || made != tt.made {
			t.Errorf("%s: the context costs %d bytes and %d compressors were made; want %d and %d", tt.name, cost, made, tt.cost, tt.made)
		}
		if d := pool.getDeflater(tt.o, tt.o.level(maxWindow, true), maxWindow); d == nil || made != 1 {
			t.Errorf("%s: %d compressors were made for the first message, want 1", tt.name, made)
		}
	}
	var pool flatePool
	made = 0
	one, two := sized(1), sized(2)
	for range 3 { // the pool has fewer compressors than there are windows
		for bits := uint8(minWindow); bits <= maxWindow; bits++ {
			if a, b := pool.deflateCost(one, bits), pool.deflateCost(two, bits); a != 1+int(bits) || b != 2+int(bits) {
				t.Errorf("%d bits: the contexts cost %d and %d bytes", bits, a, b)
			}
		}
	}
	if made != maxSizes {
		t.Errorf("%d compressors were made to ask for %d sizes", made, maxSizes)
	}
	for range 2 * maxSizes {
		pool.deflateCost(sized(3), maxWindow)
	}
	if len(pool.sizes) > maxSizes || len(pool.deflaters) > maxPooled {
		t.Errorf("the pool keeps %d sizes and %d compressors", len(pool.sizes), len(pool.deflaters))
	}
}

// A server may answer with a smaller window than a client has offered. The compressor for it may be
// larger. The client keeps its context if the budget of the manager has space for it.
func TestSmallerWindowOfLargerCompressor(t *testing.T) {
	o := &Deflate{NewCompressor: func(level, bits int) Compressor {
		w, _ := flate.NewWriter(nil, level)
		return &sizedWriter{w, 1000 - bits}
	}}
	asked := o.requestedParams()
	answer := [][]byte{[]byte("permessage-deflate; client_max_window_bits=9")}
	for _, tt := range []struct {
		left int // of the budget, besides what the offer has charged
		want bool
	}{{6, true}, {5, false}, {-1000, false}} {
		var pool flatePool
		o.Budget = 1 << 20
		pool.contextBytes = o.Budget - tt.left
		p, err := o.checkAnswer(asked, &pool, answer)
		if err != nil || p.sendBits != 9 || p.sendTakeover != tt.want || !p.recvTakeover {
			t.Errorf("%d bytes left: %+v, %v", tt.left, p, err)
		}
	}
}
