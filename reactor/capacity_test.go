package reactor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// house is a listener with its clients, in the order in which they were accepted.
type house struct {
	t       *testing.T
	m       *reactor.Manager
	l       *reactor.Conn
	conns   []*reactor.Conn
	peers   []*peer
	sa      unix.Sockaddr
	family  int
	then    func(c *reactor.Conn, ev reactor.Event) // may be nil
	evicted []int
}

func newHouse(t *testing.T, m *reactor.Manager, url string, limits reactor.Limits) *house {
	t.Helper()
	h := &house{t: t, m: m}
	h.use(listen(t, m, url, h.handle))
	looptest.Must(t, h.l.SetLimits(limits))
	return h
}

func (h *house) use(l *reactor.Conn) {
	h.t.Helper()
	h.l = l
	if a := l.LocalAddr(); a.IsValid() {
		h.sa, h.family = looptest.Sockaddr(a), unix.AF_INET
	}
	spin(h.t, h.m, 1)
}

func (h *house) handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if c.IsListening() {
		return
	}
	switch ev {
	case reactor.EvAccept:
		h.conns = append(h.conns, c)
	case reactor.EvRead:
		c.Recv.Reset()
	case reactor.EvError:
		h.t.Errorf("EvError on connection %d", c.ID())
	case reactor.EvClose:
		h.evicted = append(h.evicted, slices.Index(h.conns, c))
	}
	if h.then != nil {
		h.then(c, ev)
	}
}

// client connects a client and polls until it is accepted or refused.
func (h *house) client() *peer {
	h.t.Helper()
	p := h.connect()
	before := h.m.Stats()
	await(h.t, h.m, "EvAccept, or the end of a refused client", func() bool {
		s := h.m.Stats()
		return s.Accepted+s.Refused > before.Accepted+before.Refused
	})
	return p
}

// connect connects a client. The loop does not run.
func (h *house) connect() *peer {
	h.t.Helper()
	fd, err := unix.Socket(h.family, unix.SOCK_STREAM, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	p := looptest.NewSocket(h.t, fd)
	if err := unix.Connect(fd, h.sa); err != nil && err != unix.EINPROGRESS {
		h.t.Fatal(err)
	}
	h.peers = append(h.peers, p)
	return p
}

// want checks which connections have closed, by their place in conns, and how many were refused.
func (h *house) want(refused int, evicted ...int) {
	h.t.Helper()
	spin(h.t, h.m, 3)
	s := h.m.Stats()
	if !slices.Equal(h.evicted, evicted) || int(s.Evicted) != len(evicted) || int(s.Refused) != refused {
		h.t.Fatalf("evicted %v, want %v; Stats has %d evicted and %d refused, want %d", h.evicted, evicted, s.Evicted, s.Refused, refused)
	}
	looptest.Must(h.t, reactor.CheckAccounts(h.m))
}

// say sends a byte from client i and polls until it is read.
func (h *house) say(i int) {
	h.t.Helper()
	before := h.m.Stats().BytesIn
	h.peers[i].WriteString("x")
	await(h.t, h.m, "EvRead", func() bool { return h.m.Stats().BytesIn > before })
}

// A listener has as many connections as Conns allows. The next client takes the place of the
// connection that is idle longest, or is refused, on listeners of each kind.
func TestConnsAtTheLimitAndBeyond(t *testing.T) {
	for _, url := range []string{"tcp4", "tcp6", "unix", "ListenFD", "the manager's limits"} {
		for _, when := range []reactor.WhenFull{0, reactor.EvictIdle, reactor.RefuseNew} {
			t.Run(fmt.Sprint(url, " ", when), func(t *testing.T) {
				limits := reactor.Limits{Conns: 3, WhenFull: when}
				h := &house{t: t, family: unix.AF_INET}
				switch url {
				case "ListenFD":
					h.m = newManager(t)
					s, a := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 16)
					fd, err := unix.Dup(s.FD)
					looptest.Must(t, err)
					l, err := h.m.ListenFD(fd, h.handle, nil)
					looptest.Must(t, err)
					looptest.Must(t, l.SetLimits(limits))
					h.use(l)
					h.sa = looptest.Sockaddr(a)
				case "the manager's limits":
					h.m = newManager(t, reactor.WithLimits(limits))
					h.use(listen(t, h.m, "tcp://127.0.0.1:0", h.handle))
				default:
					h.m = newManager(t)
					u := listenURL(t, url)
					h.use(listen(t, h.m, u, h.handle))
					looptest.Must(t, h.l.SetLimits(limits))
					switch url {
					case "tcp6":
						h.family = unix.AF_INET6
					case "unix":
						h.family, h.sa = unix.AF_UNIX, &unix.SockaddrUnix{Name: strings.TrimPrefix(u, "unix://")}
					}
				}
				for range 3 {
					h.client()
				}
				h.want(0)
				p := h.client()
				if when == reactor.RefuseNew {
					h.want(1)
					await(t, h.m, "the end of the refused client", p.Ended)
					if len(h.conns) != 3 {
						t.Errorf("%d connections were made", len(h.conns))
					}
				} else {
					h.want(0, 0)
					await(t, h.m, "the end of the evicted client", h.peers[0].Ended)
				}
				h.conns[1].Close() // now there is a place
				spin(t, h.m, 2)
				h.evicted = nil
				before := h.m.Stats()
				h.client()
				if s := h.m.Stats(); s.Evicted != before.Evicted || s.Refused != before.Refused || s.Conns != 3 {
					t.Errorf("after a connection has closed: %+v", s)
				}
			})
		}
	}
}

