package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// More connections are always ready than the poller reports at a time. Each of them is
// read.
func TestEachOfManyConnectionsIsRead(t *testing.T) {
	const conns, turns = 300, 2 // a batch has 256
	m, _ := timed(t)            // with a clock that stands still no turn is cut short
	reads := make([]int, conns)
	for i := range conns {
		_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				reads[i]++
				c.Recv.Consume(min(1, c.Recv.Len())) // the next input is in the socket already
			}
		})
		p.WriteSome(make([]byte, 66<<10)) // takes two reads
		p.WriteString("x")
	}
	spin(t, m, turns+1) // one more for EvOpen
	for i, n := range reads {
		if n == 0 {
			t.Fatalf("connection %d was not read in %d turns", i, turns)
		}
	}
}

// When many clients connect at once, the listener accepts a bounded number per turn. Other
// connections are served in every turn.
func TestListenerWithManyClients(t *testing.T) {
	const clients, portion = 400, 64
	m := newManager(t)
	accepted := 0
	l := listen(t, m, "tcp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			accepted++
		}
	})
	quiet := &recorder{}
	_, p := wrap(t, m, quiet.Handle)
	spin(t, m, 1)
	for range clients {
		looptest.DialSocket(t, l.LocalAddr())
	}
	for n := 1; accepted < clients; n++ {
		before := accepted
		p.WriteString("x")
		spin(t, m, 1)
		if took := accepted - before; took > portion || len(quiet.Got) != n {
			t.Fatalf("turn %d: %d connections accepted, the other connection has read %d bytes", n, took, len(quiet.Got))
		}
		if n > turns {
			t.Fatalf("only %d of %d connections accepted", accepted, clients)
		}
	}
}

// endlessWork are programs whose handlers make new work for the loop whenever they run. A
// loop that did all of it in one turn would never end. Another connection and a timer must
// be served in every turn.
var endlessWork = map[string]func(t *testing.T, m *reactor.Manager, again func()){
	// At the end of each EvRead there is more input.
	"input without end": func(t *testing.T, m *reactor.Manager, again func()) {
		chunk := make([]byte, 128<<10) // more than one read takes
		var p *peer
		_, p = wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				again()
				c.Recv.Reset()
				p.WriteSome(chunk)
			}
		})
		p.WriteSome(chunk)
	},
	"datagrams without end": func(t *testing.T, m *reactor.Manager, again func()) {
		var p *peer
		l := listen(t, m, "udp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				again()
				p.WriteString("more")
			}
		})
		p = looptest.NewSocket(t, looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_DGRAM))
		if err := unix.Connect(p.FD, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			p.WriteString("some")
		}
	},
	// Each time a connection is accepted, another client connects.
	"clients without end": func(t *testing.T, m *reactor.Manager, again func()) {
		var l *reactor.Conn
		l = listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvAccept {
				again()
				c.Close()
				looptest.DialSocket(t, l.LocalAddr()).Reset()
			}
		})
		for range 10 {
			looptest.DialSocket(t, l.LocalAddr())
		}
	},
	"a post that posts": func(_ *testing.T, m *reactor.Manager, again func()) {
		var post func()
		post = func() { again(); m.Post(post) }
		m.Post(post)
	},
	"a wake-up that wakes": func(t *testing.T, m *reactor.Manager, again func()) {
		c, _ := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWakeup {
				again()
				m.Wakeup(c.ID(), *data.(*[]byte))
			}
		})
		m.Wakeup(c.ID(), []byte("up"))
	},
	"a timer that arms a timer": func(_ *testing.T, m *reactor.Manager, again func()) {
		var fire func()
		fire = func() { again(); m.AddTimer(0, reactor.TimerOnce, fire) }
		fire()
	},
	"a timer that repeats at once": func(_ *testing.T, m *reactor.Manager, again func()) {
		m.AddTimer(1, reactor.TimerRepeat|reactor.TimerRunNow, again)
	},
	"a write for every write": func(t *testing.T, m *reactor.Manager, again func()) {
		var p *peer
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWrite {
				again()
				p.Receive()
				p.In = nil
				c.Write([]byte("more"))
			}
		})
		c.Write([]byte("some"))
	},
	"a rest in Recv that is resumed": func(t *testing.T, m *reactor.Manager, again func()) {
		_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				again()
				c.Pause()
				c.Resume()
			}
		})
		p.WriteString("rest")
	},
	"a connection for every end": func(t *testing.T, m *reactor.Manager, again func()) {
		url := listenURL(t, "unix") // no listener is there: fails at once
		var handle reactor.Handler
		handle = func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvClose {
				again()
				m.Connect(url, handle, nil) // refused when the manager closes
			}
		}
		dial(t, m, url, handle)
	},
	"a listener for every listener": func(t *testing.T, m *reactor.Manager, again func()) {
		var handle reactor.Handler
		handle = func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvOpen {
				again()
				m.Listen("tcp://127.0.0.1:0", handle, nil)
				c.Close()
			}
		}
		listen(t, m, "tcp://127.0.0.1:0", handle)
	},
	"water marks that are crossed again and again": func(t *testing.T, m *reactor.Manager, again func()) {
		flood := make([]byte, 1<<20) // more than the socket takes
		var p *peer
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			switch ev {
			case reactor.EvWrite:
				p.Receive()
				p.In = nil
			case reactor.EvHighWater:
				again()
			case reactor.EvLowWater:
				again()
				c.Write(flood)
			}
		})
		c.SetWater(900<<10, 900<<10)
		c.Write(append(flood, flood...))
	},
}

// maxPerTurn is how often one of endlessWork may run in one turn: 64 times in each phase,
// and some are called in two phases.
const maxPerTurn = 2 * 64

// No handler can keep the loop busy: each turn of the loop ends, and serves the others.
func TestHandlersCannotKeepTheLoop(t *testing.T) {
	for name, start := range endlessWork {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			inTurn, total := 0, 0
			start(t, m, func() {
				total++
				if inTurn++; inTurn > maxPerTurn {
					t.Fatalf("called more than %d times in one turn", maxPerTurn)
				}
			})
			quiet := &recorder{}
			c, p := wrap(t, m, quiet.Handle)
			fired, posted, turn := 0, 0, 0
			m.AddTimer(1, reactor.TimerRepeat, func() { fired++ })
			for ; turn < 50; turn++ {
				inTurn = 0
				p.WriteString("x")
				m.Post(func() { posted++ })
				c.Write([]byte("y"))
				spin(t, m, 1)
				if n := turn + 1; turn > 0 && (len(quiet.Got) != n || fired != n || posted != n || quiet.Wrote != n) {
					t.Fatalf("after turn %d: the other connection has read %d bytes and written %d; %d timers, %d posted functions",
						n, len(quiet.Got), quiet.Wrote, fired, posted)
				}
			}
			if total < turn/2 {
				t.Errorf("called %d times in %d turns: the loop stopped doing the work", total, turn)
			}
		})
	}
}

// All of endlessWork together cannot keep the loop busy either.
func TestManyHandlersCannotKeepTheLoop(t *testing.T) {
	m := newManager(t)
	for _, start := range endlessWork {
		start(t, m, func() {})
	}
	quiet := &recorder{}
	_, p := wrap(t, m, quiet.Handle)
	spin(t, m, 2)
	for n := 1; n <= 20; n++ {
		p.WriteString("x")
		if spin(t, m, 2); len(quiet.Got) != n { // two turns: new connections may fill a batch
			t.Fatalf("the other connection has read %d bytes after %d rounds", len(quiet.Got), n)
		}
	}
}
