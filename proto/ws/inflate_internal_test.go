package ws

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var noLimit = inflateLimit{max: -1}

// codeOf is the code of a *ProtocolError, 0 of none.
func codeOf(t *testing.T, err error) CloseCode {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := err.(*ProtocolError)
	if !ok {
		t.Fatalf("%v is no *ProtocolError", err)
	}
	return e.Code
}

// pulled inflates with next, n bytes at a time.
func pulled(f *inflater, n int, p []byte, past *inflateHistory, bits uint8, limit inflateLimit) (got []byte, err error) {
	buf := make([]byte, n)
	for f.begin(p, past, bits, limit); ; {
		n, err := f.next(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// The examples of [RFC 7692 7.2.3], and others of their kind. Messages of a
// row share a context.
func TestInflateExamples(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []string
		want []string
	}{
		{"one block", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00"}, []string{"Hello"}},
		{"sharing the window", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"}, []string{"Hello", "Hello"}},
		{"no compression", []string{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"}, []string{"Hello"}},
		{"BFINAL is 1", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}, []string{"Hello"}},
		{"BFINAL is 1, and a second message", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf2\x00\x11\x00\x00"}, []string{"Hello", "Hello"}},
		{"more behind BFINAL", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"}, []string{"HelloHelloHello"}},
		{"two blocks", []string{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}, []string{"Hello"}},
		{"empty", []string{"\x00", "\x00", "\x02\x00", "\x03\x00\x00"}, []string{"", "", "", ""}},
	} {
		for _, n := range []int{0, 1, 2, 3, 100} {
			var f inflater
			var past inflateHistory
			for i, in := range tt.in {
				got, err := []byte("before"), error(nil)
				if n == 0 {
					got, err = f.inflate(got, []byte(in), &past, maxWindow, noLimit)
				} else {
					var more []byte
					more, err = pulled(&f, n, []byte(in), &past, maxWindow, noLimit)
					got = append(got, more...)
				}
				if err != nil || string(got) != "before"+tt.want[i] {
					t.Errorf("%s, %d bytes at a time: message %d is %q, %v", tt.name, n, i, got, err)
				}
			}
		}
	}
}

func TestInflateRefuses(t *testing.T) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	for _, tt := range []struct{ name, in, reason string }{
		{"nothing at all", "", "corrupt"},
		{"reserved block type", "\x06", "corrupt"},
		{"block begun behind the message", hello + "\x00", "corrupt"},
		{"length that is not its complement", "\x00\x05\x00\xfa\xfeHello\x00", "corrupt"},
		{"stored block cut off", "\x00\xf0\x00\x0f\xffHello", "cut off"},
		{"tail still there", hello + deflateTail, "corrupt"},
		{"reference to what is not there", "\xf2\x00\x11\x00\x00", "corrupt"},
		{"final block without an empty one", "\xf3\x48\xcd\xc9\xc9\x07\x00", "corrupt"},
		{"garbage behind a final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00garbage", "corrupt"},
		{"its own last block", hello + string(inflateTail), "corrupt"},
		{"too many literals", "\xfc\xff\xff\xff", "corrupt"},
	} {
		for _, n := range []int{0, 1, 100} {
			var f inflater
			var got []byte
			var err error
			if n == 0 {
				got, err = f.inflate([]byte("before"), []byte(tt.in), nil, maxWindow, noLimit)
				got = bytes.TrimPrefix(got, []byte("before"))
			} else {
				got, err = pulled(&f, n, []byte(tt.in), nil, maxWindow, noLimit)
			}
			if code := codeOf(t, err); code != CloseInvalidData || len(got) != 0 || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%s: %q, %v", tt.name, got, err)
			}
		}
	}
}

// A message without context does not get to see those of others that were
// inflated before it.
func TestInflateWithoutContext(t *testing.T) {
	var f inflater
	for range 2 {
		if got, err := f.inflate(nil, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), nil, maxWindow, noLimit); string(got) != "Hello" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if got, err := f.inflate(nil, []byte("\xf2\x00\x11\x00\x00"), nil, maxWindow, noLimit); codeOf(t, err) != CloseInvalidData {
			t.Fatalf("%q, %v", got, err)
		}
		var past inflateHistory
		if got, err := f.inflate(nil, []byte("\xf2\x00\x11\x00\x00"), &past, maxWindow, noLimit); codeOf(t, err) != CloseInvalidData {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// Final blocks are not for keeping the loop busy.
func TestInflateFinalBlocks(t *testing.T) {
	var f inflater
	for _, tt := range []struct {
		ends, size int // final blocks, and bytes besides
		ok         bool
	}{{freeEnds, 0, true}, {freeEnds + 1, 0, false}, {freeEnds + 5, 5 << 8, true}, {freeEnds + 10, 5 << 8, false}, {1 << 19, 0, false}} {
		stored := "\x00\x00\x05\xff\xfa" + strings.Repeat("x", 5<<8)
		z := []byte(strings.Repeat("\x03\x00", tt.ends) + stored[:min(tt.size, 1)*len(stored)] + "\x00")
		_, err := f.inflate(nil, z, nil, maxWindow, noLimit)
		if ok := err == nil; ok != tt.ok || !ok && codeOf(t, err) != CloseInvalidData {
			t.Errorf("%d final blocks and %d bytes: %v", tt.ends, tt.size, err)
		}
	}
}

// A message that is cut off is refused wherever that happens, unless what is
// put behind it makes it whole: so says the independent decoder.
func TestInflateCutOff(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for level := flate.HuffmanOnly; level <= 9; level++ {
		var f inflater
		for _, p := range [][]byte{text(r, 100), text(r, 2000), noise(r, 400)} {
			z := newDeflater(level, maxWindow).compress(nil, p)
			whole := 0
			for i := range z {
				want, _, bad := inflateReference(slices.Concat(z[:i], inflateTail), nil)
				got, err := f.inflate(nil, z[:i], nil, maxWindow, noLimit)
				if (err == nil) != (bad == nil) || err == nil && !bytes.Equal(got, want) {
					t.Fatalf("level %d, %d bytes of %d: %d bytes, %v; reference: %d, %v", level, i, len(z), len(got), err, len(want), bad)
				}
				if err == nil {
					whole++
				} else if codeOf(t, err) != CloseInvalidData {
					t.Fatalf("level %d, %d bytes of %d: %v", level, i, len(z), err)
				}
			}
			if whole > 4 {
				t.Errorf("level %d: %d of %d pieces are whole", level, whole, len(z))
			}
		}
	}
}

func TestInflateLimits(t *testing.T) {
	bomb := newDeflater(9, maxWindow).compress(nil, make([]byte, 2<<20)) // more than a thousand times its size
	small := newDeflater(9, maxWindow).compress(nil, make([]byte, freeInflated))
	mixed := newDeflater(9, maxWindow).compress(nil, append(noise(rand.New(rand.NewPCG(1, 1)), 1000), make([]byte, 100_000)...)) // 101,000 bytes, some 90 times its size
	stored := newDeflater(flate.NoCompression, maxWindow).compress(nil, make([]byte, 100_000))
	for _, tt := range []struct {
		name   string
		in     []byte
		limit  inflateLimit
		want   int // bytes; -1: refused
		reason string
	}{
		{"no limit", bomb, noLimit, 2 << 20, ""},
		{"as large as allowed", bomb, inflateLimit{max: 2 << 20}, 2 << 20, ""},
		{"a byte too large", bomb, inflateLimit{max: 2<<20 - 1}, -1, "more than 2097151 bytes"},
		{"only empty ones", small, inflateLimit{max: 0}, -1, "more than 0 bytes"},
		{"empty", []byte{0}, inflateLimit{max: 0}, 0, ""},
		{"ratio", bomb, inflateLimit{max: -1, ratio: 1000}, -1, "more than 1000 times"},
		{"larger ratio", bomb, inflateLimit{max: -1, ratio: 1040}, 2 << 20, ""},
		{"ratio of a small one", small, inflateLimit{max: -1, ratio: 1}, freeInflated, ""},
		{"size before ratio", bomb, inflateLimit{max: 100, ratio: 1}, -1, "more than 100 bytes"},
		{"ratio before size", bomb, inflateLimit{max: 2 << 20, ratio: 1}, -1, "more than 1 times"},
		{"ratio reached", mixed, inflateLimit{max: -1, ratio: 101_000/len(mixed) + 1}, 101_000, ""},
		{"ratio missed", mixed, inflateLimit{max: -1, ratio: 101_000 / len(mixed)}, -1, "times its size"},
		{"no ratio to speak of", stored, inflateLimit{max: -1, ratio: 1}, 100_000, ""},
	} {
		for _, n := range []int{0, 1000, 1 << 20} {
			var f inflater
			got, peak := []byte(nil), 0
			var err error
			if n == 0 {
				peak = allocated(func() { got, err = f.inflate(nil, tt.in, nil, maxWindow, tt.limit) })
			} else {
				got, err = pulled(&f, n, tt.in, nil, maxWindow, tt.limit)
			}
			if tt.want >= 0 {
				if err != nil || len(got) != tt.want {
					t.Errorf("%s: %d bytes, %v", tt.name, len(got), err)
				}
				continue
			}
			if codeOf(t, err) != CloseTooLarge || len(got) > 0 || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%s: %d bytes, %v", tt.name, len(got), err)
			}
			if most := tt.limit.most(len(tt.in)); peak > 4*most+inflaterCost+8<<10 {
				t.Errorf("%s: %d bytes allocated for at most %d", tt.name, peak, most)
			}
		}
	}
}

// A ratio is no limit where its product is beyond all numbers.
func TestInflateLimitOverflow(t *testing.T) {
	for n := range 9 {
		for _, ratio := range []int{math.MaxInt, math.MaxInt / 2, math.MaxInt/2 + 1, math.MaxInt / 3} {
			if got := (inflateLimit{-1, ratio}).most(n); n > 0 && got < ratio-1 || got < freeInflated {
				t.Errorf("%d times %d is %d", n, ratio, got)
			}
		}
	}
}

// Nor is a size beyond which nothing can be counted.
func TestInflateWithoutLimit(t *testing.T) {
	for _, max := range []int{math.MaxInt, math.MaxInt - 1, -1, math.MinInt} {
		var f inflater
		z := newDeflater(1, maxWindow).compress(nil, []byte("hello"))
		if got, err := f.inflate(nil, z, nil, maxWindow, inflateLimit{max: max}); err != nil || string(got) != "hello" {
			t.Errorf("limit %d: %q, %v", max, got, err)
		}
	}
}

// Pieces of whatever size are the message, and leave the same history.
func TestInflateInPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, bits := range []uint8{8, 12, maxWindow} {
		d := newDeflater(6, bits)
		var all [4]struct {
			f    inflater
			past inflateHistory
		}
		for range 6 {
			p := text(r, r.IntN(40_000))
			z := d.compress(nil, p)
			for i, n := range []int{1 << 20, 4096, 1000, 7} {
				got, err := pulled(&all[i].f, n, z, &all[i].past, bits, inflateLimit{max: len(p)})
				if err != nil || !bytes.Equal(got, p) || !bytes.Equal(all[i].past, all[0].past) {
					t.Fatalf("%d bytes at a time: %d of %d bytes, %v", n, len(got), len(p), err)
				}
			}
		}
	}
}

// A message in steady state costs no allocation, but what compress/flate
// allocates for codes of more than nine bits: the texts have few enough symbols.
func TestInflateAllocatesNothing(t *testing.T) {
	for _, n := range []int{0, 20, 500, 5000, 100_000} {
		p := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		for _, bits := range []uint8{8, maxWindow} {
			for _, takeover := range []bool{false, true} {
				var pool flatePool
				var history inflateHistory
				past := &history
				if !takeover {
					past = nil
				}
				z := newDeflater(6, bits).compress(nil, p)
				dst, buf := make([]byte, 0, n+1), make([]byte, 1000)
				run := func() {
					f := pool.inflater()
					if got, err := f.inflate(dst, z, past, bits, noLimit); err != nil || len(got) != n {
						t.Fatal(len(got), err)
					}
					f.begin(z, past, bits, noLimit)
					for {
						if _, err := f.next(buf); err == io.EOF {
							break
						} else if err != nil {
							t.Fatal(err)
						}
					}
					pool.putInflater(f)
				}
				run()
				run() // the history is full
				if got := testing.AllocsPerRun(20, run); got != 0 {
					t.Errorf("%d bytes, %d bits, takeover %v: %v allocations", n, bits, takeover, got)
				}
			}
		}
	}
}

// A history is the end of what was added, in no more memory than it needs.
func TestInflateHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, size := range []int{256, 1 << 12, 1 << 15} {
		var h inflateHistory
		var all []byte
		for range 300 {
			p := noise(r, r.IntN(r.IntN(2*size)+1))
			all = append(all, p...)
			h.add(p, size)
			if want := all[max(0, len(all)-size):]; !bytes.Equal(h, want) {
				t.Fatalf("%d of %d bytes are not the last ones", len(h), len(all))
			}
			if cap(h) > size {
				t.Fatalf("%d bytes in %d, want no more than %d", len(h), cap(h), size)
			}
		}
	}
}

// FuzzInflate holds the inflater against the independent decoder and, for what
// that takes, against compress/flate alone; whole or in pieces, with limits or
// without: it says the same, or that a limit is exceeded, and never goes beyond.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{"", "\x00", "\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
		"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "\x03\x00\x03\x00\x00", "\xff\xff", "\x01\x09\x00\xf6\xff"} {
		f.Add([]byte(s), []byte("Hello"), uint16(1000), uint16(3))
	}
	r := rand.New(rand.NewPCG(17, 18))
	for level := 1; level <= 9; level++ {
		f.Add(newDeflater(level, maxWindow).compress(nil, text(r, 1000)), []byte{}, uint16(999+level%2), uint16(100))
	}
	f.Fuzz(func(t *testing.T, z, history []byte, most, n uint16) {
		want, _, bad := inflateReference(slices.Concat(z, inflateTail), history)
		for _, limit := range []inflateLimit{noLimit, {max: int(most)}, {max: int(most), ratio: 2}} {
			var g inflater
			past := inflateHistory(slices.Clone(history))
			got, err := g.inflate(nil, z, &past, maxWindow, limit)
			past = inflateHistory(slices.Clone(history))
			got2, err2 := pulled(&g, int(n)+1, z, &past, maxWindow, limit)
			if !bytes.Equal(got, got2) || fmt.Sprint(err) != fmt.Sprint(err2) {
				t.Fatalf("whole %d bytes, %v; in pieces %d, %v", len(got), err, len(got2), err2)
			}
			if err != nil && strings.Contains(err.Error(), "final blocks") && len(z) > 2*freeEnds {
				continue
			}
			switch over := bad == nil && len(want) > limit.most(len(z)); {
			case over && codeOf(t, err) != CloseTooLarge:
				t.Fatalf("%d bytes are more than %d: %v", len(want), limit.most(len(z)), err)
			case over:
			case bad == nil && (err != nil || !bytes.Equal(got, want)):
				t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
			case bad != nil && (err == nil || limit == noLimit && codeOf(t, err) != CloseInvalidData):
				t.Fatalf("%d bytes, %v; want an error", len(got), err)
			}
		}
		if bad != nil || len(history) > 1<<maxWindow {
			return
		}
		stream := flate.NewReaderDict(bytes.NewReader(slices.Concat(z, inflateTail)), history)
		if got, err := io.ReadAll(stream); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(want, got) {
			t.Fatalf("compress/flate makes %d bytes, %v; not the beginning of %d", len(got), err, len(want))
		}
	})
}
