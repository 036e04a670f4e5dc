package blocking

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Whatever the sizes of the pieces, the bytes come out in order, and an empty queue owns no memory.
func TestQueueKeepsTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var q Queue
		var in, out []byte
		next := byte(0)
		for range 50 {
			p := make([]byte, rng.IntN(3*blockSize))
			for i := range p {
				p[i] = next
				next++
			}
			q.Append(p)
			in = append(in, p...)
			p = make([]byte, rng.IntN(3*blockSize))
			out = append(out, p[:q.Take(p)]...)
			if q.size != len(in)-len(out) || len(q.list) > q.size/blockSize+2 {
				t.Fatalf("size %d in %d blocks, want %d bytes", q.size, len(q.list), len(in)-len(out))
			}
		}
		for q.size > 0 {
			p := q.Front()
			out = append(out, p...)
			q.Consume(len(p))
		}
		if !bytes.Equal(in, out) || len(q.list) != 0 || q.Front() != nil {
			t.Fatalf("%d bytes in, %d out, %d blocks left", len(in), len(out), len(q.list))
		}
		q.Append([]byte("x"))
		if q.Reset(); q.size != 0 || q.list != nil {
			t.Fatal("not empty after reset")
		}
	}
}
