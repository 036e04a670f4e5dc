package reactor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// datagrams reads what has come to a bare socket, one string per datagram.
func datagrams(t *testing.T, p *peer) []string {
	t.Helper()
	var list []string
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(p.FD, buf, 0)
		if err == unix.EAGAIN {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(buf[:n]))
	}
}

// Each EvRead has exactly one datagram in Recv. What is left of the one before is
// dropped. RemoteAddr is the sender.
func TestDatagramsComeOneByOne(t *testing.T) {
	for _, url := range []string{"udp://127.0.0.1:0", "udp://[::1]:0", "udp://:0"} {
		t.Run(url, func(t *testing.T) {
			m := newManager(t)
			var got, want []string
			l := listen(t, m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev != reactor.EvRead {
					return
				}
				if n := *data.(*int); n != c.Recv.Len() {
					t.Errorf("EvRead told of %d bytes, Recv has %d", n, c.Recv.Len())
				}
				got = append(got, fmt.Sprintf("%s %v", c.Recv.Bytes(), c.RemoteAddr()))
				c.Recv.Consume(c.Recv.Len() / 2)
			})
			host := "127.0.0.1"
			if strings.Contains(url, "::1") {
				host = "::1"
			}
			to := l.LocalAddr()
			if !to.Addr().IsLoopback() {
				to = netipAddrPort(host, to.Port())
			}
			for i := range 3 {
				p, from := looptest.BindSocket(t, host, unix.SOCK_DGRAM, -1)
				for _, s := range []string{"a", "", "longer"} {
					s += strings.Repeat("+", i*len(s))
					if err := unix.Sendto(p.FD, []byte(s), 0, looptest.Sockaddr(to)); err != nil {
						t.Fatal(err)
					}
					want = append(want, fmt.Sprintf("%s %v", s, from))
				}
			}
			await(t, m, "the datagrams", func() bool { return len(got) >= len(want) })
			if !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

// A Write goes to the address that RemoteAddr was at that moment, no matter who has sent since.
func TestDatagramsGoToTheirSenders(t *testing.T) {
	for _, url := range []string{"udp://127.0.0.1:0", "udp://:0"} {
		m := newManager(t)
		reads := 0
		l := listen(t, m, url, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				reads++
				fmt.Fprintf(c, "1 to %s", c.Recv.Bytes())
				fmt.Fprintf(c, "2 to %s", c.Recv.Bytes())
			}
		})
		var peers []*peer
		for i := range 4 {
			p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
			if err := unix.Sendto(p.FD, fmt.Append(nil, i), 0, looptest.Sockaddr(netipAddrPort("127.0.0.1", l.LocalAddr().Port()))); err != nil {
				t.Fatal(err)
			}
			peers = append(peers, p)
		}
		await(t, m, "all to be read", func() bool { return reads == len(peers) })
		spin(t, m, 2)
		for i, p := range peers {
			want := []string{fmt.Sprint("1 to ", i), fmt.Sprint("2 to ", i)}
			if got := datagrams(t, p); !slices.Equal(got, want) {
				t.Errorf("peer %d got %q, want %q", i, got, want)
			}
		}
	}
}

// Bytes that a handler appends to Send go to the peer whose datagram it handles, not to
// the next peer together with that one's answer.
func TestDirectAppendGoesToItsSender(t *testing.T) {
	m := newManager(t)
	reads := 0
	l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			reads++
			c.Send.Append(c.Recv.Bytes())
		}
	})
	var peers []*peer
	for i := range 3 {
		p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		if err := unix.Sendto(p.FD, fmt.Append(nil, "secret of ", i), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		peers = append(peers, p)
	}
	await(t, m, "all to be read", func() bool { return reads == len(peers) })
	spin(t, m, 2)
	for i, p := range peers {
		if got, want := datagrams(t, p), []string{fmt.Sprint("secret of ", i)}; !slices.Equal(got, want) {
			t.Errorf("peer %d got %q, want %q", i, got, want)
		}
	}
}

