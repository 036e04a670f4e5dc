package reactor_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// firstByte begins a TLS record of a handshake. A client that has sent it and sends
// nothing more takes a slot for its handshake and keeps it.
const firstByte = "\x16"

// crowd is a listener, its clients, and the connections that it has accepted.
type crowd struct {
	recorder
	t     *testing.T
	m     *reactor.Manager
	l     *reactor.Conn
	peak  int                      // the most handshakes that were under way
	conns []*reactor.Conn          // in the order in which they were accepted
	peers map[netip.AddrPort]*peer // by the client's address
	hello func(c *reactor.Conn)    // called when the ClientHello of a connection was read
}

// crowds are the ways in which the connections of a listener begin TLS.
var crowds = map[string]struct {
	scheme string
	begin  reactor.Event // when its connections call StartTLS; EvClose: never
}{
	"listener with a Config":    {"tls", reactor.EvClose},
	"tls:// and EvAccept":       {"tls", reactor.EvAccept},
	"Mongoose's way: EvAccept":  {"tcp", reactor.EvAccept},
	"earlier than that: EvOpen": {"tcp", reactor.EvOpen},
}

// withSTARTTLS is the kind of a listener whose connections call StartTLS after a command.
const withSTARTTLS, command = "STARTTLS", "STARTTLS\n"

func newCrowd(t *testing.T, m *reactor.Manager, kind string) *crowd {
	t.Helper()
	k := &crowd{t: t, m: m, peers: map[netip.AddrPort]*peer{}, hello: func(*reactor.Conn) {}}
	row, ok := crowds[kind]
	if kind == withSTARTTLS {
		row.scheme, row.begin = "tcp", reactor.EvRead
	} else if !ok {
		t.Fatalf("no kind %q", kind)
	}
	cfg := serverConfig().Clone()
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		k.hello(k.accepted(hello.Conn.RemoteAddr().(*net.TCPAddr).AddrPort()))
		return nil, nil
	}
	k.l = listen(t, m, row.scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if c.IsListening() {
			return
		}
		if ev == reactor.EvAccept {
			k.conns = append(k.conns, c)
		}
		if ev == reactor.EvRead && !c.IsTLS() {
			c.Recv.Consume(len(command))
		}
		if ev == row.begin && c.TLS() == nil {
			c.StartTLS(cfg)
		}
		k.handle(c, ev, data)
		k.peak = max(k.peak, m.Stats().HalfOpen)
	})
	if row.begin == reactor.EvClose {
		k.l.StartTLS(cfg)
	}
	return k
}

// accepted returns the connection of the client with that address, nil if it was not
// accepted yet.
func (k *crowd) accepted(a netip.AddrPort) *reactor.Conn {
	for _, c := range k.conns {
		if c.RemoteAddr() == a {
			return c
		}
	}
	return nil
}

// client connects to the listener.
func (k *crowd) client() *peer {
	k.t.Helper()
	p := dialRaw(k.t, k.l.LocalAddr())
	k.peers[boundAddr(k.t, p.fd)] = p
	return p
}

// peer returns the other end of an accepted connection.
func (k *crowd) peer(c *reactor.Conn) *peer { return k.peers[c.RemoteAddr()] }

// silent connects a client, which the listener accepts.
func (k *crowd) silent() *reactor.Conn {
	k.t.Helper()
	n := len(k.conns) + 1
	k.client()
	await(k.t, k.m, "a silent client", func() bool { return len(k.conns) == n })
	return k.conns[n-1]
}

// speaker connects a client, which the listener accepts, and which then sends what is
// given and nothing more.
func (k *crowd) speaker(words string) *reactor.Conn {
	k.t.Helper()
	c := k.silent()
	k.says(c, words)
	return c
}

// says lets the client of an accepted connection send something, which the loop reads if it
// may.
func (k *crowd) says(c *reactor.Conn, words string) {
	k.t.Helper()
	k.peer(c).write(words)
	spin(k.t, k.m, 5)
}

// wantHalfOpen checks how many handshakes are under way, and that there were never more
// than the bound.
func (k *crowd) wantHalfOpen(what string, n, most int) {
	k.t.Helper()
	spin(k.t, k.m, 20)
	if got := k.m.Stats().HalfOpen; got != n || k.peak > most {
		k.t.Fatalf("%s: %d half open, want %d; at most %d were, want %d", what, got, n, k.peak, most)
	}
}

// wantFull waits until n clients were accepted. One more comes then and sends a byte. It is
// not accepted, because the newest of the n waits for one of the slots, which are all
// taken.
func (k *crowd) wantFull(what string, n, most int) {
	k.t.Helper()
	await(k.t, k.m, what, func() bool { return len(k.conns) >= n })
	spin(k.t, k.m, 5)
	k.client().write(firstByte)
	k.wantHalfOpen(what, most, most)
	if got := len(k.conns); got != n {
		k.t.Fatalf("%s: %d accepted, want %d", what, got, n)
	}
}

// wantDeadlines checks that n connections have failed since before, by their deadline for
// TLS.
func (k *crowd) wantDeadlines(what string, before, n int) {
	k.t.Helper()
	if got := len(k.errs) - before; got != n {
		k.t.Errorf("%s: %d errors, want %d", what, got, n)
	}
	for _, err := range k.errs[before:] {
		var late *reactor.DeadlineError
		if !errors.As(err, &late) || late.Deadline != "TLS handshake" {
			k.t.Fatalf("%s: %v", what, err)
		}
	}
}

