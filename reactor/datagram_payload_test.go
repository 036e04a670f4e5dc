package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The largest datagram of each family goes there and back. A longer one is EMSGSIZE.
func TestLargestPayloads(t *testing.T) {
	for url, most := range map[string]int{"udp://127.0.0.1:0": 65507, "udp://[::1]:0": 65527} {
		for _, wildcard := range []bool{false, true} {
			t.Run(fmt.Sprint(url, wildcard), func(t *testing.T) {
				m := newManager(t)
				host := url
				if wildcard {
					host = map[bool]string{true: "udp://0.0.0.0:0", false: "udp://[::]:0"}[most == 65507]
				}
				l := listen(t, m, host, echo)
				to := netip.AddrPortFrom(netip.MustParseAddrPort(url[len("udp://"):]).Addr(), l.LocalAddr().Port())
				var got []byte
				c := dial(t, m, "udp://"+to.String(), func(c *reactor.Conn, ev reactor.Event, _ any) {
					if ev == reactor.EvRead {
						got = append(got, c.Recv.Bytes()...)
					}
				})
				for _, connected := range []bool{false, true} {
					if _, err := c.Write(make([]byte, most+1)); !errors.Is(err, unix.EMSGSIZE) {
						t.Errorf("connected %v: %v for %d bytes", connected, err, most+1)
					}
					want := noise(most)
					if _, err := c.Write(want); err != nil {
						t.Fatal(err)
					}
					got = nil
					await(t, m, "the echo", func() bool { return len(got) > 0 })
					if !bytes.Equal(got, want) {
						t.Errorf("connected %v: %d bytes came back, want %d", connected, len(got), most)
					}
				}
			})
		}
	}
}

// UNIX-domain sockets have no such limit. Messages may fill the buffer of one read.
func TestLargeUnixMessages(t *testing.T) {
	for _, pair := range []string{"dgram", "seqpacket"} {
		t.Run(pair, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c, p := wrapPackets(t, m, pair, r.Handle)
			looptest.Must(t, unix.SetsockoptInt(p.FD, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20))
			for _, size := range []int{65508, 80<<10 - 1} {
				r.Got = nil
				want := noise(size)
				p.Write(want)
				await(t, m, "the message", func() bool { return len(r.Got) > 0 })
				if !bytes.Equal(r.Got, want) {
					t.Errorf("received %d bytes, want %d", len(r.Got), size)
				}
			}
			for _, size := range []int{65508, 100_000} {
				want := string(noise(size))
				if n, err := c.Write([]byte(want)); n != size || err != nil {
					t.Fatal(n, err)
				}
				got := ""
				await(t, m, "the message", func() bool { s, ok := message(p); got += s; return ok })
				if got != want {
					t.Errorf("sent %d bytes, want %d", len(got), size)
				}
			}
			lives(t, m, r)
		})
	}
}
