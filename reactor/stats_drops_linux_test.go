package reactor_test

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// DatagramDrops counts what the kernel has dropped at all sockets, also at those that are closed.
func TestDatagramDrops(t *testing.T) {
	m := newManager(t)
	sent, received := 0, 0
	for range 2 {
		fd := looptest.Open(t, netip.MustParseAddr("127.0.0.1"), unix.SOCK_DGRAM)
		looptest.Must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)) // the kernel's minimum
		at := looptest.Bind(t, fd, netip.MustParseAddrPort("127.0.0.1:0"), -1)
		l, err := m.ListenFD(fd, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				received++
			}
		}, nil)
		looptest.Must(t, err)
		p := asker(t, at)
		for range 100 {
			p.WriteString("datagram")
			sent++
		}
		spin(t, m, 5)
		want := uint64(sent - received)
		if got := m.Stats().DatagramDrops; got != want || want == 0 {
			t.Errorf("%d dropped, want %d", got, want)
		}
		l.Close()
		spin(t, m, 2)
		if got := m.Stats().DatagramDrops; got != want {
			t.Errorf("%d dropped after Close, want %d", got, want)
		}
	}
}
