package reactor_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// asker is a socket that is connected to one address, so it hears answers from there only.
func asker(t *testing.T, to netip.AddrPort) *peer {
	t.Helper()
	p := looptest.NewSocket(t, looptest.Open(t, to.Addr(), unix.SOCK_DGRAM))
	looptest.Connect(t, p.FD, to)
	return p
}

// ownAddresses returns addresses of this host in the family of a socket: several of the loopback
// network, and for IPv6 those of other interfaces.
func ownAddresses(t *testing.T, v6 bool) (list []netip.Addr) {
	if !v6 {
		for i := range 4 {
			list = append(list, netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}))
		}
		return list
	}
	list = append(list, netip.IPv6Loopback())
	all, err := net.InterfaceAddrs()
	looptest.Must(t, err)
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsGlobalUnicast() {
			ip, _ := netip.AddrFromSlice(n.IP)
			list = append(list, ip)
		}
	}
	return list
}

// A listener on all addresses answers from the address that it was asked at, in each way to send
// and also later.
func TestAnswersComeFromTheAskedAddress(t *testing.T) {
	type answer func(c *reactor.Conn, to netip.AddrPort)
	later := func(do answer) answer {
		return func(c *reactor.Conn, to netip.AddrPort) {
			c.Manager().AddTimer(0, reactor.TimerOnce, func() { do(c, to) })
		}
	}
	write := func(c *reactor.Conn, _ netip.AddrPort) { c.Write([]byte("answer")) }
	writeTo := func(c *reactor.Conn, to netip.AddrPort) { c.WriteTo([]byte("answer"), to) }
	for _, ways := range []struct {
		name string
		do   answer
		wait bool // each question waits for the answer to the one before
	}{
		{"Write", write, false},
		{"Append", func(c *reactor.Conn, _ netip.AddrPort) { c.Send.AppendString("answer") }, false},
		{"WriteTo", writeTo, false},
		{"Write later", later(write), true},
		{"WriteTo later", later(writeTo), false},
	} {
		for url, families := range map[string][]bool{"udp://0.0.0.0:0": {false}, "udp://[::]:0": {true}, "udp://:0": {false, true}} {
			t.Run(ways.name+" "+url, func(t *testing.T) {
				m := newManager(t)
				l := listen(t, m, url, func(c *reactor.Conn, ev reactor.Event, _ any) {
					if ev == reactor.EvRead {
						ways.do(c, c.RemoteAddr())
					}
				})
				var all []*peer
				for _, v6 := range families {
					for _, a := range ownAddresses(t, v6) {
						p := asker(t, netip.AddrPortFrom(a, l.LocalAddr().Port()))
						p.WriteString("question")
						if all = append(all, p); ways.wait {
							await(t, m, "the answer", p.Received("answer"))
						}
					}
				}
				for i, p := range all {
					await(t, m, fmt.Sprintf("the answer to asker %d of %d", i, len(all)), p.Received("answer"))
				}
			})
		}
	}
}

// Arrival tells the address and the interface of a datagram.
func TestArrival(t *testing.T) {
	lo := loopbackInterface(t)
	for url, want := range map[string]reactor.Arrival{
		"udp://0.0.0.0:0":   {To: netip.MustParseAddr("127.0.0.2"), Interface: lo.Index},
		"udp://:0":          {To: netip.MustParseAddr("127.0.0.2"), Interface: lo.Index},
		"udp://127.0.0.2:0": {To: netip.MustParseAddr("127.0.0.2")},
	} {
		m := newManager(t)
		r := &recorder{}
		l := listen(t, m, url, r.Handle)
		if a := l.Arrival(); a != (reactor.Arrival{}) {
			t.Errorf("%s: %v before a datagram", url, a)
		}
		asker(t, netipAddrPort("127.0.0.2", l.LocalAddr().Port())).WriteString("x")
		await(t, m, "the datagram", r.Saw(reactor.EvRead))
		if a := l.Arrival(); a.To != want.To || a.Interface != want.Interface && knowsInterface {
			t.Errorf("%s: %v, want %v", url, a, want)
		}
		l.Close()
		spin(t, m, 2)
		if a := l.Arrival(); a != (reactor.Arrival{}) {
			t.Errorf("%s: %v when closed", url, a)
		}
	}
}

