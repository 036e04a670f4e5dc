package mqtt_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// connectedWith is a 5.0 connection whose peer sends the properties in its CONNECT or CONNACK. role
// is that of the connection under test: "client", "server" or "login".
func connectedWith(t *testing.T, scheme, role string, props ...mqtt.Property) *pair {
	t.Helper()
	connack, err := mqtt.AppendConnack(nil, 5, false, 0, props)
	if err != nil && role != "server" {
		t.Fatal(err)
	}
	var x *pair
	switch role {
	case "server":
		connect, err := mqtt.AppendConnect(nil, 5, &mqtt.ConnectPacket{ClientID: "c", CleanStart: true, KeepAlive: 20, Props: props})
		if err != nil {
			t.Fatal(err)
		}
		x = acceptedConn(t, scheme, nil, reactor.WithClock(looptest.NewClock().Now))
		x.p.send(connect)
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
		if err := mqtt.Connack(x.c, false, 0); err != nil {
			t.Fatal(err)
		}
		looptest.Await(t, x.m, "CONNACK", x.p.received(connackOK[5]))
	case "login":
		x = &pair{t: t, m: looptest.NewManager(t), r: newRecorder(t, nil)}
		x.c, x.p = connWithoutLayer(t, x.m, x.r)
		if err := mqtt.Login(x.c, &mqtt.Options{ClientID: "c", Clean: true, Version: 5, KeepAlive: 20 * time.Second}); err != nil {
			t.Fatal(err)
		}
		m := mustParse(t, connack, 5)
		if _, ok := mqtt.PeerCapabilities(x.c); ok {
			t.Error("the capabilities are known before CONNACK")
		}
		if err := mqtt.Ack(x.c, &m); err != nil {
			t.Fatal(err)
		}
		looptest.Settle(t, x.m)
	default:
		x = startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true, Version: 5, KeepAlive: 20 * time.Second}, nil)
		x.p.send(connack)
		looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
	}
	x.p.readAll()
	x.r.Lines, x.p.got, x.p.frames = nil, nil, nil
	return x
}

// A client learns from CONNACK what the server allows, a server from CONNECT what the client does.
func TestPeerCapabilities(t *testing.T) {
	text := func(s string) []byte { return []byte(s) }
	both := []mqtt.Property{
		{ID: mqtt.PropReceiveMaximum, Int: 3}, {ID: mqtt.PropMaximumPacketSize, Int: 1000}, {ID: mqtt.PropTopicAliasMaximum, Int: 5},
		{ID: mqtt.PropSessionExpiryInterval, Int: 60},
	}
	ofServer := append(both[:4:4], mqtt.Property{ID: mqtt.PropMaximumQoS, Int: 1}, mqtt.Property{ID: mqtt.PropRetainAvailable},
		mqtt.Property{ID: mqtt.PropWildcardSubAvailable}, mqtt.Property{ID: mqtt.PropSharedSubAvailable}, mqtt.Property{ID: mqtt.PropSubIDsAvailable},
		mqtt.Property{ID: mqtt.PropServerKeepAlive, Int: 10}, mqtt.Property{ID: mqtt.PropAssignedClientIdentifier, Value: text("id")},
		mqtt.Property{ID: mqtt.PropResponseInformation, Value: text("info")}, mqtt.Property{ID: mqtt.PropServerReference, Value: text("ref")},
		mqtt.Property{ID: mqtt.PropReasonString, Value: text("why")})
	defaults := mqtt.NewCapabilities(5)
	defaults.KeepAlive = 20 * time.Second
	fromClient := defaults
	fromClient.ReceiveMaximum, fromClient.MaximumPacketSize, fromClient.TopicAliasMaximum, fromClient.SessionExpiry = 3, 1000, 5, 60
	fromServer := mqtt.Capabilities{ReceiveMaximum: 3, MaximumPacketSize: 1000, TopicAliasMaximum: 5, MaximumQoS: 1, SessionExpiry: 60,
		KeepAlive: 10 * time.Second, AssignedClientID: "id", ResponseInfo: "info", ServerReference: "ref", ReasonString: "why"}
	for _, tc := range []struct {
		role  string
		props []mqtt.Property
		want  mqtt.Capabilities
	}{
		{"client", nil, defaults}, {"login", nil, defaults}, {"server", nil, defaults},
		{"client", ofServer, fromServer}, {"login", ofServer, fromServer}, {"server", both, fromClient},
	} {
		x := connectedWith(t, "mqtt", tc.role, tc.props...)
		got, ok := mqtt.PeerCapabilities(x.c)
		if !ok || got != tc.want {
			t.Errorf("%s with %d properties: %v\n got %+v\nwant %+v", tc.role, len(tc.props), ok, got, tc.want)
		}
	}
}

