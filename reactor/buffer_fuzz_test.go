package reactor_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// FuzzBuffer runs a program of buffer operations, two bytes each, against a
// Buffer and a plain slice.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte("\x00\x10\x02\x08\x03\x04\x05\x02"))
	f.Add([]byte("\x00\xff\x00\xff\x00\xff\x02\xfe\x02\xff\x00\xff\x00\xff\x07\x00"))
	f.Add([]byte("\x01\x20\x04\x10\x04\x00\x04\x30\x03\x05\x06\x00\x01\x01"))
	f.Add([]byte("\x05\xff\x00\x80\x02\x80\x08\x09\x07\x40\x08\x90"))
	f.Add(bytes.Repeat([]byte{0, 200, 2, 150}, 50))
	f.Fuzz(func(t *testing.T, program []byte) {
		var b reactor.Buffer
		var model []byte
		next := byte(0)
		fill := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				p[i] = next
				next++
			}
			return p
		}
		for i := 0; i+1 < len(program); i += 2 {
			op, n := program[i], int(program[i+1])
			switch op % 9 {
			case 0:
				p := fill(n * 3)
				b.Append(p)
				model = append(model, p...)
			case 1:
				p := fill(n)
				b.AppendString(string(p))
				model = append(model, p...)
			case 2:
				n = min(n*2, len(model))
				b.Consume(n)
				model = model[n:]
			case 3:
				n = min(n, len(model))
				b.Truncate(n)
				model = model[:n:n]
			case 4:
				at, p := min(n, len(model)), fill(n/2)
				b.Insert(at, p)
				model = append(model[:at:at], append(p, model[at:]...)...)
			case 5:
				b.Grow(n)
				if c := cap(b.AvailableBuffer()); c < n {
					t.Fatalf("room for %d after Grow(%d)", c, n)
				}
			case 6:
				b.Reset()
				model = nil
			case 7:
				p := fill(n)
				b.Append(append(b.AvailableBuffer(), p...))
				model = append(model, p...)
			case 8:
				b.Append(b.Bytes()[:min(n, b.Len())])
				model = append(model, model[:min(n, len(model))]...)
			}
			if b.Len() != len(model) || !bytes.Equal(b.Bytes(), model) {
				t.Fatalf("after operation %d (%d, %d): %d bytes %x, want %d bytes %x",
					i/2, op%9, n, b.Len(), b.Bytes(), len(model), model)
			}
		}
	})
}
