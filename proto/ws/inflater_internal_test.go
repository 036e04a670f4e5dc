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

	"github.com/rikki-go/rikki/internal/looptest"
)

// noLimit accepts messages of any size.
var noLimit = inflateLimit{max: -1}

// codeOf returns the code of a *ProtocolError. It returns 0 if err is nil.
func codeOf(t *testing.T, err error) StatusCode {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := err.(*ProtocolError)
	if !ok {
		t.Fatalf("the error %v is not a *ProtocolError", err)
	}
	return e.Code
}

// pulled inflates with next, n bytes at a time.
func pulled(f *inflater, n int, p []byte, past *inflateWindow, bits uint8, limit inflateLimit) (got []byte, err error) {
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

// The examples of [RFC 7692 7.2.3] and similar messages are inflated. The messages of a row
// share a context.
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
			var past inflateWindow
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

// Malformed data is refused, in one piece and in several.
func TestInflateRefuses(t *testing.T) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	for _, tt := range []struct{ name, in, reason string }{
		{"nothing at all", "", "corrupt"},
		{"reserved block type", "\x06", "corrupt"},
		{"block begun after the message", hello + "\x00", "corrupt"},
		{"length that is not its complement", "\x00\x05\x00\xfa\xfeHello\x00", "corrupt"},
		{"stored block cut off", "\x00\xf0\x00\x0f\xffHello", "cut off"},
		{"tail not removed", hello + deflateTail, "corrupt"},
		{"reference to before the first byte", "\xf2\x00\x11\x00\x00", "corrupt"},
		{"final block without an empty one", "\xf3\x48\xcd\xc9\xc9\x07\x00", "corrupt"},
		{"garbage after a final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00garbage", "corrupt"},
		{"final block that the receiver appends", hello + string(inflateTail), "corrupt"},
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
			if code := codeOf(t, err); code != StatusInvalidFramePayloadData || len(got) != 0 || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%s: %q, %v", tt.name, got, err)
			}
		}
	}
}

