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

// What an append-style function returned for AvailableBuffer is taken over
// where it lies, and taken over just the same when it had to be moved.
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

// Consuming moves an offset, and a queue that is filled and emptied goes on in
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

// Appending through the slice that Bytes returned must not reach the buffer.
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
