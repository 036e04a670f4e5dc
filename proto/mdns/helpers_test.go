package mdns_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mdns"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// All tests use the loopback interface, which needs no privileges. Other responders of the host
// may use it too, so each test has names of its own.

var group = netip.MustParseAddrPort("224.0.0.251:5353")

// loopback returns the name of the loopback interface.
func loopback(t testing.TB) string {
	t.Helper()
	all, err := net.Interfaces()
	looptest.Must(t, err)
	i := slices.IndexFunc(all, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 })
	if i < 0 {
		t.Fatal("no loopback interface")
	}
	return all[i].Name
}

// ownName returns a host name that no other process uses.
func ownName(name string) string { return fmt.Sprintf("rikki-%d-%s", os.Getpid(), name) }

// raw is a bare socket that sends to the group and hears it. Its port is 5353 or another one.
type raw struct {
	t  *testing.T
	fd int
}

func newRaw(t *testing.T, port uint16) *raw {
	t.Helper()
	s := looptest.NewSocket(t, looptest.Open(t, group.Addr(), unix.SOCK_DGRAM))
	looptest.Must(t, unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	at := netip.AddrPortFrom(netip.IPv4Unspecified(), port)
	if port == group.Port() {
		at = group
		looptest.Must(t, unix.SetsockoptIPMreq(s.FD, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreq{Multiaddr: group.Addr().As4(), Interface: [4]byte{127, 0, 0, 1}}))
	}
	looptest.Must(t, unix.SetsockoptInet4Addr(s.FD, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, [4]byte{127, 0, 0, 1}))
	looptest.Bind(t, s.FD, at, -1)
	return &raw{t, s.FD}
}

func (r *raw) send(to netip.AddrPort, m mdns.Message) {
	r.t.Helper()
	b, err := mdns.AppendMessage(nil, &m)
	looptest.Must(r.t, err)
	r.sendBytes(to, b)
}

func (r *raw) sendBytes(to netip.AddrPort, b []byte) {
	r.t.Helper()
	looptest.Must(r.t, unix.Sendto(r.fd, b, 0, looptest.Sockaddr(to)))
}

// next returns the next message about a name.
func (r *raw) next(name string, response bool) (m mdns.Message, from netip.AddrPort, ok bool) {
	r.t.Helper()
	buf := make([]byte, 9000)
	for {
		n, sa, err := unix.Recvfrom(r.fd, buf, 0)
		if err == unix.EAGAIN {
			return m, from, false
		}
		looptest.Must(r.t, err)
		m, _, err = mdns.ParseMessage(slices.Clone(buf[:n]))
		if err != nil || m.Response != response || !slices.Contains(names(&m), name) {
			continue // of another process
		}
		a := sa.(*unix.SockaddrInet4)
		return m, netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), true
	}
}

// names returns the names of a message's questions and answers.
func names(m *mdns.Message) (list []string) {
	for _, q := range m.Questions {
		list = append(list, q.Name)
	}
	for _, r := range m.Answers {
		list = append(list, r.Name)
	}
	return list
}

// await runs the loop until the socket has such a message.
func (r *raw) await(m *reactor.Manager, name string, response bool) (msg mdns.Message, from netip.AddrPort) {
	r.t.Helper()
	looptest.Await(r.t, m, "a message about "+name, func() (ok bool) { msg, from, ok = r.next(name, response); return ok })
	return msg, from
}

// heard records the events of a connection.
type heard struct {
	records []string
	errs    []error
	closed  bool
}

func (h *heard) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMDNSResp:
		r := data.(*mdns.Response).Record
		h.records = append(h.records, fmt.Sprint(r.Name, " ", r.Addr))
	case reactor.EvError:
		h.errs = append(h.errs, errors.Unwrap(data.(error)))
	case reactor.EvClose:
		h.closed = true
	}
}
