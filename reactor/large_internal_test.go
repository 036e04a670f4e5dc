package reactor

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// What is reserved for a message follows what has arrived, whatever the layer expects.
func TestExpectMoreReservesLittle(t *testing.T) {
	const message = 2 << 20
	for _, expected := range []int{-1, 0, message, math.MaxInt} {
		m := quiet(t)
		most := 0
		c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
			if ev == EvRead {
				c.Stack().ExpectMore(expected - c.Recv.Len())
			}
		})
		in := bytes.Repeat([]byte("0123456789abcde\n"), message/16)
		for sent := 0; sent < len(in); {
			n, err := unix.SendmsgN(peer, in[sent:], nil, nil, unix.MSG_DONTWAIT)
			if err != nil && err != unix.EAGAIN {
				t.Fatal(err)
			}
			sent += max(n, 0)
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			if have := c.Recv.Len(); have > 0 {
				most = max(most, c.Recv.Cap()*4/have)
			}
		}
		for c.Recv.Len() < message {
			if err := m.Poll(1e9); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(c.Recv.Bytes(), in) {
			t.Fatalf("expecting %d: Recv has something else", expected)
		}
		if most > 4*maxReserve*5/4+4 { // a class is up to a quarter larger than what is asked for
			t.Errorf("expecting %d: at most %d/4 times as much was reserved as had arrived", expected, most)
		}
		if expected == message && c.Recv.Cap() > message*5/4 {
			t.Errorf("a message of %d bytes has %d", message, c.Recv.Cap())
		}
		c.Close()
		turns(t, m, 2)
	}
}

// What is missing from a message is read at once, and nothing of what follows it. Memory that the
// message fits into is not copied.
func TestRestOfAMessageIsReadAtOnce(t *testing.T) {
	const message, next = 150_000, 1000 // a socket takes both
	m := quiet(t)
	var reads []int // what is in Recv at each EvRead
	c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
		if ev == EvRead {
			reads = append(reads, c.Recv.Len())
			if c.Recv.Len() >= message {
				c.Recv.Consume(message)
			}
			c.Stack().ExpectMore(message - c.Recv.Len())
		}
	})
	turns(t, m, 1)
	in := bytes.Repeat([]byte("0123456789abcdef"), (message+next)/16+1)[:message+next]
	if n, err := unix.Write(peer, in); n != len(in) || err != nil {
		t.Fatal(n, err)
	}
	buf := &m.readBuf[0]
	turns(t, m, 1)
	if want := []int{readSize, message}; !slices.Equal(reads, want) {
		t.Fatalf("the reads of the first turn lead to %d bytes in Recv, want %d", reads, want)
	}
	if &m.readBuf[0] == buf {
		t.Error("the message was copied out of the manager's buffer")
	}
	turns(t, m, 1)
	if c.Recv.Len() != next || !bytes.Equal(c.Recv.Bytes(), in[message:]) {
		t.Errorf("Recv has %d bytes of the next message, want %d", c.Recv.Len(), next)
	}
}

