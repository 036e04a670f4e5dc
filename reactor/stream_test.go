package reactor_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func echo(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		c.Write(c.Recv.Bytes())
		c.Recv.Reset()
	}
}

func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(p)
	return p
}

// connected returns both ends of a connection on one manager.
func connected(t *testing.T, m *reactor.Manager, transport string, server, client reactor.Handler) *reactor.Conn {
	t.Helper()
	url := listenURL(t, transport)
	l := listen(t, m, url, server)
	if transport != "unix" {
		url = transport[:3] + "://" + l.LocalAddr().String()
	}
	return dial(t, m, url, client)
}

func TestEcho(t *testing.T) {
	for _, transport := range []string{"tcp4", "tcp6", "unix"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c := connected(t, m, transport, echo, r.handle)
			for i := range 20 {
				r.got = nil
				s := fmt.Sprint("message ", i)
				fmt.Fprint(c, s)
				await(t, m, "the echo", func() bool { return string(r.got) == s })
			}
			if !c.IsClient() || c.IsListening() || c.Manager() != m {
				t.Errorf("IsClient %v, IsListening %v", c.IsClient(), c.IsListening())
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, transport := range []string{"tcp4", "tcp6", "unix"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			var accepted *reactor.Conn
			r := &recorder{}
			c := connected(t, m, transport, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvAccept {
					accepted = c
				}
			}, r.handle)
			await(t, m, "both ends", func() bool { return accepted != nil && r.count(reactor.EvConnect) > 0 })
			if c.LocalAddr() != accepted.RemoteAddr() || c.RemoteAddr() != accepted.LocalAddr() {
				t.Errorf("client %v->%v, server %v->%v", c.LocalAddr(), c.RemoteAddr(), accepted.LocalAddr(), accepted.RemoteAddr())
			}
			if c.LocalAddr().IsValid() != (transport != "unix") {
				t.Errorf("local address %v", c.LocalAddr())
			}
			if accepted.IsClient() || accepted.IsListening() || accepted.ID() == c.ID() {
				t.Errorf("accepted: IsClient %v, IsListening %v, ID %d", accepted.IsClient(), accepted.IsListening(), accepted.ID())
			}
		})
	}
}

// Several megabytes pass in both directions at once through a socket that
// takes little at a time, and come out whole.
func TestPartialWrites(t *testing.T) {
	m := newManager(t)
	a, b := socketpair(t)
	p := newPeer(t, b)
	for _, fd := range []int{a, b} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096); err != nil {
			t.Fatal(err)
		}
	}
	r := &recorder{}
	c, err := m.WrapFD(a, r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, in := noise(5<<20), noise(3<<20)
	c.Write(out)
	rest := in
	for i := 0; len(p.in) < len(out) || len(r.got) < len(in); i++ {
		if i > 100*turns {
			t.Fatalf("%d of %d bytes out, %d of %d in", len(p.in), len(out), len(r.got), len(in))
		}
		m.Poll(0)
		p.pump()
		rest = rest[p.writeSome(rest):]
	}
	if !bytes.Equal(p.in, out) || !bytes.Equal(r.got, in) {
		t.Error("bytes were changed on their way")
	}
	if r.wrote != len(out) || c.Send.Len() != 0 {
		t.Errorf("EvWrite told of %d bytes, %d left", r.wrote, c.Send.Len())
	}
	if n := r.count(reactor.EvWrite); n < 10 {
		t.Errorf("%d writes: the socket took too much for this test", n)
	}
}

// Nothing is taken from Send but what the socket took, in order, while more
// is appended.
func TestAppendWhileBlocked(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	var want []byte
	for i := range 400 {
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
	await(t, m, "all of it", func() bool { p.pump(); return len(p.in) >= len(want) })
	if !bytes.Equal(p.in, want) {
		t.Error("bytes were changed on their way")
	}
}

// What a handler leaves in Recv stays, and more comes behind it; whatever the
// pieces, the same bytes are offered.
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
			p.write(input[i : i+1])
			await(t, m, "a byte", func() bool { return len(got)+c.Recv.Len() == i+1 })
			if all := string(got) + string(c.Recv.Bytes()); all != input[:i+1] {
				t.Fatalf("take %d: %q after %d bytes", take, all, i+1)
			}
		}
		m.Close()
	}
}

// A large message that is consumed only when complete is gathered.
func TestLargeMessageIsGathered(t *testing.T) {
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
	await(t, m, "the message", func() bool { rest = rest[p.writeSome(rest):]; return got != nil })
	if !bytes.Equal(got, want) {
		t.Error("bytes were changed on their way")
	}
}

// The handler may do with Recv what it likes: what it appends or inserts while
// the bytes lie in the manager's buffer must not reach another connection.
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
	peers[0].write("first")
	peers[1].write("second")
	await(t, m, "both", func() bool { return conns[0].Recv.Len() == 6 && conns[1].Recv.Len() == 7 })
	for i, want := range []string{"first>", "second>"} {
		if got := string(conns[i].Recv.Bytes()); got != want {
			t.Errorf("connection %d: %q, want %q", i, got, want)
		}
	}
}
