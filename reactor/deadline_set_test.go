package reactor_test

import (
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Of several deadlines the first to pass is named.
func TestFirstDeadlineIsNamed(t *testing.T) {
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
			s.r.want(t, "OPEN WRITE ERROR CLOSE")
			if s.m.NextTimeout() != math.MaxInt64 {
				t.Error("a timer is left")
			}
		})
	}
}

// Set while a connection lives, deadlines count from where each began.
func TestDeadlinesAtRunTime(t *testing.T) {
	s := newSubject(t, "accepted, inherited", reactor.Deadlines{Life: time.Hour, Idle: time.Hour})
	s.k.advance(10 * time.Second)
	s.p.write("x")
	await(t, s.m, "EvRead", s.r.saw(reactor.EvRead))
	s.k.advance(5 * time.Second)
	s.c.SetDeadlines(reactor.Deadlines{Idle: 20 * time.Second})
	s.passes("idle", 20*time.Second, 15*time.Second)

	s = newSubject(t, "accepted, inherited", reactor.Deadlines{Life: time.Hour, Idle: time.Hour})
	s.k.advance(10 * time.Second)
	s.c.SetDeadlines(reactor.Deadlines{Life: 12 * time.Second})
	s.passes("life", 12*time.Second, 2*time.Second)

	s = newSubject(t, "accepted, inherited", reactor.Deadlines{Life: time.Hour})
	s.k.advance(10 * time.Second)
	s.c.SetDeadlines(reactor.Deadlines{Life: 3 * time.Second}) // it has passed
	if len(s.r.errs) > 0 {
		t.Error("SetDeadlines called the handler")
	}
	spin(t, s.m, 2)
	wantDeadline(t, s.r.err(t), "life", 3*time.Second)

	s = newSubject(t, "accepted, default", reactor.Deadlines{Life: time.Second, Idle: time.Second, Stall: time.Second})
	s.c.SetDeadlines(reactor.Deadlines{Life: -1, Idle: -1, Stall: -1}) // off
	s.k.advance(time.Hour)
	s.remains("off")
	s.c.SetDeadlines(reactor.Deadlines{Idle: 2 * time.Hour, Life: -1}) // longer again
	s.passes("idle", 2*time.Hour, time.Hour)
}

// A connection that had no deadlines begins to count when it gets some.
func TestFirstDeadlinesSetLate(t *testing.T) {
	s := newSubject(t, "accepted", reactor.Deadlines{})
	s.k.advance(10 * time.Second)
	s.c.SetDeadlines(reactor.Deadlines{Life: 15 * time.Second})
	s.passes("life", 15*time.Second, 15*time.Second)
}

// A listener's own deadlines replace those for all, also with none.
func TestListenerOverridesDefaults(t *testing.T) {
	for _, own := range []reactor.Deadlines{{Life: -1, Idle: -1}, {Life: 7 * time.Second, Idle: -1}} {
		m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Life: 3 * time.Second, Idle: 2 * time.Second}))
		r := &recorder{}
		l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
		l.SetDeadlines(own)
		dialRaw(t, l.LocalAddr())
		await(t, m, "EvAccept", r.saw(reactor.EvAccept))
		k.advance(7*time.Second - 1)
		spin(t, m, 3)
		r.want(t, "OPEN OPEN ACCEPT")
		k.advance(1)
		spin(t, m, 3)
		if own.Life > 0 {
			wantDeadline(t, r.err(t), "life", own.Life)
		} else {
			r.want(t, "OPEN OPEN ACCEPT")
		}
	}
}

// Listeners themselves, datagram listeners too, have no deadlines.
func TestListenersHaveNoDeadlines(t *testing.T) {
	d := reactor.Deadlines{Handshake: 1, Idle: 1, Stall: 1, Life: 1}
	m, k := timed(t, reactor.WithDeadlines(d))
	r := &recorder{}
	listen(t, m, "tcp://127.0.0.1:0", r.handle).SetDeadlines(d)
	listen(t, m, "udp://127.0.0.1:0", r.handle).SetDeadlines(d)
	spin(t, m, 1)
	k.advance(time.Hour)
	spin(t, m, 3)
	r.want(t, "OPEN OPEN")
}

// After the end SetDeadlines and SetHandshaking do nothing.
func TestDeadlinesAfterEvClose(t *testing.T) {
	s := newSubject(t, "wrapped", reactor.Deadlines{Life: time.Second})
	s.c.Close()
	await(t, s.m, "EvClose", s.r.closed)
	harmless(t, "SetDeadlines", func() { s.c.SetDeadlines(reactor.Deadlines{Idle: 1, Life: 1}) })
	harmless(t, "SetHandshaking", func() { s.c.Stack().SetHandshaking(true) })
	s.k.advance(time.Hour)
	spin(t, s.m, 2)
	s.r.want(t, "OPEN CLOSE")
	if d := s.m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("a timer is left, due in %v", d)
	}
}
