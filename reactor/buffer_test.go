package reactor_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

func TestBufferZeroValue(t *testing.T) {
	var b reactor.Buffer
	if b.Len() != 0 || len(b.Bytes()) != 0 || len(b.AvailableBuffer()) != 0 {
		t.Errorf("Len %d, Bytes %q, AvailableBuffer %q", b.Len(), b.Bytes(), b.AvailableBuffer())
	}
	b.Consume(0)
	b.Truncate(0)
	b.Reset()
	b.Insert(0, nil)
	b.Append(nil)
	b.AppendString("")
	b.Grow(0)
	if b.Len() != 0 {
		t.Errorf("Len %d", b.Len())
	}
}

func TestBufferOperations(t *testing.T) {
	tests := []struct {
		name string
		do   func(b *reactor.Buffer)
		want string
	}{
		{"append", func(b *reactor.Buffer) { b.Append([]byte("ab")); b.AppendString("cd") }, "abcd"},
		{"write", func(b *reactor.Buffer) { io.WriteString(b, "ab"); b.Write([]byte("c")) }, "abc"},
		{"consume", func(b *reactor.Buffer) { b.AppendString("abcd"); b.Consume(1); b.Consume(2) }, "d"},
		{"consume all, append", func(b *reactor.Buffer) { b.AppendString("abcd"); b.Consume(4); b.AppendString("e") }, "e"},
		{"truncate", func(b *reactor.Buffer) { b.AppendString("abcd"); b.Truncate(3) }, "abc"},
		{"truncate what was consumed from", func(b *reactor.Buffer) { b.AppendString("abcd"); b.Consume(1); b.Truncate(2) }, "bc"},
		{"truncate to nothing", func(b *reactor.Buffer) {
			b.AppendString("abcd")
			b.Consume(1)
			b.Truncate(0)
			b.AppendString("x")
		}, "x"},
		{"insert in front", func(b *reactor.Buffer) { b.AppendString("cd"); b.Insert(0, []byte("ab")) }, "abcd"},
		{"insert in the middle", func(b *reactor.Buffer) { b.AppendString("ad"); b.Insert(1, []byte("bc")) }, "abcd"},
		{"insert at the back", func(b *reactor.Buffer) { b.AppendString("ab"); b.Insert(2, []byte("cd")) }, "abcd"},
		{"insert into what was consumed from", func(b *reactor.Buffer) {
			b.AppendString("xxad")
			b.Consume(2)
			b.Insert(1, []byte("bc"))
		}, "abcd"},
		{"insert into nothing", func(b *reactor.Buffer) { b.Insert(0, []byte("a")) }, "a"},
		{"reset", func(b *reactor.Buffer) { b.AppendString("abcd"); b.Reset(); b.AppendString("e") }, "e"},
		{"append itself", func(b *reactor.Buffer) { b.AppendString("ab"); b.Append(b.Bytes()); b.Append(b.Bytes()) }, "abababab"},
		{"append itself without room", func(b *reactor.Buffer) {
			for range 10 { // beyond any first allocation
				b.AppendString(strings.Repeat("x", 100))
			}
			b.Consume(998)
			b.AppendString("yz")
			b.Append(b.Bytes())
		}, "xxyzxxyz"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b reactor.Buffer
			test.do(&b)
			if got := string(b.Bytes()); got != test.want || b.Len() != len(test.want) {
				t.Errorf("%q, Len %d; want %q", got, b.Len(), test.want)
			}
		})
	}
}

func TestBufferCopiesWhatIsAppended(t *testing.T) {
	var b reactor.Buffer
	p, q := []byte("abc"), []byte("xyz")
	b.Append(p)
	b.Insert(0, q)
	p[0], q[0] = '!', '!'
	if got := string(b.Bytes()); got != "xyzabc" {
		t.Errorf("%q", got)
	}
}

