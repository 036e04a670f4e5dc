package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// The calls that send DISCONNECT and the packet, by version; for a server
// there is none in 3.1.1 (section 3.14).
var farewells = []struct {
	name           string
	client, server [2]string // 3.1.1, 5.0; "" if it must not be sent
	call           func(c *reactor.Conn) error
}{
	{"Disconnect", [2]string{"e0 00", "e0 00"}, [2]string{"", "e0 00"}, func(c *reactor.Conn) error { return mqtt.Disconnect(c, nil) }},
	{"Disconnect with properties", [2]string{"", "e0 09 00 07 26 0001'k' 0001'v'"}, [2]string{"", "e0 09 00 07 26 0001'k' 0001'v'"},
		func(c *reactor.Conn) error {
			return mqtt.Disconnect(c, &mqtt.Options{Props: []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}}})
		}},
	{"DisconnectCode 0", [2]string{"e0 00", "e0 00"}, [2]string{"", "e0 00"}, func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, 0) }},
	{"DisconnectCode", [2]string{"e0 00", "e0 02 04 00"}, [2]string{"", "e0 02 04 00"},
		func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, mqtt.ReasonDisconnectWithWill) }},
	{"MQTT-3.14.2-1 a code that is none", [2]string{"e0 00", ""}, [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, 0x18) }},
}

func TestConnDisconnect(t *testing.T) {
	for i := range farewells {
		row := &farewells[i]
		overBoth(t, func(t *testing.T, scheme string) {
			for role, wants := range map[string][2]string{"client": row.client, "server": row.server} {
				for v, want := range wants {
					t.Run(fmt.Sprintf("%s v%d %s", role, 4+v, row.name), func(t *testing.T) {
						x := ready(t, scheme, role, uint8(4+v), nil)
						sayFarewell(x, row.name, want, row.call)
					})
				}
			}
		})
	}
}

func sayFarewell(x *pair, name, want string, call func(c *reactor.Conn) error) {
	x.t.Helper()
	if want == "" {
		refusesToSend(x.t, x.c, name, nil, func() error { return call(x.c) })
		x.sending("Pub after the refusal", fmt.Sprintf("%x", sized("30 07 00 03'a/b'$v'hi'", mqtt.Version(x.c))),
			func() error { _, err := mqtt.Pub(x.c, publishing(0)); return err })
		return
	}
	x.sending(name, want, func() error { return call(x.c) })
	for after, call := range everyCall { // [MQTT-3.14.4-2]
		refusesToSend(x.t, x.c, after+" after DISCONNECT", mqtt.ErrDisconnected, func() error { return call(x.c) })
	}
	x.c.Drain()
	await(x.t, x.m, "the end", x.p.ended)
	x.p.close()
	x.waitClose()
	x.r.wantPackets("CLOSE")
}

func TestConnDisconnectByHand(t *testing.T) {
	for version := uint8(4); version <= 5; version++ {
		c, _ := bareConn(t, newManager(t), &recorder{t: t})
		if err := mqtt.Login(c, &mqtt.Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		c.Send.Reset()
		if err := mqtt.Disconnect(c, nil); err != nil || string(c.Send.Bytes()) != "\xe0\x00" {
			t.Errorf("% x, %v", c.Send.Bytes(), err)
		}
		refusesToSend(t, c, "Ping", mqtt.ErrDisconnected, func() error { return mqtt.Ping(c) })
	}
}

// What arrives after our own DISCONNECT is nobody's business, be it cut.
func TestConnInputAfterDisconnect(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := connected(t, scheme, 4, nil)
		x.sending("Disconnect", "e0 00", func() error { return mqtt.Disconnect(x.c, nil) })
		x.p.send(pack("30 06 00 03'a/b''x'"), pack("00 00"), pack("30 06"))
		x.p.shutdown()
		x.waitClose()
		x.r.wantPackets("CLOSE")
	})
}

// The client's DISCONNECT ends the connection; nothing that follows it counts
// [MQTT-3.14.4-2].
func TestConnClientDisconnects(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for version, packet := range map[uint8]string{4: "e0 00", 5: "e0 02 04 00"} {
			for _, oneMessage := range []bool{true, false} {
				x := welcomed(t, scheme, version, nil)
				if oneMessage {
					x.p.send(pack(packet + " 00 00"))
				} else {
					x.p.send(pack(packet), pack("00 00"))
				}
				await(t, x.m, "the end", x.p.ended) // [MQTT-3.14.4-1]
				x.p.close()
				x.waitClose()
				x.r.wantPackets("disconnect CLOSE")
			}
		}
	})
}
