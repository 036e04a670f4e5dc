package sntp_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/sntp"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// server is a bare socket that plays a time server.
type server struct {
	t  *testing.T
	fd int
	at netip.AddrPort
}

func newServer(t *testing.T) *server {
	s, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	return &server{t, s.FD, at}
}

// request returns the request that has arrived, and where it came from.
func (s *server) request() (p sntp.Packet, from unix.Sockaddr, ok bool) {
	s.t.Helper()
	buf := make([]byte, 100)
	n, from, err := unix.Recvfrom(s.fd, buf, 0)
	if err == unix.EAGAIN {
		return p, nil, false
	}
	looptest.Must(s.t, err)
	p, _, err = sntp.ParsePacket(buf[:n])
	if err != nil || n != sntp.Size || p.Version != 4 || p.Mode != sntp.ModeClient || p.Transmit == 0 {
		s.t.Fatalf("request of %d bytes: %+v, %v", n, p, err)
	}
	return p, from, true
}

func (s *server) send(to unix.Sockaddr, p sntp.Packet) {
	s.t.Helper()
	looptest.Must(s.t, unix.Sendto(s.fd, sntp.AppendPacket(nil, p), 0, to))
}

// client is a connection of Connect and what its handler got.
type client struct {
	*reactor.Conn
	times []sntp.Time
	errs  []error
	done  bool
}

func connect(t *testing.T, m *reactor.Manager, url string) *client {
	t.Helper()
	c := &client{}
	var err error
	c.Conn, err = sntp.Connect(m, url, func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvSNTPTime:
			c.times = append(c.times, *data.(*sntp.Time))
		case reactor.EvError:
			err := data.(error)
			c.errs = append(c.errs, errors.Unwrap(err))
		case reactor.EvClose:
			c.done = true
		}
	}, nil)
	looptest.Must(t, err)
	return c
}

// answer is a good answer to a request, received and sent at these times.
func answer(p sntp.Packet, received, sent time.Time) sntp.Packet {
	return sntp.Packet{
		Version: 4, Mode: sntp.ModeServer, Stratum: 2, RefID: [4]byte{10, 0, 0, 1}, Origin: p.Transmit,
		Receive: sntp.TimestampOf(received), Transmit: sntp.TimestampOf(sent),
	}
}

// The offset and the delay follow from the four times [RFC 4330 5]. Several requests may follow one
// another on a connection.
func TestTime(t *testing.T) {
	clock := looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now))
	s := newServer(t)
	c := connect(t, m, fmt.Sprintf("udp://%v", s.at))
	for i, ahead := range []time.Duration{0, time.Hour, -time.Hour, 50 * 365 * 24 * time.Hour, -50 * 365 * 24 * time.Hour} {
		looptest.Must(t, sntp.Request(c.Conn)) // the first before EvConnect
		if err := sntp.Request(c.Conn); err != sntp.ErrPending {
			t.Errorf("a second request: %v", err)
		}
		var p sntp.Packet
		var from unix.Sockaddr
		looptest.Await(t, m, "the request", func() (ok bool) { p, from, ok = s.request(); return ok })
		clock.Advance(200 * time.Millisecond)
		received := clock.Now().Add(ahead)
		clock.Advance(100 * time.Millisecond)
		s.send(from, answer(p, received, clock.Now().Add(ahead)))
		clock.Advance(200 * time.Millisecond)
		looptest.Await(t, m, "the time", func() bool { return len(c.times) > i || c.done })
		if len(c.errs) > 0 {
			t.Fatal(c.errs)
		}
		got := c.times[i]
		if got.Offset != ahead || got.Delay != 400*time.Millisecond || !got.Time.Equal(clock.Now().Add(ahead)) || got.Stratum != 2 {
			t.Errorf("ahead %v: %+v", ahead, got)
		}
	}
}

// What does not answer the request is ignored: it may be forged. The good answer still counts.
func TestForgedAnswersAreIgnored(t *testing.T) {
	m := looptest.NewStillManager(t)
	s := newServer(t)
	c := connect(t, m, fmt.Sprintf("udp://%v", s.at))
	looptest.Must(t, sntp.Request(c.Conn))
	var p sntp.Packet
	var from unix.Sockaddr
	looptest.Await(t, m, "the request", func() (ok bool) { p, from, ok = s.request(); return ok })
	now := m.Now()
	good := answer(p, now, now)
	for name, change := range map[string]func(p *sntp.Packet){
		"no origin":       func(p *sntp.Packet) { p.Origin = 0 },
		"another origin":  func(p *sntp.Packet) { p.Origin++ },
		"mode client":     func(p *sntp.Packet) { p.Mode = sntp.ModeClient },
		"mode broadcast":  func(p *sntp.Packet) { p.Mode = 5 },
		"version 0":       func(p *sntp.Packet) { p.Version = 0 },
		"version 5":       func(p *sntp.Packet) { p.Version = 5 },
		"forged kiss":     func(p *sntp.Packet) { p.Stratum, p.Origin = 0, 1 },
		"forged no clock": func(p *sntp.Packet) { p.Leap, p.Origin = sntp.LeapAlarm, 1 },
	} {
		bad := good
		change(&bad)
		s.send(from, bad)
		if looptest.Spin(t, m, 3); len(c.times) > 0 || len(c.errs) > 0 {
			t.Fatalf("%s: %v, %v", name, c.times, c.errs)
		}
	}
	looptest.Must(t, unix.Sendto(s.fd, sntp.AppendPacket(nil, good)[:47], 0, from))
	looptest.Must(t, unix.Sendto(s.fd, nil, 0, from))
	s.send(from, good)
	looptest.Await(t, m, "the time", func() bool { return len(c.times) == 1 })
	s.send(from, good) // a duplicate
	if looptest.Spin(t, m, 3); len(c.times) != 1 || len(c.errs) > 0 {
		t.Errorf("%v, %v", c.times, c.errs)
	}
}

