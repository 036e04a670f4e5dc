package reactor_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// In its steady state the loop allocates nothing. The peers are bare sockets
// with buffers of their own; what is counted is the reactor's alone.

// In its steady state the loop allocates nothing. The peers are bare sockets with buffers
// of their own, so only allocations of the reactor are counted.
func wantNoAllocs(t *testing.T, run func()) {
	t.Helper()
	looptest.WantNoAllocs(t, "a turn", run)
}

func poll(t *testing.T, m *reactor.Manager) {
	if err := m.Poll(0); err != nil {
		t.Fatal(err)
	}
}

// exchange writes p to the peer's socket and polls until the same number of bytes was
// read back into p.
func exchange(t *testing.T, m *reactor.Manager, fd int, p []byte) {
	if n, err := unix.Write(fd, p); err != nil || n != len(p) {
		t.Fatalf("wrote %d: %v", n, err)
	}
	for got, i := 0, 0; got < len(p); i++ {
		if i > turns {
			t.Fatalf("%d of %d bytes came back", got, len(p))
		}
		poll(t, m)
		if n, err := unix.Read(fd, p[got:]); err == nil {
			got += n
		} else if err != unix.EAGAIN {
			t.Fatal(err)
		}
	}
}

func TestEchoDoesNotAllocate(t *testing.T) {
	for name, size := range map[string]int{"small": 64, "page": 4096, "large": 100 << 10} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			_, p := wrap(t, m, echo)
			buf := bytes.Repeat([]byte("e"), size)
			wantNoAllocs(t, func() { exchange(t, m, p.FD, buf) })
		})
		t.Run("tcp "+name, func(t *testing.T) {
			m := newManager(t)
			l := listen(t, m, "tcp://127.0.0.1:0", echo)
			p := looptest.DialSocket(t, l.LocalAddr())
			spin(t, m, 3)
			buf := bytes.Repeat([]byte("e"), size)
			wantNoAllocs(t, func() { exchange(t, m, p.FD, buf) })
		})
	}
}

func TestDatagramsDoNotAllocate(t *testing.T) {
	writeTo := func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.WriteTo(c.Recv.Bytes(), c.RemoteAddr())
		}
	}
	for name, fn := range map[string]reactor.Handler{"Write": echo, "WriteTo": writeTo} {
		for url, hosts := range map[string][]netip.Addr{
			"udp://127.0.0.1:0": {netip.MustParseAddr("127.0.0.1")},
			"udp://0.0.0.0:0":   {netip.MustParseAddr("127.0.0.1")},
			"udp://:0":          append(linkLocal(t), netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")),
		} {
			for _, host := range hosts {
				t.Run(name+" "+url+" "+host.String(), func(t *testing.T) {
					m := newManager(t)
					l := listen(t, m, url, fn)
					p := looptest.NewSocket(t, looptest.Open(t, host, unix.SOCK_DGRAM))
					sa := looptest.Sockaddr(netip.AddrPortFrom(host, l.LocalAddr().Port()))
					if host.Zone() != "" {
						ifi, err := net.InterfaceByName(host.Zone())
						looptest.Must(t, err)
						sa.(*unix.SockaddrInet6).ZoneId = uint32(ifi.Index)
					}
					looptest.Must(t, unix.Connect(p.FD, sa))
					buf := make([]byte, 512)
					wantNoAllocs(t, func() { exchange(t, m, p.FD, buf) })
				})
			}
		}
	}
}

// linkLocal returns a link-local address of this host, if there is one.
func linkLocal(t *testing.T) []netip.Addr {
	all, err := net.Interfaces()
	looptest.Must(t, err)
	for _, ifi := range all {
		addrs, err := ifi.Addrs()
		looptest.Must(t, err)
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsLinkLocalUnicast() {
				ip, _ := netip.AddrFromSlice(n.IP)
				return []netip.Addr{ip.WithZone(ifi.Name)}
			}
		}
	}
	return nil
}

func TestTimersDoNotAllocate(t *testing.T) {
	m, k := timed(t)
	fired := 0
	for i := range 20 {
		m.AddTimer(time.Duration(i+1)*time.Millisecond, reactor.TimerRepeat, func() { fired++ })
	}
	wantNoAllocs(t, func() {
		k.Advance(20 * time.Millisecond)
		poll(t, m)
	})
	if fired < 200*20 {
		t.Errorf("fired %d times", fired)
	}
}

