package ws

import (
	"bytes"
	"slices"
	"testing"
)

// The limit may be lowered below what is inflated already, wherever the memory of that ends.
func TestLimitLoweredBelowWhatIsInflated(t *testing.T) {
	var f inflater
	p := newDeflater(1, maxWindow).compress(nil, bytes.Repeat([]byte("0123456789abcdef"), 20<<10))
	for pieces := 1; pieces < 10; pieces++ {
		for _, limit := range []int{1, 500, 32 << 10} {
			f.begin(p, nil, 15, noLimit)
			var got []byte
			for range pieces {
				var err error
				if got, err = f.appendPiece(got); err != nil {
					t.Fatal(err)
				}
			}
			f.setLimit(inflateLimit{max: limit})
			if f.inflated <= limit {
				f.setLimit(inflateLimit{max: f.inflated - 1})
			}
			for _, dst := range [][]byte{got, slices.Clip(got)} {
				if _, err := f.appendPiece(dst); codeOf(t, err) != StatusMessageTooBig {
					t.Fatalf("limit %d after %d bytes in %d pieces: %v", limit, f.inflated, pieces, err)
				}
			}
			f.end()
		}
	}
}
