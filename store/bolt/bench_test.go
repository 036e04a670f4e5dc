package bolt_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/store/bolt"
)

// BenchmarkMessage measures the changes of a QoS 1 message: it is put when it is published, put
// again when it is sent, and deleted when it is acknowledged, 100 messages later. A commit has the
// changes of several messages.
func BenchmarkMessage(b *testing.B) {
	for _, sync := range []bool{false, true} {
		for _, perCommit := range []int{1, 10, 100} {
			for _, size := range []int{64, 1024} {
				b.Run(fmt.Sprintf("sync=%v/commit=%d/bytes=%d", sync, perCommit, size), func(b *testing.B) {
					benchmark(b, &bolt.Options{NoSync: !sync}, perCommit, size)
				})
			}
		}
	}
}

func benchmark(b *testing.B, opts *bolt.Options, perCommit, size int) {
	s := open(b, newPath(b), opts)
	value := make([]byte, size)
	key := make([]byte, 9)
	n := uint64(0)
	message := func() {
		binary.BigEndian.PutUint64(key[1:], n)
		must(b, s.Put(key, value), s.Put(key, value))
		if n >= 100 {
			binary.BigEndian.PutUint64(key[1:], n-100)
			must(b, s.Delete(key))
		}
		if n++; n%uint64(perCommit) == 0 {
			must(b, s.Commit())
		}
	}
	key[0] = 'o'
	for range 200 {
		message()
	}
	b.ReportAllocs()
	for b.Loop() {
		message()
	}
}
