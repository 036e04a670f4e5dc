package reactor_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A connection that waits gives up its place as it ends, however that is. Its listener
// accepts again if it was the only one.
func TestTLSHalfOpenGivesUp(t *testing.T) {
	for name, end := range map[string]func(k *crowd, c *reactor.Conn, clock *clock){
		"Close":    func(_ *crowd, c *reactor.Conn, _ *clock) { c.Close() },
		"Abort":    func(_ *crowd, c *reactor.Conn, _ *clock) { c.Abort() },
		"Fail":     func(_ *crowd, c *reactor.Conn, _ *clock) { c.Fail(errors.New("not today")) },
		"Drain":    func(_ *crowd, c *reactor.Conn, _ *clock) { c.Drain() },
		"AwaitEnd": func(_ *crowd, c *reactor.Conn, _ *clock) { c.Stack().AwaitEnd() },
		"deadline": func(_ *crowd, _ *reactor.Conn, clock *clock) { clock.advance(10 * time.Second) },
		"the deadline of a connection whose client has left": func(k *crowd, c *reactor.Conn, clock *clock) {
			k.peer(c).close()
			clock.advance(10 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, clock := slots(t, 1)
			k := newCrowd(t, m, "listener with a Config")
			k.speaker(firstByte).SetDeadlines(reactor.Deadlines{TLS: -1})
			k.speaker(firstByte)
			k.wantFull("the first", 2, 1)
			end(k, k.conns[1], clock)
			k.wantFull("the end", 3, 1)
			k.peer(k.conns[1]).close()
			await(t, m, "EvClose", k.closed)
			if k.conns[0].Close(); k.conns[2].TLS() != nil {
				t.Error("a handshake without a slot")
			}
			shake(t, m, k.peer(k.conns[2]), len(firstByte))
		})
	}
}

// What ends a connection that waits does not let its listener accept while another waits.
func TestTLSHalfOpenOneOfMany(t *testing.T) {
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
		if k.wantHalfOpen("a close", 1, 1); len(k.conns) != 4 {
			t.Fatal("accepted while one waits")
		}
	}
	h.closeLast()
	h.want("the one that is left", "0", "2")
	await(t, m, "the next client", func() bool { return len(k.conns) == 5 })
}

// That a client has left is found when its connection gets a slot. The slot is free again at
// once, for the next one that waits, and the listener accepts.
func TestTLSHalfOpenClientLeaves(t *testing.T) {
	for name, leave := range map[string]func(p *peer){
		"end of stream": func(p *peer) { p.close() },
		"half-close":    func(p *peer) { p.shutdown() },
		"reset":         func(p *peer) { p.reset() },
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := slots(t, 1)
			k := newCrowd(t, m, "listener with a Config")
			for range 4 {
				k.silent()
			}
			for _, c := range k.conns {
				k.says(c, firstByte)
			}
			k.client().write(firstByte)
			leave(k.peer(k.conns[3]))
			leave(k.peer(k.conns[2]))
			if k.wantHalfOpen("two have left", 1, 1); len(k.errs) > 0 || len(k.conns) != 4 {
				t.Fatalf("errors %v, %d accepted", k.errs, len(k.conns))
			}
			k.conns[0].Close()
			await(t, m, "both ends", func() bool { return k.count(reactor.EvClose) == 3 })
			if len(k.errs) != 2 {
				t.Errorf("errors %v", k.errs)
			}
			shake(t, m, k.peer(k.conns[1]), len(firstByte))
			await(t, m, "the next client", func() bool { return len(k.conns) == 5 })
			k.wantHalfOpen("the next client", 1, 1)
		})
	}
}

// A pause keeps a connection its place. It gets its slot in its turn and uses it after Resume.
func TestTLSHalfOpenPause(t *testing.T) {
	m, clock := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	k.speaker(firstByte).SetDeadlines(reactor.Deadlines{TLS: -1})
	c := k.speaker(firstByte)
	c.Pause()
	spin(t, m, 5)
	clock.advance(time.Minute)
	k.wantHalfOpen("a pause", 1, 1)
	in := m.Stats().BytesIn
	k.conns[0].Close()
	if k.wantHalfOpen("its slot", 1, 1); m.Stats().BytesIn != in || len(k.errs) > 0 {
		t.Errorf("%d bytes were read, errors %v", m.Stats().BytesIn-in, k.errs)
	}
	c.Resume()
	shake(t, m, k.peer(c), len(firstByte))
	k.wantHalfOpen("the end", 0, 1)
}

// Connections that wait get their slot although their listener was closed.
func TestTLSHalfOpenListenerCloses(t *testing.T) {
	m, _ := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	k.speaker(firstByte)
	c := k.speaker(firstByte)
	k.l.Close()
	spin(t, m, 5)
	k.conns[0].Close()
	shake(t, m, k.peer(c), len(firstByte))
	k.wantHalfOpen("the end", 0, 1)
}

// A client that stays silent takes no slot when a deadline of a layer passes on its connection,
// and needs none to leave.
func TestTLSSilentClientIsLookedAt(t *testing.T) {
	for _, full := range []bool{false, true} {
		m, clock := slots(t, 1)
		k := newCrowd(t, m, "listener with a Config")
		if full {
			k.speaker(firstByte)
		}
		c := k.silent()
		expired := 0
		c.Stack().StartDeadline(&reactor.Deadline{Expired: func(*reactor.Conn) { expired++ }}, time.Second)
		clock.advance(time.Second)
		await(t, m, "the deadline", func() bool { return expired == 1 })
		spin(t, m, 5)
		k.peak = 0
		k.peer(c).shutdown()
		await(t, m, "the end", k.closed)
		k.silent()
		if n := len(k.conns) - 2; k.peak != n || len(k.errs) != 1 {
			t.Errorf("at most %d half open, want %d; errors %v", k.peak, n, k.errs)
		}
	}
}

// A connection that waits for a slot, and on which a write has failed, fails at once: nothing
// more that its peer has sent can be read.
func TestTLSHalfOpenWriteFails(t *testing.T) {
	m, _ := slots(t, 1)
	newCrowd(t, m, "listener with a Config").speaker(firstByte)
	r := &recorder{on: hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Write([]byte("a greeting")) },
		reactor.EvRead: func(c *reactor.Conn, _ any) {
			c.Recv.Consume(len(command))
			c.StartTLS(serverConfig())
		},
	}}
	_, p := wrap(t, m, r.handle)
	p.write(command + firstByte)
	p.close()
	await(t, m, "the end", r.closed)
	looptest.WantErr(t, r.err(t), syscall.EPIPE, "tls handshake")
}

// Manager.Drain ends the connections that wait as well.
func TestTLSHalfOpenDrain(t *testing.T) {
	m, _ := slots(t, 2)
	k := newCrowd(t, m, "Mongoose's way: EvAccept")
	for range 3 {
		k.speaker(firstByte)
	}
	k.wantFull("the first", 3, 2)
	for _, p := range k.peers {
		p.shutdown()
	}
	if late, err := m.Drain(20 * time.Second); len(late) > 0 || err != nil {
		t.Errorf("stragglers %v, error %v", late, err)
	}
	if n := k.count(reactor.EvClose); n != 3 {
		t.Errorf("%d closed", n)
	}
}
