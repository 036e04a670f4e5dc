package reactor

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// fullSocket is the transport of a socket that takes no datagram now.
type fullSocket struct{ *datagrams }

func (f fullSocket) flush() (int, error) {
	return f.flushWith(func(outgoingDatagram, []byte) error { return poll.ErrAgain })
}

// A socket with IP_RECVERR that is not read, and whose Send waits, is reported for its error queue.
// The queue must not keep the loop awake.
func TestErrorQueueOfBlockedSocket(t *testing.T) {
	for name, stop := range map[string]func(c *Conn){
		"paused":       func(c *Conn) { c.Pause() },
		"backpressure": func(c *Conn) { c.SetLimits(Limits{Backpressure: 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakePoller(t)
			m := managerOn(t, f)
			c, gone := refusingSocket(t, m)
			stop(c)
			if _, err := c.WriteTo([]byte("anybody?"), gone); err != nil {
				t.Fatal(err)
			}
			turns(t, m, 1) // it leaves, and the refusal comes at once
			d := c.ext.transport.(*datagrams)
			c.ext.transport = fullSocket{d}
			reports := 0
			f.script = func(batch []poll.Ready) (reported []poll.Ready) {
				for _, r := range batch { // the real socket is writable
					if r.FD != int(c.fd) || hasError(t, r.FD) {
						reported = append(reported, r)
					}
				}
				reports += len(reported)
				return reported
			}
			if _, err := d.writeTo([]byte("more"), gone, netip.Addr{}); err != nil {
				t.Fatal(err)
			}
			turns(t, m, 5)
			if f.watched(int(c.fd)) != poll.Writable {
				t.Fatalf("registered for %v", f.watched(int(c.fd)))
			}
			for range 3 { // another refusal ends one wait
				reports = 0
				if err := unix.Sendto(int(c.fd), []byte("x"), 0, poll.Sockaddr(gone)); err != nil && err != unix.ECONNREFUSED {
					t.Fatal(err)
				}
				if turns(t, m, 10); reports > 2 || hasError(t, int(c.fd)) {
					t.Errorf("reported %d times in 10 turns", reports)
				}
			}
		})
	}
}

// refusingSocket returns an unconnected socket of UDP with IP_RECVERR, and an address that refuses
// datagrams.
func refusingSocket(t *testing.T, m *Manager) (c *Conn, gone netip.AddrPort) {
	t.Helper()
	var fds [2]int
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, poll.Sockaddr(netip.MustParseAddrPort("127.0.0.1:0")))
		}
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
		fds[i] = fd
	}
	gone = poll.LocalAddr(fds[1])
	unix.Close(fds[1])
	c, err := m.WrapFD(fds[0], nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	turns(t, m, 2)
	return c, gone
}

// hasError reports whether the error queue of fd, or its error, is set.
func hasError(t *testing.T, fd int) bool {
	t.Helper()
	set := []unix.PollFd{{Fd: int32(fd)}}
	if _, err := unix.Poll(set, 0); err != nil {
		t.Fatal(err)
	}
	return set[0].Revents&unix.POLLERR != 0
}
