package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Each time is in one bucket, the buckets follow each other, and none is wider than 1/64 of its
// times.
func TestBuckets(t *testing.T) {
	next := uint64(0) // the least time of the bucket
	for b := range len(latency{}.buckets) {
		up := upper(b)
		if bucket(next) != b || bucket(up) != b || up < next {
			t.Fatalf("bucket %d from %d to %d: %d, %d", b, next, up, bucket(next), bucket(up))
		}
		if width := up - next + 1; width > 1 && width > next/subBuckets {
			t.Fatalf("bucket %d from %d is %d wide", b, next, width)
		}
		if up >= math.MaxInt64 {
			return
		}
		next = up + 1
	}
	t.Fatal("the last bucket does not contain the largest time")
}

// A percentile is at most 1.6 % above the exact one, and never below. The largest time is exact.
func TestPercentiles(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		var l latency
		all := make([]time.Duration, 1+r.IntN(2000))
		for i := range all {
			all[i] = time.Duration(r.Uint64N(1 << (1 + r.Uint64N(40))))
			l.add(all[i])
		}
		slices.Sort(all)
		for _, percent := range []float64{0, 0.1, 1, 50, 90, 99, 99.9, 100} {
			rank := max(int(math.Ceil(percent/100*float64(len(all)))), 1)
			exact, got := all[rank-1], l.percentile(percent)
			if got < exact || float64(got) > float64(exact)*(1+1.0/subBuckets) || exact < 128 && got != exact {
				t.Errorf("%v %% of %d: %v, exact %v", percent, len(all), got, exact)
			}
		}
		if l.max != all[len(all)-1] || l.percentile(100) != l.max {
			t.Errorf("max %v, want %v", l.max, all[len(all)-1])
		}
	}
}

// Without times all percentiles are 0. A negative time, of a clock that goes back, counts as 0.
func TestLatencyEdges(t *testing.T) {
	var l latency
	if l.percentile(50) != 0 || l.percentile(100) != 0 || l.max != 0 {
		t.Error("an empty histogram is not 0")
	}
	l.add(-time.Second)
	l.add(math.MaxInt64)
	if l.percentile(50) != 0 || l.percentile(99) != math.MaxInt64 || l.max != math.MaxInt64 {
		t.Errorf("%v, %v", l.percentile(50), l.percentile(99))
	}
}
