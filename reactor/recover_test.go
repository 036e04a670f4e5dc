package reactor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// bomb is a handler under Recover. It records events, and panics at each event of a kind.
type bomb struct {
	recorder
	at reactor.Event
}

func (b *bomb) handler() reactor.Handler {
	return reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
		if c.IsListening() && ev != reactor.EvRead {
			return
		}
		b.Handle(c, ev, data)
		if ev == b.at {
			explode()
		}
	})
}

func explode() { panic(errOops) } // the line that the stack must show

// recovered cause one panic or more at an event, in each place where the loop calls handlers.
var recovered = map[string]struct {
	at    reactor.Event
	cause func(t *testing.T, m *reactor.Manager, b *bomb)
}{
	"EvOpen": {reactor.EvOpen, func(t *testing.T, m *reactor.Manager, b *bomb) { wrap(t, m, b.handler()) }},
	"EvOpen of an accepted connection": {reactor.EvOpen, func(t *testing.T, m *reactor.Manager, b *bomb) {
		looptest.DialSocket(t, listen(t, m, "tcp://127.0.0.1:0", b.handler()).LocalAddr())
	}},
	"EvAccept": {reactor.EvAccept, func(t *testing.T, m *reactor.Manager, b *bomb) {
		looptest.DialSocket(t, listen(t, m, "tcp://127.0.0.1:0", b.handler()).LocalAddr())
	}},
	"EvResolve": {reactor.EvResolve, func(t *testing.T, m *reactor.Manager, b *bomb) {
		dial(t, m, urlOf(listen(t, m, "tcp://127.0.0.1:0", nil).LocalAddr().String()), b.handler())
	}},
	"EvConnect": {reactor.EvConnect, func(t *testing.T, m *reactor.Manager, b *bomb) {
		dial(t, m, urlOf(listen(t, m, "tcp://127.0.0.1:0", nil).LocalAddr().String()), b.handler())
	}},
	"EvTLSHS": {reactor.EvTLSHS, func(t *testing.T, m *reactor.Manager, b *bomb) {
		reach(t, m, "TLS 1.3 server", b.handler(), nil)
	}},
	"EvRead": {reactor.EvRead, func(t *testing.T, m *reactor.Manager, b *bomb) {
		_, p := wrap(t, m, b.handler())
		p.WriteString("x")
	}},
	"EvRead over TLS": {reactor.EvRead, func(t *testing.T, m *reactor.Manager, b *bomb) {
		_, f := reach(t, m, "TLS 1.3 server", b.handler(), nil)
		f.say([]byte("x"))
	}},
	"EvWrite": {reactor.EvWrite, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		c.Write([]byte("x"))
	}},
	"EvPoll": {reactor.EvPoll, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		c.SetPoll(true)
	}},
	"EvWakeup": {reactor.EvWakeup, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		looptest.Must(t, m.Wakeup(c.ID(), nil))
	}},
	"EvHighWater": {reactor.EvHighWater, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		c.SetWater(0, 1)
		c.Write(make([]byte, moreThanFits))
	}},
	"EvEnd": {reactor.EvEnd, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, p := wrap(t, m, b.handler())
		c.SetHalfClose(true)
		p.Shutdown()
	}},
	"EvError": {reactor.EvError, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		c.Fail(errors.New("the first failure"))
	}},
	"EvClose": {reactor.EvClose, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		c.Close()
	}},
	"an event between two Polls": {reactor.EvUser, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		c.Call(reactor.EvUser, nil)
	}},
	"an event that another handler raises": {reactor.EvUser, func(t *testing.T, m *reactor.Manager, b *bomb) {
		c, _ := wrap(t, m, b.handler())
		_, p := wrap(t, m, func(o *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				c.Call(reactor.EvUser, nil)
				o.Write(o.Recv.Bytes())
				o.Recv.Reset()
			}
		})
		p.WriteString("goes on")
		await(t, m, "the handler that has raised the event", func() bool { p.Receive(); return string(p.In) == "goes on" })
	}},
}