// A client of a broadcast address hears all that answer. Write goes to the URL's address, also
// after answers. RemoteAddr is the sender of the last datagram, and WriteTo reaches it.
func TestClientOfABroadcastAddress(t *testing.T) {
	m := newManager(t)
	all, at := looptest.BindSocket(t, "0.0.0.0", unix.SOCK_DGRAM, -1)
	var from []netip.AddrPort
	c := dial(t, m, fmt.Sprintf("udp://127.255.255.255:%d", at.Port()), func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			from = append(from, c.RemoteAddr())
		}
	})
	c.Write([]byte("who?"))
	await(t, m, "the question", func() bool { return len(datagrams(t, all)) == 1 })
	if got := c.RemoteAddr(); got != netipAddrPort("127.255.255.255", at.Port()) {
		t.Errorf("RemoteAddr is %v before an answer", got)
	}
	var want []netip.AddrPort
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		p, a := looptest.BindSocket(t, host, unix.SOCK_DGRAM, -1)
		looptest.Must(t, unix.Sendto(p.FD, []byte("me"), 0, looptest.Sockaddr(netipAddrPort("127.0.0.1", c.LocalAddr().Port()))))
		want = append(want, a)
		await(t, m, "the answer", func() bool { return len(from) == len(want) })
		if n, err := c.WriteTo([]byte("thanks"), c.RemoteAddr()); n != 6 || err != nil {
			t.Fatal(n, err)
		}
		await(t, m, "thanks", p.Received("thanks"))
		c.Write([]byte("again"))
		await(t, m, "the question", func() bool { return slices.Equal(datagrams(t, all), []string{"again"}) })
	}
	if !slices.Equal(from, want) {
		t.Errorf("answers from %v, want %v", from, want)
	}
}

// A refusal by one peer does not end an unconnected socket.
func TestRefusalDoesNotEndAnUnconnectedSocket(t *testing.T) {
	gone, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	gone.Close()
	for name, make := range map[string]func(m *reactor.Manager, fn reactor.Handler) *reactor.Conn{
		"listener": func(m *reactor.Manager, fn reactor.Handler) *reactor.Conn { return listen(t, m, "udp://:0", fn) },
		"client": func(m *reactor.Manager, fn reactor.Handler) *reactor.Conn {
			return dial(t, m, "udp://127.255.255.255:9", fn)
		},
		"wrapped": func(m *reactor.Manager, fn reactor.Handler) *reactor.Conn {
			fd := looptest.Open(t, netip.MustParseAddr("127.0.0.1"), unix.SOCK_DGRAM)
			looptest.Bind(t, fd, netip.MustParseAddrPort("127.0.0.1:0"), -1)
			reportRefusals(t, fd)
			c, err := m.WrapFD(fd, fn, nil)
			looptest.Must(t, err)
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c := make(m, r.Handle)
			spin(t, m, 3)
			for range 3 {
				if _, err := c.WriteTo([]byte("anybody?"), at); err != nil {
					t.Fatal(err)
				}
				spin(t, m, 3)
			}
			p, from := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
			c.WriteTo([]byte("anybody?"), at) // its refusal is there before the next is sent
			c.WriteTo([]byte("you?"), from)
			await(t, m, "the question", p.Received("you?"))
			looptest.Must(t, unix.Sendto(p.FD, []byte("yes"), 0, looptest.Sockaddr(netipAddrPort("127.0.0.1", c.LocalAddr().Port()))))
			await(t, m, "the answer", func() bool { return string(r.Got) == "yes" })
			if lives(t, m, r); c.RemoteAddr() != from {
				t.Errorf("RemoteAddr is %v, want %v", c.RemoteAddr(), from)
			}
		})
	}
}

// A socket with IP_RECVERR keeps ICMP messages in a queue. They must not keep the loop awake.
func TestRefusalsDoNotKeepTheLoopAwake(t *testing.T) {
	gone, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	gone.Close()
	fd := looptest.Open(t, netip.MustParseAddr("127.0.0.1"), unix.SOCK_DGRAM)
	looptest.Bind(t, fd, netip.MustParseAddrPort("127.0.0.1:0"), -1)
	reportRefusals(t, fd)
	m := newManager(t)
	c, err := m.WrapFD(fd, nil, nil)
	looptest.Must(t, err)
	for range 100 {
		c.WriteTo([]byte("anybody?"), at)
	}
	spin(t, m, 20)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(m.Fd()), Events: unix.POLLIN}}, 0); n != 0 {
		t.Errorf("the poller still reports the socket (%d, %v)", n, err)
	}
}

// reportRefusals makes an unconnected socket report ICMP messages, on systems that can.
func reportRefusals(t *testing.T, fd int) {
	const linuxRecvErr = 11 // IP_RECVERR
	if runtime.GOOS == "linux" {
		looptest.Must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, linuxRecvErr, 1))
	}
}

// A client of a broadcast address fails if a datagram for its own address cannot be sent.
func TestUnconnectedClientFails(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c := dial(t, m, "udp://127.255.255.255:9", r.Handle)
	c.Send.Append(make([]byte, 65508)) // more than Write would take
	await(t, m, "EvClose", r.Closed)
	if err := r.Err(t); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("%v", err)
	}
}

