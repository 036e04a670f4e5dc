package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// holders are connections whose handlers leave in Recv what arrives.
type holders struct {
	t      *testing.T
	m      *reactor.Manager
	conns  []*reactor.Conn
	peers  []*peer
	failed []int
	most   int // the largest Stats.Held at an event
}

func newHolders(t *testing.T, budget, n int) *holders {
	t.Helper()
	m, _ := timed(t, reactor.WithMemoryBudget(budget)) // no turn is cut short
	h := &holders{t: t, m: m}
	for range n {
		c, p := wrap(t, h.m, h.handle)
		h.conns, h.peers = append(h.conns, c), append(h.peers, p)
	}
	spin(t, h.m, 1)
	return h
}

func (h *holders) handle(c *reactor.Conn, ev reactor.Event, data any) {
	h.most = max(h.most, h.m.Stats().Held)
	if ev == reactor.EvError {
		if err := data.(error); !errors.Is(err, reactor.ErrMemoryBudget) {
			h.t.Errorf("EvError: %v", err)
		}
		h.failed = append(h.failed, slices.Index(h.conns, c))
	}
}

// send makes client i send n bytes, and polls until they are in Recv or the connection has failed.
func (h *holders) send(i, n int) {
	h.t.Helper()
	p, c := make([]byte, n), h.conns[i]
	want := c.Recv.Len() + n
	await(h.t, h.m, "the bytes", func() bool {
		if len(p) > 0 && !slices.Contains(h.failed, i) {
			if k, err := unix.Write(h.peers[i].FD, p); err == nil {
				p = p[k:]
			}
		}
		return c.Recv.Len() == want || slices.Contains(h.failed, i)
	})
	looptest.Must(h.t, reactor.CheckAccounts(h.m))
}

// want checks what all connections hold, and which have failed, in order.
func (h *holders) want(held int, failed ...int) {
	h.t.Helper()
	spin(h.t, h.m, 2)
	if n := h.m.Stats().Held; n != held || !slices.Equal(h.failed, failed) {
		h.t.Errorf("%d bytes are held, want %d; failed are %v, want %v", n, held, h.failed, failed)
	}
	looptest.Must(h.t, reactor.CheckAccounts(h.m))
}

// At the budget nothing fails. One byte more, in memory of 128 bytes, and the largest fails until
// 7/8 is left: of equal ones the newest first.
func TestMemoryBudgetAtTheLimitAndBeyond(t *testing.T) {
	h := newHolders(t, 16*128, 20)
	for i := range 16 {
		h.send(i, 128)
	}
	h.want(16 * 128)
	h.send(16, 1)
	h.want(14*128, 16, 15, 14)
}

func TestMemoryBudgetFailsTheLargest(t *testing.T) {
	h := newHolders(t, 64<<10, 5)
	h.send(0, 8<<10)
	h.send(1, 32<<10)
	h.send(2, 16<<10)
	h.send(3, 4<<10)
	h.want(60 << 10)
	h.send(4, 8<<10)
	h.want(36<<10, 1)
}

// A message that needs more than the budget fails its own connection. The others stay.
func TestMemoryBudgetAndOneLargeMessage(t *testing.T) {
	h := newHolders(t, 1<<20, 2)
	h.send(0, 64<<10)
	h.send(1, 900<<10) // needs memory of 1 MiB
	h.want(64<<10, 1)
	h = newHolders(t, 1<<20, 1)
	h.send(0, 128<<10)
	if len(h.failed) > 0 {
		t.Errorf("%v have failed", h.failed)
	}
}

// All connections of one batch send at once. The budget is checked after each of them.
func TestMemoryBudgetInTheMiddleOfABatch(t *testing.T) {
	const budget = 8 << 10
	h := newHolders(t, budget, 40)
	for _, p := range h.peers {
		p.Write(make([]byte, 1<<10))
	}
	spin(t, h.m, 3)
	if h.m.Stats().Held > budget || h.most > budget+1<<10 {
		t.Errorf("%d have failed; %d bytes are held, %d at most", len(h.failed), h.m.Stats().Held, h.most)
	}
	if n := h.m.Stats().Conns; n < 7 || n+len(h.failed) != 40 {
		t.Errorf("%d connections are left, want 7 or more, and %d have failed", n, len(h.failed))
	}
}

// More have to fail than one check may fail. The checks after it continue.
func TestMemoryBudgetFailsManySmallOnes(t *testing.T) {
	h := newHolders(t, 0, 600)
	for _, p := range h.peers {
		p.Write([]byte("x"))
	}
	spin(t, h.m, 5)
	h.want(600 * 128)
	h = newHolders(t, 1<<20, 600)
	for _, c := range h.conns {
		c.Stack().AddHeld(1024)
	}
	c, _ := wrap(t, h.m, h.handle)
	h.conns = append(h.conns, c)
	spin(t, h.m, 1)
	c.Stack().AddHeld(1<<20 - 600<<10)
	h.want(1 << 20)
	h.conns[0].Stack().AddHeld(1024)
	c.Stack().AddHeld(-(1<<20 - 600<<10)) // only small ones are left, and the sum is under the budget
	h.want(601 << 10)
}