// Without context takeover a message cannot refer to data that was inflated before it.
func TestInflateWithoutContext(t *testing.T) {
	var f inflater
	for range 2 {
		if got, err := f.inflate(nil, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), nil, maxWindow, noLimit); string(got) != "Hello" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if got, err := f.inflate(nil, []byte("\xf2\x00\x11\x00\x00"), nil, maxWindow, noLimit); codeOf(t, err) != StatusInvalidFramePayloadData {
			t.Fatalf("%q, %v", got, err)
		}
		var past inflateWindow
		if got, err := f.inflate(nil, []byte("\xf2\x00\x11\x00\x00"), &past, maxWindow, noLimit); codeOf(t, err) != StatusInvalidFramePayloadData {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// The number of final blocks in a message is limited, so that they cannot keep the loop
// busy.
func TestInflateFinalBlocks(t *testing.T) {
	var f inflater
	for _, tt := range []struct {
		ends, size int // numbers of final blocks and of other bytes
		ok         bool
	}{{freeFinalBlocks, 0, true}, {freeFinalBlocks + 1, 0, false}, {freeFinalBlocks + 5, 5 << 8, true}, {freeFinalBlocks + 10, 5 << 8, false}, {1 << 19, 0, false}} {
		stored := "\x00\x00\x05\xff\xfa" + strings.Repeat("x", 5<<8)
		z := []byte(strings.Repeat("\x03\x00", tt.ends) + stored[:min(tt.size, 1)*len(stored)] + "\x00")
		_, err := f.inflate(nil, z, nil, maxWindow, noLimit)
		if ok := err == nil; ok != tt.ok || !ok && codeOf(t, err) != StatusInvalidFramePayloadData {
			t.Errorf("%d final blocks and %d other bytes: %v, want them accepted: %v", tt.ends, tt.size, err, tt.ok)
		}
	}
}

// A message that is cut off is refused at every length, unless the appended tail makes it
// complete. The independent decoder says which.
func TestInflateCutOff(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for level := flate.HuffmanOnly; level <= 9; level++ {
		var f inflater
		for _, p := range [][]byte{text(r, 100), text(r, 1000), noise(r, 200)} {
			z := newDeflater(level, maxWindow).compress(nil, p)
			whole := 0
			for i := range z {
				want, _, bad := looptest.Inflate(slices.Concat(z[:i], inflateTail), nil)
				got, err := f.inflate(nil, z[:i], nil, maxWindow, noLimit)
				if (err == nil) != (bad == nil) || err == nil && !bytes.Equal(got, want) {
					t.Fatalf("level %d, %d bytes of %d: %d bytes, %v; reference: %d, %v", level, i, len(z), len(got), err, len(want), bad)
				}
				if err == nil {
					whole++
				} else if codeOf(t, err) != StatusInvalidFramePayloadData {
					t.Fatalf("level %d, %d bytes of %d: %v", level, i, len(z), err)
				}
			}
			if whole > 4 {
				t.Errorf("level %d: %d of %d beginnings are complete, want at most 4", level, whole, len(z))
			}
		}
	}
}

// The limits apply to the inflated message. Memory for it grows with the message, not with
// the limit.
func TestInflateLimits(t *testing.T) {
	const bombSize = 1 << 20
	bomb := newDeflater(9, maxWindow).compress(nil, make([]byte, bombSize)) // more than a thousand times its size
	small := newDeflater(9, maxWindow).compress(nil, make([]byte, ratioThreshold))
	mixed := newDeflater(9, maxWindow).compress(nil, append(noise(rand.New(rand.NewPCG(1, 1)), 1000), make([]byte, 100_000)...)) // 101,000 bytes, some 90 times its size
	stored := newDeflater(flate.NoCompression, maxWindow).compress(nil, make([]byte, 100_000))
	for _, tt := range []struct {
		name   string
		in     []byte
		limit  inflateLimit
		want   int // bytes; -1: refused
		reason string
	}{
		{"no limit", bomb, noLimit, bombSize, ""},
		{"as large as allowed", bomb, inflateLimit{max: bombSize}, bombSize, ""},
		{"a byte too large", bomb, inflateLimit{max: bombSize - 1}, -1, "more than 1048575 bytes"},
		{"only empty messages", small, inflateLimit{max: 0}, -1, "more than 0 bytes"},
		{"empty", []byte{0}, inflateLimit{max: 0}, 0, ""},
		{"ratio", bomb, inflateLimit{max: -1, ratio: 1000}, -1, "more than 1000 times"},
		{"larger ratio", bomb, inflateLimit{max: -1, ratio: 1040}, bombSize, ""},
		{"ratio of a small message", small, inflateLimit{max: -1, ratio: 1, free: ratioThreshold}, ratioThreshold, ""},
		{"size before ratio", bomb, inflateLimit{max: 100, ratio: 1}, -1, "more than 100 bytes"},
		{"ratio before size", bomb, inflateLimit{max: bombSize, ratio: 1}, -1, "more than 1 times"},
		{"ratio reached", mixed, inflateLimit{max: -1, ratio: 101_000/len(mixed) + 1}, 101_000, ""},
		{"ratio missed", mixed, inflateLimit{max: -1, ratio: 101_000 / len(mixed)}, -1, "times its size"},
		{"stored blocks", stored, inflateLimit{max: -1, ratio: 1}, 100_000, ""},
	} {
		for _, n := range []int{0, 1000, 1 << 20} {
			var f inflater
			got, peak := []byte(nil), 0
			most := 4*min(tt.limit.maxBytes(len(tt.in)), 2*bombSize) + inflaterCost + 8<<10
			var err error
			if n == 0 {
				peak = allocated(most, func() {
					f = inflater{}
					got, err = f.inflate(nil, tt.in, nil, maxWindow, tt.limit)
				})
			} else {
				got, err = pulled(&f, n, tt.in, nil, maxWindow, tt.limit)
			}
			if tt.want >= 0 {
				if err != nil || len(got) != tt.want {
					t.Errorf("%s: %d bytes, %v", tt.name, len(got), err)
				}
				continue
			}
			if codeOf(t, err) != StatusMessageTooBig || len(got) > 0 || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%s: %d bytes, %v", tt.name, len(got), err)
			}
			if peak > most {
				t.Errorf("%s: %d bytes allocated, want at most %d", tt.name, peak, most)
			}
		}
	}
}

// A ratio whose product overflows is no limit.
func TestInflateLimitOverflow(t *testing.T) {
	for n := range 9 {
		for _, ratio := range []int{math.MaxInt, math.MaxInt / 2, math.MaxInt/2 + 1, math.MaxInt / 3} {
			if got := (inflateLimit{max: -1, ratio: ratio, free: ratioThreshold}).maxBytes(n); n > 0 && got < ratio-1 || got < ratioThreshold {
				t.Errorf("%d bytes with the ratio %d: the limit is %d", n, ratio, got)
			}
		}
	}
}

// The largest int and negative values are no limit.
func TestInflateWithoutLimit(t *testing.T) {
	for _, max := range []int{math.MaxInt, math.MaxInt - 1, -1, math.MinInt} {
		var f inflater
		z := newDeflater(1, maxWindow).compress(nil, []byte("hello"))
		if got, err := f.inflate(nil, z, nil, maxWindow, inflateLimit{max: max}); err != nil || string(got) != "hello" {
			t.Errorf("limit %d: %q, %v", max, got, err)
		}
	}
}

// The size of the pieces changes neither the message nor the history.
func TestInflateInPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, bits := range []uint8{8, 12, maxWindow} {
		d := newDeflater(6, bits)
		var all [4]struct {
			f    inflater
			past inflateWindow
		}
		for range 6 {
			p := text(r, r.IntN(40_000))
			z := d.compress(nil, p)
			for i, n := range []int{1 << 20, 4096, 1000, 7} {
				got, err := pulled(&all[i].f, n, z, &all[i].past, bits, inflateLimit{max: len(p)})
				if err != nil || !bytes.Equal(got, p) || !bytes.Equal(all[i].past, all[0].past) {
					t.Fatalf("in pieces of %d bytes: %d of %d bytes, or another history: %v", n, len(got), len(p), err)
				}
			}
		}
	}
}

