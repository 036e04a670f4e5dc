package reactor_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A program that puts another Buffer in the place of Send loses what was in
// it, and no more: Write goes on sending.
func TestWriteAfterSendWasReplaced(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	spin(t, m, 2)
	c.Write([]byte("lost"))
	c.Send = reactor.Buffer{}
	spin(t, m, 2)
	for _, s := range []string{"one", strings.Repeat("large", 1000)} {
		p.in = nil
		if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		await(t, m, "the bytes", p.received(s))
	}
}

// A message that is taken out of Recv later, not in its EvRead, costs no new
// memory.
func TestRecvEmptiedLaterAllocatesNothing(t *testing.T) {
	m := newManager(t)
	held := 0
	c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			held = c.Recv.Len()
		}
	})
	poll(t, m)
	message := make([]byte, 3000)
	wantNoAllocs(t, func() {
		c.Recv.Reset()
		held = 0
		if n, err := unix.Write(p.fd, message); err != nil || n != len(message) {
			t.Fatalf("wrote %d: %v", n, err)
		}
		poll(t, m)
		if held != len(message) || c.Recv.Len() != held {
			t.Fatalf("EvRead saw %d bytes, %d are left", held, c.Recv.Len())
		}
	})
}
