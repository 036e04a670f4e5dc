package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// The marks are looked at after the handler, when the socket has taken what it
// could: once on the way up, once on the way down.
func TestWaterMarks(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	c.SetWater(1000, 1<<20)
	spin(t, m, 1)
	c.Write(make([]byte, 100<<10)) // within what a socketpair holds, or below the mark
	if spin(t, m, 2); r.count(reactor.EvHighWater) != 0 {
		t.Error("EvHighWater below the mark")
	}
	c.Write(make([]byte, 4<<20))
	if r.count(reactor.EvHighWater) != 0 {
		t.Error("EvHighWater within Write")
	}
	for range 3 {
		spin(t, m, 1)
		c.Write(make([]byte, 100))
	}
	if n := r.count(reactor.EvHighWater); n != 1 || r.count(reactor.EvLowWater) != 0 {
		t.Fatalf("events %v", r.events)
	}
	lowAt := -1
	r.on = hooks{reactor.EvLowWater: func(c *reactor.Conn, _ any) { lowAt = c.Send.Len() }}
	await(t, m, "EvLowWater", func() bool {
		if r.count(reactor.EvLowWater) == 0 && c.Send.Len() <= 1000 {
			t.Fatalf("%d bytes left and no EvLowWater", c.Send.Len())
		}
		p.pump()
		return r.count(reactor.EvLowWater) > 0
	})
	if lowAt < 0 || lowAt > 1000 || r.count(reactor.EvLowWater) != 1 || r.count(reactor.EvHighWater) != 1 {
		t.Errorf("EvLowWater at %d bytes; %v", lowAt, r.events)
	}
	c.Write(make([]byte, 4<<20)) // and up again
	await(t, m, "the second EvHighWater", func() bool { return r.count(reactor.EvHighWater) == 2 })
}

// EvWrite comes before the mark that it crosses.
func TestWaterMarkComesAfterEvWrite(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	c.SetWater(0, 1)
	c.Write(make([]byte, 4<<20))
	spin(t, m, 1)
	r.want(t, "OPEN WRITE HIGH_WATER")
}

func TestWaterMarksTurnedOff(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	c.SetWater(0, 1)
	c.Write(make([]byte, 4<<20))
	spin(t, m, 1)
	c.SetWater(0, 0)
	spin(t, m, 2)
	c.Write(make([]byte, 4<<20))
	spin(t, m, 2)
	r.want(t, "OPEN WRITE HIGH_WATER LOW_WATER")
}

func TestWaterMarksAreInherited(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.on = hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Write(make([]byte, 16<<20)) }}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	l.SetWater(0, 100)
	dialRaw(t, l.LocalAddr())
	await(t, m, "EvHighWater", r.saw(reactor.EvHighWater))
}

func TestWaterMarksWithoutSense(t *testing.T) {
	m := newManager(t)
	c, _ := wrap(t, m, nil)
	for _, marks := range [][2]int{{2, 1}, {-1, 1}, {0, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("SetWater(%d, %d) did not panic", marks[0], marks[1])
				}
			}()
			c.SetWater(marks[0], marks[1])
		}()
	}
}
