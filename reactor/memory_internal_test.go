package reactor

import (
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"
)

// quiet makes a manager that logs nowhere and is closed with the test.
func quiet(t *testing.T) *Manager {
	t.Helper()
	m, err := New(WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// wrap puts one end of a socketpair on the manager and returns the other.
func wrap(t *testing.T, m *Manager, fn Handler) (c *Conn, peer int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	c, err = m.WrapFD(fds[0], fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, fds[1]
}

// An idle connection owns memory neither for Send nor for Recv; one with a
// rest in Recv owns as much as that needs.
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
	if &c.Recv.buf[:1][0] == &m.rbuf[0] {
		t.Fatal("the rest lies in the buffer that the next read goes to")
	}
	keep = 0
	c.Recv.Consume(5)
	echo()
	if cap(c.Send.buf) != 0 || cap(c.Recv.buf) != 0 {
		t.Errorf("idle again: Send has %d bytes, Recv %d", cap(c.Send.buf), cap(c.Recv.buf))
	}
}

// No memory is in the pool twice, nor is the manager's read buffer ever, also
// when what was read is as long as a class of the pool.
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
		seen := map[*byte]string{&m.rbuf[0]: "the read buffer"}
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
