package reactor_test

import (
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Whoever sets other deadlines keeps that of the handshake, unless it is said to be
// off.
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
			clock := newClock()
			m := newManager(t, append(row.opts, reactor.WithClock(clock.now))...)
			r := &recorder{}
			l := listen(t, m, "tls://127.0.0.1:0", r.handle)
			if row.set != nil {
				l.SetDeadlines(*row.set)
			}
			l.StartTLS(&tls.Config{Certificates: serverConfig().Certificates})
			netDial(t, l.LocalAddr().String())
			await(t, m, "the connection", r.saw(reactor.EvAccept))
			if row.after == 0 {
				clock.advance(30 * time.Minute)
				spin(t, m, 5)
				if len(r.errs) > 0 {
					t.Error(r.errs)
				}
				return
			}
			clock.advance(row.after - 1)
			spin(t, m, 5)
			if len(r.errs) > 0 {
				t.Fatalf("too early: %v", r.errs)
			}
			clock.advance(1)
			await(t, m, "the end", r.closed)
			looptest.WantErr(t, r.err(t), os.ErrDeadlineExceeded, "TLS handshake deadline of "+row.after.String())
		})
	}
}
