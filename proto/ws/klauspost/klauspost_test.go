package klauspost_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/proto/ws/klauspost"
)

const tail = "\x00\x00\xff\xff" // at the end of a flush [RFC 7692 7.2.1]

// text returns n bytes with many repetitions, near and far.
func text(r *rand.Rand, n int) []byte {
	words := []string{`{"temperature":`, `,"unit":"hPa"}`, `,"unit":"K"},`, "berlin", "osaka", "\x00\xff"}
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

var levels = []int{-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}

// eachMode calls fn for all levels and windows, with context takeover and without it.
func eachMode(t *testing.T, fn func(t *testing.T, level, bits int, takeover bool)) {
	for _, level := range levels {
		for bits := 8; bits <= 15; bits++ {
			for _, takeover := range []bool{false, true} {
				t.Run(fmt.Sprintf("level %d, %d bits, takeover %v", level, bits, takeover), func(t *testing.T) {
					t.Parallel()
					fn(t, level, bits, takeover)
				})
			}
		}
	}
}

// receiver inflates messages with compress/flate, as package ws does, and with an independent
// decoder.
type receiver struct {
	bits    int
	history []byte // the last 1<<bits bytes
}

// message checks that z inflates to want and refers back no farther than the window
// [RFC 7692 7.1.2].
func (r *receiver) message(t *testing.T, z, want []byte) {
	t.Helper()
	if !bytes.HasSuffix(z, []byte(tail)) {
		t.Fatalf("a message ends with %q, want an empty block", z[max(0, len(z)-4):])
	}
	z = append(z, "\x01\x00\x00\xff\xff"...)
	got, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(z), r.history))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes were compressed to %d, and compress/flate inflates them to %d: %v", len(want), len(z), len(got), err)
	}
	got, furthest, err := looptest.Inflate(z, r.history)
	if err != nil || !bytes.Equal(got, want) || furthest > 1<<r.bits {
		t.Fatalf("%d bytes were compressed to %d and inflated to %d, with a reference %d bytes back: %v", len(want), len(z), len(got), furthest, err)
	}
	r.history = append(r.history, want...)
	r.history = r.history[max(0, len(r.history)-1<<r.bits):]
}

// Every message inflates to the original with compress/flate, and refers back no farther than the
// window, whether it is written in one piece or in several, with flushes or without.
func TestMessagesInflate(t *testing.T) {
	eachMode(t, func(t *testing.T, level, bits int, takeover bool) {
		r := rand.New(rand.NewPCG(uint64(bits), uint64(level)))
		c := klauspost.NewCompressor(level, bits)
		var z bytes.Buffer
		c.Reset(&z)
		in := &receiver{bits: bits}
		for i := range 12 {
			p := text(r, r.IntN(r.IntN(5<<bits/2)+1))
			if i%5 == 0 {
				p = noise(r, r.IntN(1000))
			}
			z.Reset()
			for rest := p; len(rest) > 0; {
				n := len(rest)
				if i%2 == 1 {
					n = r.IntN(n + 1)
				}
				c.Write(rest[:n])
				if rest = rest[n:]; i%4 == 3 {
					c.Flush()
				}
			}
			c.Flush()
			in.message(t, z.Bytes(), p)
			if !takeover {
				c.Reset(&z)
				in.history = nil
			}
		}
	})
}

// A message that is split at any byte inflates to the original, with a flush there and without, and
// so does the message after it.
func TestMessageSplitAtEveryByte(t *testing.T) {
	for _, level := range []int{-2, 1, 4, 9} {
		for _, bits := range []int{8, 15} {
			p := text(rand.New(rand.NewPCG(1, uint64(bits))), 120)
			c := klauspost.NewCompressor(level, bits)
			var z bytes.Buffer
			for i := range len(p) + 1 {
				for _, flush := range []bool{false, true} {
					c.Reset(&z)
					in := &receiver{bits: bits}
					for range 2 {
						z.Reset()
						c.Write(p[:i])
						if flush {
							c.Flush()
						}
						c.Write(p[i:])
						c.Flush()
						in.message(t, z.Bytes(), p)
					}
				}
			}
		}
	}
}

