package reactor_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A subject is a connection that deadlines are tried on, just established.
type subject struct {
	*testing.T
	m *reactor.Manager
	k *clock
	r *recorder
	c *reactor.Conn
	p *peer // the other end
}

// kinds are made in each way that connections are, with deadlines set in each
// way: on the connection, on its listener, for all of the manager.
var kinds = []string{
	"tcp client", "tcp client, default", "udp client", "udp client, default", "wrapped", "wrapped, default",
	"accepted", "accepted, inherited", "accepted, default",
}

func newSubject(t *testing.T, kind string, d reactor.Deadlines) *subject {
	t.Helper()
	s := &subject{T: t, r: &recorder{}}
	kind, how, _ := strings.Cut(kind, ", ")
	set := func(c *reactor.Conn) {
		if d != (reactor.Deadlines{}) {
			c.SetDeadlines(d)
		}
	}
	var opts []reactor.Option
	if how == "default" {
		opts = append(opts, reactor.WithDeadlines(d))
	}
	s.m, s.k = timed(t, opts...)
	switch kind {
	case "tcp client":
		l, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 8)
		narrow(l.fd)
		s.c = dial(t, s.m, urlOf(at.String()), s.r.handle)
		if how == "" {
			set(s.c)
		}
		s.k.advance(time.Hour) // what counts is when it is established
		await(t, s.m, "EvConnect", s.r.saw(reactor.EvConnect))
		s.p = acceptRaw(t, l)
	case "udp client":
		p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		s.c, s.p = dial(t, s.m, "udp://"+at.String(), s.r.handle), p
		if how == "" {
			set(s.c)
		}
		s.k.advance(time.Hour)
		await(t, s.m, "EvConnect", s.r.saw(reactor.EvConnect))
		unix.Connect(p.fd, sockaddr(s.c.LocalAddr()))
	case "wrapped":
		s.c, s.p = wrap(t, s.m, s.r.handle)
		if how == "" {
			set(s.c)
		}
	case "accepted":
		l := listen(t, s.m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if !c.IsListening() {
				s.c = c
				s.r.handle(c, ev, data)
			}
		})
		if how == "inherited" {
			set(l)
		}
		s.k.advance(time.Hour)
		s.p = dialRaw(t, l.LocalAddr())
		narrow(s.p.fd)
		await(t, s.m, "EvAccept", s.r.saw(reactor.EvAccept))
		if how == "" {
			set(s.c)
		}
	}
	spin(t, s.m, 2)
	return s
}

// narrow keeps the kernel from taking more and more for a peer that does not read.
func narrow(fd int) { unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) }

// passes lets the time come that a deadline has left: nothing happens a
// nanosecond before, and the connection fails when it is reached.
func (s *subject) passes(name string, after, left time.Duration) {
	s.Helper()
	s.k.advance(left - 1)
	spin(s.T, s.m, 2)
	if len(s.r.errs) > 0 || s.r.closed() {
		s.Fatalf("%v, a nanosecond early", s.r.errs)
	}
	if d := s.m.NextTimeout(); d != 1 {
		s.Fatalf("NextTimeout %v, want 1ns", d)
	}
	s.k.advance(1)
	spin(s.T, s.m, 2)
	if !s.r.closed() {
		s.Fatalf("not closed; events %v", s.r.events)
	}
	wantDeadline(s.T, s.r.err(s.T), name, after)
}

// remains fails the test if the connection has ended.
func (s *subject) remains(what string) {
	s.Helper()
	spin(s.T, s.m, 3)
	if len(s.r.errs) > 0 || s.r.closed() {
		s.Fatalf("%s: %v", what, s.r.errs)
	}
}

// wantDeadline fails the test unless err says which deadline passed.
func wantDeadline(t *testing.T, err error, name string, after time.Duration) {
	t.Helper()
	var e *reactor.DeadlineError
	if !errors.As(err, &e) || e.Deadline != name || e.After != after {
		t.Fatalf("%v (%T), want the %s deadline of %v", err, err, name, after)
	}
	var n net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &n) || !n.Timeout() {
		t.Errorf("%v is no time-out", err)
	}
	for _, word := range []string{name, after.String()} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %q", err, word)
		}
	}
}

func TestLifeDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Connect: time.Second, Life: 9 * time.Second, Idle: time.Minute})
			s.k.advance(4 * time.Second)
			s.p.write("this does not lengthen it")
			await(t, s.m, "EvRead", s.r.saw(reactor.EvRead))
			s.passes("life", 9*time.Second, 5*time.Second)
		})
	}
}

// Idle counts from the last byte that came; what is sent does not matter.
func TestIdleDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Connect: time.Second, Idle: 3 * time.Second})
			for i := range 5 {
				s.k.advance(3*time.Second - 1)
				s.p.write("x")
				await(t, s.m, "EvRead", func() bool { return s.r.count(reactor.EvRead) == i+1 })
			}
			s.k.advance(2 * time.Second)
			s.c.Write([]byte("not from the peer"))
			s.remains("after 2 s")
			s.passes("idle", 3*time.Second, time.Second)
		})
	}
	t.Run("nothing ever came", func(t *testing.T) {
		for _, kind := range kinds {
			newSubject(t, kind, reactor.Deadlines{Idle: 3 * time.Second}).passes("idle", 3*time.Second, 3*time.Second)
		}
	})
}

// The handshake's deadline counts from when it began, whatever trickles in, and
// ends with it.
func TestHandshakeDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			d := reactor.Deadlines{Connect: time.Second, Handshake: 5 * time.Second}
			s := newSubject(t, kind, d)
			s.k.advance(time.Hour)
			s.remains("without a handshake")
			s.c.Stack().SetHandshaking(true)
			s.k.advance(4 * time.Second)
			s.c.Stack().SetHandshaking(false)
			s.c.Stack().SetHandshaking(false)
			s.k.advance(time.Hour)
			s.remains("the handshake is complete")
			s.c.Stack().SetHandshaking(true)
			for i := range 4 {
				s.k.advance(time.Second)
				s.p.write("x")
				await(t, s.m, "EvRead", func() bool { return s.r.count(reactor.EvRead) == i+1 })
				s.c.Stack().SetHandshaking(true) // it goes on
			}
			s.passes("handshake", 5*time.Second, time.Second)
		})
	}
}

// Connect is for the time after EvResolve, and is overridden by the connection's own.
func TestConnectDeadlineOfTheConnection(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	for own, want := range map[time.Duration]time.Duration{-1: 0, 0: 10 * time.Second, 2 * time.Second: 2 * time.Second, 20 * time.Second: 20 * time.Second} {
		m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 10 * time.Second}))
		r := &recorder{}
		dial(t, m, urlOf(at.String()), r.handle).SetDeadlines(reactor.Deadlines{Connect: own, Life: 1, Idle: 1, Stall: 1, Handshake: 1})
		spin(t, m, 3)
		if want == 0 {
			k.advance(1000 * time.Hour)
			spin(t, m, 3)
			r.want(t, "OPEN RESOLVE")
			continue
		}
		k.advance(want - 1)
		spin(t, m, 3)
		r.want(t, "OPEN RESOLVE")
		k.advance(1)
		spin(t, m, 3)
		r.want(t, "OPEN RESOLVE ERROR CLOSE")
		if err := r.err(t); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "dial") {
			t.Errorf("%v", err)
		}
	}
}
