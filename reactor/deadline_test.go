package reactor_test

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// If a connection has several deadlines, the error names the one that passes first.
func TestErrorNamesTheFirstDeadline(t *testing.T) {
	all := reactor.Deadlines{Handshake: 5 * time.Second, Idle: 5 * time.Second, Stall: 5 * time.Second, Life: 5 * time.Second}
	for name, set := range map[string]func(d *reactor.Deadlines){
		"handshake": func(d *reactor.Deadlines) { d.Handshake = 4 * time.Second },
		"idle":      func(d *reactor.Deadlines) { d.Idle = 4 * time.Second },
		"stall":     func(d *reactor.Deadlines) { d.Stall = 4 * time.Second },
		"life":      func(d *reactor.Deadlines) { d.Life = 4 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			d := all
			set(&d)
			s := newSubject(t, "wrapped", d)
			s.c.Stack().SetHandshaking(true)
			s.fill()
			s.passes(name, 4*time.Second, 4*time.Second)
			s.r.Want(t, "OPEN WRITE ERROR CLOSE")
			if s.m.NextTimeout() != math.MaxInt64 {
				t.Error("a timer is left after EvClose")
			}
		})
	}
}

// Deadlines that are set on an open connection count from the beginning of each wait.
func TestSetDeadlinesAtRunTime(t *testing.T) {
	s := newSubject(t, "accepted, inherited", reactor.Deadlines{Life: time.Hour, Idle: time.Hour})
	s.k.Advance(10 * time.Second)
	s.p.WriteString("x")
	await(t, s.m, "EvRead", s.r.Saw(reactor.EvRead))
	s.k.Advance(5 * time.Second)
	s.c.SetDeadlines(reactor.Deadlines{Idle: 20 * time.Second})
	s.passes("idle", 20*time.Second, 15*time.Second)

	s = newSubject(t, "accepted, inherited", reactor.Deadlines{Life: time.Hour, Idle: time.Hour})
	s.k.Advance(10 * time.Second)
	s.c.SetDeadlines(reactor.Deadlines{Life: 12 * time.Second})
	s.passes("life", 12*time.Second, 2*time.Second)

	s = newSubject(t, "accepted, inherited", reactor.Deadlines{Life: time.Hour})
	s.k.Advance(10 * time.Second)
	s.c.SetDeadlines(reactor.Deadlines{Life: 3 * time.Second}) // has passed already
	if len(s.r.Errs) > 0 {
		t.Error("SetDeadlines called the handler")
	}
	spin(t, s.m, 2)
	wantDeadline(t, s.r.Err(t), "life", 3*time.Second)

	s = newSubject(t, "accepted, default", reactor.Deadlines{Life: time.Second, Idle: time.Second, Stall: time.Second})
	s.c.SetDeadlines(reactor.Deadlines{Life: -1, Idle: -1, Stall: -1}) // off
	s.k.Advance(time.Hour)
	s.remains("off")
	s.c.SetDeadlines(reactor.Deadlines{Idle: 2 * time.Hour, Life: -1}) // on again: counts from now
	s.passes("idle", 2*time.Hour, 2*time.Hour)
}

// A wait that had no deadline counts from SetDeadlines, even if another wait had one.
func TestSetDeadlinesForTheFirstTime(t *testing.T) {
	for _, d := range []reactor.Deadlines{{}, {Idle: time.Hour}} {
		s := newSubject(t, "accepted", d)
		s.k.Advance(10 * time.Second)
		s.c.SetDeadlines(reactor.Deadlines{Life: 15 * time.Second})
		s.passes("life", 15*time.Second, 15*time.Second)
	}
}

// The deadlines of a listener override those of the manager, and may turn them off.
func TestDeadlinesOfAListenerOverrideTheManager(t *testing.T) {
	for _, own := range []reactor.Deadlines{{Life: -1, Idle: -1}, {Life: 7 * time.Second, Idle: -1}} {
		m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Life: 3 * time.Second, Idle: 2 * time.Second}))
		r := &recorder{}
		l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
		l.SetDeadlines(own)
		looptest.DialSocket(t, l.LocalAddr())
		await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
		k.Advance(7*time.Second - 1)
		spin(t, m, 3)
		r.Want(t, "OPEN OPEN ACCEPT")
		k.Advance(1)
		spin(t, m, 3)
		if own.Life > 0 {
			wantDeadline(t, r.Err(t), "life", own.Life)
		} else {
			r.Want(t, "OPEN OPEN ACCEPT")
		}
	}
}

// On listeners, datagram listeners too, no deadline runs.
func TestListenersHaveNoDeadlines(t *testing.T) {
	d := reactor.Deadlines{Handshake: 1, Idle: 1, Stall: 1, Life: 1}
	m, k := timed(t, reactor.WithDeadlines(d))
	r := &recorder{}
	listen(t, m, "tcp://127.0.0.1:0", r.Handle).SetDeadlines(d)
	listen(t, m, "udp://127.0.0.1:0", r.Handle).SetDeadlines(d)
	spin(t, m, 1)
	k.Advance(time.Hour)
	spin(t, m, 3)
	r.Want(t, "OPEN OPEN")
}

