package reactor_test

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Layers are added and removed while an event is delivered. Each layer that stays gets the
// event once.
func TestLayersChangeDuringDispatch(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *reactor.Conn, layers []*named, extra *named)
		want []string // which layers get EvUser; "b" of a, b, c makes the change
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
		{"replaces the handler", func(c *reactor.Conn, l []*named, x *named) {
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

// A handler raises an event of the same kind within an event. The data of the outer event
// does not change.
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
	p.WriteString("abcde")
	await(t, m, "EvRead", func() bool { return depth > 0 })
	if want := []int{5, 100, 200, 300}; !slices.Equal(before, want) {
		t.Errorf("counts %v, want %v", before, want)
	}
	slices.Reverse(after)
	if !slices.Equal(before, after) {
		t.Errorf("counts %v before the nested events, %v after them", before, after)
	}
}

// Every event goes to the layers from the bottom up, and to the handler last.
func TestLayersHandleEventsInOrder(t *testing.T) {
	m := newManager(t)
	var heard []string
	c, p := stack(t, m, &heard, &named{name: "a", heard: &heard}, &named{name: "b", heard: &heard})
	p.WriteString("x")
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

// When a layer closes the connection in an input event, the layers above and the handler do
// not get that event.
func TestLayerThatClosesEndsDelivery(t *testing.T) {
	m := newManager(t)
	var heard []string
	_, p := stack(t, m, &heard,
		&named{name: "a", heard: &heard, handle: func(c *reactor.Conn, ev reactor.Event) {
			if ev == reactor.EvRead {
				c.Close()
			}
		}}, &named{name: "b", heard: &heard})
	p.WriteString("x")
	await(t, m, "EvClose", func() bool { return slices.Contains(heard, "fn CLOSE") })
	wantHeard(t, heard, "a OPEN", "b OPEN", "fn OPEN", "a READ", "a CLOSE", "b CLOSE", "fn CLOSE")
}

// EvOpen is the first event of a connection, wherever in a turn of the loop the connection
// was made, and even if input is ready already.
func TestEvOpenIsTheFirstEvent(t *testing.T) {
	type arranger func(m *reactor.Manager, do func())
	phases := []struct {
		name    string
		in      reactor.Event // the event whose handler makes the connection, or
		arrange arranger
	}{
		{"EvOpen", reactor.EvOpen, nil},
		{"EvPoll", reactor.EvPoll, nil},
		{"EvRead", reactor.EvRead, nil},
		{"EvWrite", reactor.EvWrite, nil},
		{"EvWakeup", reactor.EvWakeup, nil},
		{"EvClose", reactor.EvClose, nil},
		{"timer", -1, func(m *reactor.Manager, do func()) { m.AddTimer(0, reactor.TimerOnce, do) }},
		{"post", -1, func(m *reactor.Manager, do func()) { m.Post(do) }},
	}
	for _, phase := range phases {
		t.Run(phase.name, func(t *testing.T) {
			m := newManager(t)
			later, made := &recorder{}, false
			do := func() {
				if made {
					return
				}
				made = true
				c, p := wrap(t, m, later.Handle)
				p.WriteString("early")
				c.SetPoll(true)
				m.Wakeup(c.ID(), []byte("early"))
			}
			first := &recorder{}
			c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
				first.Handle(c, ev, data)
				if ev == phase.in {
					do()
				}
			})
			if phase.arrange != nil {
				phase.arrange(m, do)
			}
			c.SetPoll(true)
			c.Write([]byte("x"))
			p.WriteString("y")
			m.Wakeup(c.ID(), nil)
			await(t, m, "the first connection's input", first.Saw(reactor.EvRead))
			c.Close()
			await(t, m, "the events of the second connection", func() bool {
				return later.Count(reactor.EvRead)*later.Count(reactor.EvWakeup)*later.Count(reactor.EvPoll) > 0
			})
			if later.Events[0] != reactor.EvOpen {
				t.Errorf("events %v, want OPEN first", later.Events)
			}
			if n := later.Count(reactor.EvOpen); n != 1 {
				t.Errorf("%d EvOpen, want 1", n)
			}
		})
	}
}

// If the handler of EvOpen pauses the connection, input that is ready already waits. If it
// closes the connection, the input is lost.
func TestEvOpenMayPauseOrClose(t *testing.T) {
	for _, end := range []bool{false, true} {
		m := newManager(t)
		later, layer := &recorder{}, &lines{}
		later.On = hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Pause() }}
		if end {
			later.On[reactor.EvOpen] = func(c *reactor.Conn, _ any) { c.Close() }
		}
		var c *reactor.Conn
		wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvOpen {
				var p *peer
				c, p = wrap(t, m, later.Handle)
				c.Stack().Push(layer)
				p.WriteString("early\n")
				p.Shutdown()
			}
		})
		spin(t, m, 5)
		if end {
			later.Want(t, "OPEN CLOSE")
		} else {
			later.Want(t, "OPEN")
			c.Resume()
			await(t, m, "EvClose", later.Closed)
		}
		if got := len(layer.got); got != map[bool]int{false: 1}[end] || layer.ended != got {
			t.Errorf("closed in EvOpen: %v; lines %q, End was called %d times", end, layer.got, layer.ended)
		}
	}
}

// A handler calls Connect and then SetPoll. EvOpen comes before EvPoll.
func TestEvOpenPrecedesEvPoll(t *testing.T) {
	m := newManager(t)
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	later := &recorder{}
	m.Post(func() {
		dial(t, m, "tcp://"+l.LocalAddr().String(), later.Handle).SetPoll(true)
	})
	await(t, m, "EvConnect", later.Saw(reactor.EvConnect))
	if later.Events[0] != reactor.EvOpen {
		t.Errorf("events %v, want OPEN first", later.Events)
	}
}

// No event comes before Poll. Events come in the order that doc.go says.
func TestOrderOfEvents(t *testing.T) {
	for _, scheme := range []string{"tcp4", "tcp6", "unix"} {
		t.Run(scheme, func(t *testing.T) {
			m := newManager(t)
			accepted, listener := &recorder{}, &recorder{}
			var l *reactor.Conn
			url := listenURL(t, scheme)
			l = listen(t, m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
				if c == l {
					listener.Handle(c, ev, data)
				} else {
					accepted.Handle(c, ev, data)
				}
			})
			client := &recorder{}
			if scheme != "unix" {
				url = urlOf(l.LocalAddr().String())
			}
			c := dial(t, m, url, client.Handle)
			if n := len(client.Events) + len(listener.Events); n != 0 {
				t.Fatalf("%d events before Poll, want 0", n)
			}
			await(t, m, "EvConnect and EvAccept", func() bool {
				return client.Count(reactor.EvConnect)+accepted.Count(reactor.EvAccept) == 2
			})
			c.Write([]byte("hello"))
			await(t, m, "input at the server", accepted.Saw(reactor.EvRead))
			c.Close()
			await(t, m, "EvClose", accepted.Closed)
			l.Close()
			await(t, m, "EvClose of the listener", listener.Closed)
			if scheme == "unix" {
				client.Want(t, "OPEN CONNECT WRITE CLOSE")
			} else {
				client.Want(t, "OPEN RESOLVE CONNECT WRITE CLOSE")
			}
			accepted.Want(t, "OPEN ACCEPT READ CLOSE")
			listener.Want(t, "OPEN CLOSE")
		})
	}
}
