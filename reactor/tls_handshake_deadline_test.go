package reactor_test

import (
	"crypto/tls"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Setting other deadlines keeps the default TLS deadline. A negative value turns it off.
func TestTLSDeadlineIsKept(t *testing.T) {
	life := reactor.Deadlines{Life: time.Hour}
	for _, row := range []struct {
		name  string
		opts  []reactor.Option
		set   *reactor.Deadlines // of the listener
		after time.Duration      // 0: never
	}{
		{name: "nothing set", after: 10 * time.Second},
		{name: "of the manager", opts: []reactor.Option{reactor.WithDeadlines(life)}, after: 10 * time.Second},
		{name: "of the listener", set: &life, after: 10 * time.Second},
		{name: "the listener's none", opts: []reactor.Option{reactor.WithDeadlines(life)}, set: &reactor.Deadlines{}, after: 10 * time.Second},
		{name: "shorter", set: &reactor.Deadlines{TLS: time.Second}, after: time.Second},
		{name: "off for the manager", opts: []reactor.Option{reactor.WithDeadlines(reactor.Deadlines{TLS: -1})}},
		{name: "off for the listener", set: &reactor.Deadlines{TLS: -1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			clock := looptest.NewClock()
			m := newManager(t, append(row.opts, reactor.WithClock(clock.Now))...)
			r := &recorder{}
			l := listen(t, m, "tls://127.0.0.1:0", r.Handle)
			if row.set != nil {
				l.SetDeadlines(*row.set)
			}
			l.StartTLS(&tls.Config{Certificates: serverConfig().Certificates})
			netDial(t, l.LocalAddr().String())
			await(t, m, "the connection", r.Saw(reactor.EvAccept))
			if row.after == 0 {
				clock.Advance(30 * time.Minute)
				spin(t, m, 5)
				if len(r.Errs) > 0 {
					t.Error(r.Errs)
				}
				return
			}
			clock.Advance(row.after - 1)
			spin(t, m, 5)
			if len(r.Errs) > 0 {
				t.Fatalf("too early: %v", r.Errs)
			}
			clock.Advance(1)
			await(t, m, "the end", r.Closed)
			looptest.WantErr(t, r.Err(t), os.ErrDeadlineExceeded, "TLS handshake deadline of "+row.after.String())
		})
	}
}

// The TLS deadline ends with EvTLSHS. The handshake deadline of a layer begins then. A
// pause counts for neither.
func TestTLSDeadlines(t *testing.T) {
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now),
		reactor.WithDeadlines(reactor.Deadlines{TLS: 5 * time.Second, Handshake: 3 * time.Second}))
	var conn *reactor.Conn
	r := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) {
		conn = c
		c.Stack().SetHandshaking(true)
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	p := startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
		return tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake()
	})
	await(t, m, "the connection", r.Saw(reactor.EvAccept))
	clock.Advance(4 * time.Second) // beyond Handshake
	spin(t, m, 2)
	conn.Pause()
	spin(t, m, 2)
	clock.Advance(4 * time.Second)
	spin(t, m, 2)
	conn.Resume()
	clock.Advance(time.Second - 1)
	spin(t, m, 2)
	p.run(-1, whole)
	await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
	clock.Advance(2 * time.Second)
	spin(t, m, 2)
	if len(r.Errs) > 0 {
		t.Fatal(r.Errs)
	}
	clock.Advance(time.Second)
	await(t, m, "the end", r.Closed)
	looptest.WantErr(t, r.Err(t), os.ErrDeadlineExceeded, "handshake deadline of 3s")
}

// A layer's deadline that passes before the TLS deadline would have passed is not late.
func TestTLSDeadlineThenShorterOne(t *testing.T) {
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now),
		reactor.WithDeadlines(reactor.Deadlines{TLS: time.Minute, Handshake: 3 * time.Second}))
	r := &recorder{On: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Stack().SetHandshaking(true) }}}
	wrapRecords(t, m, r.Handle)
	await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
	spin(t, m, 2)
	clock.Advance(3 * time.Second)
	await(t, m, "the end", r.Closed)
	looptest.WantErr(t, r.Err(t), os.ErrDeadlineExceeded, "handshake deadline of 3s")
}

// The Stall deadline is about bytes that the socket does not take. Bytes that wait for
// the handshake do not count.
func TestTLSStallDuringHandshake(t *testing.T) {
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now), reactor.WithDeadlines(reactor.Deadlines{TLS: -1, Stall: time.Second}))
	r := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Write([]byte("waits")) }}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	netDial(t, l.LocalAddr().String())
	await(t, m, "the connection", r.Saw(reactor.EvAccept))
	spin(t, m, 2)
	clock.Advance(time.Hour)
	spin(t, m, 5)
	r.Want(t, "OPEN ACCEPT")
}