// After EvClose, SetDeadlines and SetHandshaking do nothing.
func TestSetDeadlinesAfterEvCloseDoesNothing(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Life: time.Second})
	s.c.Close()
	await(t, s.m, "EvClose", s.r.Closed)
	harmless(t, "SetDeadlines", func() { s.c.SetDeadlines(reactor.Deadlines{Idle: 1, Life: 1}) })
	harmless(t, "SetHandshaking", func() { s.c.Stack().SetHandshaking(true) })
	s.k.Advance(time.Hour)
	spin(t, s.m, 2)
	s.r.Want(t, "OPEN CLOSE")
	if d := s.m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("a timer is left, due in %v", d)
	}
}

// A deadlineField is a field of Deadlines. begin makes a connection that waits for this
// deadline only, and calls set before the wait begins.
type deadlineField struct {
	name     string // in the error
	set      func(d *reactor.Deadlines, v time.Duration)
	standard time.Duration // the default; 0 is off
	begin    func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn))
}

func accepting(begin func(t *testing.T, c *reactor.Conn)) func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
	return func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
		t.Helper()
		c, _ := reach(t, m, "tcp server", r.Handle, set)
		begin(t, c)
	}
}

var deadlineFields = []deadlineField{
	{"resolve", func(d *reactor.Deadlines, v time.Duration) { d.Resolve = v }, 5 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			set(dial(t, m, "tcp://slow.test:80", r.Handle))
		}},
	{"connect", func(d *reactor.Deadlines, v time.Duration) { d.Connect = v }, 10 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			set(dial(t, m, urlOf(blackHole(t, "127.0.0.1").String()), r.Handle))
		}},
	{"TLS handshake", func(d *reactor.Deadlines, v time.Duration) { d.TLS = v }, 10 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			l, _ := tlsListen(t, m, serverConfig(), r.Handle)
			set(l)
			looptest.DialSocket(t, l.LocalAddr())
			await(t, m, "the connection", r.Saw(reactor.EvAccept))
		}},
	{"TLS handshake", func(d *reactor.Deadlines, v time.Duration) { d.TLS = v }, 10 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
			set(tlsConnect(t, m, "tcp://"+at.String(), authority().Client(), r.Handle))
			await(t, m, "the connection", r.Saw(reactor.EvConnect))
		}},
	{"handshake", func(d *reactor.Deadlines, v time.Duration) { d.Handshake = v }, 10 * time.Second,
		accepting(func(_ *testing.T, c *reactor.Conn) { c.Stack().SetHandshaking(true) })},
	{"message", func(d *reactor.Deadlines, v time.Duration) { d.Message = v }, 20 * time.Second,
		accepting(func(_ *testing.T, c *reactor.Conn) { c.Stack().SetReceiving(true) })},
	{"next request", func(d *reactor.Deadlines, v time.Duration) { d.NextRequest = v }, 60 * time.Second,
		accepting(func(_ *testing.T, c *reactor.Conn) { c.Stack().SetAwaitingRequest(true) })},
	{"idle", func(d *reactor.Deadlines, v time.Duration) { d.Idle = v }, 0,
		accepting(func(*testing.T, *reactor.Conn) {})},
	{"life", func(d *reactor.Deadlines, v time.Duration) { d.Life = v }, 0,
		accepting(func(*testing.T, *reactor.Conn) {})},
	{"stall", func(d *reactor.Deadlines, v time.Duration) { d.Stall = v }, 0,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			c, _ := reach(t, m, "wrapped", r.Handle, set)
			fill(t, c)
		}},
	{"stall", func(d *reactor.Deadlines, v time.Duration) { d.Stall = v }, 30 * time.Second, fillUnix("unix server")},
	{"stall", func(d *reactor.Deadlines, v time.Duration) { d.Stall = v }, 30 * time.Second, fillUnix("unix client")},
}

// fillUnix makes a connection whose peer does not read. A UNIX-domain socket that is full takes
// nothing more until its peer reads.
func fillUnix(way string) func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
	return func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
		c, _ := reach(t, m, way, r.Handle, set)
		fill(t, c)
	}
}

// wantField checks what a deadline that has passed does. The error of Resolve is a DNSError with
// the host. NextRequest has none.
func wantField(t *testing.T, r *recorder, f deadlineField, after time.Duration) {
	t.Helper()
	if f.name == "next request" {
		if len(r.Errs) > 0 || !r.Closed() {
			t.Fatalf("events %s, errors %v; want EvClose and no error", eventList(r.Events), r.Errs)
		}
		return
	}
	if len(r.Errs) != 1 {
		t.Fatalf("events %s, want the deadline of %v", eventList(r.Events), after)
	}
	err := r.Errs[0]
	var dns *net.DNSError
	if f.name == "resolve" && errors.As(err, &dns) && errors.Is(err, os.ErrDeadlineExceeded) && dns.Name == "slow.test" {
		return
	}
	wantDeadline(t, err, f.name, after)
}