// The connection goes that was heard last the longest ago. The clock has no part in it.
func TestEvictionTakesTheOneThatIsIdleLongest(t *testing.T) {
	h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{Conns: 3})
	for range 3 {
		h.client()
	}
	h.say(2)
	h.say(0)
	h.client() // is 3
	h.want(0, 1)
	h.say(2)
	h.client()
	h.want(0, 1, 0)
	h.client()
	h.want(0, 1, 0, 3)
	h.client()
	h.want(0, 1, 0, 3, 2)
}

// A connection that only receives is in use too. What the loop writes to it counts like what it
// says: it goes after those that are silent, in each order of reads and writes.
func TestConnectionThatReceivesIsNotIdleLongest(t *testing.T) {
	h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{Conns: 3})
	push := func(i int) {
		t.Helper()
		before := h.m.Stats().BytesOut
		h.conns[i].Write([]byte("news"))
		await(t, h.m, "EvWrite", func() bool { return h.m.Stats().BytesOut > before })
	}
	for range 3 {
		h.client()
	}
	push(0) // it has never sent a byte
	h.client()
	h.want(0, 1)
	h.say(0)
	h.say(2)
	push(0) // the answer
	push(0)
	push(2)
	push(3)
	h.client()
	h.want(0, 1, 2)
	push(0)
	push(3)
	h.client()
	h.want(0, 1, 2, 4)
}

// staged is a layer that tells the loop what it waits for, as its connection's test says.
type staged struct{ accept func(c *reactor.Conn) }

func (s *staged) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvAccept && s.accept != nil {
		s.accept(c)
	}
}

func (s *staged) Accept(*reactor.Conn) reactor.Protocol { return &staged{s.accept} }

