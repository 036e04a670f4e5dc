//go:build unix

package poll

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkDatagram compares the two ways to send and to receive a datagram: recvfrom and sendto,
// and recvmsg and sendmsg with ancillary data.
func BenchmarkDatagram(b *testing.B) {
	newSocket := func(b *testing.B, arrivals bool) (int, netip.AddrPort) {
		fd, err := Socket(unix.AF_INET, unix.SOCK_DGRAM)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { Close(fd) })
		if err := unix.Bind(fd, Sockaddr(netip.MustParseAddrPort("127.0.0.1:0"))); err != nil {
			b.Fatal(err)
		}
		if arrivals {
			if err := ReportArrivals(fd, false); err != nil {
				b.Fatal(err)
			}
		}
		return fd, LocalAddr(fd)
	}
	buf := make([]byte, 80<<10)
	source := netip.MustParseAddr("127.0.0.1")
	for _, size := range []int{64, 1400} {
		for name, msg := range map[string][2]bool{
			"recvfrom+sendto": {false, false}, "recvmsg+sendto": {true, false}, "recvmsg+sendmsg": {true, true},
		} {
			b.Run(name+"/"+map[int]string{64: "64", 1400: "1400"}[size], func(b *testing.B) {
				fd, to := newSocket(b, msg[0])
				p := make([]byte, size)
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if msg[1] {
						err = SendMsg(fd, p, to, source, false)
					} else {
						err = SendTo(fd, p, to)
					}
					if err != nil {
						b.Fatal(err)
					}
					n := 0
					if msg[0] {
						n, _, _, _, err = RecvMsg(fd, buf)
					} else {
						n, _, err = RecvFrom(fd, buf)
					}
					if n != size || err != nil {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
}
