package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Messages that come in pieces, with a rest in Recv between them, do not allocate.
func TestSplitMessagesDoNotAllocate(t *testing.T) {
	m := newManager(t)
	const size = 1000
	seen := 0
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			for c.Recv.Len() >= size {
				seen++
				c.Recv.Consume(size)
			}
		}
	})
	piece := make([]byte, size*3/5)
	wantNoAllocs(t, func() {
		before := seen
		for seen < before+3 {
			if _, err := unix.Write(p.FD, piece); err != nil {
				t.Fatal(err)
			}
			poll(t, m)
		}
	})
}

// The writer is blocked and the reader is slow. Send grows and shrinks within what the
// pool lends.
func TestPartialWritesDoNotAllocate(t *testing.T) {
	m := newManager(t)
	c, p := wrap(t, m, nil)
	chunk, in := make([]byte, 300<<10), make([]byte, 300<<10)
	wantNoAllocs(t, func() {
		c.Send.Append(chunk)
		for got, i := 0, 0; got < len(chunk); i++ {
			if i > turns {
				t.Fatalf("%d of %d bytes", got, len(chunk))
			}
			poll(t, m)
			if n, err := unix.Read(p.FD, in); err == nil {
				got += n
			}
		}
	})
}