// Append keeps the result of an append-style function where it is, if it was appended to
// AvailableBuffer. It copies the result if that has been moved.
func TestBufferAvailableBuffer(t *testing.T) {
	var b reactor.Buffer
	b.AppendString("head ")
	b.Grow(100)
	spare := b.AvailableBuffer()
	if len(spare) != 0 || cap(spare) < 100 {
		t.Fatalf("len %d, cap %d after Grow(100)", len(spare), cap(spare))
	}
	tail := append(spare, "tail"...)
	b.Append(tail)
	if &tail[0] != &b.Bytes()[len("head ")] {
		t.Error("Append copied what lay in the buffer already")
	}
	long := append(b.AvailableBuffer(), strings.Repeat("z", cap(b.AvailableBuffer())+1)...)
	b.Append(long)
	if got := string(b.Bytes()); got != "head tail"+string(long) {
		t.Errorf("%q", got)
	}
}

func TestBufferGrow(t *testing.T) {
	var b reactor.Buffer
	b.AppendString("abc")
	b.Consume(1)
	b.Grow(1000)
	first := &b.Bytes()[0]
	chunk := bytes.Repeat([]byte("y"), 500)
	if n := testing.AllocsPerRun(1, func() {
		b.Truncate(2)
		b.Append(chunk)
		b.Insert(1, chunk)
	}); n != 0 {
		t.Errorf("%v allocations after Grow", n)
	}
	if first != &b.Bytes()[0] {
		t.Error("the content moved although there was room")
	}
}

// Consume moves an offset only. A buffer that is filled and emptied again and again uses
// the memory that it has.
func TestBufferConsumeMovesNothing(t *testing.T) {
	var b reactor.Buffer
	b.AppendString("abcdef")
	d := &b.Bytes()[3]
	b.Consume(3)
	if d != &b.Bytes()[0] {
		t.Error("Consume moved the rest")
	}
	chunk := make([]byte, 200)
	b.Reset()
	b.Append(chunk)
	b.Append(chunk) // never less than 200 bytes, never more than 400
	if n := testing.AllocsPerRun(100, func() {
		b.Consume(200)
		b.Append(chunk)
	}); n != 0 {
		t.Errorf("%v allocations per append to a queue that does not grow", n)
	}
}

// Insert moves only the bytes behind it.
func TestBufferInsertMovesOnlyTheRest(t *testing.T) {
	var b reactor.Buffer
	b.AppendString("abcdef")
	b.Grow(10)
	a := &b.Bytes()[0]
	b.Insert(3, []byte("--"))
	if a != &b.Bytes()[0] {
		t.Error("Insert moved what lay in front")
	}
}

// An append to the slice that Bytes returned must not change the buffer.
func TestBufferBytesAreClipped(t *testing.T) {
	var b reactor.Buffer
	b.AppendString("abc")
	_ = append(b.Bytes(), "overwritten"...)
	b.AppendString("def")
	if got := string(b.Bytes()); got != "abcdef" {
		t.Errorf("%q", got)
	}
}

func TestBufferPanics(t *testing.T) {
	tests := []struct {
		name string
		do   func(b *reactor.Buffer)
	}{
		{"consume too much", func(b *reactor.Buffer) { b.Consume(3) }},
		{"consume less than nothing", func(b *reactor.Buffer) { b.Consume(-1) }},
		{"truncate beyond", func(b *reactor.Buffer) { b.Truncate(3) }},
		{"truncate to less than nothing", func(b *reactor.Buffer) { b.Truncate(-1) }},
		{"insert beyond", func(b *reactor.Buffer) { b.Insert(3, []byte("x")) }},
		{"insert before", func(b *reactor.Buffer) { b.Insert(-1, []byte("x")) }},
		{"grow by less than nothing", func(b *reactor.Buffer) { b.Grow(-1) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b reactor.Buffer
			b.AppendString("abc")
			b.Consume(1)
			defer func() {
				if s, ok := recover().(string); !ok || !strings.Contains(s, "Buffer") {
					t.Errorf("panic %v, want one that names the buffer", s)
				}
				if string(b.Bytes()) != "bc" {
					t.Errorf("content %q after the panic", b.Bytes())
				}
			}()
			test.do(&b)
		})
	}
}

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
