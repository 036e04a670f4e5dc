package reactor_test

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Layers that come and go while an event is on its way up: each that stays
// hears it once.
func TestLayersChangeDuringDispatch(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *reactor.Conn, layers []*named, extra *named)
		want []string // who hears EvUser, the change being made by "b" of a, b, c
	}{
		{"removes itself", func(c *reactor.Conn, l []*named, _ *named) { c.Stack().Replace(l[1], nil) }, []string{"a", "b", "c", "fn"}},
		{"removes the one below", func(c *reactor.Conn, l []*named, _ *named) { c.Stack().Replace(l[0], nil) }, []string{"a", "b", "c", "fn"}},
		{"removes the one above", func(c *reactor.Conn, l []*named, _ *named) { c.Stack().Replace(l[2], nil) }, []string{"a", "b", "fn"}},
		{"removes all", func(c *reactor.Conn, l []*named, _ *named) {
			for _, p := range l {
				c.Stack().Replace(p, nil)
			}
		}, []string{"a", "b", "fn"}},
		{"replaces itself", func(c *reactor.Conn, l []*named, x *named) { c.Stack().Replace(l[1], x) }, []string{"a", "b", "x", "c", "fn"}},
		{"replaces the one above", func(c *reactor.Conn, l []*named, x *named) { c.Stack().Replace(l[2], x) }, []string{"a", "b", "x", "fn"}},
		{"replaces the one below", func(c *reactor.Conn, l []*named, x *named) { c.Stack().Replace(l[0], x) }, []string{"a", "b", "c", "fn"}},
		{"replaces the user's handler", func(c *reactor.Conn, l []*named, x *named) {
			c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) { x.Handle(c, ev, data) }
		}, []string{"a", "b", "c", "x"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newManager(t)
			var heard []string
			var layers []*named
			for _, name := range []string{"a", "b", "c"} {
				layers = append(layers, &named{name: name, heard: &heard})
			}
			extra := &named{name: "x", heard: &heard}
			c, _ := stack(t, m, &heard, layers[0], layers[1], layers[2])
			layers[1].handle = func(c *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvUser {
					test.do(c, layers, extra)
				}
			}
			spin(t, m, 1)
			heard = nil
			c.Call(reactor.EvUser, nil)
			want := slices.Clone(test.want)
			for i := range want {
				want[i] += " USER"
			}
			wantHeard(t, heard, want...)
		})
	}
}

// Accepted connections inherit handler, FnData and those layers that say how,
// each with fresh state.
func TestAcceptedInherit(t *testing.T) {
	m := newManager(t)
	var heard []string
	type data struct{}
	shared := new(data)
	var conns []*reactor.Conn
	l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvOpen && !c.IsListening() {
			if _, ok := reactor.Find[*lines](c); !ok {
				t.Error("the layer comes after EvOpen")
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
	a, b := dialRaw(t, l.LocalAddr()), dialRaw(t, l.LocalAddr())
	await(t, m, "two connections", func() bool { return len(conns) == 2 })
	a.write("one\n")
	b.write("two\n")
	var states [2]*lines
	for i, c := range conns {
		var ok bool
		if states[i], ok = reactor.Find[*lines](c); !ok || states[i] == of {
			t.Fatalf("connection %d has the state %p, the listener %p", i, states[i], of)
		}
		if _, ok := reactor.Find[*named](c); ok {
			t.Error("a layer that is no Acceptor was inherited")
		}
		if c.FnData != any(shared) {
			t.Errorf("FnData %v", c.FnData)
		}
	}
	if states[0] == states[1] {
		t.Fatal("two connections share one state")
	}
	await(t, m, "their lines", func() bool { return len(states[0].got) == 1 && len(states[1].got) == 1 })
	for _, s := range heard {
		if s != "not inherited OPEN" {
			t.Errorf("the listener's layer heard %q", s)
		}
	}
}

// A parser in the middle of a message that is entered again through Call keeps
// its bytes: the loop's own data is not disturbed by the nested event.
func TestNestedEventKeepsItsData(t *testing.T) {
	m := newManager(t)
	depth := 0
	var before, after []int
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvRead {
			return
		}
		n := data.(*int)
		before = append(before, *n)
		if depth++; depth < 4 {
			inner := 100 * depth
			c.Call(reactor.EvRead, &inner)
		}
		after = append(after, *n)
	})
	p.write("abcde")
	await(t, m, "EvRead", func() bool { return depth > 0 })
	if want := []int{5, 100, 200, 300}; !slices.Equal(before, want) {
		t.Errorf("counts %v, want %v", before, want)
	}
	slices.Reverse(after)
	if !slices.Equal(before, after) {
		t.Errorf("counts %v before the nested calls, %v after", before, after)
	}
}
