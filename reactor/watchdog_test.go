package reactor_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A subject is a connection on which deadlines are tested. It has just been established.
type subject struct {
	*testing.T
	m *reactor.Manager
	k *looptest.Clock
	r *recorder
	c *reactor.Conn
	p *peer // the other end
}

// kinds are all kinds of connections, and all places where deadlines are set: on the
// connection, on its listener, and for the whole manager.
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
		l, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 8)
		narrow(t, l.FD)
		s.c = dial(t, s.m, urlOf(at.String()), s.r.Handle)
		if how == "" {
			set(s.c)
		}
		s.k.Advance(time.Hour) // deadlines count from EvConnect
		await(t, s.m, "EvConnect", s.r.Saw(reactor.EvConnect))
		s.p = l.Accept()
	case "udp client":
		p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		s.c, s.p = dial(t, s.m, "udp://"+at.String(), s.r.Handle), p
		if how == "" {
			set(s.c)
		}
		s.k.Advance(time.Hour)
		await(t, s.m, "EvConnect", s.r.Saw(reactor.EvConnect))
		unix.Connect(p.FD, looptest.Sockaddr(s.c.LocalAddr()))
	case "wrapped":
		s.c, s.p = wrap(t, s.m, s.r.Handle)
		if how == "" {
			set(s.c)
		}
	case "accepted":
		l := listen(t, s.m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if !c.IsListening() {
				s.c = c
				s.r.Handle(c, ev, data)
			}
		})
		if how == "inherited" {
			set(l)
		}
		s.k.Advance(time.Hour)
		s.p = dialNarrow(t, l.LocalAddr())
		await(t, s.m, "EvAccept", s.r.Saw(reactor.EvAccept))
		if how == "" {
			set(s.c)
		}
	}
	spin(t, s.m, 2)
	return s
}

// passes advances the clock by left, the rest of a deadline. Nothing happens a nanosecond
// before, and the connection fails at the deadline.
func (s *subject) passes(name string, after, left time.Duration) {
	s.Helper()
	s.k.Advance(left - 1)
	spin(s.T, s.m, 2)
	if len(s.r.Errs) > 0 || s.r.Closed() {
		s.Fatalf("failed a nanosecond too early: %v", s.r.Errs)
	}
	if d := s.m.NextTimeout(); d != 1 {
		s.Fatalf("NextTimeout %v, want 1ns", d)
	}
	s.k.Advance(1)
	spin(s.T, s.m, 2)
	if !s.r.Closed() {
		s.Fatalf("not closed at the deadline; events %v", s.r.Events)
	}
	wantDeadline(s.T, s.r.Err(s.T), name, after)
}

// remains turns the loop, and fails the test if the connection has failed or closed.
func (s *subject) remains(what string) {
	s.Helper()
	spin(s.T, s.m, 3)
	if len(s.r.Errs) > 0 || s.r.Closed() {
		s.Fatalf("%s: the connection has ended, errors %v", what, s.r.Errs)
	}
}

// wantDeadline fails the test unless err is that DeadlineError, and a timeout.
func wantDeadline(t *testing.T, err error, name string, after time.Duration) {
	t.Helper()
	var e *reactor.DeadlineError
	if !errors.As(err, &e) || e.Deadline != name || e.After != after {
		t.Fatalf("error %v (%T), want the %s deadline of %v", err, err, name, after)
	}
	var n net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &n) || !n.Timeout() {
		t.Errorf("error %v is not a timeout", err)
	}
	for _, word := range []string{name, after.String()} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not contain %q", err, word)
		}
	}
}

// Input does not extend the life of a connection.
func TestLifeDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Connect: time.Second, Life: 9 * time.Second, Idle: time.Minute})
			s.k.Advance(4 * time.Second)
			s.p.WriteString("input")
			await(t, s.m, "EvRead", s.r.Saw(reactor.EvRead))
			s.passes("life", 9*time.Second, 5*time.Second)
		})
	}
}

// Idle counts from the last byte of the peer. What we send does not matter.
func TestIdleDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Connect: time.Second, Idle: 3 * time.Second})
			for i := range 5 {
				s.k.Advance(3*time.Second - 1)
				s.p.WriteString("x")
				await(t, s.m, "EvRead", func() bool { return s.r.Count(reactor.EvRead) == i+1 })
			}
			s.k.Advance(2 * time.Second)
			s.c.Write([]byte("not from the peer"))
			s.remains("after 2 s")
			s.passes("idle", 3*time.Second, time.Second)
		})
	}
	t.Run("no input at all", func(t *testing.T) {
		for _, kind := range kinds {
			newSubject(t, kind, reactor.Deadlines{Idle: 3 * time.Second}).passes("idle", 3*time.Second, 3*time.Second)
		}
	})
}

