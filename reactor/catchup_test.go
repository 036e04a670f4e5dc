package reactor_test

import (
	"context"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The loop did not turn for a long time. Peers that have read or sent in time do not fail:
// the loop catches up before it enforces deadlines.
func TestLateLoopCatchesUpBeforeDeadlines(t *testing.T) {
	t.Run("stall", func(t *testing.T) {
		s := newSubject(t, "wrapped", reactor.Deadlines{Stall: 5 * time.Second})
		s.fill()
		s.k.Advance(time.Second)
		spin(t, s.m, 3)
		s.p.Receive() // the peer reads all bytes from the socket
		s.k.Advance(10 * time.Second)
		spin(t, s.m, 3)
		if len(s.r.Errs) > 0 {
			t.Errorf("errors %v", s.r.Errs)
		}
	})
	for name, d := range map[string]reactor.Deadlines{
		"idle":      {Idle: 3 * time.Second},
		"handshake": {Handshake: 3 * time.Second},
		"message":   {Message: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) { // more connections than the poller reports at a time
			m, k := timed(t, reactor.WithDeadlines(d))
			var recorders []*recorder
			var peers []*peer
			for range 400 {
				r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
					c.Recv.Reset()
					c.Stack().SetHandshaking(false)
					c.Stack().SetReceiving(false)
				}}}
				c, p := wrap(t, m, r.Handle)
				c.Stack().SetHandshaking(true)
				c.Stack().SetReceiving(true)
				recorders, peers = append(recorders, r), append(peers, p)
			}
			spin(t, m, 5)
			k.Advance(2 * time.Second)
			for _, p := range peers {
				p.WriteString("x")
			}
			k.Advance(2 * time.Second)
			spin(t, m, 5)
			for i, r := range recorders {
				if len(r.Errs) > 0 {
					t.Fatalf("connection %d: errors %v", i, r.Errs)
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
			_, p := wrap(t, m, (&recorder{}).Handle)
			peers = append(peers, p)
		}
		spin(t, m, 5)
		r := &recorder{}
		before := runtime.NumGoroutine()
		dial(t, m, urlOf(hostPort("late.test", l.LocalAddr().Port())), r.Handle)
		spin(t, m, 2)
		for _, p := range peers {
			p.WriteString("x")
		}
		close(slow)
		for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; {
			if time.Now().After(end) {
				t.Fatal("the look-ups are not answered")
			}
			runtime.Gosched()
		}
		k.Advance(time.Minute)
		spin(t, m, 5)
		if len(r.Errs) > 0 || r.Count(reactor.EvConnect) != 1 {
			t.Errorf("events %s, errors %v", eventList(r.Events), r.Errs)
		}
	})
	t.Run("connect", func(t *testing.T) {
		m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 3 * time.Second}))
		_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 500)
		r := &recorder{On: hooks{reactor.EvConnect: func(*reactor.Conn, any) { k.Advance(3 * time.Second) }}}
		for range 400 {
			dial(t, m, urlOf(at.String()), r.Handle)
		}
		spin(t, m, 5)
		if len(r.Errs) > 0 || r.Count(reactor.EvConnect) != 400 {
			t.Errorf("%d of 400 connected; errors %v", r.Count(reactor.EvConnect), r.Errs)
		}
	})
}

// gate is a resolver that answers when the channel is closed.
type gate chan struct{}

func (g gate) LookupNetIP(_ context.Context, network, _ string) ([]netip.Addr, error) {
	<-g
	if network == "ip6" {
		return nil, nil
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// A connection waits for the peer's end of stream, for one second. When the second has
// passed, the loop reads the socket before it closes it. Otherwise a reset destroys our
// final bytes.
func TestLateLoopWhileLingering(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"Drain":    (*reactor.Conn).Drain,
		"AwaitEnd": func(c *reactor.Conn) { c.Stack().AwaitEnd() },
	} {
		t.Run(name, func(t *testing.T) {
			m, k := timed(t)
			fd, p := largeSockets(t, "tcp")
			r := &recorder{}
			c, err := m.WrapFD(fd, r.Handle, nil)
			looptest.Must(t, err)
			c.Write([]byte("bye"))
			end(c)
			await(t, m, "EvWrite", r.Saw(reactor.EvWrite))
			spin(t, m, 2)
			p.WriteSome(make([]byte, 400<<10))
			p.Shutdown()
			if arrivedIn(t, fd) < 3*64<<10 {
				t.Fatalf("only %d bytes have arrived", arrivedIn(t, fd))
			}
			k.Advance(5 * time.Second)
			await(t, m, "EvClose", r.Closed)
			await(t, m, "the end of stream", p.Ended)
			if string(p.In) != "bye" || p.Err != nil || len(r.Errs) > 0 {
				t.Errorf("the peer got %q, error %v; our errors %v", p.In, p.Err, r.Errs)
			}
		})
	}
}
