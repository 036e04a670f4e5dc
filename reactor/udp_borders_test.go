package reactor_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// borders is what a datagram socket is to send, kept in the plainest way.
type borders struct {
	list []string
	tail string // appended directly, ends with the next datagram
}

func (b *borders) end() {
	if b.tail != "" {
		b.list, b.tail = append(b.list, b.tail), ""
	}
}

// truncate keeps the first n bytes: datagrams that end there or before, and
// the beginning of one that goes beyond.
func (b *borders) truncate(n int) {
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

// Whatever is written, appended and taken back, each datagram is what the
// program made of it.
func TestDatagramBordersAtRandom(t *testing.T) {
	for seed := range uint64(100) {
		m := newManager(t)
		p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		c := dial(t, m, "udp://"+at.String(), nil)
		spin(t, m, 2)
		rnd := rand.New(rand.NewPCG(seed, 2))
		for range 3 {
			var want borders
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

// step does one thing, or takes bytes back and writes behind them.
func (b *borders) step(c *reactor.Conn, rnd *rand.Rand, s string) (did string) {
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

// Many that wait are all sent, each by itself.
func TestManyDatagramsWait(t *testing.T) {
	m := newManager(t)
	p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	c := dial(t, m, "udp://"+at.String(), nil)
	const n = 50 // a socket holds them on any system
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
