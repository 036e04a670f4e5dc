package reactor_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// crowd is a flood of clients that connect to a listener and say nothing.
type crowd struct {
	recorder
	t     *testing.T
	m     *reactor.Manager
	most  int // connections that may be half open
	peak  int // that were
	conns []*reactor.Conn
	raws  map[string]net.Conn // by their own address
}

// crowds are the ways in which a listener comes to TLS.
var crowds = map[string]struct {
	scheme string
	begin  reactor.Event // when its connections call StartTLS; EvClose: never
}{
	"listener with a Config":    {"tls", reactor.EvClose},
	"tls:// and EvAccept":       {"tls", reactor.EvAccept},
	"Mongoose's way: EvAccept":  {"tcp", reactor.EvAccept},
	"earlier than that: EvOpen": {"tcp", reactor.EvOpen},
}

// newCrowd lets that many clients connect.
func newCrowd(t *testing.T, m *reactor.Manager, kind string, most, clients int) *crowd {
	t.Helper()
	k := &crowd{t: t, m: m, most: most, raws: map[string]net.Conn{}}
	row := crowds[kind]
	l, err := m.Listen(row.scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if c.IsListening() {
			return
		}
		if ev == reactor.EvAccept {
			k.conns = append(k.conns, c)
		}
		if ev == row.begin {
			c.StartTLS(serverConfig())
		}
		k.handle(c, ev, data)
		k.note()
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if row.begin == reactor.EvClose {
		l.StartTLS(serverConfig())
	}
	for range clients {
		raw := netDial(t, l.LocalAddr().String())
		k.raws[raw.LocalAddr().String()] = raw
	}
	return k
}

// note looks at how many are half open.
func (k *crowd) note() {
	k.peak = max(k.peak, k.m.Stats().HalfOpen)
}

// raw is the other end of a connection.
func (k *crowd) raw(c *reactor.Conn) net.Conn { return k.raws[c.RemoteAddr().String()] }

// wantAccepted waits until that many were accepted, and no more are, and the room
// is full.
func (k *crowd) wantAccepted(what string, n int) {
	k.t.Helper()
	await(k.t, k.m, what, func() bool { return len(k.conns) >= n })
	spin(k.t, k.m, 20)
	if got := len(k.conns); got != n {
		k.t.Fatalf("%s: %d accepted, want %d", what, got, n)
	}
	if got := k.m.Stats().HalfOpen; got != k.most || k.peak > k.most {
		k.t.Fatalf("%s: %d half open, %d at the most, want %d", what, got, k.peak, k.most)
	}
}

func handshakeOver(raw net.Conn) chan error {
	done := make(chan error, 1)
	go func() { done <- tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake() }()
	return done
}

// However a listener comes to TLS, and however fast clients come, no more than
// HalfOpen of its connections are in their handshake, and one waits for room. Each
// end of one lets another in.
func TestTLSHalfOpen(t *testing.T) {
	const most, clients = 3, 100
	for kind := range crowds {
		t.Run(kind, func(t *testing.T) {
			clock := newClock()
			m := newManager(t, reactor.WithClock(clock.now), reactor.WithHandshakes(reactor.Handshakes{HalfOpen: most}))
			k := newCrowd(t, m, kind, most, clients)
			n := most + 1
			k.wantAccepted("the flood", n)
			plain := &recorder{}
			other := listen(t, m, "tcp://127.0.0.1:0", plain.handle)
			netDial(t, other.LocalAddr().String())
			await(t, m, "a plain connection", plain.saw(reactor.EvAccept))

			for i, way := range []struct {
				name string
				end  func(c *reactor.Conn)
			}{
				{"a handshake succeeds", func(c *reactor.Conn) {
					done := handshakeOver(k.raw(c))
					await(t, m, "the handshake", func() bool { return c.TLS() != nil })
					if err := <-done; err != nil {
						t.Error(err)
					}
				}},
				{"one fails", func(c *reactor.Conn) { k.raw(c).Write([]byte("MQTT, not TLS")) }},
				{"the client goes", func(c *reactor.Conn) { k.raw(c).Close() }},
				{"Close", func(c *reactor.Conn) { c.Close() }},
				{"Fail", func(c *reactor.Conn) { c.Fail(errors.New("not today")) }},
				{"Drain", func(c *reactor.Conn) { c.Drain() }},
			} {
				way.end(k.conns[i])
				n++
				k.wantAccepted(way.name, n)
			}
			k.conns[n-1].Close() // it waits
			k.wantAccepted("one that waits is closed", n+1)
			clock.advance(10 * time.Second)
			n += 1 + most + 1
			k.wantAccepted("the deadline", n)
			var late *reactor.DeadlineError
			ended := k.errs[len(k.errs)-most-1:]
			for _, err := range ended {
				if !errors.As(err, &late) || late.Deadline != "TLS handshake" {
					t.Error(err)
				}
			}
			for _, raw := range k.raws {
				raw.Close()
			}
			await(t, m, "all of them", func() bool { return len(k.conns) == clients && m.Stats().HalfOpen == 0 })
		})
	}
}

// Drain ends those that wait, too.
func TestTLSHalfOpenDrain(t *testing.T) {
	m := newManager(t, reactor.WithHandshakes(reactor.Handshakes{HalfOpen: 2}))
	k := newCrowd(t, m, "Mongoose's way: EvAccept", 2, 6)
	k.wantAccepted("the flood", 3)
	for _, raw := range k.raws {
		go func() {
			io.Copy(io.Discard, raw)
			raw.Close()
		}()
	}
	if late, err := m.Drain(20 * time.Second); len(late) > 0 || err != nil {
		t.Errorf("stragglers %v, error %v", late, err)
	}
	if n := k.count(reactor.EvClose); n != 3 || len(k.errs) > 0 {
		t.Errorf("%d closed, errors %v", n, k.errs)
	}
}

// Those that begin TLS long after EvAccept wait by themselves, in their order, and
// hold no listener back.
func TestTLSHalfOpenSTARTTLS(t *testing.T) {
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now), reactor.WithHandshakes(reactor.Handshakes{HalfOpen: 2}))
	var order []*reactor.Conn
	r := &recorder{}
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.TLS() == nil {
			c.Recv.Consume(len("STARTTLS\n"))
			order = append(order, c)
			c.StartTLS(serverConfig())
		}
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	raws := map[string]net.Conn{}
	var last chan error
	for i := range 6 {
		raw := netDial(t, l.LocalAddr().String())
		raws[raw.LocalAddr().String()] = raw
		if i < 5 {
			raw.Write([]byte("STARTTLS\n"))
		} else { // command and ClientHello in one piece
			wire := &heldWire{Conn: raw, holds: true, held: []byte("STARTTLS\n")}
			last = handshakeOver(&firstFlight{wire})
		}
		await(t, m, "the command", func() bool { return len(order) == i+1 })
	}
	want := func(what string, half int) {
		t.Helper()
		spin(t, m, 20)
		if n := m.Stats().HalfOpen; n != half {
			t.Fatalf("%s: %d half open, want %d", what, n, half)
		}
	}
	want("the flood", 2)
	handshake := func(i int) chan error { return handshakeOver(raws[order[i].RemoteAddr().String()]) }
	done := []chan error{handshake(2), handshake(3), last} // 0, 1 and 4 say nothing
	want("handshakes that wait", 2)
	if n := m.Stats().BytesOut; n > 0 {
		t.Errorf("somebody has not waited: %d bytes were sent", n)
	}
	order[0].Close()
	await(t, m, "two handshakes", func() bool { return order[2].TLS() != nil && order[3].TLS() != nil })
	want("the silent one before the last", 2)
	if order[5].TLS() != nil {
		t.Error("the last has not waited")
	}
	order[1].Close()
	await(t, m, "the last", func() bool { return order[5].TLS() != nil })
	for _, d := range done {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	want("the silent one", 1)
	clock.advance(10 * time.Second)
	await(t, m, "its deadline", func() bool { return len(r.errs) == 1 })
	want("nobody", 0)
	if r.count(reactor.EvAccept) != 6 || r.count(reactor.EvClose) != 3 {
		t.Errorf("events %s", eventList(r.events))
	}
}

