package reactor

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// queueTest is a manager on a fake poller, with a TLS listener and clients. The listener
// notes each ClientHello and refuses it. A handshake takes one step.
type queueTest struct {
	t       *testing.T
	f       *fakePoller
	m       *Manager
	l       *Conn
	now     time.Time
	conns   []*Conn
	clients []net.Conn // in the same order
	heard   []int      // whose ClientHello was read
}

func newQueueTest(t *testing.T, f *fakePoller, h TLSHandshakes) *queueTest {
	t.Helper()
	q := &queueTest{t: t, f: f, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	m, err := New(WithLogger(slog.New(slog.DiscardHandler)), WithTLSHandshakes(h), WithClock(func() time.Time { return q.now }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	use(t, m, f)
	q.m = m
	q.l, err = m.Listen("tls://127.0.0.1:0", func(c *Conn, ev Event, data any) {
		switch ev {
		case EvAccept:
			q.conns = append(q.conns, c)
		case EvError:
			_ = data.(error).Error()
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.l.StartTLS(&tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		q.heard = append(q.heard, slices.IndexFunc(q.conns, func(c *Conn) bool {
			return c.RemoteAddr().String() == hello.Conn.RemoteAddr().String()
		}))
		return nil, errors.New("refused")
	}})
	return q
}

// connect connects n clients and waits until they are accepted.
func (q *queueTest) connect(n int) {
	q.t.Helper()
	for range n {
		c, err := net.Dial("tcp", q.l.LocalAddr().String())
		if err != nil {
			q.t.Fatal(err)
		}
		q.t.Cleanup(func() { c.Close() })
		q.clients = append(q.clients, c)
		for i := 0; len(q.conns) < len(q.clients) && i < 1000; i++ {
			if err := q.m.Poll(time.Millisecond); err != nil {
				q.t.Fatal(err)
			}
		}
		if len(q.conns) != len(q.clients) {
			q.t.Fatal("not accepted")
		}
	}
	turns(q.t, q.m, 2)
}

// say makes clients send something before the next turn of the loop.
func (q *queueTest) say(words []byte, clients ...int) {
	q.t.Helper()
	for _, i := range clients {
		if _, err := q.clients[i].Write(words); err != nil {
			q.t.Fatal(err)
		}
	}
}

// wantPolled checks which connections are registered with the poller, and whether the
// listener is.
func (q *queueTest) wantPolled(what string, listener bool, conns ...int) {
	q.t.Helper()
	if got := q.f.watched(int(q.l.fd)) == poll.Readable; got != listener {
		q.t.Errorf("%s: the listener is in the poller's set: %v, want %v", what, got, listener)
	}
	for i, c := range q.conns {
		if c.life >= lingering {
			continue
		}
		want := poll.Interest(0)
		if slices.Contains(conns, i) {
			want = poll.Readable
		}
		if got := q.f.watched(int(c.fd)); got != want {
			q.t.Errorf("%s: connection %d is registered for %02b, want %02b", what, i, got, want)
		}
	}
}

func (q *queueTest) wantHeard(what string, want ...int) {
	q.t.Helper()
	if !slices.Equal(q.heard, want) {
		q.t.Fatalf("%s: heard %v, want %v", what, q.heard, want)
	}
}

// firstFlight returns a ClientHello.
func firstFlight(t *testing.T) []byte {
	t.Helper()
	s := &sink{}
	tls.Client(s, &tls.Config{ServerName: "localhost"}).Handshake()
	if len(s.sent) == 0 {
		t.Fatal("no ClientHello")
	}
	return s.sent
}

// sink keeps the bytes that are written to it. It has nothing to read.
type sink struct {
	net.Conn // nil: nothing else is called
	sent     []byte
}

func (s *sink) Read([]byte) (int, error) { return 0, io.EOF }

func (s *sink) Write(p []byte) (int, error) {
	s.sent = append(s.sent, p...)
	return len(p), nil
}

// onFakes runs a test on pollers that report everything once, and twice. The order in a
// batch is that of the descriptors. Clients are accepted in the same order.
func onFakes(t *testing.T, test func(t *testing.T, f *fakePoller)) {
	for _, name := range []string{"once", "twice"} {
		t.Run(name, func(t *testing.T) {
			f := newFakePoller(t)
			f.script = func(ready []poll.Ready) []poll.Ready {
				slices.SortFunc(ready, func(a, b poll.Ready) int { return a.FD - b.FD })
				if name == "twice" {
					ready = twice(ready)
				}
				return ready
			}
			test(t, f)
		})
	}
}

var oneByte = []byte{22}

// keepSlot makes a connection keep its slot, as if it waited for the loop.
func (q *queueTest) keepSlot(i int) { q.conns[i].tls().slot.moveTo(nil) }

// The listener of a connection that waits for a slot is not in the poller's set. The connection
// is, until maxEarlyInput bytes of it are read. The loop does not spin meanwhile. When
// the connection has its slot, both are in the set again.
func TestWaitForSlotIsNotPolled(t *testing.T) {
	onFakes(t, func(t *testing.T, f *fakePoller) {
		q := newQueueTest(t, f, TLSHandshakes{Concurrent: 1})
		q.connect(3)
		q.wantPolled("silent clients", true, 0, 1, 2)
		q.say(oneByte, 0)
		turns(t, q.m, 2)
		q.keepSlot(0)
		q.wantPolled("the first has a slot", true, 0, 1, 2)
		before := q.m.Stats().BytesIn
		q.say(oneByte, 1)
		turns(t, q.m, 3)
		q.wantPolled("the second waits", false, 0, 1, 2)
		if d := q.m.NextTimeout(); d != 10*time.Second {
			t.Errorf("the loop may wait for %v, want 10s", d)
		}
		q.conns[1].Pause()
		turns(t, q.m, 2)
		q.conns[1].Resume()
		turns(t, q.m, 2)
		q.wantPolled("after a pause", false, 0, 1, 2)
		q.say(make([]byte, maxEarlyInput-2), 1)
		turns(t, q.m, 5)
		q.wantPolled("a byte below the limit", false, 0, 1, 2)
		q.say(oneByte, 1)
		turns(t, q.m, 5)
		q.wantPolled("at the limit", false, 0, 2)
		q.say(make([]byte, 100), 1)
		turns(t, q.m, 5)
		if n := q.m.Stats().BytesIn - before; n != maxEarlyInput {
			t.Errorf("%d bytes were read, want %d", n, maxEarlyInput)
		}
		if n := len(q.conns[1].tls().earlyInput); n != maxEarlyInput {
			t.Errorf("%d bytes are kept, want %d", n, maxEarlyInput)
		}
		q.conns[1].Pause()
		turns(t, q.m, 2)
		q.conns[1].Resume()
		turns(t, q.m, 2)
		q.wantPolled("after another pause", false, 0, 2)
		q.conns[0].Close()
		turns(t, q.m, 1)
		q.wantPolled("the second has a slot", true, 1, 2)
	})
}

// In one turn PerTurn connections take a step of their handshake. The others take theirs
// in the order in which they became ready, before those that come later. Until then they
// are not in the poller's set.
func TestStepsPerTurnInOrder(t *testing.T) {
	onFakes(t, func(t *testing.T, f *fakePoller) {
		q := newQueueTest(t, f, TLSHandshakes{PerTurn: 2})
		q.connect(9)
		hello := firstFlight(t)
		q.say(hello, 7, 3, 5, 1, 6)
		turns(t, q.m, 1)
		q.wantHeard("the first turn", 1, 3)
		q.wantPolled("the first turn", true, 0, 2, 4, 8)
		if d := q.m.NextTimeout(); d != 0 {
			t.Errorf("the loop may wait for %v", d)
		}
		q.say(hello, 0, 8)
		turns(t, q.m, 1)
		q.wantHeard("the second turn", 1, 3, 5, 6)
		q.wantPolled("the second turn", true, 2, 4)
		q.conns[0].Close() // before its turn
		q.say(oneByte, 2, 4)
		turns(t, q.m, 1)
		q.wantHeard("the third turn", 1, 3, 5, 6, 7, 8)
		turns(t, q.m, 2)
		q.wantPolled("all have had their turn", true, 2, 4)
		if s := q.m.Stats(); s.TLSHandshaking != 2 || q.m.NextTimeout() == 0 {
			t.Errorf("%d handshakes in progress, the loop may wait for %v", s.TLSHandshaking, q.m.NextTimeout())
		}
	})
}

// A connection that gets a slot is queued behind those that already wait for a step.
func TestNewSlotIsQueuedBehindOthers(t *testing.T) {
	onFakes(t, func(t *testing.T, f *fakePoller) {
		q := newQueueTest(t, f, TLSHandshakes{PerTurn: 1, Concurrent: 3})
		q.connect(5)
		q.say(firstFlight(t), 0, 1, 2, 3, 4) // 0 takes its step at once, 4 waits for a slot
		for i := range 5 {
			turns(t, q.m, 1)
			q.wantHeard("a turn", []int{0, 1, 2, 3, 4}[:i+1]...)
		}
	})
}

// Zero in a field means the default. A negative value means no limit.
func TestHandshakesDefaults(t *testing.T) {
	const clients = 30
	for _, row := range []struct {
		h        TLSHandshakes
		perTurn  int
		halfOpen int // 0: no bound
	}{
		{TLSHandshakes{}, 8, 1024},
		{TLSHandshakes{PerTurn: 3}, 3, 1024},
		{TLSHandshakes{Concurrent: 5}, 8, 5},
		{TLSHandshakes{PerTurn: -1}, clients, 1024},
		{TLSHandshakes{Concurrent: -1}, 8, 0},
		{TLSHandshakes{PerTurn: -1, Concurrent: -1}, clients, 0},
	} {
		q := newQueueTest(t, newFakePoller(t), row.h)
		q.connect(clients + 2)
		a := &q.m.admission
		taken := 1 << 30 // by handshakes that this test does without
		if row.halfOpen > 0 {
			taken = row.halfOpen - 1
		}
		a.slotsUsed = taken
		q.say(oneByte, clients, clients+1)
		turns(t, q.m, 3)
		want := 1 // of the two
		if row.halfOpen == 0 {
			want = 2
		}
		if got := q.m.Stats().TLSHandshaking - taken; got != want {
			t.Errorf("%+v: %d slots were left, want %d", row.h, got, want)
		}
		q.conns[clients].Close()
		q.conns[clients+1].Close()
		turns(t, q.m, 2)
		if a.slotsUsed != taken {
			t.Errorf("%+v: %d slots were not given back", row.h, a.slotsUsed-taken)
		}
		a.slotsUsed = 0
		if row.halfOpen == 5 {
			continue // the ClientHellos would wait
		}
		all := make([]int, clients)
		for i := range all {
			all[i] = i
		}
		q.say(firstFlight(t), all...)
		for n := 0; n < clients; {
			n = min(n+row.perTurn, clients)
			if turns(t, q.m, 1); len(q.heard) != n {
				t.Fatalf("%+v: %d were heard after a turn, want %d", row.h, len(q.heard), n)
			}
		}
	}
}