func TestWakeupsDoNotAllocate(t *testing.T) {
	m := looptest.NewStillManager(t)
	woken := 0
	c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWakeup {
			woken += len(*data.(*[]byte))
		}
	})
	id, data, fn := c.ID(), []byte("wake up"), func() { woken++ }
	wantNoAllocs(t, func() {
		for range 10 {
			m.Wakeup(id, data)
			m.Post(fn)
		}
		poll(t, m)
	})
	if woken < 200*10*8 {
		t.Errorf("%d bytes and posts came", woken)
	}
}

func TestEvPollAndResumeDoNotAllocate(t *testing.T) {
	m := newManager(t)
	polls, reads := 0, 0
	c, p := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvPoll:
			polls++
		case reactor.EvRead:
			reads++
		}
	})
	c.SetPoll(true)
	p.WriteString("a rest")
	spin(t, m, 2)
	wantNoAllocs(t, func() {
		c.Pause()
		poll(t, m)
		c.Resume()
		poll(t, m)
	})
	if polls < 400 || reads < 200 {
		t.Errorf("%d EvPoll, %d EvRead", polls, reads)
	}
}

// An echo over TLS in the steady state allocates no more than crypto/tls does for the
// records of both sides.
func TestTLSAllocations(t *testing.T) {
	if raced {
		t.Skip("crypto/tls keeps its buffers in a sync.Pool, which forgets at random here")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties each sync.Pool
	for _, size := range []int{64, 1000, 16 << 10} {
		want := cryptoAllocations(t, size)
		m := newManager(t)
		_, url := tlsListen(t, m, serverConfig(), echo)
		got, p := 0, make([]byte, size)
		c := tlsConnect(t, m, url, authority().Client(), func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				got += c.Recv.Len()
				c.Recv.Reset()
			}
		})
		run := func() {
			got = 0
			c.Write(p)
			for i := 0; got < size && i < turns; i++ {
				m.Poll(-1)
			}
		}
		for range 30 { // until records have their full size
			run()
		}
		if n := testing.AllocsPerRun(200, run); n > want {
			t.Errorf("%d bytes: %v allocations per echo, crypto/tls alone makes %v", size, n, want)
		} else {
			t.Logf("%d bytes: %v allocations per echo, crypto/tls alone makes %v", size, n, want)
		}
	}
}

// cryptoAllocations returns how often crypto/tls alone allocates for an echo.
func cryptoAllocations(t *testing.T, size int) float64 {
	t.Helper()
	a, b := net.Pipe()
	clientConfig := authority().Client()
	clientConfig.ServerName = "localhost"
	cw, sw := &memoryWire{Conn: a}, &memoryWire{Conn: b}
	client, server := tls.Client(&switched{Conn: a, wire: cw}, clientConfig), tls.Server(&switched{Conn: b, wire: sw}, serverConfig())
	done := make(chan error)
	go func() { done <- server.Handshake() }()
	go func() { // and the tickets
		_, err := client.Read(make([]byte, 1))
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	server.Write([]byte("x"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var up, down bytes.Buffer
	cw.in, cw.out, sw.in, sw.out = &down, &up, &up, &down
	client.NetConn().(*switched).on, server.NetConn().(*switched).on = true, true
	p, q := make([]byte, size), make([]byte, size)
	run := func() {
		client.Write(p)
		io.ReadFull(server, q)
		server.Write(q)
		io.ReadFull(client, q)
	}
	for range 30 {
		run()
	}
	return testing.AllocsPerRun(200, run)
}

// switched is a pipe until it is switched to memory.
type switched struct {
	net.Conn
	wire *memoryWire
	on   bool
}

func (s *switched) Read(p []byte) (int, error) {
	if s.on {
		return s.wire.Read(p)
	}
	return s.Conn.Read(p)
}

func (s *switched) Write(p []byte) (int, error) {
	if s.on {
		return s.wire.Write(p)
	}
	return s.Conn.Write(p)
}
