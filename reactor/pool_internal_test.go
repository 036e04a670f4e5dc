package reactor

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPoolRoundsUpToClasses(t *testing.T) {
	for n, want := range map[int]int{
		0: 128, 1: 128, 128: 128, 129: 256, 256: 256, 257: 512, 512: 512, 513: 1024, 1024: 1024, 1025: 2048, 65535: 65536,
		65536: 65536, 65537: 80 << 10, 80<<10 + 1: 96 << 10, 127 << 10: 128 << 10, 128 << 10: 128 << 10,
		1<<20 - 1: 1 << 20, 1 << 20: 1 << 20, 1<<20 + 1: 1280 << 10, 14<<20 + 1: 16 << 20, 16 << 20: 16 << 20,
		16<<20 + 1: 16<<20 + 1,
	} {
		var p pool
		if b := p.get(n); len(b) != 0 || cap(b) != want {
			t.Errorf("get(%d): len %d, cap %d; want 0, %d", n, len(b), cap(b), want)
		}
	}
}

// Each class has a number of its own, and less than a quarter more than the class below it.
func TestPoolClasses(t *testing.T) {
	last, n := -1, 0
	for n < maxSlice {
		i, capacity := class(n + 1)
		if again, same := class(capacity); again != i || same != capacity {
			t.Fatalf("class(%d) is %d of %d, class(%d) is %d of %d", n+1, i, capacity, capacity, again, same)
		}
		if i != last+1 || n >= maxSmallSlice && capacity-n > n/4 {
			t.Fatalf("class %d of %d bytes follows class %d of %d", i, capacity, last, n)
		}
		last, n = i, capacity
	}
	if last != classes-1 {
		t.Errorf("the last class is %d, want %d", last, classes-1)
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

// A first short message takes little memory. A buffer that grows beyond that takes more at once, so
// that many short messages are moved less often.
func TestPoolLendsLittleForAFirstMessage(t *testing.T) {
	m := quiet(t)
	for name, b := range map[string]*Buffer{"of a connection": {owner: &Conn{mgr: m}}, "of a program": {}} {
		var got []int
		for range 9 {
			b.Grow(66)
			b.buf = b.buf[:len(b.buf)+66]
			if n := len(got); n == 0 || got[n-1] != b.Cap() {
				got = append(got, b.Cap())
			}
		}
		if want := []int{128, 512, 1024}; !slices.Equal(got, want) {
			t.Errorf("%s: capacities %d, want %d", name, got, want)
		}
	}
}

// The pool must not keep a slice of a size that is no class, because get promises a
// capacity.
func TestPoolRefusesWhatHasNoClass(t *testing.T) {
	var p pool
	for _, c := range []int{0, 1, 64, 127, 129, 511, 513, 1000, 65536 + 512, 1<<20 + 1, 1<<24 + 1<<22} {
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
	for _, size := range []int{128, 4096, 65536, 1 << 20, 16 << 20} {
		var p pool
		for range 2*maxFreeBytes/size + 2 {
			p.put(make([]byte, 0, size))
		}
		i, _ := class(size)
		if kept := len(p.free[i]) * size; kept == 0 || kept > maxFreeBytes || kept != p.freeBytes {
			t.Errorf("%d bytes kept in slices of %d, want at most %d and some; freeBytes is %d", kept, size, maxFreeBytes, p.freeBytes)
		}
	}
}

// The pool drops what it did not need for a while. It stays as large as what was in use.
func TestPoolDropsWhatIsNotUsed(t *testing.T) {
	now := time.Unix(0, 0)
	m := quiet(t, WithClock(func() time.Time { return now }))
	lend := func(n int) { // n slices of 1 MiB at the same time
		var lent [][]byte
		for range n {
			lent = append(lent, m.pool.get(1<<20))
		}
		for _, b := range lent {
			m.pool.put(b)
		}
	}
	lend(4)
	if len(m.timers) != 0 {
		t.Fatal("the timer runs for 4 MiB")
	}
	for _, step := range []struct{ lend, want int }{{12, 12}, {12, 12}, {8, 8}, {8, 8}, {12, 12}, {0, 4}, {0, 4}} {
		lend(step.lend)
		now = now.Add(trimInterval)
		if err := m.Poll(0); err != nil {
			t.Fatal(err)
		}
		if m.pool.freeBytes>>20 != step.want {
			t.Errorf("after a use of %d MiB the pool has %d MiB, want %d", step.lend, m.pool.freeBytes>>20, step.want)
		}
	}
	if len(m.timers) != 0 {
		t.Error("the timer runs although the pool is small again")
	}
}

func TestPoolDoesNotKeepWhatItLent(t *testing.T) {
	var p pool
	p.put(make([]byte, 0, minSlice))
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
	if c.Recv.Len() != 5 || cap(c.Recv.buf) != minSlice {
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