func TestWriteToErrors(t *testing.T) {
	m := newManager(t)
	p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	packets, _ := wrapPackets(t, m, "dgram", nil)
	stream, _ := wrap(t, m, nil)
	early, err := m.Connect("udp://127.255.255.255:9", nil, nil)
	looptest.Must(t, err)
	early2, _ := m.Connect("udp://127.255.255.255:9", nil, nil)
	done := dial(t, m, "udp://"+at.String(), nil)
	done.Close()
	peerOf := dial(t, m, "udp://"+at.String(), nil)
	v4, v6, dual := listen(t, m, "udp://127.0.0.1:0", nil), listen(t, m, "udp://[::1]:0", nil), listen(t, m, "udp://:0", nil)
	spin(t, m, 3)
	early3, _ := m.Connect("udp://127.255.255.255:9", nil, nil)
	_, _ = early, early2
	six := netip.MustParseAddrPort("[::1]:9")
	mapped := netip.AddrPortFrom(netip.AddrFrom16(at.Addr().As16()), at.Port())
	for _, row := range []struct {
		name string
		c    *reactor.Conn
		n    int
		to   netip.AddrPort
		want error
	}{
		{"connected", peerOf, 1, at, syscall.EISCONN},
		{"unix datagrams", packets, 1, at, syscall.EOPNOTSUPP},
		{"stream", stream, 1, at, syscall.EOPNOTSUPP},
		{"TCP listener", listen(t, m, "tcp://127.0.0.1:0", nil), 1, at, syscall.EOPNOTSUPP},
		{"before EvConnect", early3, 1, at, syscall.ENOTCONN},
		{"closed", done, 1, at, reactor.ErrClosed},
		{"no address", v4, 1, netip.AddrPort{}, syscall.EDESTADDRREQ},
		{"port 0", v4, 1, netipAddrPort("127.0.0.1", 0), syscall.EDESTADDRREQ},
		{"IPv6 on IPv4", v4, 1, six, syscall.EAFNOSUPPORT},
		{"IPv4 on IPv6", v6, 1, at, syscall.EAFNOSUPPORT},
		{"mapped on IPv6", v6, 1, mapped, syscall.EAFNOSUPPORT},
		{"too long on IPv4", v4, 65508, at, syscall.EMSGSIZE},
		{"too long on IPv6", v6, 65528, six, syscall.EMSGSIZE},
		{"too long for an IPv4 peer", dual, 65508, at, syscall.EMSGSIZE},
		{"unknown zone", v6, 1, netip.MustParseAddrPort("[fe80::1%nosuch]:9"), syscall.ENODEV},
		{"unknown zone, not link-local", dual, 1, netip.MustParseAddrPort("[::1%nosuch]:9"), syscall.ENODEV},
		{"unknown index", v6, 1, netip.MustParseAddrPort("[fe80::1%99999999]:9"), syscall.ENODEV},
		{"IPv4", v4, 1, at, nil},
		{"dual-stack", dual, 2, at, nil},
		{"mapped", v4, 3, mapped, nil},
		{"mapped, dual-stack", dual, 65507, mapped, nil},
	} {
		n, err := row.c.WriteTo(make([]byte, row.n), row.to)
		if !errors.Is(err, row.want) || (err == nil) != (n == row.n) {
			t.Errorf("%s: %d, %v; want %v", row.name, n, err, row.want)
		}
		if err != nil && err != reactor.ErrClosed && !strings.Contains(err.Error(), "write") {
			t.Errorf("%s: %v", row.name, err)
		}
		if zone := row.to.Addr().Zone(); zone != "" && !strings.Contains(err.Error(), `zone "`+zone+`"`) {
			t.Errorf("%s: %v does not name the zone", row.name, err)
		}
		if err == nil {
			await(t, m, "the datagram", func() bool { d := datagrams(t, p); return len(d) == 1 && len(d[0]) == row.n })
		}
	}
}

// A wrapped socket of UDP without a peer works as a listener does: Write goes to the last sender.
func TestWrappedSocketWithoutPeer(t *testing.T) {
	m := newManager(t)
	fd := looptest.Open(t, netip.MustParseAddr("127.0.0.1"), unix.SOCK_DGRAM)
	at := looptest.Bind(t, fd, netip.MustParseAddrPort("0.0.0.0:0"), -1)
	c, err := m.WrapFD(fd, echo, nil)
	looptest.Must(t, err)
	if _, err := c.Write([]byte("x")); !errors.Is(err, unix.EDESTADDRREQ) {
		t.Errorf("Write without a peer: %v", err)
	}
	for i := range 3 {
		p := asker(t, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), at.Port()))
		p.WriteString("hello")
		await(t, m, "the echo", p.Received("hello"))
	}
}