// A handler under Recover panics, at each kind of event. Its connection fails and closes, the log
// has the line that panicked, and all others go on.
func TestRecover(t *testing.T) {
	for name, tt := range recovered {
		t.Run(name, func(t *testing.T) {
			var log looptest.Warnings
			m := newManager(t, reactor.WithLogger(log.Logger()))
			other, p := wrap(t, m, echo)
			b := &bomb{at: tt.at}
			tt.cause(t, m, b)
			await(t, m, "the end", b.Closed)
			if n := b.Count(tt.at); n != 1 {
				t.Errorf("%d panics", n)
			}
			log.WantOneAt(t, "ERROR", "handler panicked", "event="+tt.at.String(), "oops", "reactor_test.explode", "recover_test.go:")
			if tt.at == reactor.EvError || tt.at == reactor.EvClose {
				if len(b.Errs) > 1 || b.Count(reactor.EvClose) != 1 {
					t.Errorf("events %s", eventList(b.Events))
				}
			} else {
				var p *reactor.PanicError
				if err := b.Err(t); !errors.As(err, &p) || p.Value != any(errOops) || p.Event != tt.at ||
					!strings.Contains(string(p.Stack), "explode") || !errors.Is(err, errOops) {
					t.Errorf("error %#v", err)
				}
			}
			p.WriteString("still here")
			await(t, m, "another connection", func() bool { p.Receive(); return string(p.In) == "still here" })
			other.Close()
			spin(t, m, 5)
			log.WantNone(t)
		})
	}
}

// The handler panics at EvRead, again at the EvError that follows, and again at EvClose. Each
// panic is recovered.
func TestRecoverEachOfSeveralPanics(t *testing.T) {
	var log looptest.Warnings
	m := newManager(t, reactor.WithLogger(log.Logger()))
	var events []reactor.Event
	_, p := wrap(t, m, reactor.Recover(func(_ *reactor.Conn, ev reactor.Event, _ any) {
		events = append(events, ev)
		explode()
	}))
	p.WriteString("x")
	await(t, m, "EvClose", func() bool { return len(events) > 0 && events[len(events)-1] == reactor.EvClose })
	if got := eventList(events); got != "OPEN ERROR CLOSE" {
		t.Errorf("events %s", got)
	}
	if lines := log.Take(); len(lines) != 3 {
		t.Errorf("%d records, want 3", len(lines))
	}
}

// What the handler has appended to Send since the event is not sent. What was there before is.
func TestRecoverDropsHalfAnAnswer(t *testing.T) {
	m := newManager(t)
	_, p := wrap(t, m, reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvOpen:
			c.Write([]byte("whole"))
		case reactor.EvRead:
			c.Write([]byte("ha"))
			explode()
		case reactor.EvError:
			_ = data.(error).Error()
		}
	}))
	p.WriteString("x")
	await(t, m, "the end", func() bool { p.Receive(); return p.EOF })
	if string(p.In) != "whole" {
		t.Errorf("the peer got %q", p.In)
	}
}

// A datagram makes the handler of a datagram listener panic. The listener goes on, because it
// serves all its peers.
func TestRecoverOnADatagramListener(t *testing.T) {
	m := newManager(t)
	b := &bomb{at: reactor.EvRead}
	l := listen(t, m, "udp://127.0.0.1:0", b.handler())
	p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	for i := range 3 {
		looptest.Must(t, unix.Sendto(p.FD, []byte("x"), 0, looptest.Sockaddr(l.LocalAddr())))
		await(t, m, "a datagram", func() bool { return b.Count(reactor.EvRead) == i+1 })
	}
	if len(b.Errs) > 0 || b.Closed() {
		t.Errorf("events %s", eventList(b.Events))
	}

	open := listen(t, m, "udp://127.0.0.1:0", reactor.Recover(func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvOpen {
			explode()
		}
		b.Handle(nil, ev, data)
	}))
	b.Events = nil
	await(t, m, "the end of a listener that panics at EvOpen", b.Closed)
	if open.LocalAddr().Port() == 0 || len(b.Errs) != 1 {
		t.Errorf("events %s", eventList(b.Events))
	}
}