// Before CONNACK and CONNECT nothing is known; after it, 3.1.1 has the defaults.
func TestPeerCapabilitiesOverTime(t *testing.T) {
	known := func(c *reactor.Conn) bool { _, ok := mqtt.PeerCapabilities(c); return ok }
	for version := uint8(4); version <= 5; version++ {
		x := awaitingConnack(t, "mqtt", version, nil)
		if known(x.c) {
			t.Errorf("v%d client: known before CONNACK", version)
		}
		y := acceptedConn(t, "mqtt", nil)
		if known(y.c) {
			t.Errorf("v%d server: known before CONNECT", version)
		}
		y.p.send(connectC[version])
		looptest.Await(t, y.m, "CONNECT", y.r.Noted("connect"))
		if !known(y.c) {
			t.Errorf("v%d server: unknown before CONNACK, which may depend on it", version)
		}
		x.p.send(connack(version, 5|0x82&byte(-(int(version)-4)))) // refuses
		looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
		if known(x.c) {
			t.Errorf("v%d client: known after a refusal", version)
		}
	}
	x := startClient(t, "mqtt", &mqtt.Options{ClientID: "c", KeepAlive: 1500 * time.Millisecond}, nil)
	x.p.send(connackOK[4])
	looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
	want := mqtt.NewCapabilities(4)
	want.KeepAlive, want.SessionExpiry = 2*time.Second, 1<<32-1
	if got, ok := mqtt.PeerCapabilities(x.c); !ok || got != want {
		t.Errorf("3.1.1: %v, %+v", ok, got)
	}
	c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	if known(c) {
		t.Error("a connection that does not speak MQTT has capabilities")
	}
}

// What Connack tells the client changes the session expiry and the keep-alive.
func TestConnackChangesCapabilities(t *testing.T) {
	x := acceptedConn(t, "mqtt", nil)
	x.p.send(connectC[5])
	looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
	err := mqtt.Connack(x.c, false, 0, mqtt.Property{ID: mqtt.PropServerKeepAlive, Int: 30}, mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: 9},
		mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: 99}, mqtt.Property{ID: mqtt.PropAssignedClientIdentifier, Value: []byte("z")})
	if err != nil {
		t.Fatal(err)
	}
	want := mqtt.NewCapabilities(5)
	want.KeepAlive, want.SessionExpiry, want.AssignedClientID = 30*time.Second, 9, "z"
	if got, _ := mqtt.PeerCapabilities(x.c); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Each call respects what the peer allows, on clients, servers and connections of Login. A refused
