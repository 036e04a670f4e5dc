package reactor_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Each Write is one datagram, never merged or split. Empty ones are sent too.
func TestEachWriteIsOneDatagram(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			m := newManager(t)
			p, at := looptest.BindSocket(t, host, unix.SOCK_DGRAM, -1)
			r := &recorder{}
			c := dial(t, m, "udp://"+at.String(), r.Handle)
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
			if r.Wrote != len(strings.Join(want, "")) || c.RemoteAddr() != at {
				t.Errorf("EvWrite told of %d bytes, RemoteAddr %v", r.Wrote, c.RemoteAddr())
			}
			r.Want(t, "OPEN RESOLVE CONNECT WRITE WRITE")
		})
	}
}

// A handler may remove from Send what it has written.
func TestDatagramsTakenBack(t *testing.T) {
	for name, take := range map[string]func(c *reactor.Conn){
		"Reset":       func(c *reactor.Conn) { c.Send.Reset() },
		"Truncate":    func(c *reactor.Conn) { c.Send.Truncate(0) },
		"Consume":     func(c *reactor.Conn) { c.Send.Consume(c.Send.Len()) },
		"Truncate(3)": func(c *reactor.Conn) { c.Send.Truncate(3) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
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

// expectedDatagrams is what a datagram socket is to send, in the simplest form.
type expectedDatagrams struct {
	list []string
	tail string // appended directly; ends where the next datagram begins
}

func (b *expectedDatagrams) end() {
	if b.tail != "" {
		b.list, b.tail = append(b.list, b.tail), ""
	}
}

// truncate keeps the first n bytes: whole datagrams, and the beginning of one that is
// longer.
func (b *expectedDatagrams) truncate(n int) {
	b.end()
	var kept []string
	at := 0
	for _, d := range b.list {
		switch end := at + len(d); {
		case end <= n:
			kept = append(kept, d)
		case at < n:
			kept = append(kept, d[:n-at])
		}
		at += len(d)
	}
	b.list = kept
}

// step writes or appends something. Before that it may truncate Send.
func (b *expectedDatagrams) step(c *reactor.Conn, rnd *rand.Rand, s string) (did string) {
	switch n := c.Send.Len(); {
	case rnd.IntN(3) == 0:
		n = rnd.IntN(n + 1)
		c.Send.Truncate(n)
		b.truncate(n)
		did = fmt.Sprintf("Truncate(%d) ", n)
	case n > 0 && rnd.IntN(3) == 0:
		c.Send.AppendString(s)
		b.tail += s
		return fmt.Sprintf("Append(%q)", s)
	}
	c.Write([]byte(s))
	b.end()
	b.list = append(b.list, s)
	return did + fmt.Sprintf("Write(%q)", s)
}

// After any writes, appends and truncations each datagram is what the program wrote.
func TestDatagramBoundariesAtRandom(t *testing.T) {
	for seed := range uint64(30) {
		m := newManager(t)
		p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		c := dial(t, m, "udp://"+at.String(), nil)
		spin(t, m, 2)
		rnd := rand.New(rand.NewPCG(seed, 2))
		for range 3 {
			var want expectedDatagrams
			var did []string
			for i := range 12 {
				did = append(did, want.step(c, rnd, fmt.Sprintf("%x.....", i)[:rnd.IntN(6)]))
			}
			want.end()
			spin(t, m, 2)
			if got := datagrams(t, p); !slices.Equal(got, want.list) {
				t.Fatalf("seed %d: %s\n got %q\nwant %q", seed, did, got, want.list)
			}
		}
	}
}
