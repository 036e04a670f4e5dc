package http_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A connection may be changed at every byte of a request. The response is the same.
func TestChangesAtEveryByte(t *testing.T) {
	for _, change := range looptest.Changes() {
		t.Run(change.Name, func(t *testing.T) {
			s := listenWith(t, []reactor.Option{reactor.WithClock(looptest.NewClock().Now)}, echo(t))
			p := s.dial()
			for in, want := range map[string]string{get: "GET /a ", post: "POST /b xyz", chk: "POST / abcd"} {
				for at := range len(in) {
					p.send(in[:at])
					change.Do(s.conn)
					p.idle()
					p.send(in[at:])
					p.expect(ok("", want))
					if s.LastErr() != nil {
						t.Fatalf("byte %d of %q: %v", at, in, s.LastErr())
					}
				}
			}
		})
	}
}

// StartTLS in a request fails the connection: the rest of the request is not a TLS handshake. The
// request is not delivered.
func TestStartTLSAtEveryByte(t *testing.T) {
	config := looptest.NewAuthority(t).Server(t)
	for _, in := range []string{get, post, chk} {
		for at := 1; at < len(in); at++ {
			s := listen(t, echo(t))
			p := s.dial()
			p.send(in[:at])
			s.conn.StartTLS(config)
			p.send(in[at:])
			p.expectClosed()
			if s.LastErr() == nil || s.Count(reactor.EvHTTPMsg) > 0 {
				t.Errorf("byte %d of %q: events %v, error %v", at, in, s.Events, s.LastErr())
			}
			s.m.Close()
		}
	}
}