// call sends nothing, and takes no identifier.
func TestCallsRespectPeer(t *testing.T) {
	props := func(id mqtt.PropID, v uint32) []mqtt.Property { return []mqtt.Property{{ID: id, Int: v}} }
	type call func(c *reactor.Conn) error
	pub := func(o mqtt.Options) call {
		o.ID = 7
		return func(c *reactor.Conn) error { _, err := mqtt.Pub(c, &o); return err }
	}
	sub := func(o mqtt.Options) call {
		o.ID = 7
		return func(c *reactor.Conn) error { _, err := mqtt.Sub(c, &o); return err }
	}
	big := make([]byte, 100)
	for _, tc := range []struct {
		limit mqtt.Property
		role  string // "" is all
		call  call
		want  string
	}{
		{mqtt.Property{ID: mqtt.PropMaximumQoS, Int: 1}, "client", pub(mqtt.Options{Topic: "t", QoS: 2}), "Maximum QoS"},
		{mqtt.Property{ID: mqtt.PropRetainAvailable}, "client", pub(mqtt.Options{Topic: "t", Retain: true}), "Retain Available"},
		{mqtt.Property{ID: mqtt.PropTopicAliasMaximum, Int: 2}, "", pub(mqtt.Options{Topic: "t", Props: props(mqtt.PropTopicAlias, 3)}), "Topic Alias Maximum"},
		{mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: 100}, "", pub(mqtt.Options{Topic: "t", Message: big, QoS: 1}), "Maximum Packet Size"},
		{mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: 20}, "client", sub(mqtt.Options{Topic: "abcdefghijklmnopq"}), "Maximum Packet Size"},
		{mqtt.Property{ID: mqtt.PropWildcardSubAvailable}, "client", sub(mqtt.Options{Topic: "a/#"}), "Wildcard Subscription Available"},
		{mqtt.Property{ID: mqtt.PropSharedSubAvailable}, "client", sub(mqtt.Options{Topic: "$share/g/a"}), "Shared Subscription Available"},
		{mqtt.Property{ID: mqtt.PropSubIDsAvailable}, "client", sub(mqtt.Options{Topic: "a", Props: props(mqtt.PropSubscriptionIdentifier, 1)}), "Subscription Identifiers Available"},
		{mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: 20}, "", func(c *reactor.Conn) error {
			return mqtt.SendPackets(c, append(pack("30 06 00 03'a/b''x'"), pack("30 14 00 03'a/b''0123456789abcdef'")...)) // 8 and 22 bytes
		}, "Maximum Packet Size"},
		{mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: 20}, "", func(c *reactor.Conn) error {
			return mqtt.DisconnectCode(c, 0) // fits
		}, ""},
		{mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: 5}, "", func(c *reactor.Conn) error {
			return mqtt.Disconnect(c, &mqtt.Options{Props: []mqtt.Property{reasonX}})
		}, "Maximum Packet Size"},
	} {
		for _, role := range []string{"client", "server", "login"} {
			if tc.role == "client" && role == "server" {
				continue
			}
			t.Run(fmt.Sprintf("%s %v %s", role, tc.limit.ID, tc.want), func(t *testing.T) {
				x := connectedWith(t, "mqtt", role, tc.limit)
				x.c.Send.Reset()
				err := tc.call(x.c)
				if tc.want == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				var limit *mqtt.PeerLimitError
				if !errors.As(err, &limit) || limit.Limit != tc.want {
					t.Errorf("error %v", err)
				}
				if x.c.Send.Len() > 0 {
					t.Errorf("Send has %d bytes", x.c.Send.Len())
				}
				if role != "login" && tc.limit.ID != mqtt.PropMaximumPacketSize {
					if id, err := sendID(x.c, "pub 1", 7); id != 7 || err != nil {
						t.Errorf("afterwards: %v", err)
					}
				}
			})
		}
	}
}

