package reactor_test

import (
	"crypto/tls"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// A connection whose input waits because too much is unsent starts TLS: what is unsent
// waits for the handshake then, so the handshake must not wait for it.
func TestStartTLSWhileInputIsHeld(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, f := reach(t, m, "tcp server", r.handle, nil)
	c.SetLimits(reactor.Limits{Unsent: 1 << 10})
	c.Write(noise(16 << 20))
	spin(t, m, 3)
	if !c.Stopped() {
		t.Fatal("input is not held")
	}
	c.Send.Reset() // all that the socket did not take, and more
	c.Write(noise(4 << 10))
	c.StartTLS(serverConfig())
	f.hear() // the clear part
	for i := 0; i < 20; i++ {
		spin(t, m, 1)
		f.hear()
	}
	f.got = nil
	cfg := authority().Client()
	cfg.ServerName = "127.0.0.1"
	f.tls = tls.Client(farWire{f: f}, cfg)
	f.blocks = true
	if err := f.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	f.blocks = false
	await(t, m, "the bytes", func() bool { f.hear(); return len(f.got) >= 4<<10 })
}
