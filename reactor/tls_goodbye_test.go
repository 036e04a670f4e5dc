package reactor_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A peer that said close_notify and is gone by the time that we answer has ended in
// order: nothing of ours is lost but the answer.
func TestTLSGoodbyeToThoseWhoAreGone(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	raw := sendAndEnd(t, m, l, r, "some words")
	raw.(*net.TCPConn).SetLinger(0) // a reset, as if there was something that it did not read
	raw.Close()
	await(t, m, "the end", r.closed)
	r.want(t, "OPEN ACCEPT TLS_HS READ CLOSE")
	if string(r.got) != "some words" {
		t.Errorf("got %q", r.got)
	}
}

// sendAndEnd is a peer that sends a message and close_notify in one piece.
func sendAndEnd(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder, msg string) net.Conn {
	t.Helper()
	raw := netDial(t, l.LocalAddr().String())
	held := &heldWire{Conn: raw}
	client := tls.Client(held, small(authority().Client(), tls.VersionTLS13))
	shaken := make(chan error)
	go func() { shaken <- client.Handshake() }()
	await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	held.holds = true
	client.Write([]byte(msg))
	client.CloseWrite()
	raw.SetDeadline(time.Time{}) // CloseWrite has set one
	raw.Write(held.held)
	return raw
}

// Behind close_notify nothing can be said, though the socket has not taken it yet:
// Write says so.
func TestTLSWriteBehindGoodbye(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{on: hooks{
		reactor.EvOpen:  func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) },
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) { conn = c },
	}}
	fd, raw := wrapSmall(t, m, r.handle)
	shaken := make(chan error)
	go func() { shaken <- tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake() }()
	await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; { // the socket is full
		_, err = unix.Write(fd, []byte{0})
	}
	conn.Drain()
	spin(t, m, 2)
	if r.closed() || m.Stats().Queued == 0 {
		t.Fatalf("events %s, %d bytes wait", eventList(r.events), m.Stats().Queued)
	}
	if n, err := conn.Write([]byte("too late")); err != reactor.ErrClosed {
		t.Errorf("Write: %d, %v", n, err)
	}
	go func() {
		io.Copy(io.Discard, raw)
		raw.Close()
	}()
	await(t, m, "the end", r.closed)
}

// An alert that waits in the socket says why the peer has gone, though it is a write
// that finds out.
func TestTLSAlertBehindFailedWrite(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	var conn *reactor.Conn
	r.on = hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { conn = c }}
	raw := netAccept(t, m, authority().Client(), r.handle)
	refused := make(chan error)
	go func() {
		cfg := small(serverConfig().Clone(), tls.VersionTLS13)
		cfg.ClientAuth = tls.RequireAnyClientCert
		err := tls.Server(raw, cfg).Handshake()
		raw.(*net.TCPConn).SetLinger(0)
		raw.Close()
		refused <- err
	}()
	await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
	looptest.WantErr(t, <-refused, nil)
	conn.Write([]byte("too late"))
	await(t, m, "the end", r.closed)
	looptest.WantErr(t, r.err(t), nil, "remote error", "certificate required")
}

// Who awaits the peer's end has said close_notify: some peers end the stream
// only when they have heard that.
func TestTLSAwaitEndSaysCloseNotify(t *testing.T) {
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now))
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Stack().AwaitEnd() }}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	raw := netDial(t, l.LocalAddr().String())
	awaited, ended := make(chan struct{}), make(chan error)
	go func() {
		c := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
		c.Write([]byte("the last words"))
		<-awaited
		c.CloseWrite()
		_, err := c.Read(make([]byte, 1))
		raw.Close()
		ended <- err
	}()
	await(t, m, "the words", r.saw(reactor.EvRead))
	spin(t, m, 2)
	close(awaited)
	await(t, m, "the end", r.closed) // no time passes
	if err := <-ended; err != io.EOF || len(r.errs) > 0 {
		t.Errorf("the peer got %v; errors %v", err, r.errs)
	}
}
