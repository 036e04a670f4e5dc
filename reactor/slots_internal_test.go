package reactor

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// A ClientHello arrives in two pieces, and the loop has read the first. The second is in the
// socket when another client needs the slot. The first client keeps it.
func TestRestOfHelloInTheSocketKeepsTheSlot(t *testing.T) {
	f := newFakePoller(t)
	f.script = func(ready []poll.Ready) []poll.Ready { // the new connection is before the old one
		slices.SortFunc(ready, func(a, b poll.Ready) int { return b.FD - a.FD })
		return ready
	}
	q := newQueueTest(t, f, TLSHandshakes{Concurrent: 1})
	q.connect(3)
	hello := firstFlight(t)
	q.say(hello[:100], 0)
	turns(t, q.m, 2)
	q.say(hello[100:], 0)
	q.say(hello, 1)
	turns(t, q.m, 3)
	q.wantHeard("both", 0, 1)
	if n := q.m.Stats().TLSEvicted; n != 0 {
		t.Errorf("%d have lost their slot", n)
	}
}

// A client that sends its ClientHello in more pieces than maxPieces, and has always one in
// the socket, loses its slot.
func TestTrickledHelloLosesTheSlot(t *testing.T) {
	for _, pieces := range []int{maxPieces - 1, maxPieces} {
		q := newQueueTest(t, newFakePoller(t), TLSHandshakes{Concurrent: 1})
		q.connect(1)
		hello := firstFlight(t)
		for i := range pieces {
			q.say(hello[i:i+1], 0)
			turns(t, q.m, 1)
		}
		q.say(hello[pieces:pieces+1], 0)
		if got, want := q.m.admission.evictIncomplete(), pieces == maxPieces; got != want {
			t.Errorf("after %d pieces it loses its slot: %v, want %v", pieces, got, want)
		}
	}
}

// One search for an incomplete ClientHello looks at a bounded number of connections.
func TestSearchForSlotIsBounded(t *testing.T) {
	q := newQueueTest(t, newFakePoller(t), TLSHandshakes{Concurrent: 2 * maxSlotChecks, PerTurn: -1})
	q.connect(2 * maxSlotChecks)
	for i := range q.conns {
		q.say(oneByte, i)
	}
	turns(t, q.m, 1)
	for i := range q.conns[:maxSlotChecks] {
		q.say(oneByte, i) // not read yet
	}
	a := &q.m.admission
	if a.evictIncomplete() {
		t.Error("found one beyond the bound")
	}
	if !a.evictIncomplete() {
		t.Error("the second search does not continue where the first has ended")
	}
	if d := q.m.NextTimeout(); d != 0 {
		t.Errorf("the loop may wait for %v although a connection is to fail", d)
	}
	if turns(t, q.m, 1); q.m.Stats().Failed != 1 {
		t.Errorf("%d have failed", q.m.Stats().Failed)
	}
}