// Many waiting datagrams are all sent, each on its own.
func TestManyDatagramsWait(t *testing.T) {
	m := newManager(t)
	p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	c := dial(t, m, "udp://"+at.String(), nil)
	const n = 50 // sockets of every system hold so many
	for i := range n {
		c.Write(fmt.Append(nil, i))
	}
	var got []string
	await(t, m, "the datagrams", func() bool { got = append(got, datagrams(t, p)...); return len(got) >= n })
	for i, s := range got {
		if s != fmt.Sprint(i) {
			t.Fatalf("datagram %d is %q", i, s)
		}
	}
}

// A paused socket reads no more datagrams. After Resume the datagram in Recv is delivered
// again before the next one replaces it.
func TestDatagramsPaused(t *testing.T) {
	m := newManager(t)
	var got []string
	paused := false
	l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			got = append(got, string(c.Recv.Bytes()))
			if !paused {
				paused = true
				c.Pause()
				return
			}
			c.Recv.Reset()
		}
	})
	p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	for _, s := range []string{"one", "two", "three"} {
		if err := unix.Sendto(p.FD, []byte(s), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
	}
	await(t, m, "the first", func() bool { return len(got) == 1 })
	if spin(t, m, 3); len(got) != 1 || pollable(t, m.Fd()) {
		t.Fatalf("got %q while paused, Fd readable %v", got, pollable(t, m.Fd()))
	}
	l.Resume()
	await(t, m, "all", func() bool { return len(got) >= 4 })
	for i, want := range []string{"one", "one", "two", "three"} {
		if got[i] != want {
			t.Fatalf("got %q", got)
		}
	}
}

// A handler leaves its datagram in Recv while more than Limits.Backpressure waits unsent,
// which holds the input. The datagram is delivered once, whether the handler has written
// during EvRead or later.
func TestDatagramsDuringBackpressure(t *testing.T) {
	for _, later := range []bool{false, true} {
		m := newManager(t)
		got := 0
		var l *reactor.Conn
		answer := func() {
			for range 2 * reactor.DefaultMaxBackpressure / 50000 {
				l.Write(make([]byte, 50000))
			}
		}
		l = listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev != reactor.EvRead {
				return
			}
			if got++; later {
				m.AddTimer(0, reactor.TimerOnce, answer)
			} else {
				answer()
			}
		})
		p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		for range 3 {
			if err := unix.Sendto(p.FD, []byte("x"), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
				t.Fatal(err)
			}
		}
		await(t, m, "all of them", func() bool { return got >= 3 && l.Send.Len() == 0 })
		if spin(t, m, 20); got != 3 {
			t.Errorf("later %v: EvRead came %d times for 3 datagrams", later, got)
		}
	}
}

// Drain sends what is waiting and closes without waiting for a peer. Close sends nothing.
// Fail offers what is waiting to the socket.
func TestDatagramsAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"drain": (*reactor.Conn).Drain, "close": (*reactor.Conn).Close,
		"fail": func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		m := newManager(t)
		p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		r := &recorder{}
		c := dial(t, m, "udp://"+at.String(), r.Handle)
		spin(t, m, 2)
		c.Write([]byte("last"))
		c.Write(nil)
		end(c)
		if spin(t, m, 2); !r.Closed() {
			t.Errorf("%s: not closed", name)
		}
		want := 2
		if name == "close" {
			want = 0
		}
		if got := datagrams(t, p); len(got) != want {
			t.Errorf("%s: %q were sent", name, got)
		}
	}
}

// After a handler has closed the connection, no more datagrams are delivered.
func TestCloseEndsABurstOfDatagrams(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Close() }}}
	l := listen(t, m, "udp://127.0.0.1:0", r.Handle)
	p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	for range 3 {
		if err := unix.Sendto(p.FD, []byte("x"), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
	}
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN READ CLOSE")
}