// What a program has consumed outside of handlers is no reason to fail.
func TestMemoryBudgetAfterConsumingOutsideOfHandlers(t *testing.T) {
	h := newHolders(t, 8<<10, 2)
	h.send(0, 8<<10)
	h.conns[0].Recv.Reset()
	h.want(8 << 10) // the memory is still there
	h.send(1, 8<<10)
	h.want(8 << 10)
}

// A connection that its handler closes releases its memory in the same turn. So no other one fails
// for it.
func TestMemoryBudgetIgnoresClosingConnections(t *testing.T) {
	h := newHolders(t, 64<<10, 3)
	h.send(0, 30<<10)
	h.send(1, 4<<10)
	h.send(2, 4<<10)
	h.conns[0].Fn = func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead && c.Recv.Len() > 32<<10 {
			c.Close()
		}
	}
	h.peers[0].Write(make([]byte, 30<<10)) // Recv grows to 64 KiB
	spin(t, h.m, 3)
	if n := h.m.Stats().Conns; n != 2 {
		t.Errorf("%d connections are open", n)
	}
	h.want(8 << 10)
}

// burst is a layer that has many messages of its own.
type burst struct{ left int }

func (b *burst) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	for ; ev == reactor.EvRead && b.left > 0 && !c.InputStopped(); b.left-- {
		c.Call(reactor.EvUserInput, nil)
	}
}

// What a connection holds is exact after each turn in which it yields, also if a higher layer has
// not let Recv be delivered.
func TestMemoryBudgetIsExactWhileYielded(t *testing.T) {
	m := looptest.NewStillManager(t)
	c, p := wrap(t, m, func(*reactor.Conn, reactor.Event, any) {})
	b := &burst{5 * mostEvents}
	c.Stack().Push(&indifferent{})
	c.Stack().Push(b)
	spin(t, m, 1)
	p.Write(make([]byte, 100))
	for b.left > 0 {
		spin(t, m, 1)
		looptest.Must(t, reactor.CheckAccounts(m))
	}
	if spin(t, m, 1); m.Stats().Held != 128 {
		t.Errorf("%d bytes are held", m.Stats().Held)
	}
	looptest.Must(t, reactor.CheckAccounts(m))
}

// A datagram that a program leaves in Recv counts nothing: there is one at most.
func TestMemoryBudgetIgnoresDatagrams(t *testing.T) {
	m := newManager(t, reactor.WithMemoryBudget(1))
	l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.Pause()
		}
	})
	p := looptest.NewSocket(t, looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_DGRAM))
	looptest.Connect(t, p.FD, l.LocalAddr())
	p.Write(make([]byte, 1000))
	await(t, m, "the datagram", func() bool { return l.Recv.Len() == 1000 })
	spin(t, m, 2)
	if s := m.Stats(); s.Held != 0 || s.Failed != 0 || s.Unread != 1000 {
		t.Errorf("%+v", s)
	}
	looptest.Must(t, reactor.CheckAccounts(m))
}

// keeper is a layer that takes what arrives out of Recv, and holds it.
type keeper struct{ held bytes.Buffer }

func (k *keeper) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		c.Stack().AddHeld(c.Recv.Len())
		k.held.Write(c.Recv.Bytes())
		c.Recv.Reset()
	}
}