// Inflating a message does not allocate in steady state. compress/flate allocates for codes
// of more than nine bits. The texts of this test have so few symbols that there are none.
func TestInflateAllocatesNothing(t *testing.T) {
	for _, n := range []int{0, 20, 500, 5000, 100_000} {
		p := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		for _, bits := range []uint8{8, maxWindow} {
			for _, takeover := range []bool{false, true} {
				var pool flatePool
				var history inflateWindow
				past := &history
				if !takeover {
					past = nil
				}
				z := newDeflater(6, bits).compress(nil, p)
				dst, buf := make([]byte, 0, n+1), make([]byte, 1000)
				run := func() {
					f := pool.getInflater()
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
				if got := testing.AllocsPerRun(10, run); got != 0 {
					t.Errorf("%d bytes, %d bits, takeover %v: %v allocations, want 0", n, bits, takeover, got)
				}
			}
		}
	}
}

// A history has the last bytes that were added. Its capacity is at most its size.
func TestInflateHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, size := range []int{256, 1 << 12, 1 << 15} {
		var h inflateWindow
		var all []byte
		for range 120 {
			p := noise(r, r.IntN(r.IntN(2*size)+1))
			all = append(all, p...)
			h.add(p, size)
			if want := all[max(0, len(all)-size):]; !bytes.Equal(h, want) {
				t.Fatalf("the history has %d bytes, which are not the last of %d", len(h), len(all))
			}
			if cap(h) > size {
				t.Fatalf("the history has %d bytes with the capacity %d, want at most %d", len(h), cap(h), size)
			}
		}
	}
}

// FuzzInflate compares the inflater with the independent decoder: whole and in pieces, with
// limits and without. The results must be the same, or a limit is exceeded. If the data is
// valid, compress/flate alone must return the beginning of the same bytes.
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
		want, _, bad := looptest.Inflate(slices.Concat(z, inflateTail), history)
		for _, limit := range []inflateLimit{noLimit, {max: int(most)}, {max: int(most), ratio: 2}} {
			var g inflater
			past := inflateWindow(slices.Clone(history))
			got, err := g.inflate(nil, z, &past, maxWindow, limit)
			past = inflateWindow(slices.Clone(history))
			got2, err2 := pulled(&g, int(n)+1, z, &past, maxWindow, limit)
			if !bytes.Equal(got, got2) || fmt.Sprint(err) != fmt.Sprint(err2) {
				t.Fatalf("whole %d bytes, %v; in pieces %d, %v", len(got), err, len(got2), err2)
			}
			if err != nil && strings.Contains(err.Error(), "final blocks") && len(z) > 2*freeFinalBlocks {
				continue
			}
			switch over := bad == nil && len(want) > limit.maxBytes(len(z)); {
			case over && codeOf(t, err) != StatusMessageTooBig:
				t.Fatalf("%d bytes are more than %d: %v", len(want), limit.maxBytes(len(z)), err)
			case over:
			case bad == nil && (err != nil || !bytes.Equal(got, want)):
				t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
			case bad != nil && (err == nil || limit == noLimit && codeOf(t, err) != StatusInvalidFramePayloadData):
				t.Fatalf("%d bytes, %v; want an error", len(got), err)
			}
		}
		if bad != nil || len(history) > 1<<maxWindow {
			return
		}
		stream := flate.NewReaderDict(bytes.NewReader(slices.Concat(z, inflateTail)), history)
		if got, err := io.ReadAll(stream); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(want, got) {
			t.Fatalf("compress/flate returns %d bytes, %v; not the beginning of %d", len(got), err, len(want))
		}
	})
}

// inflate inflates the whole message p and appends the result to dst. On an error dst is returned
// unchanged.
func (f *inflater) inflate(dst, p []byte, past *inflateWindow, bits uint8, limit inflateLimit) ([]byte, error) {
	start := len(dst)
	f.begin(p, past, bits, limit)
	defer f.end()
	for {
		var err error
		switch dst, err = f.appendPiece(dst); err {
		case nil:
		case io.EOF:
			return dst, nil
		default:
			return dst[:start], err
		}
	}
}