// A connection reads a bounded part of a message in a turn, and nothing after its handler has
// stopped input.
func TestReadsOn(t *testing.T) {
	m := quiet(t)
	c, _ := wrap(t, m, nil)
	turns(t, m, 1)
	ready := func() { m.readFull, m.turn.over, c.flags, c.extra().missing = true, false, c.flags&^paused, 1 }
	for _, tt := range []struct {
		name  string
		taken int
		do    func()
		want  bool
	}{
		{"more is to come", maxReadOn - 1, func() {}, true},
		{"much was read", maxReadOn, func() {}, false},
		{"the socket had less", 0, func() { m.readFull = false }, false},
		{"the message is complete", 0, func() { c.expect(0) }, false},
		{"Recv has little", 0, func() { c.expect(1) }, false},
		{"the phase is over", 0, func() { m.turn.over = true }, false},
		{"paused", 0, func() { c.flags |= paused }, false},
	} {
		ready()
		tt.do()
		if got := c.readsOn(tt.taken); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	c.flags &^= paused
}

// A message gets a free slice of the pool for all of it, within bounds.
func TestReserveTakesFreeSlices(t *testing.T) {
	const kib = 1 << 10
	for _, tt := range []struct {
		name             string
		n, missing, free int
		budget, want     int // want is the capacity; 0 is that of new memory
	}{
		{"no free slice", 64 * kib, 1000 * kib, 0, 0, 0},
		{"a slice of its class", 64 * kib, 1000 * kib, 1280 * kib, 0, 1280 * kib},
		{"a slice of another class", 64 * kib, 1000 * kib, 2048 * kib, 0, 0},
		{"a header announces too much", 17 * kib, 65 * 17 * kib, 1280 * kib, 0, 0},
		{"the budget has no room", 64 * kib, 1000 * kib, 1280 * kib, 1000 * kib, 0},
		{"the budget has no room for all of the slice", 64 * kib, 1000 * kib, 1280 * kib, 1100 * kib, 0},
	} {
		m := quiet(t, WithMemoryBudget(tt.budget))
		c, _ := wrap(t, m, nil)
		if tt.free > 0 {
			m.pool.put(make([]byte, 0, tt.free))
		}
		if tt.want == 0 {
			_, tt.want = class(headroom + maxReserve*tt.n + lostToHeaders)
		}
		if got := cap(c.reserve(tt.n, tt.missing)); got != tt.want {
			t.Errorf("%s: %d KiB for %d, want %d", tt.name, got/kib, (tt.n+tt.missing)/kib, tt.want/kib)
		}
	}
}

// MoveToSend refuses what it cannot move, and changes nothing then.
func TestMoveToSendRefuses(t *testing.T) {
	const size = 100_000
	head := []byte("head")
	for _, tt := range []struct {
		name string
		do   func(c *Conn, p []byte) (h, q []byte)
	}{
		{"no space for the head", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, p }},
		{"Recv is not empty", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Consume(len(p) - 1); return head, p[4 : len(p)-1] }},
		{"Send is not empty", func(c *Conn, p []byte) ([]byte, []byte) {
			c.Recv.Reset()
			c.Send.AppendString("before")
			return head, p[4:]
		}},
		{"small", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, p[4:1000] }},
		{"other memory", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, bytes.Clone(p) }},
		{"empty", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := quiet(t)
			tried := false
			c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
				if ev != EvRead || tried || c.Recv.Len() < size {
					return
				}
				tried = true
				h, q := tt.do(c, c.Recv.Bytes())
				recv, send := c.Recv.Len(), c.Send.Len()
				if c.Stack().MoveToSend(h, q) || c.Recv.Len() != recv || c.Send.Len() != send {
					t.Errorf("Recv has %d bytes, had %d; Send has %d, had %d", c.Recv.Len(), recv, c.Send.Len(), send)
				}
			})
			in := make([]byte, size)
			for sent := 0; sent < size || !tried; {
				n, err := unix.SendmsgN(peer, in[sent:], nil, nil, unix.MSG_DONTWAIT)
				if err != nil && err != unix.EAGAIN {
					t.Fatal(err)
				}
				sent += max(n, 0)
				turns(t, m, 1)
			}
			_ = c
		})
	}
	m := quiet(t)
	c, _ := wrap(t, m, nil)
	if c.Stack().MoveToSend(nil, make([]byte, size)) {
		t.Error("something was moved although no input is delivered")
	}
}

// While a receiver is slow, Send has at most maxReserve times as much memory as what waits in it,
// whether its memory was the manager's buffer or had held more before.
func TestSlowReceiverHoldsLittle(t *testing.T) {
	for _, tt := range []struct {
		name        string
		moved, more int // bytes in Send, which are moved there, or appended
	}{
		{"moved out of the manager's buffer", 20_000, 0},
		{"moved, more than the kernel takes", 100_000, 0},
		{"appended", 0, 500_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := quiet(t)
			c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
				if n := c.Recv.Len(); ev == EvRead && n == tt.moved {
					p := c.Recv.Bytes()
					c.Recv.Consume(n)
					if !c.Stack().MoveToSend(p[:4], p[4:]) {
						t.Error("the bytes were not moved")
					}
				}
			})
			turns(t, m, 1)
			if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
				t.Fatal(err)
			}
			in := make([]byte, tt.moved+tt.more)
			for i := range in {
				in[i] = byte(i % 251)
			}
			if tt.moved > 0 {
				if n, err := unix.Write(peer, in); n != tt.moved || err != nil {
					t.Fatal(n, err)
				}
			}
			c.Write(in[tt.moved:])
			if err := unix.SetNonblock(peer, true); err != nil { // a read of nothing is a failure, and does not wait
				t.Fatal(err)
			}
			var out []byte
			waited := false
			for buf := make([]byte, 3000); len(out) < len(in); {
				turns(t, m, 2)
				if n := c.Send.Len(); n > 0 {
					waited = true
					if c.Send.Cap() > max(leastFitted, maxReserve*n) {
						t.Fatalf("%d bytes wait, in %d", n, c.Send.Cap())
					}
				}
				n, err := unix.Read(peer, buf)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, buf[:n]...)
			}
			if !waited || !bytes.Equal(out, in) {
				t.Errorf("got %d bytes, want %d; some waited: %v", len(out), len(in), waited)
			}
		})
	}
}
