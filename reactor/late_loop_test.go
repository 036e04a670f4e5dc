package reactor_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A loop that was away for too long does not take it out on peers that did
// their part: what they read or sent meanwhile counts.
func TestLateLoopFailsNobody(t *testing.T) {
	t.Run("stall", func(t *testing.T) {
		s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
		s.fill()
		s.k.advance(time.Second)
		spin(t, s.m, 3)
		s.p.pump() // the peer reads all that the kernel holds
		s.k.advance(10 * time.Second)
		spin(t, s.m, 3)
		if len(s.r.errs) > 0 {
			t.Error(s.r.errs)
		}
	})
	for name, d := range map[string]reactor.Deadlines{
		"idle":      {Idle: 3 * time.Second},
		"handshake": {Handshake: 3 * time.Second},
		"message":   {Message: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) { // more connections than one wait reports
			m, k := timed(t, reactor.WithDeadlines(d))
			var recorders []*recorder
			var peers []*peer
			for range 400 {
				r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
					c.Recv.Reset()
					c.Stack().SetHandshaking(false)
					c.Stack().SetReceiving(false)
				}}}
				c, p := wrap(t, m, r.handle)
				c.Stack().SetHandshaking(true)
				c.Stack().SetReceiving(true)
				recorders, peers = append(recorders, r), append(peers, p)
			}
			spin(t, m, 5)
			k.advance(2 * time.Second)
			for _, p := range peers {
				p.write("x")
			}
			k.advance(2 * time.Second)
			spin(t, m, 5)
			for i, r := range recorders {
				if len(r.errs) > 0 {
					t.Fatalf("connection %d: %v", i, r.errs)
				}
			}
		})
	}
	t.Run("resolve", func(t *testing.T) {
		l := listen(t, newManager(t), "tcp://127.0.0.1:0", nil)
		slow := gate(make(chan struct{}))
		m, k := timed(t, reactor.WithResolver(slow))
		var peers []*peer
		for range 400 {
			_, p := wrap(t, m, (&recorder{}).handle)
			peers = append(peers, p)
		}
		spin(t, m, 5)
		r := &recorder{}
		before := runtime.NumGoroutine()
		dial(t, m, urlOf(hostPort("late.test", l.LocalAddr().Port())), r.handle)
		spin(t, m, 2)
		for _, p := range peers {
			p.write("x")
		}
		close(slow)
		for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
			runtime.Gosched() // until both look-ups are answered
		}
		k.advance(time.Minute)
		spin(t, m, 5)
		if len(r.errs) > 0 || r.count(reactor.EvConnect) != 1 {
			t.Error(r.events, r.errs)
		}
	})
	t.Run("connect", func(t *testing.T) {
		m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 3 * time.Second}))
		_, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 500)
		r := &recorder{on: hooks{reactor.EvConnect: func(*reactor.Conn, any) { k.advance(3 * time.Second) }}}
		for range 400 {
			dial(t, m, urlOf(at.String()), r.handle)
		}
		spin(t, m, 5)
		if len(r.errs) > 0 || r.count(reactor.EvConnect) != 400 {
			t.Errorf("%d connected; %v", r.count(reactor.EvConnect), r.errs)
		}
	})
}

// gate is a resolver that answers when it is opened.
type gate chan struct{}

func (g gate) LookupNetIP(_ context.Context, network, _ string) ([]netip.Addr, error) {
	<-g
	if network == "ip6" {
		return nil, nil
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// A deadline that has passed when it is set is no sign of a late loop.
func TestShorterDeadlineIsNoLag(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Life: 24 * time.Hour})
	s.k.advance(time.Hour)
	spin(t, s.m, 2)
	s.c.SetDeadlines(reactor.Deadlines{Life: time.Minute})
	spin(t, s.m, 2)
	if lag := s.m.Stats().MaxLag; lag > 0 || len(s.r.errs) != 1 {
		t.Errorf("MaxLag %v, errors %v", lag, s.r.errs)
	}
}

// While the program pauses it is not the peer who delays the handshake.
func TestPauseDoesNotCountAsHandshake(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Handshake: 5 * time.Second})
	s.c.Stack().SetHandshaking(true)
	s.c.Pause()
	s.k.advance(6 * time.Second)
	spin(t, s.m, 2)
	s.c.Resume()
	s.k.advance(5*time.Second - 1)
	spin(t, s.m, 2)
	if len(s.r.errs) > 0 {
		t.Error(s.r.errs)
	}
	s.k.advance(1)
	spin(t, s.m, 2)
	wantDeadline(t, s.r.err(t), "handshake", 5*time.Second)
}

// The time-out of connecting is a deadline like the others.
func TestConnectDeadlineIsNamed(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 7 * time.Second}))
	r := &recorder{}
	dial(t, m, urlOf(at.String()), r.handle)
	spin(t, m, 3)
	k.advance(7 * time.Second)
	spin(t, m, 3)
	wantDeadline(t, r.err(t), "connect", 7*time.Second)
}

// One read may bring more than the limit of Recv; a handler that pauses with
// it there has not been flooded.
func TestRecvLimitWhilePaused(t *testing.T) {
	m := newManager(t)
	got := 0
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.Recv.Len() >= 100 {
			c.Recv.Consume(100)
			got += 100
			c.Pause()
		}
	}}}
	c, p := wrap(t, m, r.handle)
	c.SetLimits(reactor.Limits{Recv: 1000})
	p.write(strings.Repeat("x", 5000))
	await(t, m, "all of it", func() bool { c.Resume(); return got == 5000 || len(r.errs) > 0 })
	if len(r.errs) > 0 {
		t.Error(r.errs)
	}
}

// A limit that is set below what Recv holds is enforced at once.
func TestRecvLimitSetLate(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvRead: hoard}}
	c, p := wrap(t, m, r.handle)
	p.write(strings.Repeat("x", 5000))
	await(t, m, "the bytes", func() bool { return c.Recv.Len() == 5000 })
	c.SetLimits(reactor.Limits{Recv: 1000})
	await(t, m, "EvClose", r.closed)
	var l *reactor.LimitError
	if !errors.As(r.err(t), &l) || l.Buffer != "Recv" || l.Held != 5000 {
		t.Error(r.errs)
	}
}

// A listening socket that another holder shut down fails its listener.
func TestListenerShutDownElsewhere(t *testing.T) {
	m := newManager(t)
	p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 8)
	fd, err := unix.Dup(p.fd)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	if _, err := m.ListenFD(fd, r.handle, nil); err != nil {
		t.Fatal(err)
	}
	spin(t, m, 2)
	unix.Shutdown(p.fd, unix.SHUT_RDWR)
	await(t, m, "EvClose", r.closed)
	var op *net.OpError
	if err := r.err(t); !errors.As(err, &op) || op.Op != "accept" {
		t.Error(err)
	}
}

func TestListenOnMappedAddress(t *testing.T) {
	l := listen(t, newManager(t), "tcp://[::ffff:127.0.0.1]:0", nil)
	if !l.LocalAddr().Addr().Is4() {
		t.Error(l.LocalAddr())
	}
}

// A recorder that is to keep no bytes keeps none.
func TestRecorderOfNoBytes(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	c.SetRecorder(&reactor.Recorder{Entries: 3, Bytes: -1})
	p.write("x")
	harmless(t, "the recorder", func() { await(t, m, "EvRead", r.saw(reactor.EvRead)) })
}