// The manager's sum is exact after everything that changes what a connection holds. Each case
// begins with 1000 bytes in Recv.
func TestMemoryBudgetIsExact(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(h *holders, c *reactor.Conn)
		held int
	}{
		{"nothing", nil, 1024},
		{"consume all", func(_ *holders, c *reactor.Conn) { c.Recv.Consume(1000) }, 1024}, // the memory is still there
		{"consume all, then Redispatch", func(_ *holders, c *reactor.Conn) {
			c.Recv.Consume(1000)
			c.Stack().Push(&keeper{})
			c.Stack().Redispatch()
		}, 0},
		{"consume some, then Redispatch", func(_ *holders, c *reactor.Conn) { c.Recv.Consume(999); c.Stack().Redispatch() }, 1024},
		{"append", func(_ *holders, c *reactor.Conn) { c.Recv.Append(make([]byte, 1000)); c.Stack().Redispatch() }, 2048},
		{"Pause", func(_ *holders, c *reactor.Conn) { c.Pause() }, 1024},
		{"Pause, more input, Resume", func(h *holders, c *reactor.Conn) {
			c.Pause()
			spin(h.t, h.m, 2)
			h.peers[0].Write(make([]byte, 1000))
			spin(h.t, h.m, 2)
			c.Resume()
			await(h.t, h.m, "the rest", func() bool { return c.Recv.Len() == 2000 })
		}, 2048},
		{"a layer takes it", func(_ *holders, c *reactor.Conn) { c.Stack().Push(&keeper{}); c.Stack().Redispatch() }, 1000},
		{"a layer is replaced", func(_ *holders, c *reactor.Conn) {
			l := &indifferent{}
			c.Stack().Push(l)
			c.Stack().Replace(l, &keeper{})
		}, 1000},
		{"a layer releases it", func(h *holders, c *reactor.Conn) {
			c.Stack().Push(&keeper{})
			c.Stack().Redispatch()
			spin(h.t, h.m, 1)
			c.Stack().AddHeld(-1000)
		}, 0},
		{"StartTLS", func(_ *holders, c *reactor.Conn) { c.StartTLS(serverConfig()); c.Pause() }, 1024}, // Recv keeps its memory
		{"Fail", func(h *holders, c *reactor.Conn) { c.Fail(reactor.ErrMemoryBudget); c.Stack().AddHeld(5) }, 0},
		{"Fail, lingering", func(h *holders, c *reactor.Conn) { c.Write([]byte("bye")); c.Fail(reactor.ErrMemoryBudget) }, 0},
		{"Fail with a layer that holds more", func(h *holders, c *reactor.Conn) {
			c.Stack().AddHeld(5000)
			c.Write([]byte("bye"))
			c.Fail(reactor.ErrMemoryBudget)
			c.Stack().AddHeld(-5000)
		}, 0},
		{"Drain", func(_ *holders, c *reactor.Conn) { c.Drain() }, 0},
		{"Drain with a layer that holds more", func(_ *holders, c *reactor.Conn) { c.Stack().AddHeld(5000); c.Drain() }, 5000},
		{"Close", func(_ *holders, c *reactor.Conn) { c.Stack().AddHeld(5000); c.Close() }, 0},
		{"Close, then AddHeld", func(h *holders, c *reactor.Conn) { c.Close(); spin(h.t, h.m, 1); c.Stack().AddHeld(5) }, 0},
		{"the peer ends", func(h *holders, c *reactor.Conn) { h.peers[0].Close() }, 0},
		{"a large message, one byte is left", func(h *holders, c *reactor.Conn) {
			h.send(0, 600<<10)
			c.Recv.Consume(c.Recv.Len() - 1)
			h.send(0, 1)
		}, 128},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHolders(t, 0, 1)
			h.send(0, 1000)
			if tc.do != nil {
				tc.do(h, h.conns[0])
			}
			if tc.name != "append" { // by the program: counted at the next delivery
				looptest.Must(t, reactor.CheckAccounts(h.m))
			}
			spin(t, h.m, 3)
			looptest.Must(t, reactor.CheckAccounts(h.m))
			if n := h.m.Stats().Held; n != tc.held {
				t.Errorf("%d bytes are held, want %d", n, tc.held)
			}
		})
	}
}

// A large message grows Recv. If its handler leaves a little of it, Recv does not keep the large
// memory until the next read.
func TestRestOfALargeMessageMovesToSmallMemory(t *testing.T) {
	for _, rest := range []int{0, 1, 16 << 10, 100 << 10} {
		t.Run(fmt.Sprint(rest), func(t *testing.T) {
			const size = 700 << 10
			m := newManager(t)
			c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvRead && c.Recv.Len() >= size {
					c.Recv.Consume(c.Recv.Len() - rest)
				}
			})
			message := noise(size)
			sent := 0
			await(t, m, "the message", func() bool {
				if sent < size {
					if n, err := unix.Write(p.FD, message[sent:]); err == nil {
						sent += n
					}
				}
				return m.Stats().BytesIn == size
			})
			if !bytes.Equal(c.Recv.Bytes(), message[size-rest:]) {
				t.Error("the rest has changed")
			}
			if n := m.Stats().Held; n > 4*max(rest, 512) {
				t.Errorf("%d bytes are held for a rest of %d", n, rest)
			}
			looptest.Must(t, reactor.CheckAccounts(m))
		})
	}
}

// By default there is a budget, of 256 MiB. A negative value is none.
func TestDefaultMemoryBudget(t *testing.T) {
	for _, tc := range []struct{ option, add, failed int }{
		{0, reactor.DefaultMemoryBudget, 0},
		{0, reactor.DefaultMemoryBudget + 1, 1},
		{5000, 4999, 0},
		{2000, 2001, 1},
		{-1, 1 << 30, 0},
	} {
		h := newHolders(t, tc.option, 1)
		h.conns[0].Stack().AddHeld(tc.add)
		spin(t, h.m, 2)
		if len(h.failed) != tc.failed {
			t.Errorf("budget %d, %d bytes: %d have failed, want %d", tc.option, tc.add, len(h.failed), tc.failed)
		}
	}
	if reactor.DefaultMemoryBudget != 256<<20 {
		t.Errorf("the default is %d", reactor.DefaultMemoryBudget)
	}
}

func TestAddHeldBelowZeroPanics(t *testing.T) {
	h := newHolders(t, 0, 1)
	h.conns[0].Stack().AddHeld(5)
	wantPanic(t, "AddHeld", func() { h.conns[0].Stack().AddHeld(-6) })
	h.want(5)
}
