package reactor_test

import (
	"crypto/tls"
	"errors"
	"iter"
	"net"
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// firstByte begins a TLS record of a handshake. A client that has sent it, and sends
// nothing more, takes a slot for its handshake. It keeps the slot until another needs one.
const firstByte = "\x16"

// crowd is a listener, its clients, and the connections that it has accepted.
type crowd struct {
	recorder
	t     *testing.T
	m     *reactor.Manager
	l     *reactor.Conn
	peak  int                       // the most handshakes that were in progress
	conns []*reactor.Conn           // in the order in which they were accepted
	peers map[netip.AddrPort]*peer  // by the client's address
	hello func(c *reactor.Conn)     // called when the ClientHello of a connection was read
	begun map[netip.AddrPort]func() // continues the handshake of a client
}

// accepted returns the connection of the client with that address, or nil if it is not
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
	p := looptest.DialSocket(k.t, k.l.LocalAddr())
	k.peers[looptest.BoundAddr(k.t, p.FD)] = p
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

// speaker connects a client, which the listener accepts. The client sends the words and
// nothing more.
func (k *crowd) speaker(words string) *reactor.Conn {
	k.t.Helper()
	c := k.silent()
	k.says(c, words)
	return c
}

// begins makes a client begin its handshake. The client waits after the server's first answer,
// and finish continues its handshake. Once it has its answer it keeps its slot for a second at
// least, which does not pass unless the test moves the clock.
func (k *crowd) begins(p *peer) {
	k.t.Helper()
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		w := &pausedWire{turningWire: turningWire{peer: p, m: k.m}, pause: func() bool { return yield(struct{}{}) }}
		client := tls.Client(w, small(authority().Client(), tls.VersionTLS13))
		if err := client.Handshake(); err == nil {
			client.Close()
		} else if !w.stopped {
			k.t.Error(err)
		}
	})
	k.t.Cleanup(stop)
	next()
	k.begun[looptest.BoundAddr(k.t, p.FD)] = func() { next() }
	if k.accepted(looptest.BoundAddr(k.t, p.FD)) != nil {
		p.AwaitDelivery()
		spin(k.t, k.m, 5)
	}
}

// beginner connects a client, which the listener accepts, and which begins its handshake.
func (k *crowd) beginner() *reactor.Conn {
	k.t.Helper()
	c := k.silent()
	k.begins(k.peer(c))
	return c
}

// finish completes a handshake that begins has begun, and ends the connection in order.
func (k *crowd) finish(c *reactor.Conn) {
	k.t.Helper()
	before := k.m.Stats().TLSHandshakes
	k.begun[c.RemoteAddr()]()
	await(k.t, k.m, "the handshake", func() bool { return k.m.Stats().TLSHandshakes > before })
}

// paused is a beginner whose connection is paused. A byte of its client is in the socket, so it
// keeps its slot, however long that takes.
func (k *crowd) paused() *reactor.Conn {
	k.t.Helper()
	c := k.beginner()
	c.SetDeadlines(reactor.Deadlines{TLS: -1})
	c.Pause()
	k.says(c, "x")
	return c
}

// pausedWire pauses before its first read.
type pausedWire struct {
	turningWire
	pause           func() bool
	paused, stopped bool
}

func (w *pausedWire) Read(p []byte) (int, error) {
	if !w.paused {
		w.paused = true
		w.stopped = !w.pause()
	}
	if w.stopped {
		return 0, net.ErrClosed
	}
	return w.turningWire.Read(p)
}

// says sends words from the client of an accepted connection, and lets the loop read
// them.
func (k *crowd) says(c *reactor.Conn, words string) {
	k.t.Helper()
	p := k.peer(c)
	p.WriteString(words)
	p.AwaitDelivery()
	spin(k.t, k.m, 5)
}

// wantHandshaking waits until n handshakes have a slot, and checks that there are no more
// and never were more than most.
func (k *crowd) wantHandshaking(what string, n, most int) {
	k.t.Helper()
	await(k.t, k.m, what, func() bool { return k.m.Stats().TLSHandshaking == n })
	spin(k.t, k.m, 20)
	if got := k.m.Stats().TLSHandshaking; got != n || k.peak > most {
		k.t.Fatalf("%s: %d handshakes in progress, want %d; at most %d were, want %d", what, got, n, k.peak, most)
	}
}

// wantFull waits until n clients are accepted. One more connects then and begins its handshake.
// It is not accepted, because the newest of the n waits for a slot and all slots are
// taken.
func (k *crowd) wantFull(what string, n, most int) {
	k.t.Helper()
	await(k.t, k.m, what, func() bool { return len(k.conns) >= n })
	spin(k.t, k.m, 5)
	k.begins(k.client())
	k.wantHandshaking(what, most, most)
	if got := len(k.conns); got != n {
		k.t.Fatalf("%s: %d accepted, want %d", what, got, n)
	}
}

// wantDeadlines checks that n more connections than before have failed, by their deadline
// for TLS.
func (k *crowd) wantDeadlines(what string, before, n int) {
	k.t.Helper()
	if got := len(k.Errs) - before; got != n {
		k.t.Errorf("%s: %d errors, want %d", what, got, n)
	}
	for _, err := range k.Errs[before:] {
		var late *reactor.DeadlineError
		if !errors.As(err, &late) || late.Deadline != "TLS handshake" {
			k.t.Fatalf("%s: %v", what, err)
		}
	}
}

// crowds are the ways in which the connections of a listener start TLS.
var crowds = map[string]struct {
	scheme string
	begin  reactor.Event // when its connections call StartTLS; EvClose: never
}{
	"listener with a Config":    {"tls", reactor.EvClose},
	"tls:// and EvAccept":       {"tls", reactor.EvAccept},
	"Mongoose's way: EvAccept":  {"tcp", reactor.EvAccept},
	"earlier than that: EvOpen": {"tcp", reactor.EvOpen},
}

// withSTARTTLS is the kind of a listener whose connections call StartTLS when they have
// read a command.
const withSTARTTLS, command = "STARTTLS", "STARTTLS\n"

func newCrowd(t *testing.T, m *reactor.Manager, kind string) *crowd {
	t.Helper()
	k := &crowd{t: t, m: m, peers: map[netip.AddrPort]*peer{}, hello: func(*reactor.Conn) {}, begun: map[netip.AddrPort]func(){}}
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
		k.Handle(c, ev, data)
		k.peak = max(k.peak, m.Stats().TLSHandshaking)
	})
	if row.begin == reactor.EvClose {
		k.l.StartTLS(cfg)
	}
	return k
}

// shake completes a handshake of which the client has already sent some bytes, and closes
// the connection in order.
func shake(t *testing.T, m *reactor.Manager, p *peer, sent int) {
	t.Helper()
	w := &begunWire{turningWire{peer: p, m: m}, sent}
	c := tls.Client(w, small(authority().Client(), tls.VersionTLS13))
	before := m.Stats().TLSHandshakes
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	await(t, m, "the handshake", func() bool { return m.Stats().TLSHandshakes > before })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// begunWire leaves out the bytes that were sent before.
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

// slots makes a manager with n slots for handshakes. Its time comes from the clock.
func slots(t *testing.T, n int) (*reactor.Manager, *looptest.Clock) {
	t.Helper()
	k := looptest.NewClock()
	return newManager(t, reactor.WithClock(k.Now), reactor.WithTLSHandshakes(reactor.TLSHandshakes{Concurrent: n})), k
}
