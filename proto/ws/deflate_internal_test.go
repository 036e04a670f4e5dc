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

// text is n bytes with much that repeats itself, near and far.
func text(r *rand.Rand, n int) []byte {
	words := []string{`{"temperature":`, `{"pressure":`, `,"unit":"hPa"}`, `,"unit":"K"},`, "berlin", "osaka", "lima", "\x00\xff"}
	var p []byte
	for len(p) < n {
		switch r.IntN(8) {
		case 0:
			p = fmt.Append(p, r.IntN(1e6))
		case 1:
			if len(p) > 0 {
				from := r.IntN(len(p))
				p = append(p, p[from:min(len(p), from+r.IntN(400))]...)
			}
		default:
			p = append(p, words[r.IntN(len(words))]...)
		}
	}
	return p[:n]
}

func noise(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// received holds a compressed message against the independent decoder, which
// has the last 1<<bits bytes of what was sent before, and returns what is kept
// of it all.
func received(t *testing.T, z, want, history []byte, bits uint8) []byte {
	t.Helper()
	got, furthest, err := inflateReference(slices.Concat(z, inflateTail), history)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes became %d and then %d: %v", len(want), len(z), len(got), err)
	}
	if furthest > 1<<bits {
		t.Fatalf("refers %d bytes back, the window is %d", furthest, 1<<bits)
	}
	history = append(history, want...)
	return history[max(0, len(history)-1<<bits):]
}

// Every message becomes itself again, and no reference reaches further than
// the window, whether messages are written whole or in parts, with flushes or
// without. What was kept of those before is no more than that window
// [RFC 7692 7.1.2].
func TestDeflateKeepsToTheWindow(t *testing.T) {
	for bits := uint8(minWindow); bits <= maxWindow; bits++ {
		for _, level := range []int{flate.HuffmanOnly, 1, 2, 6} {
			for _, takeover := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d bits, level %d, takeover %v", bits, level, takeover), func(t *testing.T) {
					r := rand.New(rand.NewPCG(uint64(bits), uint64(level)))
					d := newDeflater(level, bits)
					var history, back inflateHistory
					var f inflater
					for i := range 20 {
						p := text(r, r.IntN(r.IntN(4<<bits)+1))
						if i%7 == 0 {
							p = noise(r, r.IntN(1000))
						}
						var z []byte
						if i%2 == 0 {
							z = d.compress(z, p)
						} else {
							for rest := p; len(rest) > 0; {
								n := r.IntN(len(rest) + 1)
								z = d.write(z, rest[:n])
								rest = rest[n:]
								if r.IntN(3) == 0 {
									z = d.flush(z)
								}
							}
							z = d.end(z)
						}
						past := &back
						if !takeover {
							past, history = nil, nil
							d.reset()
						}
						history = received(t, z, p, history, bits)
						got, err := f.inflate(nil, z, past, bits, inflateLimit{max: len(p)})
						if err != nil || !bytes.Equal(got, p) {
							t.Fatalf("%d bytes became %d: %v", len(p), len(got), err)
						}
						if takeover && (!bytes.Equal(back, history) || cap(back) > 1<<bits) {
							t.Fatalf("keeps %d bytes in %d, not the last %d", len(back), cap(back), len(history))
						}
					}
				})
			}
		}
	}
}

// A context is of use: what is sent again is short the second time, up to the
// reset that makes it a beginning.
func TestDeflateReset(t *testing.T) {
	p := text(rand.New(rand.NewPCG(3, 4)), 3000)
	for _, bits := range []uint8{13, maxWindow} {
		for _, level := range []int{2, 6} {
			d := newDeflater(level, bits)
			first := d.compress(nil, p)
			second := d.compress(nil, p)
			d.reset()
			third := d.compress(nil, p)
			if len(second) > len(first)/4 || !bytes.Equal(first, third) {
				t.Errorf("level %d: %d, %d and after the reset %d bytes", level, len(first), len(second), len(third))
			}
			if _, _, err := inflateReference(slices.Concat(second, inflateTail), nil); err == nil {
				t.Errorf("level %d: the second message is whole by itself", level)
			}
		}
	}
}

// What is appended stands behind what is there; an empty message is one byte
// [RFC 7692 7.2.3.6]; a flush ends at a byte with an empty block.
func TestDeflateAppends(t *testing.T) {
	for _, level := range []int{flate.HuffmanOnly, 1, 2, 9} {
		d := newDeflater(level, maxWindow)
		if got := d.compress([]byte("before"), nil); string(got) != "before\x00" {
			t.Errorf("level %d: an empty message is %q", level, got)
		}
		if got := d.compress(nil, nil); string(got) != "\x00" {
			t.Errorf("level %d: the next is %q", level, got)
		}
		z := d.flush(d.write([]byte("before"), []byte("first frame")))
		if !bytes.HasPrefix(z, []byte("before")) || !bytes.HasSuffix(z, []byte(deflateTail)) {
			t.Errorf("level %d: a frame is %q", level, z)
		}
		z = d.end(d.write(z, []byte(", last frame")))
		received(t, z[len("before"):], []byte("first frame, last frame"), nil, maxWindow)
	}
}