// Which connections are idle: a connection that has spoken meanwhile, and is then brought into
// each state.
func TestWhatCountsAsIdle(t *testing.T) {
	for _, tc := range []struct {
		name  string
		layer bool
		reads bool // a byte has been read
		state func(h *house, c *reactor.Conn)
		idle  bool
	}{
		{"no layers", false, true, nil, true},
		{"layer, no byte was read", true, false, nil, true},
		{"session", true, true, nil, false},
		{"handshake", true, true, func(_ *house, c *reactor.Conn) { c.Stack().SetHandshaking(true) }, true},
		{"handshake is over", true, true, func(_ *house, c *reactor.Conn) {
			c.Stack().SetHandshaking(true)
			c.Stack().SetHandshaking(false)
		}, false},
		{"between requests", true, true, func(_ *house, c *reactor.Conn) { c.Stack().SetAwaitingRequest(true) }, true},
		{"in a request", true, true, func(_ *house, c *reactor.Conn) {
			c.Stack().SetAwaitingRequest(true)
			c.Stack().SetAwaitingRequest(false)
		}, false},
		{"in a message", true, true, func(_ *house, c *reactor.Conn) { c.Stack().SetReceiving(true) }, false},
		{"TLS begins", true, true, func(_ *house, c *reactor.Conn) { c.StartTLS(serverConfig()) }, true},
		{"the layer was removed", true, true, func(_ *house, c *reactor.Conn) {
			l, _ := reactor.Find[*staged](c)
			c.Stack().Replace(l, nil)
		}, true},
		{"a layer was added", false, true, func(_ *house, c *reactor.Conn) { c.Stack().Push(&staged{}) }, false},
		{"paused", false, true, func(_ *house, c *reactor.Conn) { c.Pause() }, false},
		{"paused and resumed", false, true, func(_ *house, c *reactor.Conn) { c.Pause(); c.Resume() }, true},
		{"unsent bytes", false, true, func(h *house, c *reactor.Conn) { c.Write(make([]byte, 8<<20)); spin(h.t, h.m, 3) }, false},
		{"unread input", false, true, func(h *house, c *reactor.Conn) {
			c.Pause()
			spin(h.t, h.m, 1)
			h.peers[0].WriteString("y")
			h.peers[0].AwaitDelivery()
			h.then = func(d *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvClose && c == d && h.m.Stats().BytesIn < 2 {
					h.t.Error("a connection with unread input was evicted")
				}
			}
			c.Resume()
		}, false},
		{"input waits for the loop", false, true, func(_ *house, c *reactor.Conn) {
			c.Recv.AppendString("y")
			c.Stack().Redispatch()
		}, false},
		{"half-closed by us", false, true, func(h *house, c *reactor.Conn) { c.CloseWrite(); spin(h.t, h.m, 1) }, true},
		{"lingering", true, true, func(h *house, c *reactor.Conn) { c.Drain(); spin(h.t, h.m, 1) }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{Conns: 1, Backpressure: -1})
			if tc.layer {
				h.l.Stack().Push(&staged{})
			}
			h.client()
			if tc.reads {
				h.say(0)
			}
			if tc.state != nil {
				tc.state(h, h.conns[0])
			}
			if tc.name == "unread input" { // it is read in the turn in which the next one is refused
				h.connect()
				await(t, h.m, "the next client", func() bool { s := h.m.Stats(); return s.Refused+s.Evicted > 0 || s.BytesIn == 2 })
				return
			}
			h.client()
			if tc.idle {
				h.want(0, 0)
			} else {
				h.want(1)
			}
		})
	}
}

// A busy connection that was passed once is evicted later, when it is idle.
func TestBusyConnectionIsEvictedWhenItIsIdle(t *testing.T) {
	h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{Conns: 2})
	h.client()
	h.conns[0].Pause()
	h.client()
	h.client()
	h.want(0, 1)
	h.conns[0].Resume()
	h.client()
	h.client()
	h.want(0, 1, 0, 2) // it was moved to the end when it was passed
}

// TLS connections are idle until the handshake is complete. Without layers they are idle
// afterwards too; with a layer they are not.
func TestEvictionDuringTLSHandshake(t *testing.T) {
	h := &house{t: t, m: newManager(t, reactor.WithTLSHandshakes(reactor.TLSHandshakes{Concurrent: 1}))}
	l, url := tlsListen(t, h.m, serverConfig(), h.handle)
	l.Stack().Push(&staged{})
	looptest.Must(t, l.SetLimits(reactor.Limits{Conns: 2}))
	h.use(l)
	r := &recorder{}
	tlsConnect(t, h.m, url, clientConfig(), r.Handle)
	await(t, h.m, "EvTLSHS of the session", func() bool { return r.Count(reactor.EvTLSHS) == 1 && h.m.Stats().TLSHandshaking == 0 })
	h.client().WriteString("\x16\x03\x01") // holds the only slot
	await(t, h.m, "the first bytes", func() bool { return h.m.Stats().TLSHandshaking == 1 })
	h.client()
	h.want(0, 1)
	if n := h.m.Stats().TLSHandshaking; n != 0 {
		t.Errorf("%d slots are in use after the eviction", n)
	}
	h.client()
	h.want(0, 1, 2)
}

// Connections that a handler has closed or failed in this turn keep no place: a burst of short
// connections is neither refused nor does it cost others their place. The maximum holds.
func TestShortConnectionsInABurst(t *testing.T) {
	for _, end := range []struct {
		name string
		call func(c *reactor.Conn)
	}{
		{"Close", (*reactor.Conn).Close},
		{"Abort", (*reactor.Conn).Abort},
		{"Fail", func(c *reactor.Conn) { c.Fail(unix.EPROTO) }},
	} {
		for _, when := range []reactor.WhenFull{reactor.EvictIdle, reactor.RefuseNew} {
			t.Run(fmt.Sprint(end.name, " ", when), func(t *testing.T) {
				m := newManager(t)
				open, most, accepted := 0, 0, 0
				l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
					switch {
					case c.IsListening():
					case ev == reactor.EvAccept:
						accepted++
						open++
						most = max(most, open)
						if accepted > 1 { // the first one stays
							end.call(c)
						}
					case ev == reactor.EvClose:
						open--
					}
				})
				looptest.Must(t, l.SetLimits(reactor.Limits{Conns: 3, WhenFull: when}))
				l.Stack().Push(&staged{})
				looptest.DialSocket(t, l.LocalAddr()).WriteString("session")
				await(t, m, "the session", func() bool { return m.Stats().BytesIn == 7 })
				for range 40 {
					looptest.DialSocket(t, l.LocalAddr())
				}
				await(t, m, "all", func() bool { return accepted == 41 && open == 1 })
				if s := m.Stats(); s.Evicted+s.Refused != 0 || most > 3 {
					t.Errorf("%d evicted, %d refused, %d open at most", s.Evicted, s.Refused, most)
				}
			})
		}
	}
}

