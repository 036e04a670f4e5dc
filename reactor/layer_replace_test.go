package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

func TestReplaceOfAnUnknownLayerDoesNothing(t *testing.T) {
	m := newManager(t)
	var heard []string
	a := &named{name: "a", heard: &heard}
	c, _ := stack(t, m, &heard, a)
	c.Stack().Replace(&named{name: "x", heard: &heard}, &named{name: "y", heard: &heard})
	spin(t, m, 1)
	wantHeard(t, heard, "a OPEN", "fn OPEN")
}

// taker is a layer that consumes n bytes and then replaces itself by next.
type taker struct {
	n    int
	next reactor.Protocol
	got  []byte
	via  func(c *reactor.Conn, replace func()) // calls replace, if not nil
}

func (p *taker) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	n := min(p.n-len(p.got), c.Recv.Len())
	p.got = append(p.got, c.Recv.Bytes()[:n]...)
	c.Recv.Consume(n)
	if len(p.got) == p.n && p.next != nil {
		next := p.next
		p.next = nil
		if p.via == nil {
			c.Stack().Replace(p, next)
		} else {
			p.via(c, func() { c.Stack().Replace(p, next) })
		}
	}
}

// A layer that replaces another during EvRead gets the rest of Recv in the same dispatch,
// wherever the input is split.
func TestReplaceWithinEvRead(t *testing.T) {
	input := "headbody"
	for cut := 1; cut <= len(input); cut++ {
		m := newManager(t)
		body := &taker{n: 100}
		inTime := true
		head := &taker{n: 4, next: body}
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead && c.Recv.Len() > 0 {
				inTime = false
			}
		})
		c.Stack().Push(head)
		p.WriteString(input[:cut])
		spin(t, m, 3)
		if cut < len(input) {
			p.WriteString(input[cut:])
		}
		await(t, m, "the body", func() bool { return string(body.got) == "body" })
		if string(head.got) != "head" || !inTime {
			t.Errorf("split at %d: head %q, rest delivered in the same dispatch: %v", cut, head.got, inTime)
		}
		m.Close()
	}
}

// The handler may replace the layer in an event that the old layer raises, as Upgrade in
// EvHTTPMsg does.
func TestReplaceWithinNestedEvent(t *testing.T) {
	m := newManager(t)
	body := &taker{n: 100}
	var replace func()
	head := &taker{n: 4, next: body, via: func(c *reactor.Conn, do func()) {
		replace = do
		c.Call(reactor.EvUser, nil)
	}}
	c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvUser {
			replace()
		}
	})
	c.Stack().Push(head)
	p.WriteString("headbody")
	spin(t, m, 2)
	if string(body.got) != "body" {
		t.Errorf("the new layer got %q", body.got)
	}
}

// When a layer is replaced outside of EvRead, Poll delivers the bytes in Recv to the new
// one, without waiting for the socket.
func TestReplaceOutsideOfEvRead(t *testing.T) {
	moments := map[string]func(m *reactor.Manager, c *reactor.Conn, do func()){
		"in EvUser":   func(m *reactor.Manager, c *reactor.Conn, do func()) { c.Call(reactor.EvUser, do) },
		"in EvWakeup": func(m *reactor.Manager, c *reactor.Conn, do func()) { c.FnData = do; m.Wakeup(c.ID(), nil) },
	}
	for name, call := range looptest.Moments {
		moments[name] = func(m *reactor.Manager, _ *reactor.Conn, do func()) { call(t, m, do) }
	}
	for name, when := range moments {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			head, body := &taker{n: 4}, &taker{n: 100}
			c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvUser:
					data.(func())()
				case reactor.EvWakeup:
					c.FnData.(func())()
				}
			})
			c.Stack().Push(head)
			p.WriteString("headbody")
			await(t, m, "the rest in Recv", func() bool { return string(head.got) == "head" && c.Recv.Len() == 4 })
			spin(t, m, 2)
			when(m, c, func() { c.Stack().Replace(head, body) })
			spin(t, m, 3)
			if string(body.got) != "body" {
				t.Errorf("the new layer got %q", body.got)
			}
		})
	}
}

// A layer above, or the handler, replaces a layer during EvRead, after the old layer has
// handled the event. The new layer gets the rest too.
func TestReplaceByALayerAbove(t *testing.T) {
	for _, by := range []string{"layer", "handler"} {
		t.Run(by, func(t *testing.T) {
			m := newManager(t)
			head, body := &taker{n: 4}, &taker{n: 100}
			replace := func(c *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvRead && len(head.got) == 4 {
					c.Stack().Replace(head, body)
				}
			}
			var heard []string
			c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if by == "handler" {
					replace(c, ev)
				}
			})
			c.Stack().Push(head)
			above := &named{heard: &heard}
			if by == "layer" {
				above.handle = replace
			}
			c.Stack().Push(above)
			p.WriteString("headbody")
			spin(t, m, 4)
			if string(body.got) != "body" {
				t.Errorf("the new layer got %q", body.got)
			}
		})
	}
}

// remover is a layer that counts the calls of Removed.
type remover struct {
	named
	removed int
}

func (p *remover) Removed(c *reactor.Conn) {
	if found, ok := reactor.Find[*remover](c); ok && found == p {
		*p.heard = append(*p.heard, p.name+" is removed too early")
	}
	p.removed++
}

// A layer that is a Remover is told once that Replace has taken it off, in its own event and
// outside, but not at the end of the connection.
func TestReplaceTellsRemover(t *testing.T) {
	for _, next := range []reactor.Protocol{nil, &otherLayer{named{name: "next", heard: new([]string)}}} {
		m := newManager(t)
		var heard []string
		outside := &remover{named: named{name: "outside", heard: &heard}}
		inside := &remover{named: named{name: "inside", heard: &heard}}
		inside.handle = func(c *reactor.Conn, ev reactor.Event) {
			if ev == reactor.EvUser {
				c.Stack().Replace(inside, next)
			}
		}
		stays := &remover{named: named{name: "stays", heard: &heard}}
		c, _ := stack(t, m, &heard, outside, inside, stays)
		c.Stack().Replace(outside, next)
		c.Stack().Replace(outside, next)
		c.Call(reactor.EvUser, nil)
		c.Close()
		spin(t, m, 1)
		c.Stack().Replace(stays, next)
		if outside.removed != 1 || inside.removed != 1 || stays.removed != 0 {
			t.Errorf("removed %d, %d and %d times", outside.removed, inside.removed, stays.removed)
		}
		wantHeard(t, heard, "inside OPEN", "stays OPEN", "fn OPEN", "inside USER", "stays USER", "fn USER", "stays CLOSE", "fn CLOSE")
	}
}
