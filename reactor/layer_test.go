package reactor_test

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Accepted connections inherit the handler, FnData, and the layers that are an Acceptor.
// Each layer has state of its own.
func TestAcceptedConnectionsInheritLayers(t *testing.T) {
	m := newManager(t)
	var heard []string
	type data struct{}
	shared := new(data)
	var conns []*reactor.Conn
	l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvOpen && !c.IsListening() {
			if _, ok := reactor.Find[*lines](c); !ok {
				t.Error("the connection has no layer at EvOpen")
			}
		}
		if ev == reactor.EvAccept {
			conns = append(conns, c)
		}
	}, shared)
	if err != nil {
		t.Fatal(err)
	}
	of := &lines{}
	l.Stack().Push(&named{name: "not inherited", heard: &heard})
	l.Stack().Push(of)
	a, b := looptest.DialSocket(t, l.LocalAddr()), looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "two connections", func() bool { return len(conns) == 2 })
	a.WriteString("one\n")
	b.WriteString("two\n")
	var states [2]*lines
	for i, c := range conns {
		var ok bool
		if states[i], ok = reactor.Find[*lines](c); !ok || states[i] == of {
			t.Fatalf("connection %d has the layer %p, the listener %p", i, states[i], of)
		}
		if _, ok := reactor.Find[*named](c); ok {
			t.Error("a layer that is not an Acceptor was inherited")
		}
		if c.FnData != any(shared) {
			t.Errorf("FnData %v", c.FnData)
		}
	}
	if states[0] == states[1] {
		t.Fatal("two connections share one layer")
	}
	await(t, m, "their lines", func() bool { return len(states[0].got) == 1 && len(states[1].got) == 1 })
	for _, s := range heard {
		if s != "not inherited OPEN" {
			t.Errorf("the layer of the listener got the event %q", s)
		}
	}
}

// named is a layer that notes its events in a list that it shares with other layers.
type named struct {
	name   string
	heard  *[]string
	handle func(c *reactor.Conn, ev reactor.Event)
}

func (p *named) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	*p.heard = append(*p.heard, p.name+" "+ev.String())
	if p.handle != nil {
		p.handle(c, ev)
	}
}

// otherLayer is a layer of another type.
type otherLayer struct{ named }

// stack makes a connection with these layers. Its handler is noted as "fn".
func stack(t *testing.T, m *reactor.Manager, heard *[]string, layers ...reactor.Protocol) (*reactor.Conn, *peer) {
	t.Helper()
	c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		*heard = append(*heard, "fn "+ev.String())
	})
	for _, l := range layers {
		c.Stack().Push(l)
	}
	return c, p
}

func wantHeard(t *testing.T, heard []string, want ...string) {
	t.Helper()
	if !slices.Equal(heard, want) {
		t.Errorf("events\n got %q\nwant %q", heard, want)
	}
}

func TestFindReturnsTheTopmostLayer(t *testing.T) {
	m := newManager(t)
	var heard []string
	a, b, o := &named{heard: &heard}, &named{heard: &heard}, &otherLayer{named{heard: &heard}}
	c, _ := stack(t, m, &heard)
	if p, ok := reactor.Find[*named](c); ok || p != nil {
		t.Errorf("Find returns %v without layers", p)
	}
	c.Stack().Push(a)
	c.Stack().Push(b)
	c.Stack().Push(o)
	if p, ok := reactor.Find[*named](c); !ok || p != b {
		t.Errorf("Find returns %v, want the topmost of the type", p)
	}
	if p, ok := reactor.Find[*otherLayer](c); !ok || p != o {
		t.Errorf("Find returns %v", p)
	}
	c.Stack().Replace(b, nil)
	if p, ok := reactor.Find[*named](c); !ok || p != a {
		t.Errorf("Find returns %v after b was removed", p)
	}
}