// A maximum that is lower than what is open closes nothing at once. The next client makes the
// listener evict what is too much. Sessions stay, and then the client is refused.
func TestLowerMaximum(t *testing.T) {
	h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{})
	for range 6 {
		h.client()
	}
	looptest.Must(t, h.l.SetLimits(reactor.Limits{Conns: 2}))
	spin(t, h.m, 3)
	h.want(0)
	h.client()
	h.want(0, 0, 1, 2, 3, 4)
	for _, c := range h.conns[5:] {
		c.Pause()
	}
	looptest.Must(t, h.l.SetLimits(reactor.Limits{Conns: 1}))
	h.client()
	h.want(1, 0, 1, 2, 3, 4)
	looptest.Must(t, h.l.SetLimits(reactor.Limits{Conns: -1}))
	for range 3 {
		h.client()
	}
	h.want(1, 0, 1, 2, 3, 4)
}

// Each listener has a maximum of its own. The connections of a closed listener stay.
func TestMaximumOfSeveralListeners(t *testing.T) {
	m := newManager(t)
	a := newHouse(t, m, "tcp://127.0.0.1:0", reactor.Limits{Conns: 1})
	b := newHouse(t, m, "tcp://127.0.0.1:0", reactor.Limits{Conns: 2, WhenFull: reactor.RefuseNew})
	a.client()
	b.client()
	b.client()
	a.want(0)
	a.client()
	b.client()
	spin(t, m, 3)
	if s := m.Stats(); s.Evicted != 1 || s.Refused != 1 || len(a.evicted) != 1 || len(b.evicted) != 0 {
		t.Errorf("%+v, evicted %v of a and %v of b", s, a.evicted, b.evicted)
	}
	a.l.Close()
	spin(t, m, 2)
	if n := m.Stats().Conns; n != 3 {
		t.Errorf("%d connections are open, want 3", n)
	}
	looptest.Must(t, reactor.CheckAccounts(m))
	c := newHouse(t, m, "tcp://127.0.0.1:0", reactor.Limits{Conns: 1})
	c.client()
	c.client()
	if s := m.Stats(); s.Evicted != 2 || s.Conns != 4 {
		t.Errorf("a third listener: %+v", s)
	}
	looptest.Must(t, reactor.CheckAccounts(m))
}

// In the same batch the listener is readable and the connection that is evicted for its client.
// What the batch reports about the evicted one reaches nobody, although its descriptor's number
// is in use again.
func TestEvictedConnectionIsInTheSameBatch(t *testing.T) {
	for _, kqueue := range []bool{false, true} {
		t.Run(fmt.Sprint("kqueue ", kqueue), func(t *testing.T) {
			m := newManager(t)
			if kqueue {
				reactor.UseKqueue(t, m, true)
			}
			h := newHouse(t, m, "tcp://127.0.0.1:0", reactor.Limits{Conns: 2})
			ends := 0
			h.then = func(c *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvEnd || ev == reactor.EvRead {
					ends++
				}
			}
			h.client()
			h.client()
			for i := range 10 {
				h.connect() // before the end of the others, so the listener comes first
				h.connect()
				for _, p := range h.peers[2*i : 2*i+2] {
					p.Shutdown() // no byte is unread, so they may be evicted
				}
				await(t, m, "both", func() bool { return len(h.conns) == 2*i+4 })
				spin(t, m, 3)
				if n := m.Stats().Conns; n > 2 {
					t.Fatalf("%d connections are open", n)
				}
				looptest.Must(t, reactor.CheckAccounts(m))
			}
			if ends > 0 {
				t.Errorf("%d events of the wrong connection", ends)
			}
		})
	}
}

