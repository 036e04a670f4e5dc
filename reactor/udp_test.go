package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// datagrams reads what has come to a bare socket, one string per datagram.
func datagrams(t *testing.T, p *peer) []string {
	t.Helper()
	var list []string
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(p.fd, buf, 0)
		if err == unix.EAGAIN {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(buf[:n]))
	}
}

// Each Write is one datagram, never merged or split, empty ones too.
func TestDatagramBorders(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			m := newManager(t)
			p, at := bindRaw(t, host, unix.SOCK_DGRAM, -1)
			r := &recorder{}
			c := dial(t, m, "udp://"+at.String(), r.handle)
			big := strings.Repeat("b", 9000)
			want := []string{"one", "", "two", "three" + "four", big, ""}
			for _, s := range want[:3] { // before it is established
				if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
					t.Fatal(n, err)
				}
			}
			spin(t, m, 2)
			c.Send.AppendString("three") // what is appended directly ends where Write begins
			c.Send.AppendString("four")
			c.Write([]byte(big))
			c.Write(nil)
			var got []string
			await(t, m, "the datagrams", func() bool { got = append(got, datagrams(t, p)...); return len(got) >= len(want) })
			if !slices.Equal(got, want) {
				t.Errorf("got %.200q\nwant %.200q", got, want)
			}
			if r.wrote != len(strings.Join(want, "")) || c.RemoteAddr() != at {
				t.Errorf("EvWrite told of %d bytes, RemoteAddr %v", r.wrote, c.RemoteAddr())
			}
			r.want(t, "OPEN RESOLVE CONNECT WRITE WRITE")
		})
	}
}

// Each EvRead has exactly one datagram in Recv, what is left of the one before
// is dropped, and RemoteAddr is its sender.
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
				p, from := bindRaw(t, host, unix.SOCK_DGRAM, -1)
				for _, s := range []string{"a", "", "longer"} {
					s += strings.Repeat("+", i*len(s))
					if err := unix.Sendto(p.fd, []byte(s), 0, sockaddr(to)); err != nil {
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

// Answers go to whom RemoteAddr was at the moment of each Write, whoever sent
// meanwhile.
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
			p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
			if err := unix.Sendto(p.fd, fmt.Append(nil, i), 0, sockaddr(netipAddrPort("127.0.0.1", l.LocalAddr().Port()))); err != nil {
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

// What is appended to Send directly goes to the peer whose datagram was being
// handled, not to the one whose came next, together with its own.
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
		p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		if err := unix.Sendto(p.fd, fmt.Append(nil, "secret of ", i), 0, sockaddr(l.LocalAddr())); err != nil {
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

func TestDatagramTooLong(t *testing.T) {
	m := newManager(t)
	p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	c := dial(t, m, "udp://"+at.String(), nil)
	if _, err := c.Write(make([]byte, 65508)); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("%v", err)
	}
	largest := bytes.Repeat([]byte("x"), 65507)
	if _, err := c.Write(largest); err != nil {
		t.Fatal(err)
	}
	var got []string
	await(t, m, "the datagram", func() bool { got = append(got, datagrams(t, p)...); return len(got) > 0 })
	if len(got) != 1 || got[0] != string(largest) {
		t.Errorf("%d datagrams, the first of %d bytes", len(got), len(got[0]))
	}
}

// A handler may take back what it has put into Send.
func TestDatagramsTakenBack(t *testing.T) {
	for name, take := range map[string]func(c *reactor.Conn){
		"Reset":       func(c *reactor.Conn) { c.Send.Reset() },
		"Truncate":    func(c *reactor.Conn) { c.Send.Truncate(0) },
		"Consume":     func(c *reactor.Conn) { c.Send.Consume(c.Send.Len()) },
		"Truncate(3)": func(c *reactor.Conn) { c.Send.Truncate(3) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
			c := dial(t, m, "udp://"+at.String(), nil)
			spin(t, m, 2)
			c.Write([]byte("one"))
			c.Write([]byte("taken back"))
			take(c)
			harmless(t, "Poll", func() { spin(t, m, 3) })
			want := []string{"end"}
			if name == "Truncate(3)" {
				want = []string{"one", "end"}
			}
			c.Write([]byte("end"))
			var got []string
			harmless(t, "Poll", func() {
				await(t, m, "the last", func() bool { got = append(got, datagrams(t, p)...); return slices.Contains(got, "end") })
			})
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
