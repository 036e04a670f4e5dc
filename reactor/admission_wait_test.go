package reactor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// hellos lists the connections whose ClientHello was read, in that order. Each keeps its
// slot until it is closed, because its client sends nothing more.
type hellos struct {
	t     *testing.T
	conns []*reactor.Conn
	names []string // of the crowd, with a number in the order of EvAccept
}

// of adds the connections of a crowd, with a name for the crowd.
func (h *hellos) of(name string, k *crowd) {
	k.hello = func(c *reactor.Conn) {
		h.conns = append(h.conns, c)
		h.names = append(h.names, fmt.Sprint(name, slices.Index(k.conns, c)))
	}
}

// closeLast closes the connection that got its slot last.
func (h *hellos) closeLast() {
	h.t.Helper()
	c := h.conns[len(h.conns)-1]
	c.Close()
	spin(h.t, c.Manager(), 5)
}

func (h *hellos) want(what string, names ...string) {
	h.t.Helper()
	if !slices.Equal(h.names, names) {
		h.t.Fatalf("%s: heard %v, want %v", what, h.names, names)
	}
}

// A free slot goes to the connection that has waited for the shortest time. The listener
// accepts again when the last of them has its slot.
func TestFreeSlotGoesToTheNewest(t *testing.T) {
	m, _ := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	h := &hellos{t: t}
	h.of("", k)
	for range 5 {
		k.silent()
	}
	for _, i := range []int{0, 2, 1, 4, 3} { // they do not wait in the order of EvAccept
		k.says(k.conns[i], string(clientHello()))
	}
	k.client()
	want := []string{"0"}
	for _, next := range []string{"3", "4", "1", "2"} {
		h.want("all slots taken", want...)
		if k.wantHandshaking("some wait", 1, 1); len(k.conns) != 5 {
			t.Fatalf("after %v: accepted while some wait", want)
		}
		h.closeLast()
		want = append(want, next)
	}
	h.want("the last", want...)
	await(t, m, "the next client", func() bool { return len(k.conns) == 6 })
}

// Listeners take turns with free slots. All connections that call StartTLS later count as
// one more listener. So many clients of one listener do not keep those of another
// waiting.
func TestListenersTakeTurnsWithSlots(t *testing.T) {
	m, _ := slots(t, 1)
	h := &hellos{t: t}
	for _, row := range []struct {
		name, kind string
		clients    int
	}{
		{"a", "listener with a Config", 5},
		{"b", "Mongoose's way: EvAccept", 3},
		{"c", withSTARTTLS, 2},
	} {
		k := newCrowd(t, m, row.kind)
		h.of(row.name, k)
		for range row.clients {
			k.silent()
		}
		words := string(clientHello())
		if row.kind == withSTARTTLS {
			words = command + words
		}
		for _, c := range k.conns {
			k.says(c, words)
		}
	}
	for range 9 {
		h.closeLast()
	}
	h.want("all", "a0", "a4", "b2", "c1", "a3", "b1", "c0", "a2", "b0", "a1")
	h.closeLast()
	if n := m.Stats().TLSHandshaking; n != 0 {
		t.Errorf("%d handshakes in progress", n)
	}
}

// Clients of one listener take all slots, and more of them wait. A client of another
// listener gets the second slot that becomes free.
func TestFloodLeavesSlotsToOthers(t *testing.T) {
	m, _ := slots(t, 2)
	flood := newCrowd(t, m, "listener with a Config")
	for range 2 {
		flood.beginner()
	}
	flood.beginner()
	flood.wantFull("the flood", 3, 2)
	other := newCrowd(t, m, "Mongoose's way: EvAccept")
	c := other.beginner()
	for i := range 2 {
		flood.conns[i].Close()
		flood.wantHandshaking("a close", 2, 2)
	}
	other.finish(c)
	if other.wantHandshaking("the handshake", 2, 2); c.TLS() == nil && !other.Saw(reactor.EvTLSHS)() {
		t.Error("no handshake")
	}
}

// Connections that call StartTLS later than EvAccept wait for a slot, the newest gets one
// first, and they do not stop a listener. Bytes that were left in Recv count as their
// first bytes.
func TestSlotsAfterSTARTTLS(t *testing.T) {
	const most = 2
	m, clock := slots(t, most)
	k := newCrowd(t, m, withSTARTTLS)
	for i := range 6 {
		c := k.speaker(command)
		if k.wantHandshaking("a command", min(i, most), most); !c.IsTLS() {
			t.Fatal("no StartTLS")
		}
		k.begins(k.peer(c))
		k.wantHandshaking("a ClientHello", min(i+1, most), most)
	}
	last := k.silent()
	k.peer(last).WriteString(command)
	k.begins(k.peer(last)) // in one piece with the command
	k.wantHandshaking("all", most, most)
	if n := k.Count(reactor.EvAccept); n != 7 {
		t.Errorf("%d accepted", n)
	}
	k.conns[0].Close()
	k.finish(last)
	k.wantHandshaking("the newest", most, most)
	k.finish(k.conns[5])
	k.wantHandshaking("the next", most, most)
	before := len(k.Errs)
	k.conns[1].Close() // and conns[4] gets its slot
	k.wantHandshaking("the last of the first", most, most)
	for _, c := range k.conns[2:5] {
		c.Fail(nil)
	}
	await(t, m, "the end", func() bool {
		clock.Advance(time.Second)
		return m.Stats().Conns == 0
	})
	if n := len(k.Errs) - before; n != 3 {
		t.Errorf("%d errors at the end, want 3: %v", n, k.Errs[before:])
	}
	k.wantHandshaking("all have ended", 0, most)
}

// The deadline of a connection that waits for a slot passes although it has sent enough bytes.
// Until then it costs the loop no turn, except to look for a slot.
func TestDeadlineWithoutASlot(t *testing.T) {
	for _, kind := range []string{"Mongoose's way: EvAccept", withSTARTTLS} {
		t.Run(kind, func(t *testing.T) {
			m, clock := slots(t, 1)
			first := newCrowd(t, m, "listener with a Config")
			first.paused()
			clock.Advance(5 * time.Second)
			k := newCrowd(t, m, kind)
			c := k.silent()
			if kind == withSTARTTLS {
				k.says(c, command)
			}
			clock.Advance(4 * time.Second)
			before := m.Stats()
			k.says(c, "not TLS")
			if s := m.Stats(); s.BytesIn != before.BytesIn+7 || s.Failed != before.Failed {
				t.Errorf("%d bytes were read, %d connections failed", s.BytesIn-before.BytesIn, s.Failed-before.Failed)
			}
			if d := m.NextTimeout(); d <= 0 {
				t.Errorf("the loop may wait for %v", d)
			}
			clock.Advance(6*time.Second - 1)
			if spin(t, m, 5); k.Closed() {
				t.Error("closed before the deadline")
			}
			clock.Advance(1)
			await(t, m, "the deadline", k.Closed)
			k.wantDeadlines("the deadline", 0, 1)
			if s := m.Stats(); first.Closed() || s.BytesIn != before.BytesIn+7 || s.TLSHandshaking != 1 {
				t.Errorf("the first has closed: %v; %d bytes were read; %d handshakes in progress", first.Closed(), s.BytesIn-before.BytesIn, s.TLSHandshaking)
			}
		})
	}
}
