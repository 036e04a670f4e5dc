package reactor_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Many connections that come at the same time are all accepted.
func TestAcceptOfManyAtOnce(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	for range 200 {
		looptest.DialSocket(t, l.LocalAddr())
	}
	await(t, m, "all to be accepted", func() bool { return r.Count(reactor.EvAccept) == 200 })
	if n := countConns(m); n != 201 {
		t.Errorf("%d connections", n)
	}
}

// A handler of an accepted connection closes the listener: it accepts no more.
func TestListenerClosedWithinAccept(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	var l *reactor.Conn
	r.On = hooks{reactor.EvAccept: func(*reactor.Conn, any) { l.Close() }}
	l = listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	for range 5 {
		looptest.DialSocket(t, l.LocalAddr())
	}
	spin(t, m, 5)
	if n := r.Count(reactor.EvAccept); n != 1 {
		t.Errorf("%d accepted, want 1", n)
	}
}

// A listener never has anything to read. Resume and Redispatch raise no EvRead, not for
// its layers either.
func TestResumedListenerHasNothingToRead(t *testing.T) {
	for _, transport := range []string{"tcp4", "unix", "udp4"} {
		for _, layered := range []bool{false, true} {
			m := looptest.NewStillManager(t)
			r := &recorder{}
			l := listen(t, m, listenURL(t, transport), r.Handle)
			var heard []string
			if layered {
				l.Stack().Push(&named{name: "layer", heard: &heard})
			}
			spin(t, m, 1)
			for range 2 {
				l.Pause()
				spin(t, m, 1)
				l.Resume()
				spin(t, m, 2)
				l.Stack().Redispatch()
				spin(t, m, 2)
			}
			r.Want(t, "OPEN")
			if layered {
				wantHeard(t, heard, "layer OPEN")
			}
		}
	}
}

// guard is a layer that inspects connections before they are accepted.
type guard struct{ look func(c *reactor.Conn) }

func (*guard) Handle(*reactor.Conn, reactor.Event, any) {}

func (g *guard) Accept(c *reactor.Conn) reactor.Protocol { g.look(c); return g }

// A layer may end a connection in Accept: it is opened and closed once, and EvAccept is
// not raised.
func TestLayerRefusesConnection(t *testing.T) {
	for want, look := range map[string]func(c *reactor.Conn){
		"OPEN ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("full")) },
		"OPEN CLOSE":       (*reactor.Conn).Close,
	} {
		t.Run(want, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			r := &recorder{}
			l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if !c.IsListening() {
					r.Handle(c, ev, data)
				}
			})
			l.Stack().Push(&guard{look})
			p := looptest.DialSocket(t, l.LocalAddr())
			p.WriteString("not read")
			await(t, m, "EvClose", r.Closed)
			await(t, m, "the end", p.Ended)
			r.Want(t, want)
		})
	}
}

// A single connection is accepted with one call. While more are waiting, each turn
// accepts twice as many as the one before. When the backlog is empty, the number begins
// at one again.
func TestAcceptsTwiceAsManyEachTurn(t *testing.T) {
	m := looptest.NewStillManager(t)
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	spin(t, m, 1)
	var got []int
	turn := func() {
		before := m.Stats().Accepted
		spin(t, m, 1)
		got = append(got, int(m.Stats().Accepted-before))
	}
	crowd := func(n int) {
		for range n {
			looptest.DialSocket(t, l.LocalAddr())
		}
	}
	crowd(150)
	for range 9 {
		turn()
	}
	crowd(2)
	for range 3 {
		turn()
	}
	if want := []int{1, 2, 4, 8, 16, 32, 64, 23, 0, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("accepted in each turn: %v, want %v", got, want)
	}
}
