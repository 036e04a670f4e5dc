package mqtt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// methodM is the property Authentication Method with the value m.
var methodM = mqtt.Property{ID: mqtt.PropAuthenticationMethod, Value: []byte("m")}

// connectM is a CONNECT of 5.0 with client identifier "c", a clean start and the method m.
var connectM = pack("10 12 00 04'MQTT' 05 02 00 00 04 15 00 01'm' 00 01'c'")

// awaitingAuth is a connection after a CONNECT with the method m, before CONNACK.
func awaitingAuth(t *testing.T, scheme, role string, on hooks) *pair {
	t.Helper()
	var x *pair
	if role == "client" {
		x = startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true, Version: 5, Props: []mqtt.Property{methodM}}, on)
		looptest.Await(t, x.m, "CONNECT", x.p.received(connectM))
	} else {
		x = acceptedConn(t, scheme, on, reactor.WithClock(looptest.NewClock().Now))
		x.p.send(connectM)
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
	}
	x.r.Lines, x.p.got, x.p.frames = nil, nil, nil
	return x
}

// authConn is awaitingAuth, but CONNACK was exchanged.
func authConn(t *testing.T, scheme, role string, on hooks) *pair {
	t.Helper()
	x := awaitingAuth(t, scheme, role, on)
	if role == "client" {
		x.p.send(connackOK[5])
		looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
	} else {
		if err := mqtt.Connack(x.c, false, 0); err != nil {
			t.Fatal(err)
		}
		looptest.Await(t, x.m, "CONNACK", x.p.received(pack(connackM)))
	}
	x.r.Lines, x.p.got, x.p.frames = nil, nil, nil
	return x
}

// An AUTH of each code, with the method m, with the method n, and an empty one.
const (
	connackM     = "20 07 00 00 04 15 00 01'm'"
	authContinue = "f0 06 18 04 15 00 01'm'"
	authAgain    = "f0 06 19 04 15 00 01'm'"
	authSuccess  = "f0 06 00 04 15 00 01'm'"
	authOther    = "f0 06 18 04 15 00 01'n'"
	authEmpty    = "f0 00"
)

// AUTH may come only if CONNECT had an Authentication Method, with this method [MQTT-4.12.0-5]
// [MQTT-4.12.0-6] [MQTT-4.12.0-7], and with a code of its side and phase (section 3.15.2.1).
func TestAuthFromPeer(t *testing.T) {
	type open func(t *testing.T, scheme, role string, on hooks) *pair
	plain := func(t *testing.T, scheme, role string, on hooks) *pair { return connectedAs(t, scheme, role, 5, on) }
	plainBefore := func(t *testing.T, scheme, role string, on hooks) *pair { return awaitingConnack(t, scheme, 5, on) }
	for i, row := range []struct {
		role string
		open open
		in   string
		rule string // the rule that the packet breaks, or ""
	}{
		{"client", plain, authContinue, "MQTT-4.12.0-6"},
		{"client", plain, authEmpty, "MQTT-4.12.0-6"},
		{"client", plainBefore, authContinue, "MQTT-4.12.0-6"},
		{"server", plain, authContinue, "MQTT-4.12.0-7"},
		{"server", plain, authAgain, "MQTT-4.12.0-7"},
		{"server", plain, authEmpty, "MQTT-4.12.0-7"},
		{"client", authConn, authOther, "MQTT-4.12.0-5"},
		{"client", awaitingAuth, authOther, "MQTT-4.12.0-5"},
		{"server", authConn, authOther, "MQTT-4.12.0-5"},
		{"client", authConn, authAgain, "section 3.15.2.1"},
		{"client", awaitingAuth, authAgain, "section 3.15.2.1"},
		{"server", authConn, authSuccess, "section 3.15.2.1"},
		{"client", awaitingAuth, authSuccess, "MQTT-4.12.0-2"},

		{"client", awaitingAuth, authContinue, ""},
		{"client", authConn, authContinue, ""},
		{"client", authConn, authSuccess, ""},
		{"client", authConn, authEmpty, ""},
		{"server", authConn, authContinue, ""},
		{"server", authConn, authAgain, ""},
	} {
		t.Run(fmt.Sprint(i, " ", row.role), func(t *testing.T) {
			overEachTransport(t, func(t *testing.T, scheme string) {
				x := row.open(t, scheme, row.role, nil)
				x.p.send(pack(row.in))
				if row.rule == "" {
					looptest.Await(t, x.m, "AUTH", x.r.Noted("auth"))
					x.p.wantGot(x.m, "")
					return
				}
				x.waitClose()
				x.r.wantPackets("ERROR CLOSE")
				looptest.WantErr(t, x.r.Err(t), mqtt.ErrMalformed, "AUTH", "0x82", row.rule)
				x.waitEnd()
				x.p.wantGot(x.m, "e0 02 82 00")
			})
		})
	}
}

