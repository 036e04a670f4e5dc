package reactor_test

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// named is a layer that notes what it hears in a common list.
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

// other is a layer of another type.
type other struct{ named }

// stack makes a connection with these layers, whose user handler is "fn".
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
		t.Errorf("heard\n got %q\nwant %q", heard, want)
	}
}

// The layers hear every event from the bottom up, the user's handler last.
func TestLayersHearInOrder(t *testing.T) {
	m := newManager(t)
	var heard []string
	c, p := stack(t, m, &heard, &named{name: "a", heard: &heard}, &named{name: "b", heard: &heard})
	p.write("x")
	await(t, m, "EvRead", func() bool { return slices.Contains(heard, "fn READ") })
	c.Call(reactor.EvUser, nil)
	c.Close()
	spin(t, m, 2)
	var want []string
	for _, ev := range []string{"OPEN", "READ", "USER", "CLOSE"} {
		want = append(want, "a "+ev, "b "+ev, "fn "+ev)
	}
	wantHeard(t, heard, want...)
}

// A layer that closes or fails the connection is the last to hear of input.
func TestLayerEndsDelivery(t *testing.T) {
	m := newManager(t)
	var heard []string
	_, p := stack(t, m, &heard,
		&named{name: "a", heard: &heard, handle: func(c *reactor.Conn, ev reactor.Event) {
			if ev == reactor.EvRead {
				c.Close()
			}
		}}, &named{name: "b", heard: &heard})
	p.write("x")
	await(t, m, "EvClose", func() bool { return slices.Contains(heard, "fn CLOSE") })
	wantHeard(t, heard, "a OPEN", "b OPEN", "fn OPEN", "a READ", "a CLOSE", "b CLOSE", "fn CLOSE")
}

func TestFind(t *testing.T) {
	m := newManager(t)
	var heard []string
	a, b, o := &named{heard: &heard}, &named{heard: &heard}, &other{named{heard: &heard}}
	c, _ := stack(t, m, &heard)
	if p, ok := reactor.Find[*named](c); ok || p != nil {
		t.Errorf("found %v without layers", p)
	}
	c.Stack().Push(a)
	c.Stack().Push(b)
	c.Stack().Push(o)
	if p, ok := reactor.Find[*named](c); !ok || p != b {
		t.Errorf("found %v, want the topmost of the type", p)
	}
	if p, ok := reactor.Find[*other](c); !ok || p != o {
		t.Errorf("found %v", p)
	}
	c.Stack().Replace(b, nil)
	if p, ok := reactor.Find[*named](c); !ok || p != a {
		t.Errorf("found %v after b was removed", p)
	}
}

func TestReplaceOfWhatIsNotThere(t *testing.T) {
	m := newManager(t)
	var heard []string
	a := &named{name: "a", heard: &heard}
	c, _ := stack(t, m, &heard, a)
	c.Stack().Replace(&named{name: "x", heard: &heard}, &named{name: "y", heard: &heard})
	spin(t, m, 1)
	wantHeard(t, heard, "a OPEN", "fn OPEN")
}

// taker is a layer that consumes n bytes and then gives way to next.
type taker struct {
	n    int
	next reactor.Protocol
	got  []byte
	via  func(c *reactor.Conn, replace func()) // how it comes to call Replace
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

// A layer that replaces another during EvRead is offered the rest in the same
// dispatch, wherever the input is split.
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
		p.write(input[:cut])
		spin(t, m, 3)
		if cut < len(input) {
			p.write(input[cut:])
		}
		await(t, m, "the body", func() bool { return string(body.got) == "body" })
		if string(head.got) != "head" || !inTime {
			t.Errorf("cut at %d: head %q, rest offered in the same dispatch: %v", cut, head.got, inTime)
		}
		m.Close()
	}
}

// The same if it was the user's handler that replaced it, called by the old
// layer, as an Upgrade in EvHTTPMsg does.
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
	p.write("headbody")
	spin(t, m, 2)
	if string(body.got) != "body" {
		t.Errorf("the new layer got %q", body.got)
	}
}

// Whenever else a layer is replaced, Poll offers the new one what lies in Recv,
// without waiting for the socket.
func TestReplaceOutsideOfIt(t *testing.T) {
	for name, when := range map[string]func(m *reactor.Manager, c *reactor.Conn, do func()){
		"between polls": func(m *reactor.Manager, _ *reactor.Conn, do func()) { do() },
		"in a timer":    func(m *reactor.Manager, _ *reactor.Conn, do func()) { m.AddTimer(0, reactor.TimerOnce, do) },
		"in a post":     func(m *reactor.Manager, _ *reactor.Conn, do func()) { m.Post(do) },
		"in EvUser":     func(m *reactor.Manager, c *reactor.Conn, do func()) { c.Call(reactor.EvUser, do) },
		"in EvWakeup":   func(m *reactor.Manager, c *reactor.Conn, do func()) { c.FnData = do; m.Wakeup(c.ID(), nil) },
	} {
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
			p.write("headbody")
			await(t, m, "the rest to lie in Recv", func() bool { return string(head.got) == "head" && c.Recv.Len() == 4 })
			spin(t, m, 2)
			when(m, c, func() { c.Stack().Replace(head, body) })
			spin(t, m, 3)
			if string(body.got) != "body" {
				t.Errorf("the new layer got %q", body.got)
			}
		})
	}
}

// A layer that is replaced during EvRead, but when its own turn is over (by a
// layer above it or by the user's handler), is followed by one that is offered the rest too.
func TestReplaceFromAbove(t *testing.T) {
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
			p.write("headbody")
			spin(t, m, 4)
			if string(body.got) != "body" {
				t.Errorf("the new layer got %q", body.got)
			}
		})
	}
}