// After a reset, also in the middle of a message, a compressor works like a new one. With a
// context the same message is shorter the second time.
func TestReset(t *testing.T) {
	p := text(rand.New(rand.NewPCG(3, 4)), 3000)
	for _, level := range levels {
		for _, bits := range []int{8, 13, 15} {
			var z, first bytes.Buffer
			c := klauspost.NewCompressor(level, bits)
			for range 3 {
				z.Reset()
				c.Reset(&z)
				c.Write(p)
				c.Flush()
				if first.Len() == 0 {
					first.Write(z.Bytes())
				}
				if !bytes.Equal(z.Bytes(), first.Bytes()) {
					t.Errorf("level %d, %d bits: %d bytes after a reset, %d at first", level, bits, z.Len(), first.Len())
				}
				z.Reset()
				c.Write(p)
				c.Flush()
				if level != -2 && level != 0 && bits > 12 && z.Len() > first.Len()/2 {
					t.Errorf("level %d, %d bits: %d bytes the first time, %d the second time", level, bits, first.Len(), z.Len())
				}
				c.Write(p[:1000])
			}
		}
	}
}

// allocated returns how many bytes fn allocates. Others may allocate at the same time, and packages
// at their first use. So it runs fn again if the result is more than most.
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

// Size is what a compressor allocates, within a fiftieth. After its first message it allocates
// nothing, with messages of any size, context takeover or not.
func TestSize(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	first := text(r, 400_000)
	messages := [][]byte{nil, text(r, 20), text(r, 500), noise(r, 33_000), first}
	for _, level := range levels {
		for _, bits := range []int{8, 14, 15} {
			var c ws.Compressor
			most := klauspost.NewCompressor(level, bits).(interface{ Size() int }).Size()
			got := allocated(most, func() {
				c = klauspost.NewCompressor(level, bits)
				c.Reset(io.Discard)
				c.Write(first)
				c.Flush()
			})
			if got > most || got < most*49/50 {
				t.Errorf("level %d, %d bits: a compressor allocates %d bytes, but its size is %d", level, bits, got, most)
			}
			if n := testing.AllocsPerRun(2, func() {
				for _, p := range messages {
					c.Write(p)
					c.Flush()
					c.Write(p)
					c.Flush()
					c.Reset(io.Discard)
				}
			}); n != 0 {
				t.Errorf("level %d, %d bits: %v allocations", level, bits, n)
			}
		}
	}
}

// Arguments that package ws never passes panic.
func TestInvalidArguments(t *testing.T) {
	for _, args := range [][2]int{{-3, 15}, {10, 15}, {-3, 9}, {10, 9}, {1, 7}, {1, 16}, {-256, 15}, {-2, 0}} {
		panicked := func() (v any) {
			defer func() { v = recover() }()
			klauspost.NewCompressor(args[0], args[1])
			return nil
		}
		if panicked() == nil {
			t.Errorf("level %d, %d bits: no panic", args[0], args[1])
		}
	}
}

// Long streams: what is compressed after a window of history has moved refers to the right bytes.
func TestLongStream(t *testing.T) {
	for _, level := range []int{1, 2, 5, 9} {
		for _, bits := range []int{8, 15} {
			r := rand.New(rand.NewPCG(11, 12))
			var z bytes.Buffer
			c := klauspost.NewCompressor(level, bits)
			c.Reset(&z)
			in := &receiver{bits: bits}
			all := slices.Concat(text(r, 100_000), noise(r, 30_000))
			for range 10 { // more than the history that a compressor keeps
				from := r.IntN(len(all) - 60_000)
				p := all[from : from+40_000+r.IntN(20_000)]
				z.Reset()
				c.Write(p)
				c.Flush()
				in.message(t, z.Bytes(), p)
			}
		}
	}
}