// CONNACK may have an Authentication Method only if CONNECT had the same [MQTT-4.12.0-5]
// [MQTT-4.12.0-6].
func TestAuthMethodOfConnack(t *testing.T) {
	for _, tc := range []struct {
		asked, ok bool
		connack   string
	}{
		{false, false, "20 07 00 00 04 15 00 01'm'"},
		{true, false, "20 07 00 00 04 15 00 01'n'"},
		{true, true, "20 07 00 00 04 15 00 01'm'"},
		{true, true, "20 03 00 00 00"}, // some servers leave it out
	} {
		x := (*pair)(nil)
		if tc.asked {
			x = awaitingAuth(t, "mqtt", "client", nil)
		} else {
			x = awaitingConnack(t, "mqtt", 5, nil)
		}
		x.p.send(pack(tc.connack))
		looptest.Await(t, x.m, "CONNACK or an error", func() bool { return x.r.Noted("connack")() || len(x.r.Errs) > 0 })
		if accepted := len(x.r.Errs) == 0; accepted != tc.ok {
			t.Errorf("%+v: errors %v", tc, x.r.Errs)
		}
	}
	x := acceptedConn(t, "mqtt", nil)
	x.p.send(connectC[5])
	looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
	if err := mqtt.Connack(x.c, false, 0, methodM); !errors.Is(err, mqtt.ErrNoAuthMethod) {
		t.Errorf("Connack with a method: %v", err)
	}
	x.p.wantGot(x.m, "")

	x = awaitingAuth(t, "mqtt", "server", nil)
	other := mqtt.Property{ID: mqtt.PropAuthenticationMethod, Value: []byte("n")}
	looptest.WantErr(t, mqtt.Connack(x.c, false, 0, other), mqtt.ErrMalformed, "CONNACK", "MQTT-4.12.0-5")
	x.wantSent("CONNACK without a method", connackM, func() error { return mqtt.Connack(x.c, false, 0) })
	x = awaitingAuth(t, "mqtt", "server", nil)
	x.wantSent("refusal", "20 03 00 8c 00", func() error { return mqtt.Connack(x.c, false, mqtt.ReasonBadAuthMethod) })
}

// The exchange before CONNACK, as client and as server, and re-authentication after it.
func TestAuthExchange(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		data := mqtt.Property{ID: mqtt.PropAuthenticationData, Value: []byte("d")}
		const answer = "f0 0a 18 08 15 00 01'm' 16 00 01'd'"

		x := awaitingAuth(t, scheme, "client", nil)
		for _, err := range []error{mqtt.Ping(x.c), mqtt.SendPackets(x.c, pack("c0 00")), pubError(x.c)} {
			if err != mqtt.ErrNotOpen { // [MQTT-3.1.2-30]
				t.Errorf("a packet before CONNACK: %v", err)
			}
		}
		x.p.send(pack(authContinue))
		looptest.Await(t, x.m, "AUTH", x.r.Noted("auth"))
		x.wantSent("AUTH", answer, func() error { return mqtt.Auth(x.c, mqtt.ReasonContinueAuthentication, data) })
		x.p.send(pack("20 07 00 00 04 15 00 01'm'"))
		looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
		x.wantSent("AUTH again", authAgain, func() error { return mqtt.Auth(x.c, mqtt.ReasonReauthenticate) })
		x.p.send(pack(authSuccess))
		looptest.Await(t, x.m, "AUTH", func() bool { return x.r.packets() == "auth MQTT_OPEN:0 connack auth" })

		x = awaitingAuth(t, scheme, "server", nil)
		x.wantSent("AUTH", answer, func() error { return mqtt.Auth(x.c, mqtt.ReasonContinueAuthentication, data) })
		x.p.send(pack(authContinue), pack("c0 00"))
		looptest.Await(t, x.m, "AUTH", x.r.Noted("auth"))
		looptest.Settle(t, x.m)
		x.r.wantPackets("auth") // PINGREQ waits for the next AUTH or for CONNACK
		x.wantSent("CONNACK", "20 07 00 00 04 15 00 01'm'", func() error { return mqtt.Connack(x.c, false, 0, methodM) })
		looptest.Await(t, x.m, "PINGREQ", x.r.Noted("pingreq"))
		x.p.send(pack(authAgain))
		looptest.Await(t, x.m, "AUTH", func() bool { return x.r.packets() == "auth pingreq auth" })
		x.wantSent("AUTH success", authSuccess, func() error { return mqtt.Auth(x.c, mqtt.ReasonSuccess) })
	})
}

