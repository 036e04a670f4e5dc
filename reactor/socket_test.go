package reactor_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// With ReusePort a second manager may listen on the same address. The kernel gives each
// connection to one of the two.
func TestReusePort(t *testing.T) {
	const clients = 20
	shared := reactor.WithSockets(reactor.Sockets{ReusePort: true})
	first, second := newManager(t, shared), newManager(t, shared)
	defer first.Close() // before newManager looks for leaks of the second
	r := &recorder{}
	l := listen(t, first, "tcp://127.0.0.1:0", r.Handle)
	listen(t, second, urlOf(l.LocalAddr().String()), r.Handle)
	for range clients {
		looptest.DialSocket(t, l.LocalAddr())
	}
	await(t, first, "all to be accepted", func() bool {
		spin(t, second, 1)
		return r.Count(reactor.EvAccept) == clients
	})
	if n := first.Stats().Accepted + second.Stats().Accepted; n != clients {
		t.Errorf("%d connections accepted, want %d", n, clients)
	}
	without := newManager(t)
	if _, err := without.Listen(urlOf(l.LocalAddr().String()), nil, nil); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a listener without ReusePort: %v", err)
	}
}
