package ws

import (
	"compress/flate"
	"math"
	"testing"
)

// Values that are out of range are refused.
func TestDeflateCheck(t *testing.T) {
	for _, d := range []Deflate{{}, {Level: -2, WindowBits: 8, PeerWindowBits: 15}, {Level: 9, WindowBits: 15, PeerWindowBits: 8, MaxRatio: -1, Threshold: -1, Budget: -1}} {
		if err := d.validate(); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
	for _, d := range []Deflate{{Level: 10}, {Level: -3}, {WindowBits: 7}, {WindowBits: 16}, {PeerWindowBits: -1}, {PeerWindowBits: 264}} {
		if d.validate() == nil {
			t.Errorf("%+v: no error", d)
		}
	}
}

// The defaults are a threshold of 256 bytes, a budget of 64 MiB, and a level that depends
// on the context.
func TestDeflateDefaults(t *testing.T) {
	for _, tt := range []struct {
		d    Deflate
		n    int
		want bool
	}{
		{Deflate{}, 255, false}, {Deflate{}, 256, true}, {Deflate{Threshold: 10}, 9, false}, {Deflate{Threshold: 10}, 10, true}, {Deflate{Threshold: -1}, 0, true},
	} {
		if tt.d.longEnough(tt.n) != tt.want {
			t.Errorf("threshold %d: a message of %d bytes is compressed: %v, want %v", tt.d.Threshold, tt.n, !tt.want, tt.want)
		}
	}
	for _, tt := range []struct{ budget, spent, want int }{{0, 0, 64 << 20}, {0, 64 << 20, 0}, {1000, 300, 700}, {-1, 0, 0}, {math.MinInt, 1, -1}, {math.MaxInt, 1, math.MaxInt - 1}} {
		if got := (&Deflate{Budget: tt.budget}).budgetLeft(tt.spent); got != tt.want {
			t.Errorf("budget %d, %d spent: %d bytes are left, want %d", tt.budget, tt.spent, got, tt.want)
		}
	}
	for _, tt := range []struct {
		level    int
		bits     uint8
		takeover bool
		want     int
	}{{0, 15, true, 2}, {0, 15, false, 1}, {0, 9, true, 2}, {6, 15, false, 6}, {6, 9, true, 6}, {6, 8, false, flate.HuffmanOnly}} {
		if got := (&Deflate{Level: tt.level}).level(tt.bits, tt.takeover); got != tt.want {
			t.Errorf("level %d, %d bits, takeover %v: level %d, want %d", tt.level, tt.bits, tt.takeover, got, tt.want)
		}
	}
}