// A server that has sent AUTH accepts AUTH and DISCONNECT only [MQTT-3.1.2-30]. It refuses another
// packet with CONNACK, because it must not send DISCONNECT yet. The handshake deadline applies.
func TestPacketsDuringAuthentication(t *testing.T) {
	for _, tc := range []struct{ in, events, out string }{
		{"c0 00", "ERROR CLOSE", "20 03 00 82 00"},
		{authOther, "ERROR CLOSE", "20 03 00 82 00"},
		{authAgain, "ERROR CLOSE", "20 03 00 82 00"},
		{"e0 00", "disconnect CLOSE", ""},
	} {
		overEachTransport(t, func(t *testing.T, scheme string) {
			x := awaitingAuth(t, scheme, "server", nil)
			x.wantSent("AUTH", authContinue, func() error { return mqtt.Auth(x.c, mqtt.ReasonContinueAuthentication) })
			x.p.send(pack(tc.in))
			x.waitClose()
			x.r.wantPackets(tc.events)
			x.waitEnd()
			x.p.wantGot(x.m, tc.out)
		})
	}
	clock := looptest.NewClock()
	x := acceptedConn(t, "mqtt", hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
		if err := mqtt.Auth(c, mqtt.ReasonContinueAuthentication); err != nil {
			t.Error(err)
		}
	}}, reactor.WithClock(clock.Now))
	x.p.send(connectM)
	looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
	for n := 1; n <= 2; n++ { // each AUTH of the server starts the deadline again
		clock.Advance(reactor.DefaultHandshakeDeadline - time.Second)
		x.p.send(pack(authContinue))
		looptest.Await(t, x.m, "AUTH", func() bool { return strings.Count(x.r.packets(), "auth") == n })
	}
	looptest.Settle(t, x.m)
	if len(x.r.Errs) > 0 {
		t.Fatalf("before the deadline: %v", x.r.Errs)
	}
	clock.Advance(reactor.DefaultHandshakeDeadline)
	x.waitClose()
	looptest.WantErr(t, x.r.Err(t), nil, "andshake")
}

// While the program looks at an AUTH of the client, the client is not late. Connack ends the wait
// for an AUTH as well.
func TestHandshakeDeadlineOfAuth(t *testing.T) {
	for _, answered := range []bool{false, true} {
		clock := looptest.NewClock()
		x := acceptedConn(t, "mqtt", nil, reactor.WithClock(clock.Now))
		x.p.send(connectM)
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
		if err := mqtt.Auth(x.c, mqtt.ReasonContinueAuthentication); err != nil {
			t.Fatal(err)
		}
		if answered {
			x.p.send(pack(authContinue))
			looptest.Await(t, x.m, "AUTH", x.r.Noted("auth"))
		} else if err := mqtt.Connack(x.c, false, 0); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
		looptest.Spin(t, x.m, 5)
		if len(x.r.Errs) > 0 {
			t.Errorf("answered %v: %v", answered, x.r.Errs)
		}
	}
}

// What the client has sent while the program was thinking is handled after Auth, here DISCONNECT.
func TestInputWaitsForAuth(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := awaitingAuth(t, scheme, "server", nil)
		x.p.send(pack("e0 00"))
		looptest.Settle(t, x.m)
		x.r.wantPackets("")
		x.wantSent("AUTH", authContinue, func() error { return mqtt.Auth(x.c, mqtt.ReasonContinueAuthentication) })
		looptest.Await(t, x.m, "DISCONNECT", x.r.Noted("disconnect"))
	})
}

// Auth refuses what this side may not send, and sends nothing.
func TestAuthRefuses(t *testing.T) {
	for _, tc := range []struct {
		role, phase string
		code        mqtt.ReasonCode
		props       []mqtt.Property
		want        string
	}{
		{"client", "before", mqtt.ReasonReauthenticate, nil, "section 3.15.2.1"},
		{"client", "before", mqtt.ReasonSuccess, nil, "section 3.15.2.1"},
		{"client", "after", mqtt.ReasonSuccess, nil, "section 3.15.2.1"},
		{"client", "after", mqtt.ReasonBanned, nil, "section 3.15.2.1"},
		{"server", "before", mqtt.ReasonSuccess, nil, "section 3.15.2.1"},
		{"server", "after", mqtt.ReasonReauthenticate, nil, "section 3.15.2.1"},
		{"client", "after", mqtt.ReasonContinueAuthentication, []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("n")}}, "MQTT-4.12.0-5"},
		{"client", "after", mqtt.ReasonContinueAuthentication, []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}, "Topic Alias"},
		{"client", "plain", mqtt.ReasonContinueAuthentication, nil, "Authentication Method"},
		{"server", "plain", mqtt.ReasonContinueAuthentication, nil, "Authentication Method"},
	} {
		var x *pair
		switch tc.phase {
		case "before":
			x = awaitingAuth(t, "mqtt", tc.role, nil)
		case "after":
			x = authConn(t, "mqtt", tc.role, nil)
		default:
			x = connectedAs(t, "mqtt", tc.role, 5, nil)
		}
		looptest.WantErr(t, mqtt.Auth(x.c, tc.code, tc.props...), nil, tc.want)
		x.p.wantGot(x.m, "")
	}
	for version := uint8(4); version <= 5; version++ {
		x := connectedClient(t, "mqtt", version, nil)
		if err := mqtt.Auth(x.c, mqtt.ReasonContinueAuthentication); err != mqtt.ErrNoAuthMethod {
			t.Errorf("v%d: %v", version, err)
		}
	}
	x := acceptedConn(t, "mqtt", nil)
	if err := mqtt.Auth(x.c, mqtt.ReasonContinueAuthentication); err != mqtt.ErrNotOpen {
		t.Errorf("before CONNECT: %v", err)
	}
}

// pubError returns the error of Pub.
func pubError(c *reactor.Conn) error { _, err := mqtt.Pub(c, pubOptions(1)); return err }
