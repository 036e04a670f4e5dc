package ws_test

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// A connection may be changed at every byte of a message, and of its compressed form. The
// handler gets the same.
func TestChangesAtEveryByte(t *testing.T) {
	for _, change := range looptest.Changes() {
		t.Run(change.Name, func(t *testing.T) {
			for _, kind := range changedKinds {
				got, ended := "", false
				env := newEnv(t, reactor.WithClock(looptest.NewClock().Now))
				if kind.deflated {
					env.opts, env.extensions = &ws.Options{Deflate: &ws.Deflate{}}, pmd
				}
				tc := env.open(asServer, func(_ *reactor.Conn, ev reactor.Event, data any) {
					if ev == reactor.EvWSMsg {
						got, ended = got+string(data.(*ws.Message).Data), data.(*ws.Message).Fin
					}
				})
				in := kind.frames(tc.frame)
				for at := range len(in) {
					got, ended = "", false
					tc.peerSends(in[:at])
					change.Do(tc.conn)
					spin(t, env.manager)
					tc.peerSends(in[at:])
					await(t, env.manager, "the message", func() bool { return ended || tc.events.LastErr() != nil })
					if got != "123456789012" || tc.events.LastErr() != nil {
						t.Fatalf("%s, byte %d: got %q, error %v", kind.name, at, got, tc.events.LastErr())
					}
				}
				tc.closeBoth()
			}
		})
	}
}

// StartTLS in a frame fails the connection, and the message is not delivered.
func TestStartTLSAtEveryByte(t *testing.T) {
	config := looptest.NewAuthority(t).Server(t)
	for _, kind := range changedKinds[:2] {
		in := kind.frames((&testConn{role: asServer}).frame)
		for at := 1; at < len(in)-1; at++ {
			tc := newEnv(t).open(asServer, nil)
			tc.peerSends(in[:at])
			tc.conn.StartTLS(config)
			tc.peerSends(in[at:] + "no TLS record")
			await(t, tc.manager, "an error", func() bool { return tc.events.LastErr() != nil })
			if slices.Contains(tc.events.Events, reactor.EvWSMsg) {
				t.Errorf("%s, byte %d: the message was delivered", kind.name, at)
			}
			tc.closeBoth()
		}
	}
}
