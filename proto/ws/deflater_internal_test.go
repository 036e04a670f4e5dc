package ws

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// text returns n bytes with many repetitions, near and far.
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

// noise returns n random bytes.
func noise(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// received inflates z with the independent decoder and compares the result with want.
// history has the last 1<<bits bytes that were sent before. received returns the next
// history.
func received(t *testing.T, z, want, history []byte, bits uint8) []byte {
	t.Helper()
	got, furthest, err := looptest.Inflate(slices.Concat(z, inflateTail), history)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes were compressed to %d and inflated to %d: %v", len(want), len(z), len(got), err)
	}
	if furthest > 1<<bits {
		t.Fatalf("the message refers %d bytes back, want at most %d", furthest, 1<<bits)
	}
	history = append(history, want...)
	return history[max(0, len(history)-1<<bits):]
}

// Every message inflates to the original. No message refers back farther than the window
// [RFC 7692 7.1.2], whether it is written whole or in parts, with flushes or without. The
// receiver keeps at most one window of data.
func TestDeflateStaysInWindow(t *testing.T) {
	for bits := uint8(minWindow); bits <= maxWindow; bits++ {
		for _, level := range []int{flate.HuffmanOnly, 1, 2, 6} {
			for _, takeover := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d bits, level %d, takeover %v", bits, level, takeover), func(t *testing.T) {
					r := rand.New(rand.NewPCG(uint64(bits), uint64(level)))
					d := newDeflater(level, bits)
					var history, back inflateWindow
					var f inflater
					for i := range 9 {
						p := text(r, r.IntN(r.IntN(5<<bits/2)+1))
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
							z = d.finish(z)
						}
						past := &back
						if !takeover {
							past, history = nil, nil
							d.reset()
						}
						history = received(t, z, p, history, bits)
						got, err := f.inflate(nil, z, past, bits, inflateLimit{max: len(p)})
						if err != nil || !bytes.Equal(got, p) {
							t.Fatalf("%d bytes were inflated to %d: %v", len(p), len(got), err)
						}
						if takeover && (!bytes.Equal(back, history) || cap(back) > 1<<bits) {
							t.Fatalf("the receiver keeps %d bytes with the capacity %d, want the last %d", len(back), cap(back), len(history))
						}
					}
				})
			}
		}
	}
}

// With a context the same message is shorter the second time. After a reset it is as long
// as the first time.
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
				t.Errorf("level %d: %d bytes the first time, %d the second time, %d after the reset", level, len(first), len(second), len(third))
			}
			if _, _, err := looptest.Inflate(slices.Concat(second, inflateTail), nil); err == nil {
				t.Errorf("level %d: the second message inflates without the first", level)
			}
		}
	}
}

// The output is appended to dst. An empty message is one byte [RFC 7692 7.2.3.6]. A flush
// ends on a byte boundary with an empty block.
func TestDeflateAppends(t *testing.T) {
	for _, level := range []int{flate.HuffmanOnly, 1, 2, 9} {
		d := newDeflater(level, maxWindow)
		if got := d.compress([]byte("before"), nil); string(got) != "before\x00" {
			t.Errorf("level %d: an empty message is %q, want 00 after what was in dst", level, got)
		}
		if got := d.compress(nil, nil); string(got) != "\x00" {
			t.Errorf("level %d: the second empty message is %q, want 00", level, got)
		}
		z := d.flush(d.write([]byte("before"), []byte("first frame")))
		if !bytes.HasPrefix(z, []byte("before")) || !bytes.HasSuffix(z, []byte(deflateTail)) {
			t.Errorf("level %d: a flushed frame is %q", level, z)
		}
		z = d.finish(d.write(z, []byte(", last frame")))
		received(t, z[len("before"):], []byte("first frame, last frame"), nil, maxWindow)
	}
}

// Compressing a message does not allocate in steady state.
func TestDeflateAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 20, 500, 33_000} {
		p := text(r, n)
		for _, bits := range []uint8{8, 10, maxWindow} {
			for _, takeover := range []bool{false, true} {
				o := &Deflate{}
				var pool flatePool
				d := pool.getDeflater(o, o.level(bits, takeover), bits)
				z := make([]byte, 0, 2*n+100)
				run := func() {
					z = d.compress(z[:0], p)
					z = d.finish(d.write(d.flush(d.write(z[:0], p)), p))
					if !takeover {
						pool.putDeflater(d)
						d = pool.getDeflater(o, o.level(bits, takeover), bits)
					}
				}
				run()
				if got := testing.AllocsPerRun(3, run); got != 0 {
					t.Errorf("%d bytes, %d bits, takeover %v: %v allocations, want 0", n, bits, takeover, got)
				}
			}
		}
	}
}
