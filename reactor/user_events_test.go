package reactor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

func TestNamesOfTheLastEvents(t *testing.T) {
	if reactor.EvEnd != reactor.EvLowWater+1 || reactor.EvUser != reactor.EvEnd+1 || reactor.EvUserInput != 1<<16 {
		t.Errorf("EvLowWater %d, EvEnd %d, EvUser %d, EvUserInput %d", reactor.EvLowWater, reactor.EvEnd, reactor.EvUser, reactor.EvUserInput)
	}
	for ev, want := range map[reactor.Event]string{
		reactor.EvLowWater:          "LOW_WATER",
		reactor.EvEnd:               "END",
		reactor.EvUser:              "USER",
		reactor.EvUser + 1:          "USER+1",
		reactor.EvUser + 1000:       "USER+1000",
		reactor.EvUserInput - 1:     fmt.Sprintf("USER+%d", 1<<16-1-int(reactor.EvUser)),
		reactor.EvUserInput:         "USER_INPUT",
		reactor.EvUserInput + 1:     "USER_INPUT+1",
		reactor.EvUserInput + 1<<16: "USER_INPUT+65536",
	} {
		if got := ev.String(); got != want {
			t.Errorf("event %d: %s, want %s", int(ev), got, want)
		}
	}
}

// programs are events that programs raise, and whether they count as input.
var programs = []struct {
	ev    reactor.Event
	input bool
}{
	{reactor.EvUser, false}, {reactor.EvUser + 1, false}, {reactor.EvUserInput - 1, false},
	{reactor.EvUserInput, true}, {reactor.EvUserInput + 1, true}, {reactor.EvUserInput + 1<<20, true},
	{reactor.EvEnd, true},
}

// Events that count as input reach neither layers nor the handler once the connection has
// failed or is closing. The others do until EvClose.
func TestUserEventsAfterTheEnd(t *testing.T) {
	ends := map[string]func(c *reactor.Conn){
		"Fail":  func(c *reactor.Conn) { c.Fail(errors.New("enough")) },
		"Close": (*reactor.Conn).Close,
		"Abort": (*reactor.Conn).Abort,
	}
	for name, end := range ends {
		for _, row := range programs {
			for _, when := range []string{"between two Polls", "within a handler", "in EvError", "in EvClose"} {
				if when == "in EvError" && name != "Fail" {
					continue
				}
				t.Run(fmt.Sprint(name, " ", row.ev, " ", when), func(t *testing.T) {
					m := newManager(t)
					var heard []string
					layer := &named{name: "layer", heard: &heard}
					n := 0
					r := &recorder{on: hooks{}}
					c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
						if r.handle(c, ev, data); ev == row.ev {
							n++
						}
					})
					c.Stack().Push(layer)
					spin(t, m, 1)
					c.Call(row.ev, nil)
					if n != 1 || timesHeard(heard, row.ev) != 1 {
						t.Fatalf("before the end it is heard %d times, by the layer %q", n, heard)
					}
					raise := func(c *reactor.Conn, _ any) { c.Call(row.ev, nil) }
					switch when {
					case "between two Polls":
						end(c)
						raise(c, nil)
					case "within a handler":
						r.on[reactor.EvRead] = func(c *reactor.Conn, _ any) {
							c.Recv.Reset()
							end(c)
							raise(c, nil)
						}
						p.write("x")
					case "in EvError":
						r.on[reactor.EvError] = raise
						end(c)
					case "in EvClose":
						r.on[reactor.EvClose] = raise
						end(c)
					}
					await(t, m, "EvClose", r.closed)
					want := 2
					if row.input || when == "in EvClose" { // which is the last
						want = 1
					}
					if n != want || timesHeard(heard, row.ev) != want {
						t.Errorf("it is heard %d times, by the layer %d times, want %d", n, timesHeard(heard, row.ev), want)
					}
					c.Call(row.ev, nil)
					if n != want || r.events[len(r.events)-1] != reactor.EvClose {
						t.Errorf("events %s", eventList(r.events))
					}
				})
			}
		}
	}
}

// timesHeard is how often a layer heard of an event.
func timesHeard(heard []string, ev reactor.Event) (n int) {
	for _, s := range heard {
		if strings.HasSuffix(s, " "+ev.String()) {
			n++
		}
	}
	return n
}

// A layer that fails the connection in the middle of an event keeps it from those above if
// it counts as input, and only then.
func TestUserEventEndsOnItsWay(t *testing.T) {
	for _, row := range programs {
		t.Run(row.ev.String(), func(t *testing.T) {
			m := newManager(t)
			var heard []string
			below, above := &named{name: "below", heard: &heard}, &named{name: "above", heard: &heard}
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
			heard = nil
			c.Call(row.ev, nil)
			if want := map[bool]int{false: 1}[row.input]; n != want || timesHeard(heard, row.ev) != want+1 {
				t.Errorf("the handler hears it %d times, want %d; layers %q", n, want, heard)
			}
		})
	}
}

// The messages of a batch that come behind the one at which the program fails or closes
// the connection reach nobody, though the layer does not ask.
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
					if r.handle(c, ev, data); ev == reactor.EvUserInput {
						if n++; n == 2 {
							end(c)
						}
					}
				}, func(c *reactor.Conn) { c.Stack().Push(&careless{}) })
				f.say([]byte("abcdef"))
				await(t, m, "EvClose", r.closed)
				if n != 2 {
					t.Errorf("%d messages are heard, want 2", n)
				}
			})
		}
	}
}

// careless is a layer that does not ask whether the connection is stopped. Each byte is a
// message.
type careless struct{}

func (*careless) Accept(*reactor.Conn) reactor.Protocol { return &careless{} }

func (*careless) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	for range c.Recv.Len() {
		c.Recv.Consume(1)
		c.Call(reactor.EvUserInput, nil)
	}
}
