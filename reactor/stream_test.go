package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestEcho(t *testing.T) {
	for _, transport := range []string{"tcp4", "tcp6", "unix"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c := connected(t, m, transport, echo, r.Handle)
			for i := range 20 {
				r.Got = nil
				s := fmt.Sprint("message ", i)
				fmt.Fprint(c, s)
				await(t, m, "the echo", func() bool { return string(r.Got) == s })
			}
			if !c.IsClient() || c.IsListening() || c.Manager() != m {
				t.Errorf("IsClient %v, IsListening %v", c.IsClient(), c.IsListening())
			}
		})
	}
}

// Much passes in both directions at once through a socket that takes little at a time. It
// arrives whole.
func TestPartialWrites(t *testing.T) {
	m := newManager(t)
	a, b := looptest.Socketpair(t)
	p := looptest.NewSocket(t, b)
	for _, fd := range []int{a, b} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096); err != nil {
			t.Fatal(err)
		}
	}
	r := &recorder{}
	c, err := m.WrapFD(a, r.Handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, in := noise(1<<20), noise(600<<10)
	c.Write(out)
	rest := in
	for i := 0; len(p.In) < len(out) || len(r.Got) < len(in); i++ {
		if i > 100*turns {
			t.Fatalf("%d of %d bytes out, %d of %d in", len(p.In), len(out), len(r.Got), len(in))
		}
		m.Poll(0)
		p.Receive()
		rest = rest[p.WriteSome(rest):]
	}
	if !bytes.Equal(p.In, out) || !bytes.Equal(r.Got, in) {
		t.Error("bytes were changed on their way")
	}
	if r.Wrote != len(out) || c.Send.Len() != 0 {
		t.Errorf("EvWrite told of %d bytes, %d left", r.Wrote, c.Send.Len())
	}
	if n := r.Count(reactor.EvWrite); n < 10 {
		t.Errorf("%d writes: the socket took too much for this test", n)
	}
}

// While more is appended, only what the socket took is removed from Send, in order.
func TestAppendWhileBlocked(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	var want []byte
	for i := range 80 {
		s := bytes.Repeat([]byte{byte(i)}, 8191)
		c.Write(s)
		want = append(want, s...)
		if err := m.Poll(0); err != nil {
			t.Fatal(err)
		}
	}
	if c.Send.Len() == 0 {
		t.Fatal("the socket took everything")
	}
	await(t, m, "all of it", func() bool { p.Receive(); return len(p.In) >= len(want) })
	if !bytes.Equal(p.In, want) {
		t.Error("bytes were changed on their way")
	}
}

// What a handler leaves in Recv stays, and more input is appended. With pieces of any
// size the same bytes are delivered.
func TestUnconsumedInputStays(t *testing.T) {
	input := "abcdefghijklmnopqrstuvwxyz"
	for take := 1; take < len(input); take++ {
		m := newManager(t)
		var got []byte
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev != reactor.EvRead {
				return
			}
			for c.Recv.Len() >= take {
				got = append(got, c.Recv.Bytes()[:take]...)
				c.Recv.Consume(take)
			}
		})
		for i := range input {
			p.WriteString(input[i : i+1])
			await(t, m, "a byte", func() bool { return len(got)+c.Recv.Len() == i+1 })
			if all := string(got) + string(c.Recv.Bytes()); all != input[:i+1] {
				t.Fatalf("take %d: %q after %d bytes", take, all, i+1)
			}
		}
		m.Close()
	}
}

// A large message that is consumed only when it is complete is collected in Recv.
func TestLargeMessageIsCollected(t *testing.T) {
	m := newManager(t)
	want := noise(3<<20 + 17)
	var got []byte
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead && c.Recv.Len() >= len(want) {
			got = bytes.Clone(c.Recv.Bytes())
			c.Recv.Reset()
		}
	})
	rest := want
	await(t, m, "the message", func() bool { rest = rest[p.WriteSome(rest):]; return got != nil })
	if !bytes.Equal(got, want) {
		t.Error("bytes were changed on their way")
	}
}

// A handler may change Recv. What it appends or inserts while the bytes lie in the
// manager's buffer does not reach another connection.
func TestRecvMayBeChangedByTheHandler(t *testing.T) {
	m := newManager(t)
	var conns []*reactor.Conn
	var peers []*peer
	for range 2 {
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				c.Recv.Insert(0, []byte("<"))
				c.Recv.Consume(1)
				c.Recv.AppendString(">")
			}
		})
		conns, peers = append(conns, c), append(peers, p)
	}
	peers[0].WriteString("first")
	peers[1].WriteString("second")
	await(t, m, "both", func() bool { return conns[0].Recv.Len() == 6 && conns[1].Recv.Len() == 7 })
	for i, want := range []string{"first>", "second>"} {
		if got := string(conns[i].Recv.Bytes()); got != want {
			t.Errorf("connection %d: %q, want %q", i, got, want)
		}
	}
}

// The error of a failed write is the write's, whatever a read returns later.
func TestErrorOfWriteOnlyPipe(t *testing.T) {
	m := newManager(t)
	var p [2]int
	looptest.Must(t, unix.Pipe(p[:]))
	r := &recorder{}
	c, err := m.WrapFD(p[1], r.Handle, nil)
	looptest.Must(t, err)
	spin(t, m, 2)
	unix.Close(p[0])
	c.Write([]byte("x"))
	await(t, m, "EvClose", r.Closed)
	if err := r.Err(t); !errors.Is(err, unix.EPIPE) || strings.Contains(err.Error(), "read") {
		t.Errorf("error %v", err)
	}
}
