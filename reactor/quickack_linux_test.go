package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A peer whose Nagle algorithm is on, or that waits for some other reason, does not send
// the second part of an answer before the first is acknowledged, and the kernel delays
// that when nothing is sent the other way. The loop asks for it before it blocks.

// A peer may wait for our acknowledgement before it sends the second part of an answer,
// for example because of Nagle's algorithm. The kernel delays the acknowledgement while
// we send nothing. So the loop asks for it before it blocks. acking is a TCP connection
// of the loop with its bare peer.
type acking struct {
	t    *testing.T
	m    *reactor.Manager
	c    *reactor.Conn
	p    *peer
	read int // bytes
	hook func(c *reactor.Conn)
}

var ackingRoles = []string{"accepted", "connected"}

func newAcking(t *testing.T, role string) *acking {
	t.Helper()
	a := &acking{t: t, m: newManager(t)}
	open := false
	handle := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvAccept, reactor.EvConnect:
			a.c, open = c, true
		case reactor.EvRead:
			a.read += *data.(*int)
			c.Recv.Reset()
			if a.hook != nil {
				a.hook(c)
			}
		}
	}
	if role == "accepted" {
		a.p = looptest.DialSocket(t, listen(t, a.m, "tcp://127.0.0.1:0", handle).LocalAddr())
		await(t, a.m, "the connection", func() bool { return open })
	} else {
		l, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 8)
		dial(t, a.m, "tcp://"+at.String(), handle)
		await(t, a.m, "the connection", func() bool { return open })
		a.p = l.Accept()
	}
	return a
}

// say writes from the connection and waits until the peer has read it.
func (a *acking) say(s string) {
	a.t.Helper()
	a.p.In = nil
	a.c.Write([]byte(s))
	await(a.t, a.m, "the peer's bytes", a.p.Received(s))
}

// hear writes a part of an answer from the peer. The loop reads it in turns that do not
// block.
func (a *acking) hear(s string) {
	a.t.Helper()
	want := a.read + len(s)
	a.p.WriteString(s)
	for range turns {
		if a.read >= want {
			return
		}
		spin(a.t, a.m, 1)
	}
	a.t.Fatalf("%d bytes read, want %d", a.read, want)
}

// acks returns how many acknowledgements the loop has asked for.
func (a *acking) acks() uint64 { return a.m.Stats().QuickAcks }

// interactive exchanges questions and answers, so that the kernel delays
// acknowledgements. The connection writes in the turn in which it reads.
func (a *acking) interactive() {
	a.t.Helper()
	a.hook = func(c *reactor.Conn) { c.Write([]byte("and?")) }
	a.say("question")
	for range 8 {
		a.hear("answer")
		a.p.In = nil
		await(a.t, a.m, "the next question", a.p.Received("and?"))
	}
	a.hook = nil
}

// A connection has written, and reads a part of an answer. Poll(0) asks for the
// acknowledgement before it returns.
func TestQuickAckBeforePollReturns(t *testing.T) {
	for _, role := range ackingRoles {
		t.Run(role, func(t *testing.T) {
			a := newAcking(t, role)
			a.interactive()
			for i := range 10 {
				a.say("question")
				before := a.acks()
				a.hear("part")
				a.p.AwaitDelivery()
				if n := a.acks() - before; n != 1 {
					t.Errorf("exchange %d: asked for %d acknowledgements, want 1", i, n)
				}
				spin(t, a.m, 10)
				if n := a.acks() - before; n != 1 {
					t.Errorf("exchange %d: asked again, %d times in all, without more input", i, n)
				}
			}
		})
	}
}

// A Poll that blocks asks for the acknowledgement before it blocks. On a busy machine the kernel's
// own delay may end before Poll is called. Then Poll does not block, and nothing is shown.
func TestQuickAckBeforeBlocking(t *testing.T) {
	for _, role := range ackingRoles {
		t.Run(role, func(t *testing.T) {
			a := newAcking(t, role)
			a.interactive()
			blocked := 0
			for tries := 0; blocked < 10; tries++ {
				a.say("question")
				before, want := a.acks(), a.read+4
				a.p.WriteString("part")
				await(t, a.m, "the part", func() bool { return a.read >= want })
				acknowledged := false
				go func() {
					a.p.AwaitDelivery()
					a.m.Post(func() { acknowledged = true })
				}()
				for !acknowledged {
					if err := a.m.Poll(-1); err != nil {
						t.Fatal(err)
					}
				}
				switch n := a.acks() - before; {
				case n == 1:
					blocked++
				case n > 1 || tries == 1000:
					t.Fatalf("exchange %d: asked for %d acknowledgements, want 1", tries, n)
				}
			}
		})
	}
}

