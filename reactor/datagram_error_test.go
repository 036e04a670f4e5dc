package reactor_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// An error names its operation and its peer once.
func TestDatagramErrorsAreWrappedOnce(t *testing.T) {
	m := newManager(t)
	p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	r := &recorder{}
	c := dial(t, m, "udp://"+at.String(), r.handle)
	await(t, m, "EvConnect", r.saw(reactor.EvConnect))
	p.close()
	for i := 0; i < turns && len(r.errs) == 0; i++ {
		c.Write([]byte("x"))
		spin(t, m, 1)
	}
	var op *net.OpError
	err := r.err(t)
	if !errors.As(err, &op) {
		t.Fatalf("error %v", err)
	}
	if _, twice := op.Err.(*net.OpError); twice || strings.Count(err.Error(), "udp") != 1 {
		t.Errorf("error %v", err)
	}
}

// A message that does not fit is an error, and never delivered in part.
func TestMessageTooLong(t *testing.T) {
	for _, pair := range []string{"dgram", "seqpacket"} {
		t.Run(pair, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			_, p := wrapPackets(t, m, pair, r.handle)
			looptest.Must(t, unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20))
			p.write(string(noise(100_000)))
			await(t, m, "EvClose", r.closed)
			if err := r.err(t); !strings.Contains(err.Error(), "longer than") || len(r.got) > 0 {
				t.Errorf("error %v, %d bytes delivered", err, len(r.got))
			}
		})
	}
}