// The handshake deadline counts from the beginning of the handshake, although bytes come in
// meanwhile, and stops at its end.
func TestHandshakeDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			d := reactor.Deadlines{Connect: time.Second, Handshake: 5 * time.Second}
			s := newSubject(t, kind, d)
			s.k.Advance(time.Hour)
			s.remains("without a handshake")
			s.c.Stack().SetHandshaking(true)
			s.k.Advance(4 * time.Second)
			s.c.Stack().SetHandshaking(false)
			s.c.Stack().SetHandshaking(false)
			s.k.Advance(time.Hour)
			s.remains("the handshake is complete")
			s.c.Stack().SetHandshaking(true)
			for i := range 4 {
				s.k.Advance(time.Second)
				s.p.WriteString("x")
				await(t, s.m, "EvRead", func() bool { return s.r.Count(reactor.EvRead) == i+1 })
				s.c.Stack().SetHandshaking(true) // does not restart the deadline
			}
			s.passes("handshake", 5*time.Second, time.Second)
		})
	}
}

// The connect deadline counts from EvResolve. The value of the connection overrides that
// of the manager.
func TestConnectDeadline(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	for own, want := range map[time.Duration]time.Duration{-1: 0, 0: 10 * time.Second, 2 * time.Second: 2 * time.Second, 20 * time.Second: 20 * time.Second} {
		m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 10 * time.Second}))
		r := &recorder{}
		dial(t, m, urlOf(at.String()), r.Handle).SetDeadlines(reactor.Deadlines{Connect: own, Life: 1, Idle: 1, Stall: 1, Handshake: 1})
		spin(t, m, 3)
		if want == 0 {
			k.Advance(1000 * time.Hour)
			spin(t, m, 3)
			r.Want(t, "OPEN RESOLVE")
			continue
		}
		k.Advance(want - 1)
		spin(t, m, 3)
		r.Want(t, "OPEN RESOLVE")
		k.Advance(1)
		spin(t, m, 3)
		r.Want(t, "OPEN RESOLVE ERROR CLOSE")
		if err := r.Err(t); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "dial") {
			t.Errorf("error %v, want a timeout of dial", err)
		}
	}
}

// arrives makes the peer write n bytes and the loop read them.
func (s *subject) arrives(n int) {
	s.Helper()
	want := len(s.r.Got) + n
	s.p.WriteString(strings.Repeat("x", n))
	await(s.T, s.m, "the input", func() bool { return len(s.r.Got) == want || len(s.r.Errs) > 0 })
}

// The message deadline counts for the message as a whole. It does not run between messages
// and during a pause.
func TestMessageDeadline(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newSubject(t, kind, reactor.Deadlines{Message: 10 * time.Second})
			s.k.Advance(time.Hour)
			for range 3 {
				s.c.Stack().SetReceiving(true)
				s.k.Advance(10*time.Second - 1)
				spin(t, s.m, 2)
				s.c.Stack().SetReceiving(false)
				s.k.Advance(time.Hour)
				spin(t, s.m, 2)
			}
			s.c.Stack().SetReceiving(true)
			s.c.Pause()
			s.k.Advance(time.Hour)
			spin(t, s.m, 2)
			s.c.Resume()
			for range 9 {
				s.k.Advance(time.Second)
				s.arrives(1)
				s.c.Stack().SetReceiving(true) // does not restart the deadline
			}
			s.passes("message", 10*time.Second, time.Second)
		})
	}
}

// With MessageRate a message may take any time, as long as its bytes come fast enough.
// Bytes that come faster extend the deadline to at most the whole of Message from now on.
func TestMessageRate(t *testing.T) {
	d := reactor.Deadlines{Message: 10 * time.Second, MessageRate: 100}
	s := newSubject(t, "wrapped", d)
	s.c.Stack().SetReceiving(true)
	for range 1000 {
		s.k.Advance(time.Second)
		s.arrives(100)
	}
	s.k.Advance(9 * time.Second)
	s.arrives(100) // 8 s late
	s.k.Advance(time.Second)
	s.arrives(50) // 8.5 s late
	s.passes("message", d.Message, 1500*time.Millisecond)

	s = newSubject(t, "wrapped", d)
	s.c.Stack().SetReceiving(true)
	s.arrives(50_000)
	s.passes("message", d.Message, 10*time.Second)

	s = newSubject(t, "wrapped", d) // the deadline starts again with each message
	for range 5 {
		s.c.Stack().SetReceiving(true)
		s.k.Advance(9 * time.Second)
		s.arrives(1)
		s.c.Stack().SetReceiving(false)
		s.arrives(1)
	}
	s.c.Stack().SetReceiving(true)
	s.passes("message", d.Message, 10*time.Second)
}

// After the end of stream the message deadline does not run.
func TestMessageDeadlineAfterTheEndOfStream(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Message: 10 * time.Second})
	s.fill()
	s.c.Stack().SetReceiving(true)
	s.p.Shutdown()
	spin(t, s.m, 3)
	s.k.Advance(time.Hour)
	spin(t, s.m, 3)
	if len(s.r.Errs) > 0 || s.r.Closed() {
		t.Errorf("errors %v, closed %v: want neither while bytes are in Send", s.r.Errs, s.r.Closed())
	}
}

// The error of the connect deadline is a DeadlineError like those of the others.
func TestConnectDeadlineIsADeadlineError(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 7 * time.Second}))
	r := &recorder{}
	dial(t, m, urlOf(at.String()), r.Handle)
	spin(t, m, 3)
	k.Advance(7 * time.Second)
	spin(t, m, 3)
	wantDeadline(t, r.Err(t), "connect", 7*time.Second)
}