// A wrapped handler raises an event on a connection whose handler is not wrapped and panics, while
// marks of Send are checked. The numbers of the loop's state are right after that: Close in
// a handler takes effect, and a handler outside of Poll does.
func TestRecoverRestoresTheStateOfTheLoop(t *testing.T) {
	m := newManager(t)
	inner, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvHighWater {
			explode()
		}
	})
	inner.SetWater(0, 1)
	marks := 0
	outer, p := wrap(t, m, reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvUserInput:
			inner.Write(make([]byte, 10)) // EvHighWater follows, at the end of the next event
			inner.Call(reactor.EvUserInput, nil)
		case reactor.EvError:
			_ = data.(error).Error()
		}
	}))
	other, _ := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvHighWater {
			marks++
		}
	})
	other.SetWater(0, 1)
	spin(t, m, 2)
	p.WriteString("x")
	m.AddTimer(0, reactor.TimerOnce, func() {
		outer.Call(reactor.EvUserInput, nil)
		inner.Close()
		other.Write(make([]byte, 10))
		other.Call(reactor.EvUserInput, nil)
		if marks != 1 {
			t.Errorf("EvHighWater was raised %d times within the turn, want 1", marks)
		}
	})
	spin(t, m, 5)
	ended := false
	m.AddTimer(0, reactor.TimerOnce, func() { m.Close(); ended = true })
	await(t, m, "Close", func() bool { return ended })
	wantClosed(t, m)
}

// recover returns a value for panic(nil) too. Goexit is no panic: it goes on, and the manager can
// then only be closed.
func TestRecoverOfNilAndGoexit(t *testing.T) {
	m := newManager(t)
	b := &recorder{}
	c, _ := wrap(t, m, reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
		if b.Handle(c, ev, data); ev == reactor.EvUser {
			panic(nil)
		}
	}))
	c.Call(reactor.EvUser, nil)
	await(t, m, "the end", b.Closed)
	var isNil *runtime.PanicNilError
	if !errors.As(b.Err(t), &isNil) {
		t.Errorf("error %v", b.Errs)
	}

	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	looptest.Must(t, err)
	exits := &recorder{}
	wrap(t, m, reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
		if exits.Handle(c, ev, data); ev == reactor.EvOpen {
			runtime.Goexit()
		}
	}))
	done := make(chan struct{})
	go func() { defer close(done); m.Poll(0) }()
	<-done
	if err := m.Poll(0); !errors.Is(err, reactor.ErrPanicked) || len(exits.Errs) > 0 {
		t.Errorf("Poll after Goexit: %v; errors %v", err, exits.Errs)
	}
	m.Close()
	if reactor.Recover(nil) != nil {
		t.Error("Recover(nil) is not nil")
	}
}

// The text of a PanicError has a bounded length and no control character, whatever the value is.
func TestPanicErrorText(t *testing.T) {
	for _, v := range []any{strings.Repeat("\x1b", 1<<16), errors.New(strings.Repeat("a\n", 1<<16)), 7, nil} {
		err := &reactor.PanicError{Value: v, Event: reactor.EvRead}
		wantPlain(t, fmt.Sprintf("a panic with %T", v), err.Error(), 700)
	}
}

// wantPlain checks that a text that peers may cause is short and has no control character.
func wantPlain(t *testing.T, what, text string, most int) {
	t.Helper()
	if len(text) > most || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
		t.Errorf("%s: %d bytes, want %d at most, without control characters: %.200q", what, len(text), most, text)
	}
}

// Panics are logged within the bound of log records, too.
func TestRecoverLogsABoundedNumber(t *testing.T) {
	var log looptest.Warnings
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithLogger(log.Logger()), reactor.WithClock(clock.Now))
	l := listen(t, m, "udp://127.0.0.1:0", reactor.Recover(func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvUser {
			explode()
		}
	}))
	for range 150 {
		l.Call(reactor.EvUser, nil)
	}
	if n := len(log.Take()); n != 100 {
		t.Errorf("%d records, want 100", n)
	}
	clock.Advance(time.Second)
	spin(t, m, 2)
	log.WantOne(t, "records suppressed", "count=50")
}
