package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Nobody keeps the loop. Each of these does what it can to, from inside its
// own handlers, so that a loop that gave in would never come to an end; beside
// it lives a witness, a quiet connection and a timer, that must have its
// turn in every turn.
var greedy = map[string]func(t *testing.T, m *reactor.Manager, again func()){
	// A handler whose every EvRead finds more input behind it.
	"input without end": func(t *testing.T, m *reactor.Manager, again func()) {
		chunk := make([]byte, 128<<10) // more than one read takes
		var p *peer
		_, p = wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				again()
				c.Recv.Reset()
				p.writeSome(chunk)
			}
		})
		p.writeSome(chunk)
	},
	"datagrams without end": func(t *testing.T, m *reactor.Manager, again func()) {
		var p *peer
		l := listen(t, m, "udp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				again()
				p.write("more")
			}
		})
		p = newPeer(t, open(t, l.LocalAddr().Addr(), unix.SOCK_DGRAM))
		if err := unix.Connect(p.fd, sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			p.write("some")
		}
	},
	// Every connection that is accepted makes its peer come again.
	"clients without end": func(t *testing.T, m *reactor.Manager, again func()) {
		var l *reactor.Conn
		l = listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvAccept {
				again()
				c.Close()
				dialRaw(t, l.LocalAddr()).reset()
			}
		})
		for range 10 {
			dialRaw(t, l.LocalAddr())
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
				p.pump()
				p.in = nil
				c.Write([]byte("more"))
			}
		})
		c.Write([]byte("some"))
	},
	"a rest that is resumed": func(t *testing.T, m *reactor.Manager, again func()) {
		_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				again()
				c.Pause()
				c.Resume()
			}
		})
		p.write("rest")
	},
	"a connection for every end": func(t *testing.T, m *reactor.Manager, again func()) {
		url := listenURL(t, "unix") // where nobody listens: fails at once
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
	"marks that are crossed for ever": func(t *testing.T, m *reactor.Manager, again func()) {
		flood := make([]byte, 1<<20) // more than the socket takes
		var p *peer
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			switch ev {
			case reactor.EvWrite:
				p.pump()
				p.in = nil
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

// most is what one of them may do in one turn: a burst of 64, twice where two
// phases of the turn give it a chance.
const most = 2 * 64

func TestNobodyKeepsTheLoop(t *testing.T) {
	for name, start := range greedy {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			inTurn, total := 0, 0
			start(t, m, func() {
				total++
				if inTurn++; inTurn > most {
					t.Fatalf("more than %d times in one turn", most)
				}
			})
			quiet := &recorder{}
			c, p := wrap(t, m, quiet.handle)
			fired, posted, turn := 0, 0, 0
			m.AddTimer(1, reactor.TimerRepeat, func() { fired++ })
			for ; turn < 50; turn++ {
				inTurn = 0
				p.write("x")
				m.Post(func() { posted++ })
				c.Write([]byte("y"))
				spin(t, m, 1)
				if n := turn + 1; turn > 0 && (len(quiet.got) != n || fired != n || posted != n || quiet.wrote != n) {
					t.Fatalf("after turn %d: %d bytes read and %d written by the other connection, %d timers, %d posts",
						n, len(quiet.got), quiet.wrote, fired, posted)
				}
			}
			if total < turn/2 {
				t.Errorf("%d times in %d turns: that was not greedy", total, turn)
			}
		})
	}
}

// All of them together.
func TestGreedyTogether(t *testing.T) {
	m := newManager(t)
	for _, start := range greedy {
		start(t, m, func() {})
	}
	quiet := &recorder{}
	_, p := wrap(t, m, quiet.handle)
	spin(t, m, 2)
	for n := 1; n <= 20; n++ {
		p.write("x")
		if spin(t, m, 2); len(quiet.got) != n { // two: the new ones may fill a batch
			t.Fatalf("%d bytes after %d rounds", len(quiet.got), n)
		}
	}
}

// A handler that pauses and resumes in every EvRead, as to throttle a peer,
// goes on hearing of new input and of the end, although a rest lies in Recv.
func TestResumedInEveryEvRead(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.Recv.Len() >= 4 {
			r.got = append(r.got, c.Recv.Bytes()...)
			c.Recv.Reset()
		}
		c.Pause()
		c.Resume()
	}}
	_, p := wrap(t, m, r.handle)
	for _, part := range []string{"a", "b", "c", "d"} {
		p.write(part)
		spin(t, m, 5)
	}
	if string(r.got) != "abcd" {
		t.Fatalf("got %q of \"abcd\" that came in parts", r.got)
	}
	p.write("rest")
	p.write("e")
	p.shutdown()
	await(t, m, "EvClose", r.closed)
}

// Time that a handler takes delays timers, but does not make them fire more
// than once each.
func TestSlowHandlerDelaysTimers(t *testing.T) {
	m, k := timed(t)
	fired := make([]int, 3)
	for i := range fired {
		m.AddTimer(time.Duration(i+1)*time.Second, reactor.TimerRepeat, func() {
			fired[i]++
			k.advance(10 * time.Second) // all are due again
		})
	}
	k.advance(3 * time.Second)
	for n := 1; n <= 5; n++ {
		spin(t, m, 1)
		for i, f := range fired {
			if f != n {
				t.Fatalf("turn %d: timer %d fired %d times", n, i, f)
			}
		}
	}
}
