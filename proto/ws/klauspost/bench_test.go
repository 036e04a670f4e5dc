package klauspost_test

import (
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/proto/ws/klauspost"
)

// records returns different messages of n bytes each: JSON with the same names and different
// values.
func records(count, n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"accepted", "pending", "cancelled", "berlin", "osaka", "lima", "pressure", "gateway"}
	word := func() string { return words[r.IntN(len(words))] }
	all := make([][]byte, count)
	for i := range all {
		var m []byte
		for len(m) < n {
			m = fmt.Appendf(m, `{"id":%d,"time":17%09d,"kind":%q,"place":%q,"value":%.3f,"tags":[%q,%q],"ok":%t},`,
				r.IntN(1e7), r.IntN(1e9), word(), word(), r.Float64()*1000, word(), word(), r.IntN(2) == 0)
		}
		all[i] = m[:n]
	}
	return all
}

// counter counts the bytes that are written.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// BenchmarkPairs compresses messages with compress/flate and with this package, in turn, as package
// ws does. It reports the CPU time with this package, the ratio of the two CPU times, and the ratio
// of the two sizes. Ratios are medians of short rounds, so other programs hardly change them.
func BenchmarkPairs(b *testing.B) {
	for _, takeover := range []bool{true, false} {
		level := 2 // the defaults of ws.Deflate
		if !takeover {
			level = 1
		}
		for _, n := range []int{256, 1 << 10, 4 << 10, 64 << 10} {
			for _, l := range slices.Compact([]int{1, level, 4, 6}) {
				b.Run(fmt.Sprintf("takeover=%v/%d/level%d", takeover, n, l), func(b *testing.B) {
					pairs(b, takeover, level, l, records(1<<20/n, n))
				})
			}
		}
	}
}

// cpu returns the CPU time of this process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pairs compares compress/flate at one level with this package at another.
func pairs(b *testing.B, takeover bool, level, ours int, messages [][]byte) {
	std, err := flate.NewWriter(io.Discard, level)
	if err != nil {
		b.Fatal(err)
	}
	compressors := []ws.Compressor{std, klauspost.NewCompressor(ours, 15)}
	var sizes [2]counter
	per := 1 + 400_000/len(messages[0]) // messages of a round
	var ratios, times []float64
	for i := range compressors {
		compressors[i].Reset(&sizes[i])
	}
	for round := 0; b.Loop(); round++ {
		var took [2]time.Duration
		for k := range 2 {
			i := (k + round) % 2
			began := cpu(b)
			for j := range per {
				if !takeover {
					compressors[i].Reset(&sizes[i])
				}
				compressors[i].Write(messages[(round*per+j)%len(messages)])
				compressors[i].Flush()
			}
			took[i] = cpu(b) - began
		}
		ratios = append(ratios, float64(took[1])/float64(took[0]))
		times = append(times, float64(took[1].Nanoseconds())/1e3/float64(per))
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(times), "µs/message")
	b.ReportMetric(median(ratios), "time-ratio")
	b.ReportMetric(float64(sizes[1])/float64(sizes[0]), "size-ratio")
}
