package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// To a broker that refuses nothing more is sent, not in the events of the
// refusal either.
func TestConnNothingIsSentToWhoRefuses(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for version, code := range map[uint8]byte{4: 5, 5: 0x87} {
			events := 0
			refuses := func(c *reactor.Conn, _ any) { events++; refusesAll(t, c, mqtt.ErrDisconnected) }
			x := asking(t, scheme, version, hooks{reactor.EvMQTTOpen: refuses, reactor.EvMQTTCmd: refuses})
			x.p.send(connack(version, code))
			x.waitClose()
			await(t, x.m, "the end", x.p.ended)
			if events != 2 || len(x.p.got) > 0 {
				t.Errorf("v%d: %d events, peer got % x", version, events, x.p.got)
			}
		}
	})
}

// A client waits for CONNACK and does not send it.
func TestConnConnackIsTheServers(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, code := range []mqtt.ReasonCode{0, 5} {
			x := asking(t, scheme, 4, nil)
			misused(x, mqtt.ErrNotAsked, func(c *reactor.Conn) error { return mqtt.Connack(c, false, code) })
			x.p.send(connackOK[4])
			await(t, x.m, "CONNACK", x.r.saw("connack"))
			x.r.wantPackets("MQTT_OPEN:0 connack")
		}
	})
}

// misused checks that a call is refused, and that Ping is still possible.
func misused(x *pair, is error, call func(c *reactor.Conn) error) {
	x.t.Helper()
	refusesToSend(x.t, x.c, "the call", is, func() error { return call(x.c) })
	x.sending("Ping after it", "c0 00", func() error { return mqtt.Ping(x.c) })
}

// Connect logs in by itself, and who was accepted does not log in at all.
func TestConnLoginIsConnects(t *testing.T) {
	for _, opts := range []*mqtt.Options{nil, {ClientID: "c"}, {ClientID: "c", Version: 5}} {
		login := func(c *reactor.Conn) error { return mqtt.Login(c, opts) }
		overBoth(t, func(t *testing.T, scheme string) {
			tries := 0
			early := func(c *reactor.Conn, _ any) {
				tries++
				refusesToSend(t, c, "Login", mqtt.ErrLoggedIn, func() error { return login(c) })
			}
			x := asking(t, scheme, 4, hooks{reactor.EvOpen: early, reactor.EvResolve: early})
			if tries != 2 {
				t.Fatalf("tried %d times", tries)
			}
			misused(x, mqtt.ErrLoggedIn, login)
			x.p.send(connackOK[4])
			await(t, x.m, "CONNACK", x.r.saw("connack"))
			misused(x, mqtt.ErrLoggedIn, login)
			if v := mqtt.Version(x.c); v != 4 {
				t.Errorf("version %d", v)
			}
			x = served(t, scheme, nil)
			refusesToSend(t, x.c, "Login", mqtt.ErrLoggedIn, func() error { return login(x.c) })
			x = welcomed(t, scheme, 4, nil)
			misused(x, mqtt.ErrLoggedIn, login)
		})
	}
}
