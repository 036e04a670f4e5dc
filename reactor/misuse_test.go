package reactor_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A call that cannot mean anything panics at once, with the name of the call, and not
// later inside the loop, where nobody knows who it was. The manager is none the worse.
func TestMisusePanicsAtTheCall(t *testing.T) {
	nothing := func() {}
	for name, row := range map[string]struct {
		call  func(m *reactor.Manager)
		words []string
	}{
		"AddTimer nil":                     {func(m *reactor.Manager) { m.AddTimer(time.Second, reactor.TimerOnce, nil) }, []string{"reactor: ", "AddTimer"}},
		"AddTimer nil, repeating":          {func(m *reactor.Manager) { m.AddTimer(time.Second, reactor.TimerRepeat, nil) }, []string{"reactor: ", "AddTimer"}},
		"AddTimer nil, now":                {func(m *reactor.Manager) { m.AddTimer(0, reactor.TimerRunNow, nil) }, []string{"reactor: ", "AddTimer"}},
		"a period of 0":                    {func(m *reactor.Manager) { m.AddTimer(0, reactor.TimerRepeat, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"a negative period":                {func(m *reactor.Manager) { m.AddTimer(-1, reactor.TimerRepeat, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"the least period":                 {func(m *reactor.Manager) { m.AddTimer(math.MinInt64, reactor.TimerRepeat, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"a period of 0, beginning now":     {func(m *reactor.Manager) { m.AddTimer(0, reactor.TimerRepeat|reactor.TimerRunNow, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"a negative period, beginning now": {func(m *reactor.Manager) { m.AddTimer(-time.Second, reactor.TimerRepeat|reactor.TimerRunNow, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"Post nil":                         {func(m *reactor.Manager) { m.Post(nil) }, []string{"reactor: ", "Post"}},
	} {
		for _, when := range []string{"between two Polls", "within a handler", "elsewhere", "closed"} {
			if when == "elsewhere" && name != "Post nil" {
				continue // other goroutines may call nothing else
			}
			t.Run(name+" "+when, func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				_, p := wrap(t, m, r.handle)
				spin(t, m, 1)
				try := func() {
					for _, words := range row.words {
						wantPanic(t, words, func() { row.call(m) })
					}
				}
				switch when {
				case "between two Polls":
					try()
				case "elsewhere":
					elsewhere(try)
				case "within a handler":
					r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
						c.Recv.Reset()
						try()
					}}
					p.write("x")
					harmless(t, "the loop", func() { await(t, m, "the handler", r.saw(reactor.EvRead)) })
				case "closed":
					looptest.Must(t, m.Close())
					try()
					return
				}
				if t.Failed() { // the loop would panic now
					return
				}
				spin(t, m, 3)
				if d := m.NextTimeout(); d != math.MaxInt64 {
					t.Errorf("NextTimeout %v: something was armed or posted", d)
				}
				r.on = nil
				p.write("it goes on")
				await(t, m, "input", func() bool { return string(r.got) == "it goes on" })
			})
		}
	}
}

// What does mean something goes on to work.
func TestTimersWithoutAPeriod(t *testing.T) {
	for _, flags := range []reactor.TimerFlags{reactor.TimerOnce, reactor.TimerRunNow} {
		for _, period := range []time.Duration{0, -1, math.MinInt64} {
			m, _ := timed(t)
			n := 0
			harmless(t, fmt.Sprint("AddTimer ", period), func() { m.AddTimer(period, flags, func() { n++ }) })
			if spin(t, m, 5); n != 1 {
				t.Errorf("period %v, flags %d: fired %d times, want once", period, flags, n)
			}
		}
	}
}

// WrapFD refuses what listens, which stays the caller's and accepts as before.
func TestWrapFDOfAListener(t *testing.T) {
	for name, listenRaw := range map[string]func(t *testing.T) (p *peer, connect func()){
		"tcp": func(t *testing.T) (*peer, func()) {
			p, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 4)
			return p, func() { dialRaw(t, at) }
		},
		"tcp6": func(t *testing.T) (*peer, func()) {
			p, at := bindRaw(t, "::1", unix.SOCK_STREAM, 4)
			return p, func() { dialRaw(t, at) }
		},
		"unix": func(t *testing.T) (*peer, func()) {
			p, name := bindUnix(t, unix.SOCK_STREAM)
			return p, func() {
				looptest.Must(t, unix.Connect(newPeer(t, unixSocket(t)).fd, &unix.SockaddrUnix{Name: name}))
			}
		},
		"seqpacket": func(t *testing.T) (*peer, func()) {
			p, name := bindUnix(t, unix.SOCK_SEQPACKET)
			return p, func() {
				fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
				looptest.Must(t, err)
				looptest.Must(t, unix.Connect(newPeer(t, fd).fd, &unix.SockaddrUnix{Name: name}))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			p, connect := listenRaw(t)
			r := &recorder{}
			c, err := m.WrapFD(p.fd, r.handle, nil)
			if c != nil {
				t.Error("a connection was made")
			}
			looptest.WantErr(t, err, nil, "WrapFD", fmt.Sprint(p.fd), "listen")
			connect()
			if spin(t, m, 3); pollable(t, m.Fd()) || countConns(m) != 0 || len(r.events) > 0 {
				t.Errorf("the manager watches it: %d connections, %s", countConns(m), eventList(r.events))
			}
			looptest.Must(t, m.Close())
			if acceptRaw(t, p) == nil {
				t.Error("the descriptor does not accept any more")
			}
		})
	}
}

// What is nil is told at the call, and not by the loop later.
func TestNilPanicsAtTheCall(t *testing.T) {
	m := newManager(t)
	c, _ := wrap(t, m, nil)
	for call, fn := range map[string]func(){
		"WithLogger":    func() { reactor.WithLogger(nil) },
		"WithResolver":  func() { reactor.WithResolver(nil) },
		"WithClock":     func() { reactor.WithClock(nil) },
		"Push":          func() { c.Stack().Push(nil) },
		"StartDeadline": func() { c.Stack().StartDeadline(nil, time.Second) },
	} {
		wantPanic(t, call, fn)
	}
	spin(t, m, 2)
}