// shake is a client that goes on with a handshake of which it has sent that many bytes,
// and ends in order.
func shake(t *testing.T, m *reactor.Manager, p *peer, sent int) {
	t.Helper()
	w := &begunWire{turningWire{peer: p, m: m}, sent}
	c := tls.Client(w, small(authority().Client(), tls.VersionTLS13))
	before := m.Stats().Handshakes
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	await(t, m, "the handshake", func() bool { return m.Stats().Handshakes > before })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// begunWire leaves out bytes that were sent before.
type begunWire struct {
	turningWire
	sent int
}

func (w *begunWire) Write(p []byte) (int, error) {
	n := min(w.sent, len(p))
	w.sent -= n
	_, err := w.turningWire.Write(p[n:])
	return len(p), err
}

// slots makes a manager with that many slots for handshakes, on a clock of the test's.
func slots(t *testing.T, n int) (*reactor.Manager, *clock) {
	t.Helper()
	k := newClock()
	return newManager(t, reactor.WithClock(k.now), reactor.WithHandshakes(reactor.Handshakes{HalfOpen: n})), k
}

// However a listener comes to TLS, no more than HalfOpen of its connections are in their
// handshake. The next one waits for a slot, and the listener accepts nobody meanwhile. Each
// end of a handshake lets another client in.
func TestTLSHalfOpen(t *testing.T) {
	ways := []struct {
		name string
		end  func(k *crowd, c *reactor.Conn)
	}{
		{"a handshake succeeds", func(k *crowd, c *reactor.Conn) { shake(k.t, k.m, k.peer(c), len(firstByte)) }},
		{"one fails", func(k *crowd, c *reactor.Conn) { k.peer(c).write("MQTT, not TLS") }},
		{"the client ends the stream", func(k *crowd, c *reactor.Conn) { k.peer(c).shutdown() }},
		{"the client resets the connection", func(k *crowd, c *reactor.Conn) { k.peer(c).reset() }},
		{"Close", func(_ *crowd, c *reactor.Conn) { c.Close() }},
		{"Abort", func(_ *crowd, c *reactor.Conn) { c.Abort() }},
		{"Fail", func(_ *crowd, c *reactor.Conn) { c.Fail(errors.New("not today")) }},
		{"Drain", func(_ *crowd, c *reactor.Conn) { c.Drain() }},
		{"AwaitEnd", func(_ *crowd, c *reactor.Conn) { c.Stack().AwaitEnd() }},
	}
	most := len(ways)
	for kind := range crowds {
		t.Run(kind, func(t *testing.T) {
			m, clock := slots(t, most)
			k := newCrowd(t, m, kind)
			for range most + 1 {
				k.speaker(firstByte)
			}
			n := most + 1
			k.wantFull("the first", n, most)
			plain := &recorder{}
			other := listen(t, m, "tcp://127.0.0.1:0", plain.handle)
			dialRaw(t, other.LocalAddr())
			await(t, m, "a plain connection", plain.saw(reactor.EvAccept))
			for i, way := range ways {
				way.end(k, k.conns[i])
				n++
				k.wantFull(way.name, n, most)
			}
			ended := k.count(reactor.EvClose)
			before := len(k.errs)
			clock.advance(10 * time.Second)
			n++
			await(t, m, "the deadline", func() bool { return len(k.conns) == n })
			k.wantHalfOpen("the deadline", 1, most)
			k.wantDeadlines("the deadline", before, most+1)
			if got := k.count(reactor.EvClose) - ended; got < most+1 {
				t.Errorf("the deadline: %d closed, want %d", got, most+1)
			}
			for _, p := range k.peers {
				p.close()
			}
			await(t, m, "the end", func() bool { return m.Stats().Conns == 1 }) // the plain one
			if s := m.Stats(); s.HalfOpen != 0 || s.Handshakes != 1 || len(k.conns) != len(k.peers) {
				t.Errorf("%d half open, %d handshakes, %d of %d accepted", s.HalfOpen, s.Handshakes, len(k.conns), len(k.peers))
			}
		})
	}
}

// However fast clients come and begin, no more than HalfOpen of them are in their handshake,
// and few more are accepted: those of the bursts until the first byte of the fourth is read.
func TestTLSHalfOpenBurst(t *testing.T) {
	const most, clients = 3, 200
	for kind := range crowds {
		t.Run(kind, func(t *testing.T) {
			m, _ := slots(t, most)
			k := newCrowd(t, m, kind)
			for range clients {
				k.client().write(firstByte)
			}
			k.wantHalfOpen("the burst", most, most)
			n := len(k.conns)
			if n <= most || n > 1+2+4+8 {
				t.Errorf("%d accepted", n)
			}
			spin(t, m, 50)
			if len(k.conns) != n {
				t.Errorf("%d more accepted while some wait", len(k.conns)-n)
			}
			for _, p := range k.peers {
				p.close()
			}
			await(t, m, "all of them", func() bool { return len(k.conns) == clients && m.Stats().Conns == 0 })
			k.wantHalfOpen("the end", 0, most)
		})
	}
}
