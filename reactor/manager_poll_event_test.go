package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// EvPoll comes once per Poll, with the time, on connections that called SetPoll.
func TestSetPollRaisesEvPollOncePerTurn(t *testing.T) {
	m, k := timed(t)
	polled, other := &recorder{}, &recorder{}
	var at []time.Time
	polled.On = hooks{reactor.EvPoll: func(_ *reactor.Conn, data any) { at = append(at, *data.(*time.Time)) }}
	c, _ := wrap(t, m, polled.Handle)
	wrap(t, m, other.Handle)
	c.SetPoll(true)
	c.SetPoll(true)
	for n := 1; n <= 3; n++ {
		k.Advance(time.Second)
		spin(t, m, 1)
		if len(at) != n || !at[n-1].Equal(k.Now()) {
			t.Fatalf("turn %d: %v", n, at)
		}
	}
	c.SetPoll(false)
	spin(t, m, 2)
	c.SetPoll(true)
	c.SetPoll(false)
	c.SetPoll(true)
	spin(t, m, 1)
	if len(at) != 4 || other.Count(reactor.EvPoll) != 0 {
		t.Errorf("%d EvPoll, want 4; the connection without SetPoll has %d", len(at), other.Count(reactor.EvPoll))
	}
	c.Close()
	spin(t, m, 3)
	if n := polled.Count(reactor.EvPoll); n > 5 || polled.Events[len(polled.Events)-1] != reactor.EvClose {
		t.Errorf("events %v", polled.Events)
	}
}

// Handlers of EvPoll call SetPoll on their own and on other connections, and close others.
func TestSetPollWithinEvPoll(t *testing.T) {
	m := newManager(t)
	var conns []*reactor.Conn
	counts := make([]int, 4)
	turn := 0
	for i := range counts {
		c, _ := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev != reactor.EvPoll {
				return
			}
			counts[i]++
			switch {
			case i == 0 && turn == 0: // itself off and on, another on, another off
				c.SetPoll(false)
				c.SetPoll(true)
				conns[3].SetPoll(true)
				conns[2].SetPoll(false)
			case i == 1 && turn == 1:
				c.SetPoll(false)
				c.SetPoll(true)
				c.SetPoll(false)
			case i == 0 && turn == 2:
				conns[3].Close()
			}
		})
		conns = append(conns, c)
		c.SetPoll(i != 3)
	}
	want := [][]int{{1, 1, 0, 0}, {2, 2, 0, 1}, {3, 2, 0, 2}, {4, 2, 0, 2}}
	for turn = range want {
		spin(t, m, 1)
		for i, n := range counts {
			if n != want[turn][i] && !(turn == 0 && i == 3) && !(turn >= 2 && i == 3) {
				t.Errorf("turn %d: counts %v, want %v", turn, counts, want[turn])
				break
			}
		}
	}
	if counts[3] > 3 || counts[3] < 1 {
		t.Errorf("connection 3 has %d EvPoll", counts[3])
	}
}
