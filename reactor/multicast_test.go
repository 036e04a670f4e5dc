package reactor_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// knowsInterface is true if the system tells the interface of a datagram of IPv4.
const knowsInterface = runtime.GOOS == "linux" || runtime.GOOS == "darwin"

// loopbackInterface returns the loopback interface. Groups on it need no routes and no privileges.
func loopbackInterface(t *testing.T) net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	looptest.Must(t, err)
	i := slices.IndexFunc(all, func(i net.Interface) bool {
		return i.Flags&(net.FlagLoopback|net.FlagUp) == net.FlagLoopback|net.FlagUp
	})
	if i < 0 {
		t.Fatal("no loopback interface")
	}
	return all[i]
}

// multicastHost returns the host of a URL and the interface for groups. For IPv4 it is the loopback
// interface. Linux's has no route for groups of IPv6, so these use the first interface that has
// one. The group has the scope of the interface: nothing leaves the host [RFC 4291 2.7].
func multicastHost(t *testing.T, v6 bool) (group netip.Addr, iface string) {
	t.Helper()
	if !v6 {
		return netip.MustParseAddr("239.255.47.11"), loopbackInterface(t).Name
	}
	group = netip.MustParseAddr("ff01::4711")
	all, err := net.Interfaces()
	looptest.Must(t, err)
	for _, i := range all {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
		looptest.Must(t, err)
		sa := &unix.SockaddrInet6{Addr: group.As16(), Port: 9, ZoneId: uint32(i.Index)}
		err = unix.Connect(fd, sa)
		unix.Close(fd)
		if err == nil && i.Flags&net.FlagUp != 0 {
			return group, i.Name
		}
	}
	return group, ""
}

func forBothFamilies(t *testing.T, do func(t *testing.T, group netip.Addr, iface string)) {
	for _, v6 := range []bool{false, true} {
		group, iface := multicastHost(t, v6)
		if iface == "" { // the options are tested by TestMulticastOptions
			t.Log("no interface has a route for groups of IPv6")
			continue
		}
		t.Run(group.String(), func(t *testing.T) { do(t, group, iface) })
	}
}

// groupURL returns the URL of a group.
func groupURL(group netip.Addr, iface string, port uint16) string {
	if group.Is6() {
		return fmt.Sprintf("udp://[%v%%25%s]:%d", group, iface, port)
	}
	return fmt.Sprintf("udp://%v:%d", group, port)
}

// joined makes a listener on a group that is a member of it.
func joined(t *testing.T, m *reactor.Manager, group netip.Addr, iface string, port uint16, fn reactor.Handler) *reactor.Conn {
	t.Helper()
	l := listen(t, m, groupURL(group, iface, port), fn)
	looptest.Must(t, l.JoinGroup(group, iface))
	looptest.Must(t, l.SetMulticast(reactor.Multicast{Interface: iface, TTL: -1}))
	return l
}

// Several listeners share the port of a group, and each gets what is sent to it. A client of the
// group hears all their answers, which do not come from the group's address.
func TestGroupWithSeveralMembers(t *testing.T) {
	forBothFamilies(t, func(t *testing.T, group netip.Addr, iface string) {
		m := newManager(t)
		var port uint16
		for i := range 3 {
			l := joined(t, m, group, iface, port, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvRead {
					if a := c.Arrival(); a.To.WithZone("") != group {
						t.Errorf("%s arrived at %v", c.Recv.Bytes(), a)
					}
					fmt.Fprintf(c, "%d: %s", i, c.Recv.Bytes())
				}
			})
			port = l.LocalAddr().Port()
		}
		var got []string
		c := dial(t, m, groupURL(group, iface, port), func(c *reactor.Conn, ev reactor.Event, _ any) {
			switch ev {
			case reactor.EvConnect:
				looptest.Must(t, c.SetMulticast(reactor.Multicast{Interface: iface, TTL: -1}))
				c.Write([]byte("who?"))
			case reactor.EvRead:
				if a := c.RemoteAddr(); a.Port() != port || a.Addr().IsMulticast() {
					t.Errorf("an answer from %v", a)
				}
				got = append(got, string(c.Recv.Bytes()))
			}
		})
		want := []string{"0: who?", "1: who?", "2: who?"}
		await(t, m, "the answers", func() bool { return len(got) == len(want) })
		c.Write([]byte("you?")) // to the group, not to the last that has answered
		await(t, m, "more answers", func() bool { return len(got) == 2*len(want) })
		if slices.Sort(got); !slices.Equal(got, []string{"0: who?", "0: you?", "1: who?", "1: you?", "2: who?", "2: you?"}) {
			t.Errorf("got %q", got)
		}
	})
}

