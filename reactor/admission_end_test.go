package reactor_test

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A connection that waits for a slot gives up its place when it ends, in any way. If it
// was the only one, its listener accepts again.
func TestConnectionEndsWithoutASlot(t *testing.T) {
	for name, end := range map[string]func(k *crowd, c *reactor.Conn, clock *looptest.Clock){
		"Close":    func(_ *crowd, c *reactor.Conn, _ *looptest.Clock) { c.Close() },
		"Abort":    func(_ *crowd, c *reactor.Conn, _ *looptest.Clock) { c.Abort() },
		"Fail":     func(_ *crowd, c *reactor.Conn, _ *looptest.Clock) { c.Fail(errors.New("not today")) },
		"Drain":    func(_ *crowd, c *reactor.Conn, _ *looptest.Clock) { c.Drain() },
		"AwaitEnd": func(_ *crowd, c *reactor.Conn, _ *looptest.Clock) { c.Stack().AwaitEnd() },
		"deadline": func(_ *crowd, _ *reactor.Conn, clock *looptest.Clock) { clock.Advance(10 * time.Second) },
		"the deadline of a connection whose client has left": func(k *crowd, c *reactor.Conn, clock *looptest.Clock) {
			k.peer(c).Close()
			clock.Advance(10 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, clock := slots(t, 1)
			k := newCrowd(t, m, "listener with a Config")
			k.paused()
			k.beginner()
			k.wantFull("the first", 2, 1)
			end(k, k.conns[1], clock)
			k.wantFull("the end", 3, 1)
			k.peer(k.conns[1]).Close()
			await(t, m, "EvClose", k.Closed)
			if k.conns[0].Close(); k.conns[2].TLS() != nil {
				t.Error("a handshake without a slot")
			}
			k.finish(k.conns[2])
		})
	}
}

// When one of several waiting connections ends, the listener does not accept as long as
// others wait.
func TestListenerAcceptsWhenNobodyWaits(t *testing.T) {
	m, _ := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	h := &hellos{t: t}
	h.of("", k)
	for range 4 {
		k.silent()
	}
	for _, c := range k.conns {
		k.says(c, string(clientHello()))
	}
	k.client()
	for _, i := range []int{3, 1} {
		k.conns[i].Close()
		if k.wantHandshaking("a close", 1, 1); len(k.conns) != 4 {
			t.Fatal("accepted while one waits")
		}
	}
	h.closeLast()
	h.want("the one that is left", "0", "2")
	await(t, m, "the next client", func() bool { return len(k.conns) == 5 })
}

// The loop notices at once that a client has left which waits for a slot. Its connection takes no
// slot that becomes free: the next waiting connection gets it, or the listener accepts.
func TestClientLeavesBeforeItHasASlot(t *testing.T) {
	for name, leave := range map[string]func(p *peer){
		"end of stream": func(p *peer) { p.Close() },
		"half-close":    func(p *peer) { p.Shutdown() },
		"reset":         func(p *peer) { p.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := slots(t, 1)
			k := newCrowd(t, m, "listener with a Config")
			for range 4 {
				k.silent()
			}
			for _, c := range k.conns {
				k.begins(k.peer(c))
			}
			k.client().WriteString(firstByte)
			leave(k.peer(k.conns[3]))
			leave(k.peer(k.conns[2]))
			await(t, m, "both ends", func() bool { return k.Count(reactor.EvClose) == 2 })
			for _, err := range k.Errs {
				if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
					t.Error(err)
				}
			}
			if k.wantHandshaking("two have left", 1, 1); len(k.Errs) != 2 || len(k.conns) != 4 {
				t.Fatalf("errors %v, %d accepted", k.Errs, len(k.conns))
			}
			k.conns[0].Close()
			k.finish(k.conns[1])
			await(t, m, "the next client", func() bool { return len(k.conns) == 5 })
			k.wantHandshaking("the next client", 1, 1)
		})
	}
}

// A paused connection keeps its place in the queue. It gets its slot when its turn comes,
// and uses it after Resume.
func TestPausedConnectionKeepsItsPlace(t *testing.T) {
	m, clock := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	k.paused()
	c := k.beginner()
	c.Pause()
	spin(t, m, 5)
	clock.Advance(time.Minute)
	k.wantHandshaking("a pause", 1, 1)
	in := m.Stats().BytesIn
	k.conns[0].Close()
	if k.wantHandshaking("its slot", 1, 1); m.Stats().BytesIn != in || len(k.Errs) > 0 {
		t.Errorf("%d bytes were read, errors %v", m.Stats().BytesIn-in, k.Errs)
	}
	c.Resume()
	k.finish(c)
	k.wantHandshaking("the end", 0, 1)
}

// Waiting connections get their slot even if their listener was closed.
func TestConnectionWaitsWithoutItsListener(t *testing.T) {
	m, _ := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	k.beginner()
	c := k.beginner()
	k.l.Close()
	spin(t, m, 5)
	k.conns[0].Close()
	k.finish(c)
	k.wantHandshaking("the end", 0, 1)
}

// A write fails on a connection that waits for a slot. The connection fails at once,
// because nothing more that its peer has sent can be read.
func TestWriteErrorWithoutASlot(t *testing.T) {
	m, _ := slots(t, 1)
	newCrowd(t, m, "listener with a Config").beginner()
	r := &recorder{On: hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Write([]byte("a greeting")) },
		reactor.EvRead: func(c *reactor.Conn, _ any) {
			c.Recv.Consume(len(command))
			c.StartTLS(serverConfig())
		},
	}}
	_, p := wrap(t, m, r.Handle)
	p.WriteString(command + firstByte)
	p.Close()
	await(t, m, "the end", r.Closed)
	looptest.WantErr(t, r.Err(t), syscall.EPIPE, "tls handshake")
}

// Manager.Drain also ends the connections that wait for a slot.
func TestManagerDrainEndsWaitingConnections(t *testing.T) {
	m, _ := slots(t, 2)
	k := newCrowd(t, m, "Mongoose's way: EvAccept")
	k.beginner()
	k.beginner()
	k.beginner()
	k.wantFull("the first", 3, 2)
	for _, p := range k.peers {
		p.Shutdown()
	}
	if late, err := m.Drain(20 * time.Second); len(late) > 0 || err != nil {
		t.Errorf("stragglers %v, error %v", late, err)
	}
	if n := k.Count(reactor.EvClose); n != 3 {
		t.Errorf("%d closed", n)
	}
}
