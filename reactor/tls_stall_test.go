package reactor_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Several connections whose peers do not read, each in the middle of a record, keep their
// ciphertext apart.
func TestTLSStalledTogether(t *testing.T) {
	const peers, size = 3, 1 << 20
	m := newManager(t)
	all := &recorder{}
	all.on = hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) },
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
			c.Write(bytes.Repeat([]byte{byte(c.ID())}, size))
			c.Drain()
		},
	}
	shaken, read := make(chan error, peers), make(chan struct{})
	done := make(chan error, peers)
	for range peers {
		_, raw := wrapSmall(t, m, all.handle)
		go func() {
			c := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
			shaken <- c.Handshake()
			<-read
			got, err := io.ReadAll(c)
			if err == nil && (len(got) != size || !bytes.Equal(got, bytes.Repeat(got[:1], size))) {
				err = fmt.Errorf("%d bytes, or not all the same", len(got))
			}
			done <- err
			raw.Close()
		}()
	}
	await(t, m, "the handshakes", func() bool { return all.count(reactor.EvTLSHS) == peers })
	for range peers {
		if err := <-shaken; err != nil {
			t.Error(err)
		}
	}
	spin(t, m, 20)
	if m.Stats().Queued == 0 {
		t.Error("no socket is full")
	}
	close(read)
	await(t, m, "the end", func() bool { return all.count(reactor.EvClose) == peers })
	for range peers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// wrapSmall makes a connection of one end of a socketpair that takes little at a
// time, and returns both.
func wrapSmall(t *testing.T, m *reactor.Manager, fn reactor.Handler) (fd int, peer net.Conn) {
	t.Helper()
	a, b := socketpair(t)
	looptest.Must(t, unix.SetsockoptInt(a, unix.SOL_SOCKET, unix.SO_SNDBUF, 20_000))
	if _, err := m.WrapFD(a, fn, nil); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(b), "")
	defer file.Close()
	raw, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return a, raw
}