// A listener hears the groups that it has joined, until it leaves them.
func TestJoinAndLeave(t *testing.T) {
	forBothFamilies(t, func(t *testing.T, group netip.Addr, iface string) {
		m := newManager(t)
		r := &recorder{}
		url := "udp://0.0.0.0:0"
		if group.Is6() {
			url = "udp://[::]:0"
		}
		l := listen(t, m, url, r.Handle)
		c := dial(t, m, groupURL(group, iface, l.LocalAddr().Port()), nil)
		await(t, m, "the client", func() bool { return c.RemoteAddr().IsValid() })
		looptest.Must(t, c.SetMulticast(reactor.Multicast{Interface: iface, TTL: -1}))
		marker := dial(t, m, "udp://"+hostPort(map[bool]string{false: "127.0.0.1", true: "::1"}[group.Is6()], l.LocalAddr().Port()), nil)
		hears := func(want string) {
			t.Helper()
			r.Got = nil
			c.Write([]byte("g"))
			spin(t, m, 2)
			marker.Write([]byte("m"))
			await(t, m, "the marker", func() bool { return strings.Contains(string(r.Got), "m") })
			if string(r.Got) != want {
				t.Errorf("heard %q, want %q", r.Got, want)
			}
		}
		hears("m")
		looptest.Must(t, l.JoinGroup(group, iface))
		hears("gm")
		if err := l.JoinGroup(group, iface); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("join twice: %v", err)
		}
		if iface != loopbackInterface(t).Name { // there, the interface itself brings datagrams back
			looptest.Must(t, c.SetMulticast(reactor.Multicast{Interface: iface, TTL: -1, NoLoopback: true}))
			hears("m")
		}
		looptest.Must(t, c.SetMulticast(reactor.Multicast{Interface: iface, TTL: -1}))
		hears("gm")
		looptest.Must(t, l.LeaveGroup(group, iface))
		hears("m")
		if err := l.LeaveGroup(group, iface); !errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Errorf("leave twice: %v", err)
		}
		looptest.Must(t, l.JoinGroup(group.WithZone(zoneOf(group, iface)), iface))
		hears("gm")
	})
}

// A listener does not hear a group that only another socket of the host has joined.
func TestOnlyOwnGroups(t *testing.T) {
	forBothFamilies(t, func(t *testing.T, group netip.Addr, iface string) {
		m := newManager(t)
		joiner, stranger := &recorder{}, &recorder{}
		l := joined(t, m, group, iface, 0, joiner.Handle)
		listen(t, m, groupURL(group, iface, l.LocalAddr().Port()), stranger.Handle)
		c := dial(t, m, groupURL(group, iface, l.LocalAddr().Port()), nil)
		await(t, m, "the client", func() bool { return c.RemoteAddr().IsValid() })
		looptest.Must(t, c.SetMulticast(reactor.Multicast{Interface: iface, TTL: -1}))
		c.Write([]byte("x"))
		await(t, m, "the datagram", func() bool { return string(joiner.Got) == "x" })
		if spin(t, m, 5); len(stranger.Got) > 0 {
			t.Errorf("another listener heard %q", stranger.Got)
		}
	})
}

// zoneOf returns the zone of a group: addresses of IPv4 have none.
func zoneOf(group netip.Addr, iface string) string {
	if group.Is4() {
		return ""
	}
	return iface
}

