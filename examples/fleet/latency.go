package main

import (
	"math/bits"
	"time"
)

// latency is a histogram of times. Each power of two has 64 buckets of the same width. So a
// percentile is exact up to 127 ns, and at most 1.6 % too large above. The largest time is exact.
//
//	time in ns       width of a bucket
//	0 to 127         1
//	128 to 255       2
//	256 to 511       4, and so on
type latency struct {
	buckets [58 * subBuckets]uint64
	count   uint64
	max     time.Duration
}

// subBuckets is the number of buckets for each power of two.
const subBuckets = 64

// add counts a time. A negative one counts as 0.
func (l *latency) add(d time.Duration) {
	d = max(d, 0)
	l.count++
	l.max = max(l.max, d)
	l.buckets[bucket(uint64(d))]++
}

// bucket returns the bucket of a time.
func bucket(ns uint64) int {
	shift := max(bits.Len64(ns/subBuckets)-1, 0)
	return shift*subBuckets + int(ns>>shift)
}

// upper returns the largest time of a bucket.
func upper(bucket int) uint64 {
	if bucket < 2*subBuckets {
		return uint64(bucket)
	}
	shift := bucket/subBuckets - 1
	return (uint64(bucket-shift*subBuckets)+1)<<shift - 1
}

// percentile returns the smallest time that so many percent of the times do not exceed. It is 0 if
// there are none.
func (l *latency) percentile(percent float64) time.Duration {
	rank := uint64(percent / 100 * float64(l.count))
	if float64(rank) < percent/100*float64(l.count) {
		rank++
	}
	rank = max(rank, 1)
	for i, n := range l.buckets {
		if n >= rank {
			return min(time.Duration(upper(i)), l.max)
		}
		rank -= n
	}
	return l.max
}