// In every field zero means the value of the level above, and a negative value means no
// deadline. The levels are the manager, and the connection or its listener. Setting one
// field changes no other.
func TestZeroAndNegativeDeadlines(t *testing.T) {
	const unset = -12345
	for i, f := range deadlineFields {
		for _, row := range []struct {
			manager, conn time.Duration
			other         bool          // another field is set too
			want          time.Duration // 0: no deadline; unset: the default
		}{
			{manager: unset, conn: unset, want: unset},
			{manager: 0, conn: unset, want: unset},
			{manager: 0, conn: unset, other: true, want: unset},
			{manager: unset, conn: 0, want: unset},
			{manager: unset, conn: 0, other: true, want: unset},
			{manager: 0, conn: 0, other: true, want: unset},
			{manager: 3 * time.Second, conn: unset, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: 0, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: 0, other: true, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: 20 * time.Second, want: 20 * time.Second},
			{manager: 20 * time.Second, conn: 3 * time.Second, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: -1, want: 0},
			{manager: -1, conn: unset, want: 0},
			{manager: -1, conn: 0, other: true, want: 0},
			{manager: -time.Hour, conn: 3 * time.Second, want: 3 * time.Second},
			{manager: unset, conn: -1, want: 0},
			{manager: unset, conn: -time.Hour, other: true, want: 0},
			{manager: unset, conn: 3 * time.Second, want: 3 * time.Second},
		} {
			if row.want == unset {
				row.want = f.standard
			}
			t.Run(fmt.Sprintf("%d %s %+v", i, f.name, row), func(t *testing.T) {
				with := func(v time.Duration) (d reactor.Deadlines) {
					if row.other { // does not pass in this test
						d.Life = 1000 * time.Hour
						if f.name == "life" {
							d = reactor.Deadlines{Idle: 1000 * time.Hour}
						}
					}
					f.set(&d, v)
					return d
				}
				opts := []reactor.Option{reactor.WithResolver(&mute{})}
				if row.manager != unset {
					opts = append(opts, reactor.WithDeadlines(with(row.manager)))
				}
				m, k := timed(t, opts...)
				r := &recorder{}
				f.begin(t, m, r, func(c *reactor.Conn) {
					if row.conn != unset {
						c.SetDeadlines(with(row.conn))
					}
				})
				spin(t, m, 3)
				wait := func(d time.Duration) {
					k.Advance(d)
					spin(t, m, 3)
				}
				if row.want == 0 {
					if wait(100 * time.Hour); len(r.Errs) > 0 || r.Closed() {
						t.Errorf("events %s, errors %v, want no deadline", eventList(r.Events), r.Errs)
					}
					return
				}
				if wait(row.want - 1); len(r.Errs) > 0 || r.Closed() {
					t.Fatalf("failed too early: %v", r.Errs)
				}
				wait(1)
				wantField(t, r, f, row.want)
				await(t, m, "EvClose", r.Closed)
			})
		}
	}
}

// On a connection that has set a field, zero returns it to the value of the manager.
func TestZeroDeadlineRestoresTheValueOfTheManager(t *testing.T) {
	for _, f := range deadlineFields[4:] {
		t.Run(f.name, func(t *testing.T) {
			var d, own reactor.Deadlines
			f.set(&d, 5*time.Second)
			f.set(&own, -1)
			m, k := timed(t, reactor.WithDeadlines(d))
			r := &recorder{}
			f.begin(t, m, r, func(*reactor.Conn) {})
			for c := range m.Conns() {
				c.SetDeadlines(own)
				c.SetDeadlines(reactor.Deadlines{})
			}
			k.Advance(5*time.Second - 1)
			if spin(t, m, 3); len(r.Errs) > 0 {
				t.Fatalf("failed too early: %v", r.Errs)
			}
			k.Advance(1)
			spin(t, m, 3)
			wantField(t, r, f, 5*time.Second)
		})
	}
}

// A deadline that has passed already when it is set does not count as lag of the loop.
func TestPassedDeadlineIsNotLag(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Life: 24 * time.Hour})
	s.k.Advance(time.Hour)
	spin(t, s.m, 2)
	s.c.SetDeadlines(reactor.Deadlines{Life: time.Minute})
	spin(t, s.m, 2)
	if lag := s.m.Stats().MaxLag; lag > 0 || len(s.r.Errs) != 1 {
		t.Errorf("MaxLag %v, errors %v", lag, s.r.Errs)
	}
}
