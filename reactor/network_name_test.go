package reactor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// What is logged of a client that was never connected names its network.
func TestNetworkOfAClientNeverConnected(t *testing.T) {
	nobody := resolverFunc(func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("nobody") })
	_, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, -1) // a stream socket that does not listen
	for _, test := range []struct{ url, network string }{
		{"tcp://" + at.String(), "tcp"},
		{"tcp://host.test:1", "tcp"},
		{"udp://host.test:1", "udp"},
		{"unix://" + t.TempDir() + "/nobody", "unix"},
	} {
		for _, early := range []bool{false, true} {
			var log bytes.Buffer
			h := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
			m := newManager(t, reactor.WithLogger(slog.New(h)), reactor.WithResolver(nobody))
			r := &recorder{}
			c := dial(t, m, test.url, r.handle)
			if early {
				c.Close()
			}
			await(t, m, "EvClose", r.closed)
			want, found := " network="+test.network+" ", false
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "msg=closed") {
					found = strings.Contains(line, want)
				}
			}
			if !found {
				t.Errorf("%s: no %q in\n%s", test.url, want, log.String())
			}
			if !early && !strings.HasPrefix(r.err(t).Error(), "dial "+test.network+" ") {
				t.Errorf("%s: %v", test.url, r.errs)
			}
		}
	}
}