// A message in steady state costs no allocation.
func TestDeflateAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 20, 500, 40_000} {
		p := text(r, n)
		for _, bits := range []uint8{8, 10, maxWindow} {
			for _, takeover := range []bool{false, true} {
				o := &Deflate{}
				var pool flatePool
				d := pool.deflater(o, o.level(bits, takeover), bits)
				z := make([]byte, 0, 2*n+100)
				run := func() {
					z = d.compress(z[:0], p)
					z = d.end(d.write(d.flush(d.write(z[:0], p)), p))
					if !takeover {
						pool.putDeflater(d)
						d = pool.deflater(o, o.level(bits, takeover), bits)
					}
				}
				run()
				if got := testing.AllocsPerRun(5, run); got != 0 {
					t.Errorf("%d bytes, %d bits, takeover %v: %v allocations", n, bits, takeover, got)
				}
			}
		}
	}
}

// allocated is how many bytes fn allocates.
func allocated(fn func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// What the budget counts is what it costs.
func TestDeflateCosts(t *testing.T) {
	p := text(rand.New(rand.NewPCG(7, 8)), 200_000)
	z := newDeflater(6, maxWindow).compress(nil, p)
	buf := make([]byte, 0, len(p)+1)
	near := func(what string, cost int, fn func()) {
		t.Helper()
		if got := allocated(fn); got > cost || got < cost*9/10 {
			t.Errorf("%s takes %d bytes, accounted for are %d", what, got, cost)
		}
	}
	for level := flate.HuffmanOnly; level <= 9; level++ {
		if level != 0 {
			near(fmt.Sprintf("level %d", level), deflateCost(level), func() { newDeflater(level, maxWindow).compress(buf, p) })
		}
	}
	near("an inflater", inflaterCost, func() { new(inflater).inflate(buf, z, nil, maxWindow, inflateLimit{max: -1}) })
	for bits := uint8(minWindow); bits <= maxWindow; bits++ {
		near(fmt.Sprintf("a history of %d bits", bits), inflateCost(bits), func() { new(inflateHistory).add(p, 1<<bits) })
	}
}

// The pool hands out what it was given, of the level that is asked for and as
// good as new, and keeps only a few.
func TestFlatePool(t *testing.T) {
	var pool flatePool
	p := text(rand.New(rand.NewPCG(9, 10)), 5000)
	fresh := newDeflater(1, 10).compress(nil, p)
	d := pool.deflater(new(Deflate), 1, maxWindow)
	d.write(nil, p) // and no end
	pool.putDeflater(d)
	if pool.deflater(new(Deflate), 2, maxWindow) == d {
		t.Error("got level 1 for level 2")
	}
	if again := pool.deflater(new(Deflate), 1, 10); again != d || !bytes.Equal(again.compress(nil, p), fresh) {
		t.Error("a used one is not as good as new")
	}
	f := pool.inflater()
	f.begin(fresh, nil, maxWindow, inflateLimit{max: -1})
	f.next(make([]byte, 1)) // and no more
	pool.putInflater(f)
	if f.in.p != nil || f.in.tail != nil || f.past != nil {
		t.Error("an inflater holds on to a message")
	}
	if again := pool.inflater(); again != f {
		t.Error("the inflater is not used again")
	}
	if got, err := f.inflate(nil, fresh, nil, maxWindow, inflateLimit{max: -1}); err != nil || !bytes.Equal(got, p) {
		t.Errorf("a used inflater makes %d bytes of it: %v", len(got), err)
	}
	for range 10 {
		pool.putDeflater(newDeflater(1, maxWindow))
		pool.putInflater(new(inflater))
	}
	last := newDeflater(2, maxWindow)
	pool.putDeflater(last)
	if len(pool.deflaters) != maxPooled || len(pool.inflaters) != maxPooled || pool.deflater(new(Deflate), 2, maxWindow) != last {
		t.Errorf("keeps %d and %d", len(pool.deflaters), len(pool.inflaters))
	}
}

// made notes the compressors that were asked for.
type made struct{ levels, bits []int }

func (m *made) compressor(level, windowBits int) Compressor {
	m.levels, m.bits = append(m.levels, level), append(m.bits, windowBits)
	w, _ := flate.NewWriter(nil, level)
	return w
}

// A compressor of the program's is asked for with the level and the window, kept
// as ours are, and trusted with the window.
func TestNewCompressor(t *testing.T) {
	p := text(rand.New(rand.NewPCG(7, 8)), 3000)
	var m made
	o := &Deflate{NewCompressor: m.compressor}
	var pool flatePool
	for _, bits := range []uint8{minWindow, 10, 10, maxWindow} {
		d := pool.deflater(o, o.level(bits, true), bits)
		z := d.compress(nil, p)
		received(t, z, p, nil, maxWindow)
		if bits == 10 && len(z) != len(newDeflater(2, maxWindow).compress(nil, p)) {
			t.Errorf("%d bits: the message was cut into windows", bits)
		}
		pool.putDeflater(d)
	}
	if !slices.Equal(m.bits, []int{minWindow, 10, maxWindow}) || !slices.Equal(m.levels, []int{2, 2, 2}) {
		t.Errorf("made for windows %v, levels %v", m.bits, m.levels)
	}
	if d := pool.deflater(new(Deflate), 2, 10); d.own != nil {
		t.Error("the program's was given to others")
	}
	if d := pool.deflater(&Deflate{NewCompressor: m.compressor}, 2, 10); len(m.bits) != 4 || d.own == o {
		t.Error("the program's was given to other options of its")
	}
}