// What a handler of EvClose on the evicted connection may do.
func TestHandlerOfAnEvictedConnection(t *testing.T) {
	for _, tc := range []struct {
		name  string
		do    func(h *house)
		conns int
	}{
		{"closes the listener", func(h *house) { h.l.Close() }, 1},
		{"closes the manager", func(h *house) { h.m.Close() }, 0},
		{"closes all", func(h *house) {
			for c := range h.m.Conns() {
				c.Close()
			}
		}, 0},
		{"pauses the listener", func(h *house) { h.l.Pause() }, 2},
		{"refuses from now on", func(h *house) { h.l.SetLimits(reactor.Limits{Conns: 1, WhenFull: reactor.RefuseNew}) }, 1},
		{"makes a connection", func(h *house) { wrap(h.t, h.m, nil) }, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{Conns: 2})
			h.client()
			h.client()
			h.then = func(_ *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvClose {
					h.then = nil
					tc.do(h)
				}
			}
			h.connect()
			for range 5 {
				if err := h.m.Poll(0); err != nil && err != reactor.ErrClosed {
					t.Fatal(err)
				}
			}
			if s := h.m.Stats(); s.Conns != tc.conns || s.Evicted != 1 {
				t.Errorf("%d connections are open, want %d; %+v", s.Conns, tc.conns, s)
			}
			if s := h.m.Stats(); s.Accepted+s.Refused != 3 {
				t.Errorf("accepted %d, refused %d, want 3 together", s.Accepted, s.Refused)
			}
			if over := tc.name == "closes the listener" || tc.name == "closes the manager"; over && len(h.conns) != 2 {
				t.Error("the new connection was accepted")
			}
		})
	}
}

// A handler panics when its connection is evicted. The new connection's descriptor does not leak:
// newManager checks that.
func TestHandlerOfAnEvictedConnectionPanics(t *testing.T) {
	h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{Conns: 1})
	h.client()
	h.then = func(_ *reactor.Conn, ev reactor.Event) {
		if ev == reactor.EvClose {
			panic("evicted")
		}
	}
	h.connect()
	wantPanic(t, "evicted", func() { spin(t, h.m, 3) })
	h.then = nil
	if s := h.m.Stats(); s.Accepted != 1 || s.Refused != 1 {
		t.Errorf("accepted %d, refused %d", s.Accepted, s.Refused)
	}
	if err := h.m.Close(); err != nil {
		t.Error(err)
	}
}

// Drain closes the listeners, so nothing is evicted any more.
func TestNoEvictionWhileDraining(t *testing.T) {
	h := newHouse(t, newManager(t), "tcp://127.0.0.1:0", reactor.Limits{Conns: 1})
	h.client()
	h.connect()
	if _, err := h.m.Drain(0); err != nil {
		t.Fatal(err)
	}
	if s := h.m.Stats(); s.Evicted+s.Refused != 0 || s.Accepted != 1 {
		t.Errorf("%+v", s)
	}
}

// The log says that a listener is full, once in ten seconds, and how many were affected since.
func TestFullListenerIsLoggedSometimes(t *testing.T) {
	clock, log := looptest.NewClock(), &looptest.Warnings{}
	h := newHouse(t, newManager(t, reactor.WithClock(clock.Now), reactor.WithLogger(log.Logger())), "tcp://127.0.0.1:0", reactor.Limits{Conns: 1})
	h.client()
	log.WantNone(t)
	h.client()
	log.WantOne(t, "listener full", "evicted=1", "refused=0", "open=1", h.l.LocalAddr().String())
	h.client()
	h.conns[2].Pause()
	h.client()
	clock.Advance(10*time.Second - 1)
	h.client()
	log.WantNone(t)
	clock.Advance(1)
	h.client()
	log.WantOne(t, "listener full", "evicted=1", "refused=3")
	h.want(3, 0, 1)
}

// Limits of a listener that only bound its connections cost accepted connections nothing. Those
// of buffers are inherited as before.
func TestAcceptedConnectionsInheritLimitsOfBuffers(t *testing.T) {
	m := newManager(t)
	var errs []error
	l := listen(t, m, "tcp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvError {
			errs = append(errs, data.(error))
		}
	})
	looptest.Must(t, l.SetLimits(reactor.Limits{Conns: 5, Recv: 2}))
	looptest.DialSocket(t, l.LocalAddr()).WriteString("123")
	await(t, m, "EvError", func() bool { return len(errs) > 0 })
	looptest.WantErr(t, errs[0], nil, "Recv holds 3 bytes")
}
