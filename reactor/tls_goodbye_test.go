package reactor_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
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
