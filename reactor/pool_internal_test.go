package reactor

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestPoolRoundsUpToPowersOfTwo(t *testing.T) {
	for n, want := range map[int]int{
		0: 512, 1: 512, 511: 512, 512: 512, 513: 1024, 1024: 1024, 1025: 2048,
		65536: 65536, 65537: 131072, 1 << 20: 1 << 20, 1<<20 + 1: 1<<20 + 1,
	} {
		var p pool
		if b := p.get(n); len(b) != 0 || cap(b) != want {
			t.Errorf("get(%d): len %d, cap %d; want 0, %d", n, len(b), cap(b), want)
		}
	}
}

func TestPoolGivesBackWhatWasPut(t *testing.T) {
	var p pool
	b := append(p.get(1000), "left over"...)
	p.put(b)
	again := p.get(600)
	if len(again) != 0 || cap(again) != 1024 || &again[:1][0] != &b[0] {
		t.Errorf("len %d, cap %d, other memory than was put", len(again), cap(again))
	}
	if other := p.get(600); &other[:1][0] == &b[0] {
		t.Error("the same memory was lent twice")
	}
}

// The pool must not keep a slice of a size that is no class, because get promises a
// capacity.
func TestPoolRefusesWhatHasNoClass(t *testing.T) {
	var p pool
	for _, c := range []int{0, 1, 256, 511, 513, 1000, 1<<20 + 1, 1 << 21} {
		p.put(make([]byte, 0, c))
	}
	p.put(nil)
	for i, stack := range p.free {
		if len(stack) > 0 {
			t.Errorf("class %d keeps a slice of %d bytes", i, cap(stack[0]))
		}
	}
}

func TestPoolKeepsABoundedAmount(t *testing.T) {
	for _, size := range []int{512, 4096, 65536, 1 << 20} {
		var p pool
		for range 2*maxFreeBytes/size + 2 {
			p.put(make([]byte, 0, size))
		}
		if kept := len(p.free[sizeClass(size)-minClass]) * size; kept == 0 || kept > maxFreeBytes {
			t.Errorf("%d bytes kept in slices of %d, want at most %d and some", kept, size, maxFreeBytes)
		}
	}
}

func TestPoolDoesNotKeepWhatItLent(t *testing.T) {
	var p pool
	p.put(make([]byte, 0, 512))
	p.get(1)
	if stack := p.free[0]; stack[:1][0] != nil {
		t.Error("the stack still refers to a slice that it lent")
	}
}

// An idle connection owns memory neither for Send nor for Recv. A connection with a rest
// in Recv owns as much as the rest needs.
func TestIdleConnectionOwnsNoMemory(t *testing.T) {
	m := quiet(t)
	keep := 0
	c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
		if ev == EvRead {
			c.Write(c.Recv.Bytes())
			c.Recv.Consume(c.Recv.Len() - keep)
		}
	})
	in := make([]byte, 10000)
	echo := func() {
		if _, err := unix.Write(peer, in); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < len(in); {
			if err := m.Poll(1e9); err != nil {
				t.Fatal(err)
			}
			n, err := unix.Read(peer, in)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}
	echo()
	if cap(c.Send.buf) != 0 || cap(c.Recv.buf) != 0 {
		t.Errorf("idle: Send has %d bytes, Recv %d", cap(c.Send.buf), cap(c.Recv.buf))
	}
	keep = 5
	echo()
	if c.Recv.Len() != 5 || cap(c.Recv.buf) != 512 {
		t.Errorf("a rest of %d has %d bytes", c.Recv.Len(), cap(c.Recv.buf))
	}
	if &c.Recv.buf[:1][0] == &m.readBuf[0] {
		t.Fatal("the rest lies in the buffer that the next read goes to")
	}
	keep = 0
	c.Recv.Consume(5)
	echo()
	if cap(c.Send.buf) != 0 || cap(c.Recv.buf) != 0 {
		t.Errorf("idle again: Send has %d bytes, Recv %d", cap(c.Send.buf), cap(c.Recv.buf))
	}
}

// No memory is in the pool twice, and the manager's read buffer is never in it, even if
// what was read is as long as a class of the pool.
func TestPoolNeverHoldsWhatIsInUse(t *testing.T) {
	m := quiet(t)
	steps := []func(c *Conn){
		func(c *Conn) { c.Recv.Reset() },
		func(c *Conn) {},
		func(c *Conn) { c.Recv.Consume(c.Recv.Len()) },
		func(c *Conn) { c.Recv.Append(make([]byte, 2000)) },
		func(c *Conn) { c.Recv.Truncate(0); c.Recv.AppendString("x") },
		func(c *Conn) { c.Recv.Consume(c.Recv.Len() - 1); c.Recv.Grow(4096) },
		func(c *Conn) { c.Pause(); c.Resume() },
		func(c *Conn) { c.Write(make([]byte, 1024)); c.Send.Reset() },
	}
	step := 0
	c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
		if ev == EvRead {
			steps[step%len(steps)](c)
			step++
		}
	})
	for i := range 400 {
		if _, err := unix.Write(peer, make([]byte, 512<<(i%4))); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[*byte]string{&m.readBuf[0]: "the read buffer"}
		for _, b := range [][]byte{c.Send.buf, c.Recv.buf} {
			if cap(b) > 0 {
				if at := &b[:1][0]; seen[at] != "" {
					t.Fatalf("turn %d: a connection's buffer is %s", i, seen[at])
				} else {
					seen[at] = "a connection's buffer"
				}
			}
		}
		for _, stack := range m.pool.free {
			for _, b := range stack {
				at := &b[:1][0]
				if seen[at] != "" {
					t.Fatalf("turn %d: the pool holds %s", i, seen[at])
				}
				seen[at] = "in the pool"
			}
		}
	}
}

// Bytes that were appended to Send and removed before they were sent leave no memory
// behind.
func TestSendGivesMemoryBackWhenTakenBack(t *testing.T) {
	for name, take := range map[string]func(b *Buffer){
		"Reset":    (*Buffer).Reset,
		"Truncate": func(b *Buffer) { b.Truncate(0) },
		"Consume":  func(b *Buffer) { b.Consume(b.Len()) },
	} {
		for _, size := range []int{1, 1 << 10, 1 << 20} {
			m := quiet(t)
			c, _ := wrap(t, m, nil)
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			c.Send.Append(make([]byte, size))
			take(&c.Send)
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			if n := cap(c.Send.buf); n != 0 {
				t.Errorf("%s of %d bytes: Send owns %d", name, size, n)
			}
		}
	}
}
