package reactor

import (
	"testing"

	"golang.org/x/sys/unix"
)

// When a large message is consumed, a small rest behind it does not keep its memory, whatever the
// layer expects. With TLS a read may bring the beginning of the next message.
func TestSmallRestKeepsNoLargeMemory(t *testing.T) {
	const message = 150_000
	for _, tt := range []struct{ rest, missing, most int }{
		{100, 0, minSlice},
		{100, message, minSlice},
		{10_000, message, 16 << 10},
		{20_000, 1000, 5 * 20_000},
		{20_000, 100 * message, 5 * 20_000},
	} {
		m := quiet(t)
		m.pool.put(make([]byte, 0, 1<<20))
		c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
			if ev != EvRead {
				return
			}
			if c.Recv.Len() < message+tt.rest {
				c.Stack().ExpectMore(900_000 - c.Recv.Len())
				return
			}
			c.Recv.Consume(message)
			c.Stack().ExpectMore(tt.missing)
		})
		turns(t, m, 1)
		if n, err := unix.Write(peer, make([]byte, message+tt.rest)); n != message+tt.rest || err != nil {
			t.Fatal(n, err)
		}
		turns(t, m, 3)
		if c.Recv.Len() != tt.rest || c.Recv.Cap() > tt.most || m.budget.held != roundHeld(c.Recv.Cap()).bytes() {
			t.Errorf("a rest of %d bytes, of %d that are missing, has %d, want at most %d; %d count", c.Recv.Len(), tt.missing,
				c.Recv.Cap(), tt.most, m.budget.held)
		}
	}
}

// movingLayer moves its first message of 100,000 bytes to Send, the second time that it gets it.
type movingLayer struct{ calls int }

func (l *movingLayer) Handle(c *Conn, ev Event, _ any) {
	p := c.Recv.Bytes()
	if ev != EvRead || len(p) < 100_000 {
		return
	}
	if l.calls++; l.calls > 1 {
		c.Recv.Consume(len(p))
		if !c.Stack().MoveToSend([]byte("head"), p[4:]) {
			panic("the message was not moved")
		}
	}
	c.Pause()
}

// Memory that was moved to Send does not count as that of Recv any more, even if the layer then
// pauses the connection.
func TestMovedMemoryDoesNotCount(t *testing.T) {
	m := quiet(t)
	c, peer := wrap(t, m, nil)
	c.Stack().Push(&namedLayer{})
	c.Stack().Push(&movingLayer{})
	turns(t, m, 1)
	if n, err := unix.Write(peer, make([]byte, 100_000)); n != 100_000 || err != nil {
		t.Fatal(n, err)
	}
	turns(t, m, 3)
	if m.budget.held < 100_000 {
		t.Fatalf("%d bytes count", m.budget.held)
	}
	c.Resume()
	if turns(t, m, 1); c.Recv.Len() > 0 || m.budget.held != 0 {
		t.Errorf("Recv has %d bytes, %d count", c.Recv.Len(), m.budget.held)
	}
}