// In 5.0 at most Receive Maximum messages of QoS 1 and 2 are in flight, in both roles. The window
// opens with PUBACK, PUBCOMP and a refusing PUBREC [MQTT-3.3.4-7] [MQTT-3.3.4-9] (section 4.9).
func TestReceiveMaximumBoundsPub(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		x := connectedWith(t, "mqtt", role, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 2})
		full := func(when string, want bool) {
			t.Helper()
			var limit *mqtt.PeerLimitError
			_, err := mqtt.Pub(x.c, &mqtt.Options{Topic: "a/b", QoS: 1, ID: 99})
			if isFull := errors.As(err, &limit) && limit.Limit == "Receive Maximum" && limit.Value == 2 && limit.Got == 3; isFull != want {
				t.Errorf("%s: error %v, want a full window %v", when, err, want)
			}
		}
		receive := func(p string) {
			before := len(x.r.Lines)
			x.p.send(pack(p))
			looptest.Await(t, x.m, p, func() bool { return len(x.r.Lines) > before })
		}
		if role == "client" {
			mqtt.Sub(x.c, &mqtt.Options{Topic: "s", ID: 50}) // does not count
		}
		for id, call := range []string{"pub 1", "pub 2"} {
			if _, err := sendID(x.c, call, uint16(id+1)); err != nil {
				t.Fatal(err)
			}
		}
		full("2 in flight", true)
		if _, err := mqtt.Pub(x.c, pubOptions(0)); err != nil {
			t.Errorf("QoS 0: %v", err)
		}
		again := pubOptions(1)
		again.RetransmitID = 1
		if _, err := mqtt.Pub(x.c, again); err != nil {
			t.Errorf("a retransmission: %v", err)
		}
		again.RetransmitID = 3
		if _, err := mqtt.Pub(x.c, again); err == nil {
			t.Error("a retransmission of a message that is not in flight: no error")
		}
		receive("50 02 00 02") // PUBREC
		full("after PUBREC", true)
		receive("40 02 00 63") // of nothing
		full("after an unknown PUBACK", true)
		receive("70 02 00 02")
		full("after PUBCOMP", false)
		full("again", true)
		receive("40 02 00 63")
		if _, err := sendID(x.c, "pub 2", 4); err != nil {
			t.Errorf("after PUBACK: %v", err)
		}
		receive("50 03 00 04 97")
		full("after a refusing PUBREC", false)
	}
	x := connectedClient(t, "mqtt", 4, nil)
	for range 300 { // 3.1.1 has no such limit
		if _, err := mqtt.Pub(x.c, pubOptions(1)); err != nil {
			t.Fatal(err)
		}
	}
}

// A topic alias may stand for a topic if one was sent with it on this connection.
func TestPubWithTopicAlias(t *testing.T) {
	for _, role := range []string{"client", "server", "login"} {
		x := connectedWith(t, "mqtt", role, mqtt.Property{ID: mqtt.PropTopicAliasMaximum, Int: 2})
		pub := func(topic string, alias uint32) error {
			_, err := mqtt.Pub(x.c, &mqtt.Options{Topic: topic, Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: alias}}})
			return err
		}
		looptest.WantErr(t, pub("", 1), mqtt.ErrMalformed, "Topic Alias 1", "PUBLISH")
		if err := pub("#", 1); err == nil {
			t.Error("no error for a bad topic")
		}
		looptest.WantErr(t, pub("", 1), mqtt.ErrMalformed, "Topic Alias 1") // the bad one was not sent
		x.wantSent("topic and alias", "30 07 00 01't' 03 23 0001", func() error { return pub("t", 1) })
		x.wantSent("alias", "30 06 00 00 03 23 0001", func() error { return pub("", 1) })
		looptest.WantErr(t, pub("", 2), mqtt.ErrMalformed, "Topic Alias 2")
	}
	// Before CONNACK the Topic Alias Maximum is not known.
	x := awaitingConnack(t, "mqtt", 5, nil)
	_, err := mqtt.Pub(x.c, &mqtt.Options{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}})
	looptest.WantErr(t, err, nil, "Topic Alias Maximum is 0")
}

// On a connection of Login that does not learn the limits, the program looks at them.
func TestLoginWithoutCapabilities(t *testing.T) {
	c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	if err := mqtt.Login(c, &mqtt.Options{Version: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := mqtt.Pub(c, &mqtt.Options{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}}); err != nil {
		t.Error(err)
	}
}
