package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Each transport counts the bytes that wait, sends them when it can, and keeps the boundaries of
// messages or does not.
func TestWritesOfEachTransport(t *testing.T) {
	for _, row := range []struct {
		name     string
		url      string
		messages bool // the socket keeps their boundaries
	}{
		{"stream over TCP", "tcp://127.0.0.1:0", false},
		{"stream over UNIX-domain sockets", listenURL(t, "unix"), false},
		{"TLS", "tls://127.0.0.1:0", false},
		{"datagrams", "udp://127.0.0.1:0", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newManager(t)
			server, client := &recorder{}, &recorder{}
			l := listen(t, m, row.url, server.Handle)
			url := row.url
			if l.LocalAddr().IsValid() {
				url = row.url[:len("tcp://")] + l.LocalAddr().String()
			}
			c := dial(t, m, url, client.Handle)
			if c.IsTLS() {
				l.StartTLS(serverConfig())
				c.StartTLS(clientConfig())
			}
			c.Write([]byte("one"))
			c.Write([]byte("three"))
			if n := m.Stats().Queued; n != 8 {
				t.Errorf("%d bytes wait before the first Poll, want 8", n)
			}
			await(t, m, "the bytes", func() bool { return len(server.Got) >= 8 })
			if string(server.Got) != "onethree" || client.Wrote != 8 || m.Stats().Queued != 0 {
				t.Errorf("got %q; EvWrite counted %d bytes, %d wait", server.Got, client.Wrote, m.Stats().Queued)
			}
			want := 1
			if row.messages {
				want = 2
			}
			if n := server.Count(reactor.EvRead); n != want {
				t.Errorf("%d EvRead, want %d", n, want)
			}
		})
	}
}

// A listener of streams has no transport: nothing waits to be sent, and nothing is read.
func TestListenerHasNoTransport(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	l.Send.AppendString("for no peer")
	spin(t, m, 3)
	if n := m.Stats().Queued; n != 0 {
		t.Errorf("%d bytes wait to be sent by a listener", n)
	}
	l.Drain()
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN CLOSE")
}