// An answer without time is an error that says why.
func TestRefusals(t *testing.T) {
	for name, row := range map[string]struct {
		change func(p *sntp.Packet)
		want   string
	}{
		"rate":       {func(p *sntp.Packet) { p.Stratum, p.RefID = 0, [4]byte{'R', 'A', 'T', 'E'} }, `kiss-o'-death "RATE": the server is asked too often`},
		"deny":       {func(p *sntp.Packet) { p.Stratum, p.RefID = 0, [4]byte{'D', 'E', 'N', 'Y'} }, `kiss-o'-death "DENY": the server denies access`},
		"unknown":    {func(p *sntp.Packet) { p.Stratum, p.RefID = 0, [4]byte{'X', '\n', 0, 0} }, `kiss-o'-death "X\n\x00\x00"`},
		"no code":    {func(p *sntp.Packet) { p.Stratum, p.RefID = 0, [4]byte{} }, "not synchronized"},
		"alarm":      {func(p *sntp.Packet) { p.Leap = sntp.LeapAlarm }, "not synchronized"},
		"stratum 16": {func(p *sntp.Packet) { p.Stratum = 16 }, "not synchronized"},
		"no receive": {func(p *sntp.Packet) { p.Receive = 0 }, "impossible times"},
		"no time":    {func(p *sntp.Packet) { p.Transmit = 0 }, "impossible times"},
		"backwards":  {func(p *sntp.Packet) { p.Receive = p.Transmit + 1<<32 }, "impossible times"},
	} {
		t.Run(name, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			s := newServer(t)
			c := connect(t, m, fmt.Sprintf("udp://%v", s.at))
			looptest.Must(t, sntp.Request(c.Conn))
			var p sntp.Packet
			var from unix.Sockaddr
			looptest.Await(t, m, "the request", func() (ok bool) { p, from, ok = s.request(); return ok })
			a := answer(p, m.Now(), m.Now())
			row.change(&a)
			s.send(from, a)
			looptest.Await(t, m, "EvClose", func() bool { return c.done })
			if len(c.errs) != 1 || len(c.times) > 0 || !strings.Contains(c.errs[0].Error(), row.want) {
				t.Errorf("%v, want %q", c.errs, row.want)
			}
			var kiss *sntp.KissError
			if isKiss := strings.Contains(row.want, "kiss"); errors.As(c.errs[0], &kiss) != isKiss {
				t.Errorf("%v is a KissError: %v", c.errs[0], !isKiss)
			}
			if err := sntp.Request(c.Conn); err != reactor.ErrClosed {
				t.Errorf("a request after EvClose: %v", err)
			}
		})
	}
}

// A server that does not answer is an error after Timeout. The time before EvConnect does not
// count.
func TestTimeout(t *testing.T) {
	clock := looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now))
	s := newServer(t)
	c := connect(t, m, fmt.Sprintf("udp://%v", s.at))
	looptest.Must(t, sntp.Request(c.Conn))
	clock.Advance(time.Hour)
	looptest.Await(t, m, "the request", func() (ok bool) { _, _, ok = s.request(); return ok })
	clock.Advance(sntp.Timeout - 1)
	if looptest.Spin(t, m, 3); c.done {
		t.Fatal("closed before the deadline")
	}
	clock.Advance(time.Second)
	looptest.Await(t, m, "EvClose", func() bool { return c.done })
	if len(c.errs) != 1 || !errors.Is(c.errs[0], os.ErrDeadlineExceeded) || !strings.Contains(c.errs[0].Error(), "SNTP answer") {
		t.Errorf("%v", c.errs)
	}
}

func TestConnectErrors(t *testing.T) {
	m := looptest.NewManager(t)
	for url, want := range map[string]string{
		"tcp://127.0.0.1:123": "want udp://host",
		"127.0.0.1:123":       "no scheme",
		"udp://":              "want a host",
		"udp://127.0.0.1:0":   "want a host and a port other than 0",
		"udp://127.0.0.1/x":   "no port",
	} {
		if _, err := sntp.Connect(m, url, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	if c, err := sntp.Connect(m, "udp://[::1]", nil, nil); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	other, err := m.Connect("udp://127.0.0.1:9", nil, nil)
	looptest.Must(t, err)
	if err := sntp.Request(other); err == nil || !strings.Contains(err.Error(), "Connect has not made") {
		t.Errorf("Request on another connection: %v", err)
	}
}
