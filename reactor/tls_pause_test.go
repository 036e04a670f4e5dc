package reactor_test

import (
	"bytes"
	"crypto/tls"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// EvRead counts every byte once, those too that were decrypted while the connection was
// paused: Recv never grows by anything else.
func TestTLSCountsWhatCameDuringPause(t *testing.T) {
	const size = 300_000
	m := newManager(t)
	counted, paused := 0, 0
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, data any) {
		counted += *data.(*int)
		if counted != c.Recv.Len() {
			t.Fatalf("%d bytes in Recv, %d counted", c.Recv.Len(), counted)
		}
		if n := *data.(*int); n > 0 && counted < size { // all of it stays in Recv
			paused++
			c.Pause()
			m.AddTimer(0, reactor.TimerOnce, c.Resume)
		}
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	raw := netDial(t, l.LocalAddr().String())
	done := make(chan error)
	go func() {
		_, err := tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Write(bytes.Repeat([]byte("x"), size))
		done <- err
	}()
	await(t, m, "the bytes", func() bool { return counted == size })
	if err := <-done; err != nil || paused == 0 {
		t.Errorf("error %v, %d pauses", err, paused)
	}
}