// SetMulticast sets the options of the kernel, on a dual-stack socket those of both families.
func TestMulticastOptions(t *testing.T) {
	lo := loopbackInterface(t)
	for _, host := range []string{"0.0.0.0", "::"} {
		for _, row := range []struct {
			o         reactor.Multicast
			ttl, loop int
		}{
			{reactor.Multicast{}, 1, 1},
			{reactor.Multicast{TTL: 7, Interface: lo.Name}, 7, 1},
			{reactor.Multicast{TTL: 255}, 255, 1},
			{reactor.Multicast{TTL: -3, NoLoopback: true}, 0, 0},
		} {
			m := newManager(t)
			fd := looptest.Open(t, netip.MustParseAddr(host), unix.SOCK_DGRAM)
			looptest.Bind(t, fd, netipAddrPort(host, 0), -1)
			l, err := m.ListenFD(fd, nil, nil)
			looptest.Must(t, err)
			if err := l.SetMulticast(row.o); err != nil {
				t.Errorf("%s, %+v: %v", host, row.o, err)
			}
			check := func(level, option, want int) {
				t.Helper()
				if got, err := unix.GetsockoptInt(fd, level, option); err != nil || got&0xff != want {
					t.Errorf("%s, %+v: option %d is %d, %v; want %d", host, row.o, option, got, err, want)
				}
			}
			if host == "::" {
				check(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, row.ttl)
				check(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, row.loop)
				if row.o.Interface != "" {
					check(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, lo.Index)
				}
			}
			if host != "::" || runtime.GOOS == "linux" {
				check(unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, row.ttl)
				check(unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, row.loop)
			}
			looptest.Must(t, l.JoinGroup(netip.MustParseAddr(map[bool]string{false: "239.255.47.12", true: "ff02::4712"}[host == "::"]), lo.Name))
		}
	}
}

func TestMulticastErrors(t *testing.T) {
	m := newManager(t)
	lo := loopbackInterface(t).Name
	group, six := netip.MustParseAddr("239.255.47.11"), netip.MustParseAddr("ff02::4711")
	v4, v6 := listen(t, m, "udp://127.0.0.1:0", nil), listen(t, m, "udp://[::1]:0", nil)
	stream, _ := wrap(t, m, nil)
	packets, _ := wrapPackets(t, m, "dgram", nil)
	done := listen(t, m, "udp://127.0.0.1:0", nil)
	done.Close()
	spin(t, m, 2)
	early, err := m.Connect("udp://239.255.47.11:9", nil, nil)
	looptest.Must(t, err)
	for _, row := range []struct {
		name  string
		c     *reactor.Conn
		group netip.Addr
		iface string
		want  string
	}{
		{"not a group", v4, netip.MustParseAddr("127.0.0.1"), lo, "reactor: join group 127.0.0.1 on " + lo + ": not a multicast address"},
		{"no address", v4, netip.Addr{}, "", "not a multicast address"},
		{"no interface", v4, group, "nope0", "on nope0: route ip+net: no such network interface"},
		{"no zone", v6, six.WithZone("nope0"), "", "no such network interface"},
		{"IPv6 on IPv4", v4, six, lo, "another address family"},
		{"IPv4 on IPv6", v6, group, lo, "another address family"},
		{"stream", stream, group, lo, "operation not supported"},
		{"unix datagrams", packets, group, lo, "operation not supported"},
		{"before EvConnect", early, group, lo, "not connected"},
		{"closed", done, group, lo, "closed"},
	} {
		for what, call := range map[string]func() error{
			"join group":  func() error { return row.c.JoinGroup(row.group, row.iface) },
			"leave group": func() error { return row.c.LeaveGroup(row.group, row.iface) },
		} {
			want := strings.Replace(row.want, "join group", what, 1)
			if err := call(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v, want %q", row.name, what, err, want)
			}
		}
	}
	for name, row := range map[string]struct {
		c    *reactor.Conn
		o    reactor.Multicast
		want string
	}{
		"TTL":              {v4, reactor.Multicast{TTL: 256}, "TTL 256 is more than 255"},
		"no interface":     {v4, reactor.Multicast{Interface: "nope0"}, "on nope0: route ip+net: no such network interface"},
		"stream":           {stream, reactor.Multicast{}, "operation not supported"},
		"before EvConnect": {early, reactor.Multicast{}, "not connected"},
		"closed":           {done, reactor.Multicast{}, "closed"},
	} {
		if err := row.c.SetMulticast(row.o); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	if _, err := m.Listen("tcp://239.255.47.11:0", nil, nil); err == nil || !strings.Contains(err.Error(), "multicast address") {
		t.Errorf("tcp: %v", err)
	}
}