// A layer takes one byte at a time and calls Redispatch. It gets the other bytes, even if
// the layer above is removed or replaced meanwhile.
func TestRedispatchWhileTheLayerAboveChanges(t *testing.T) {
	var heard []string
	for name, leave := range map[string]func(c *reactor.Conn, above reactor.Protocol){
		"stays":    func(*reactor.Conn, reactor.Protocol) {},
		"removed":  func(c *reactor.Conn, above reactor.Protocol) { c.Stack().Replace(above, nil) },
		"replaced": func(c *reactor.Conn, above reactor.Protocol) { c.Stack().Replace(above, &named{heard: &heard}) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			got, left := "", false
			below := &named{heard: &heard, handle: func(c *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvRead && c.Recv.Len() > 0 {
					got += string(c.Recv.Bytes()[:1])
					c.Recv.Consume(1)
					if c.Recv.Len() > 0 {
						c.Stack().Redispatch()
					}
				}
			}}
			above := &named{heard: &heard}
			above.handle = func(c *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvRead && !left {
					left = true
					leave(c, above)
				}
			}
			_, p := stack(t, m, &heard, below, above)
			p.WriteString("abc")
			await(t, m, "the first byte", func() bool { return left })
			if spin(t, m, 5); got != "abc" {
				t.Errorf("got %q, want abc", got)
			}
		})
	}
}

// Bytes for which a layer calls Redispatch, again and again, come before the end of stream.
func TestRedispatchBeforeEnd(t *testing.T) {
	m := newManager(t)
	layer := &sipper{}
	r := &recorder{On: hooks{
		reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Stack().Push(layer) },
		reactor.EvRead:   func(*reactor.Conn, any) {},
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	p := looptest.DialSocket(t, l.LocalAddr())
	p.WriteString("some words")
	p.Shutdown()
	await(t, m, "EvClose", r.Closed)
	if len(r.Errs) > 0 || string(layer.got) != "some words" {
		t.Errorf("got %q, errors %v", layer.got, r.Errs)
	}
}

// Draining reports whether this side is ending the connection, or has handled the peer's end.
func TestStackDraining(t *testing.T) {
	for name, row := range map[string]struct {
		call func(c *reactor.Conn)
		want bool
	}{
		"nothing":    {func(*reactor.Conn) {}, false},
		"Pause":      {(*reactor.Conn).Pause, false},
		"CloseWrite": {func(c *reactor.Conn) { c.CloseWrite() }, false},
		"Fail":       {func(c *reactor.Conn) { c.Fail(nil) }, false},
		"Drain":      {(*reactor.Conn).Drain, true},
		"AwaitEnd":   {func(c *reactor.Conn) { c.Stack().AwaitEnd() }, true},
		"Close":      {(*reactor.Conn).Close, true},
	} {
		c, _ := looptest.Wrap(t, newManager(t), nil)
		if row.call(c); c.Stack().Draining() != row.want {
			t.Errorf("%s: Draining is %v, want %v", name, !row.want, row.want)
		}
	}
}

// PeerEnded is true from the end of the peer's stream on, also at EvEnd. IsDatagram depends on the
// socket.
func TestStackPeerEndedAndIsDatagram(t *testing.T) {
	m := newManager(t)
	var atRead, atEnd bool
	c, peer := looptest.Wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvRead:
			atRead = c.Stack().PeerEnded()
		case reactor.EvEnd:
			atEnd = c.Stack().PeerEnded()
		}
	})
	c.SetHalfClose(true)
	peer.WriteString("x")
	peer.Shutdown()
	await(t, m, "the end", func() bool { return atEnd })
	if atRead {
		t.Error("PeerEnded at EvRead")
	}
	for url, want := range map[string]bool{"tcp://127.0.0.1:0": false, "udp://127.0.0.1:0": true} {
		l, err := m.Listen(url, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if l.Stack().IsDatagram() != want || l.Stack().PeerEnded() {
			t.Errorf("%s: IsDatagram %v, PeerEnded %v", url, l.Stack().IsDatagram(), l.Stack().PeerEnded())
		}
	}
	if c.Stack().IsDatagram() {
		t.Error("a socket pair of streams is a datagram socket")
	}
}