// Who waits for room is not read, and its deadline counts.
func TestTLSHalfOpenWaits(t *testing.T) {
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now), reactor.WithHandshakes(reactor.Handshakes{HalfOpen: 1}))
	k := newCrowd(t, m, "listener with a Config", 1, 1)
	k.wantAccepted("the first", 1)
	clock.advance(5 * time.Second)
	other := newCrowd(t, m, "Mongoose's way: EvAccept", 1, 1)
	other.wantAccepted("the second", 1)
	clock.advance(4 * time.Second)
	before := m.Stats()
	other.raw(other.conns[0]).Write([]byte("not TLS"))
	spin(t, m, 20)
	if s := m.Stats(); s.BytesIn != before.BytesIn || s.Failed != before.Failed {
		t.Errorf("%d bytes were read, %d connections failed", s.BytesIn-before.BytesIn, s.Failed-before.Failed)
	}
	k.conns[0].SetDeadlines(reactor.Deadlines{TLS: -1})
	clock.advance(6 * time.Second)
	await(t, m, "the deadline", other.closed)
	var late *reactor.DeadlineError
	if err := other.err(t); !errors.As(err, &late) || late.Deadline != "TLS handshake" {
		t.Error(err)
	}
	if k.closed() || m.Stats().BytesIn != before.BytesIn {
		t.Errorf("the first has closed: %v; %d bytes were read", k.closed(), m.Stats().BytesIn-before.BytesIn)
	}
}

// Listeners take turns: the flood of one does not starve another.
func TestTLSHalfOpenTurns(t *testing.T) {
	m := newManager(t, reactor.WithHandshakes(reactor.Handshakes{HalfOpen: 2}))
	flood := newCrowd(t, m, "listener with a Config", 2, 20)
	flood.wantAccepted("the flood", 3)
	quiet := newCrowd(t, m, "Mongoose's way: EvAccept", 2, 1)
	quiet.wantAccepted("the other listener", 1)
	done := handshakeOver(quiet.raw(quiet.conns[0]))
	for i := range 2 {
		flood.conns[i].Close()
		flood.wantAccepted("the next", 4+i)
	}
	await(t, m, "the handshake", quiet.saw(reactor.EvTLSHS))
	if err := <-done; err != nil {
		t.Error(err)
	}
}
