package reactor

import (
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// takenOver is a source. At the first readiness it closes the other's
// descriptor and gives the number to an idle socket.
type takenOver struct {
	t         *testing.T
	m         *Manager
	fd        int
	other     *takenOver
	heard     int
	replaced  bool
	successor reporter
	peer      int // the successor's
}

func (h *takenOver) ready(poll.Interest) {
	h.heard++
	o := h.other
	if o.replaced || h.heard > 1 {
		return
	}
	o.replaced = true
	h.m.unregister(o.fd)
	fd, peer := pair(h.t)
	if err := unix.Dup2(fd, o.fd); err != nil { // closes it first
		h.t.Fatal(err)
	}
	o.peer = peer
	if err := h.m.register(o.fd, &o.successor, poll.Readable); err != nil {
		h.t.Fatal(err)
	}
}

// A descriptor is closed and its number reused inside one batch. What the batch says
// about it reaches neither its old nor its new owner, whichever descriptor comes first in
// the batch. The new owner gets reports of its own input.
func TestStaleReportReachesNobody(t *testing.T) {
	onEachManager(t, func(t *testing.T, m *Manager) {
		var hs [2]*takenOver
		for i := range hs {
			a, b := pair(t)
			unix.Write(b, []byte("x"))
			hs[i] = &takenOver{t: t, m: m, fd: a}
		}
		hs[0].other, hs[1].other = hs[1], hs[0]
		for _, h := range hs {
			if err := m.register(h.fd, h, poll.Readable); err != nil {
				t.Fatal(err)
			}
		}
		turns(t, m, 1)
		old := hs[0]
		if !old.replaced {
			old = hs[1]
		}
		if !old.replaced || old.other.replaced {
			t.Fatal("want one of the two replaced")
		}
		if old.heard != 0 || old.successor.heard != 0 {
			t.Errorf("in that batch the one that is gone heard %d times, its successor %d; want 0, 0", old.heard, old.successor.heard)
		}
		if turns(t, m, 2); old.successor.heard != 0 {
			t.Errorf("the idle successor heard %d times", old.successor.heard)
		}
		unix.Write(old.peer, []byte("x"))
		if turns(t, m, 1); old.heard != 0 || old.successor.heard == 0 {
			t.Errorf("after its input: the one that is gone heard %d times, the successor %d", old.heard, old.successor.heard)
		}
		m.unregister(hs[0].fd)
		m.unregister(hs[1].fd)
	})
}

// A backend may report the same thing several times. Accepting, connecting, reading and
// the end of the stream still happen once.
func TestDuplicatesDoNotMatter(t *testing.T) {
	onEachManager(t, func(t *testing.T, m *Manager) {
		var server, client history
		l, err := m.Listen("tcp://127.0.0.1:0", func(c *Conn, ev Event, data any) {
			if !c.IsListening() {
				server.handle(c, ev, data)
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := m.Connect("tcp://"+l.LocalAddr().String(), client.handle, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("hello"))
		turns(t, m, 5)
		c.Drain()
		for i := 0; m.conns.n > 1 && i < 100; i++ {
			if err := m.Poll(10 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		for _, tc := range []struct {
			who  string
			got  history
			want []Event
		}{
			{"server", server, []Event{EvOpen, EvAccept, EvRead, EvClose}},
			{"client", client, []Event{EvOpen, EvResolve, EvConnect, EvWrite, EvClose}},
		} {
			if !slices.Equal(tc.got.events, tc.want) {
				t.Errorf("%s: events %v, want %v", tc.who, tc.got.events, tc.want)
			}
		}
		if server.bytes != 5 {
			t.Errorf("%d bytes read, want 5", server.bytes)
		}
	})
}

// Posted functions are called once each, in order.
func TestPostedWorkOnEachBackend(t *testing.T) {
	onEachManager(t, func(t *testing.T, m *Manager) {
		var got, want []int
		for i := range 10 {
			if err := m.Post(func() { got = append(got, i) }); err != nil {
				t.Fatal(err)
			}
			want = append(want, i)
			if i%3 == 2 {
				if turns(t, m, 1); !slices.Equal(got, want) {
					t.Fatalf("delivered %v, want %v", got, want)
				}
			}
		}
		if turns(t, m, 1); !slices.Equal(got, want) {
			t.Errorf("delivered %v, want %v", got, want)
		}
	})
}

// A kernel reports what it should not: descriptors that nobody owns, one beyond all that
// the manager ever registered, and the filters of connections that are paused, that
// linger, or that have just been closed.
func TestUnexpectedReports(t *testing.T) {
	f := newFakePoller(t)
	m := managerOn(t, f)
	a, b := ends(t)
	defer unix.Close(b)
	var l history
	c, err := m.WrapFD(a, l.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.script = func(ready []poll.Ready) []poll.Ready {
		for _, fd := range []int{a, b, len(m.registered.pages) << pageBits, 1 << 20} {
			for _, what := range []poll.Interest{poll.Writable, poll.Readable, 0} {
				ready = append(ready, poll.Ready{FD: fd, Interest: what})
			}
		}
		return ready
	}
	turns(t, m, 2)
	unix.Write(b, []byte("x"))
	c.Pause()
	turns(t, m, 3)
	if l.bytes != 0 || f.watched(a) != 0 {
		t.Errorf("%d bytes read while paused, watched for %02b", l.bytes, f.watched(a))
	}
	c.Resume()
	turns(t, m, 2)
	c.Drain()
	turns(t, m, 2)
	if f.watched(a) != poll.Readable {
		t.Errorf("lingering, watched for %02b", f.watched(a))
	}
	unix.Shutdown(b, unix.SHUT_WR)
	turns(t, m, 3)
	if want := []Event{EvOpen, EvRead, EvClose}; !slices.Equal(l.events, want) || l.bytes != 1 {
		t.Errorf("events %v, want %v; %d bytes", l.events, want, l.bytes)
	}
	if len(f.filters) != 1 { // the wake-up descriptor's
		t.Errorf("filters left: %v", f.filters)
	}
}

// A turn in which the poller reports nothing, and no error, still runs the timers. The
// next turn reads what was not reported.
func TestTurnWithoutReports(t *testing.T) {
	f := newFakePoller(t)
	m := managerOn(t, f)
	a, b := ends(t)
	defer unix.Close(b)
	var l history
	if _, err := m.WrapFD(a, l.handle, nil); err != nil {
		t.Fatal(err)
	}
	unix.Write(b, []byte("x"))
	fired := 0
	m.AddTimer(1, TimerRepeat, func() { fired++ })
	f.nothing = 3
	turns(t, m, 3)
	if l.bytes != 0 || fired != 3 {
		t.Errorf("nothing reported three times: %d bytes read, the timer fired %d times", l.bytes, fired)
	}
	if turns(t, m, 1); l.bytes != 1 {
		t.Errorf("%d bytes read in the next turn", l.bytes)
	}
}
