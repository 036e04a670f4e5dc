package reactor_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A listener has nothing that could be read, nor has a layer on it.
func TestResumedListenerHasNothingToRead(t *testing.T) {
	for _, transport := range []string{"tcp4", "unix", "udp4"} {
		for _, layered := range []bool{false, true} {
			m := newManager(t)
			r := &recorder{}
			l := listen(t, m, listenURL(t, transport), r.handle)
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
			r.want(t, "OPEN")
			if layered {
				wantHeard(t, heard, "layer OPEN")
			}
		}
	}
}

// In a listener's EvClose its address is free for the next, which keeps it.
func TestAddressIsFreeInEvClose(t *testing.T) {
	for _, transport := range []string{"tcp4", "tcp6", "unix", "udp4"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			url := listenURL(t, transport)
			var next *reactor.Conn
			heard := &recorder{}
			r := &recorder{on: hooks{reactor.EvClose: func(c *reactor.Conn, _ any) {
				next = listen(t, m, url, heard.handle)
			}}}
			l := listen(t, m, url, r.handle)
			if transport != "unix" {
				url = transport[:3] + "://" + l.LocalAddr().String()
			}
			l.Close()
			await(t, m, "EvClose", r.closed)
			spin(t, m, 2)
			if next.LocalAddr() != l.LocalAddr() {
				t.Errorf("%v, want %v", next.LocalAddr(), l.LocalAddr())
			}
			met := &recorder{}
			c := dial(t, m, url, met.handle)
			await(t, m, "the connection", func() bool { return met.saw(reactor.EvConnect)() || met.closed() })
			c.Write([]byte("x"))
			await(t, m, "the next listener's event", func() bool {
				return heard.saw(reactor.EvAccept)() || heard.saw(reactor.EvRead)() || met.closed()
			})
			if len(met.errs) > 0 {
				t.Errorf("nobody listens there: %v", met.errs)
			}
		})
	}
}

// guard is a layer that looks at connections before they are accepted.
type guard struct{ look func(c *reactor.Conn) }

func (*guard) Handle(*reactor.Conn, reactor.Event, any)  {}
func (g *guard) Accept(c *reactor.Conn) reactor.Protocol { g.look(c); return g }

// A layer may turn a connection away in Accept: it is opened and closed once,
// and not accepted.
func TestAcceptMayTurnAway(t *testing.T) {
	for want, look := range map[string]func(c *reactor.Conn){
		"OPEN ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("full")) },
		"OPEN CLOSE":       (*reactor.Conn).Close,
	} {
		t.Run(want, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if !c.IsListening() {
					r.handle(c, ev, data)
				}
			})
			l.Stack().Push(&guard{look})
			p := dialRaw(t, l.LocalAddr())
			p.write("not read")
			await(t, m, "EvClose", r.closed)
			await(t, m, "the end", p.ended)
			r.want(t, want)
		})
	}
}

// A path ends at a NUL for the kernel, but not in the URL: it is refused, lest
// another be bound or connected to.
func TestUnixPathWithNUL(t *testing.T) {
	m := newManager(t)
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	newPeer(t, fd)
	for _, tail := range []string{"%00", "%00b", "%00/../s"} {
		if u, err := reactor.ParseURL("unix://" + path + tail); err == nil {
			t.Errorf("ParseURL took %q: %+v", tail, u)
		}
		if _, err := m.Listen("unix://"+path+tail, nil, nil); err == nil {
			t.Errorf("Listen took %q", tail)
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatalf("%q was bound as %s", tail, path)
		}
		if _, err := m.Connect("unix://"+path+tail, nil, nil); err == nil {
			t.Errorf("Connect took %q", tail)
		}
	}
	if _, err := reactor.ParseURL("unix://%00" + path); err == nil {
		t.Error("an abstract name is no path")
	}
}

// Somebody who comes alone is accepted by one call; those who come in a crowd are
// accepted twice as many each turn, and their number is forgotten with them.
func TestAcceptsMoreWhileThereAreMore(t *testing.T) {
	m := newManager(t)
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
			dialRaw(t, l.LocalAddr())
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
