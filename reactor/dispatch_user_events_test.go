package reactor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// userEvents are events that programs raise, and whether they count as input.
var userEvents = []struct {
	ev    reactor.Event
	input bool
}{
	{reactor.EvUser, false}, {reactor.EvUser + 1, false}, {reactor.EvUserInput - 1, false},
	{reactor.EvUserInput, true}, {reactor.EvUserInput + 1, true}, {reactor.EvUserInput + 1<<20, true},
	{reactor.EvEnd, true},
}

// Events that count as input reach neither the layers nor the handler after the connection
// has failed or is closing. Other events do until EvClose.
func TestUserEventsAfterFailOrClose(t *testing.T) {
	ends := map[string]func(c *reactor.Conn){
		"Fail":  func(c *reactor.Conn) { c.Fail(errors.New("enough")) },
		"Close": (*reactor.Conn).Close,
		"Abort": (*reactor.Conn).Abort,
	}
	for name, end := range ends {
		for _, row := range userEvents {
			for _, when := range []string{"between two Polls", "within a handler", "in EvError", "in EvClose"} {
				if when == "in EvError" && name != "Fail" {
					continue
				}
				t.Run(fmt.Sprint(name, " ", row.ev, " ", when), func(t *testing.T) {
					m := newManager(t)
					var events []string
					layer := &named{name: "layer", heard: &events}
					n := 0
					r := &recorder{On: hooks{}}
					c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
						if r.Handle(c, ev, data); ev == row.ev {
							n++
						}
					})
					c.Stack().Push(layer)
					spin(t, m, 1)
					c.Call(row.ev, nil)
					if n != 1 || countEvent(events, row.ev) != 1 {
						t.Fatalf("before the end the handler gets the event %d times, the layer %q", n, events)
					}
					raise := func(c *reactor.Conn, _ any) { c.Call(row.ev, nil) }
					switch when {
					case "between two Polls":
						end(c)
						raise(c, nil)
					case "within a handler":
						r.On[reactor.EvRead] = func(c *reactor.Conn, _ any) {
							c.Recv.Reset()
							end(c)
							raise(c, nil)
						}
						p.WriteString("x")
					case "in EvError":
						r.On[reactor.EvError] = raise
						end(c)
					case "in EvClose":
						r.On[reactor.EvClose] = raise
						end(c)
					}
					await(t, m, "EvClose", r.Closed)
					want := 2
					if row.input || when == "in EvClose" { // no event comes after EvClose
						want = 1
					}
					if n != want || countEvent(events, row.ev) != want {
						t.Errorf("the handler gets the event %d times, the layer %d times, want %d", n, countEvent(events, row.ev), want)
					}
					c.Call(row.ev, nil)
					if n != want || r.Events[len(r.Events)-1] != reactor.EvClose {
						t.Errorf("events %s", eventList(r.Events))
					}
				})
			}
		}
	}
}

// countEvent returns how often the layers got an event.
func countEvent(events []string, ev reactor.Event) (n int) {
	for _, s := range events {
		if strings.HasSuffix(s, " "+ev.String()) {
			n++
		}
	}
	return n
}

// A layer closes the connection while it handles an event. If the event counts as input,
// the layers above do not get it; otherwise they do.
func TestLayerThatClosesEndsUserInput(t *testing.T) {
	for _, row := range userEvents {
		t.Run(row.ev.String(), func(t *testing.T) {
			m := newManager(t)
			var events []string
			below, above := &named{name: "below", heard: &events}, &named{name: "above", heard: &events}
			below.handle = func(c *reactor.Conn, ev reactor.Event) {
				if ev == row.ev {
					c.Close()
				}
			}
			n := 0
			c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == row.ev {
					n++
				}
			})
			c.Stack().Push(below)
			c.Stack().Push(above)
			spin(t, m, 1)
			events = nil
			c.Call(row.ev, nil)
			if want := map[bool]int{false: 1}[row.input]; n != want || countEvent(events, row.ev) != want+1 {
				t.Errorf("the handler gets the event %d times, want %d; the layers %q", n, want, events)
			}
		})
	}
}

// One read brings several messages, and the handler ends the connection at the second. The
// handler does not get the others, although the layer does not ask InputStopped.
func TestUserInputAfterFailWithinABatch(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"Fail": func(c *reactor.Conn) { c.Fail(errors.New("enough")) }, "Close": (*reactor.Conn).Close, "Abort": (*reactor.Conn).Abort,
	} {
		for _, way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				m, _ := timed(t)
				n := 0
				r := &recorder{}
				_, f := reach(t, m, way, func(c *reactor.Conn, ev reactor.Event, data any) {
					if r.Handle(c, ev, data); ev == reactor.EvUserInput {
						if n++; n == 2 {
							end(c)
						}
					}
				}, func(c *reactor.Conn) { c.Stack().Push(&byteMessages{}) })
				f.say([]byte("abcdef"))
				await(t, m, "EvClose", r.Closed)
				if n != 2 {
					t.Errorf("%d messages are delivered, want 2", n)
				}
			})
		}
	}
}

// byteMessages is a layer for which each byte is a message. It does not ask InputStopped.
type byteMessages struct{}

func (*byteMessages) Accept(*reactor.Conn) reactor.Protocol { return &byteMessages{} }

func (*byteMessages) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	for range c.Recv.Len() {
		c.Recv.Consume(1)
		c.Call(reactor.EvUserInput, nil)
	}
}