// The loop asks for the acknowledgement of each part of an answer, because the peer may
// wait behind any.
func TestQuickAckOfEachPart(t *testing.T) {
	for _, role := range ackingRoles {
		a := newAcking(t, role)
		a.interactive()
		a.say("question")
		before := a.acks()
		for i := range 20 {
			a.hear("part")
			if n := a.acks() - before; n != uint64(i+1) {
				t.Fatalf("%s: asked for %d acknowledgements behind %d parts", role, n, i+1)
			}
		}
	}
}

// What is written in the turn that has read carries the acknowledgement.
func TestNoQuickAckWithAnAnswer(t *testing.T) {
	for _, role := range ackingRoles {
		t.Run(role, func(t *testing.T) {
			a := newAcking(t, role)
			a.interactive()
			if n := a.acks(); n != 0 {
				t.Errorf("asked for %d acknowledgements", n)
			}
			a.hook = func(c *reactor.Conn) { // a timer that is due already fires in the same turn
				a.m.AddTimer(0, reactor.TimerOnce, func() { c.Write([]byte("and?")) })
			}
			for range 8 {
				a.hear("answer")
				a.p.In = nil
				await(t, a.m, "the next question", a.p.Received("and?"))
			}
			if n := a.acks(); n != 0 {
				t.Errorf("asked for %d acknowledgements, with what a timer wrote", n)
			}
		})
	}
}

// A connection that has never written does not wait for an answer.
func TestNoQuickAckWithoutAQuestion(t *testing.T) {
	for _, role := range ackingRoles {
		a := newAcking(t, role)
		for range 20 {
			a.hear("part")
			spin(t, a.m, 2)
		}
		if n := a.acks(); n != 0 {
			t.Errorf("%s: asked for %d acknowledgements", role, n)
		}
	}
}

// quickAcks is how many reads without a write are acknowledged early. After that a
// connection counts as one that only reads.
const quickAcks = 64

// A connection that only reads, long after its last write, asks for no more
// acknowledgements until it writes again.
func TestQuickAcksEnd(t *testing.T) {
	for _, role := range ackingRoles {
		t.Run(role, func(t *testing.T) {
			a := newAcking(t, role)
			a.interactive()
			for round := range 3 {
				before := a.acks()
				a.say("question")
				for range 3 * quickAcks {
					a.hear("part")
				}
				if n := a.acks() - before; n != quickAcks {
					t.Errorf("round %d: asked for %d acknowledgements, want %d", round, n, quickAcks)
				}
			}
		})
	}
}

// Over TLS the loop counts the reads and writes of the socket.
func TestQuickAckOfTLS(t *testing.T) {
	m := newManager(t)
	authority := looptest.NewAuthority(t)
	secured, answer := 0, 0
	l := listen(t, m, "tls://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvTLSHS:
			secured++
		case reactor.EvRead:
			c.Recv.Reset()
			c.Write([]byte("part"))
			m.AddTimer(0, reactor.TimerOnce, func() { c.Write([]byte("rest")) }) // in a later turn
		}
	})
	l.StartTLS(authority.Server(t))
	c := dial(t, m, "tls://"+l.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvTLSHS:
			secured++
		case reactor.EvRead:
			answer += c.Recv.Len()
			c.Recv.Reset()
		}
	})
	c.StartTLS(authority.Client())
	await(t, m, "the handshakes", func() bool { return secured == 2 })
	spin(t, m, 10)
	before := m.Stats().QuickAcks
	c.Write([]byte("question"))
	await(t, m, "the answer", func() bool { return answer == 8 })
	spin(t, m, 2)
	if n := m.Stats().QuickAcks - before; n == 0 {
		t.Error("no acknowledgement was asked for")
	}
}
