package mqtt_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// packetOf makes a packet of raw parts: its first byte, the part before the counted one, n copies
// of the counted part, and the part after it. If the version is 5.0 and inProps is set, the counted
// parts are the properties of the packet.
func packetOf(first byte, before, counted string, n int, after string, inProps bool) []byte {
	body, list := pack(before), slices.Repeat(pack(counted), n)
	if inProps {
		body = appendLength(body, len(list))
	}
	body = slices.Concat(body, list, pack(after))
	return append(appendLength([]byte{first}, len(body)), body...)
}

// appendLength appends a variable byte integer.
func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// userProp is the smallest property that may be repeated.
const userProp = "26 00 00 00 00"

// countRow is a packet of n counted parts.
type countRow struct {
	name    string
	role    string // of the connection under test
	version uint8
	packet  func(n int) []byte
	props   bool // Limits.Properties applies, not Limits.Filters
}

var countRows = []countRow{
	{"PUBLISH", "server", 5, func(n int) []byte { return packetOf(0x30, "00 01't'", userProp, n, "'x'", true) }, true},
	{"PUBLISH", "client", 5, func(n int) []byte { return packetOf(0x30, "00 01't'", userProp, n, "'x'", true) }, true},
	{"PUBACK", "server", 5, func(n int) []byte { return packetOf(0x40, "00 01 00", userProp, n, "", true) }, true},
	{"PUBREC", "client", 5, func(n int) []byte { return packetOf(0x50, "00 01 00", userProp, n, "", true) }, true},
	{"PUBREL", "server", 5, func(n int) []byte { return packetOf(0x62, "00 01 00", userProp, n, "", true) }, true},
	{"PUBCOMP", "client", 5, func(n int) []byte { return packetOf(0x70, "00 01 00", userProp, n, "", true) }, true},
	{"SUBSCRIBE", "server", 5, func(n int) []byte { return packetOf(0x82, "00 01", userProp, n, "00 01'a' 00", true) }, true},
	{"UNSUBSCRIBE", "server", 5, func(n int) []byte { return packetOf(0xa2, "00 01", userProp, n, "00 01'a'", true) }, true},
	{"SUBACK", "client", 5, func(n int) []byte { return packetOf(0x90, "00 01", userProp, n, "00", true) }, true},
	{"UNSUBACK", "client", 5, func(n int) []byte { return packetOf(0xb0, "00 01", userProp, n, "00", true) }, true},
	{"AUTH", "server", 5, authOf, true},
	{"DISCONNECT", "server", 5, func(n int) []byte { return packetOf(0xe0, "00", userProp, n, "", true) }, true},

	{"filters of SUBSCRIBE", "server", 4, func(n int) []byte { return packetOf(0x82, "00 01", "00 01'a' 00", n, "", false) }, false},
	{"filters of SUBSCRIBE", "server", 5, func(n int) []byte { return packetOf(0x82, "00 01 00", "00 01'a' 00", n, "", false) }, false},
	{"filters of UNSUBSCRIBE", "server", 4, func(n int) []byte { return packetOf(0xa2, "00 01", "00 01'a'", n, "", false) }, false},
	{"filters of UNSUBSCRIBE", "server", 5, func(n int) []byte { return packetOf(0xa2, "00 01 00", "00 01'a'", n, "", false) }, false},
	{"codes of SUBACK", "client", 4, func(n int) []byte { return packetOf(0x90, "00 01", "00", n, "", false) }, false},
	{"codes of SUBACK", "client", 5, func(n int) []byte { return packetOf(0x90, "00 01 00", "00", n, "", false) }, false},
	{"codes of UNSUBACK", "client", 5, func(n int) []byte { return packetOf(0xb0, "00 01 00", "00", n, "", false) }, false},
}

// authOf makes an AUTH with n properties. One is the method, which AUTH must have.
func authOf(n int) []byte {
	props := append(slices.Repeat(pack(userProp), n-1), pack("15 00 01'm'")...)
	body := append(appendLength(pack("18"), len(props)), props...)
	return append(appendLength([]byte{0xf0}, len(body)), body...)
}

// A packet of the limit is accepted. A packet of one more fails the connection with 0x97
// [MQTT-4.13.2-1].
func TestCountLimits(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range countRows {
			for _, limit := range []int{0, 3} { // 0 is the default
				t.Run(fmt.Sprintf("%s %s v%d %d", row.role, row.name, row.version, limit), func(t *testing.T) {
					checkCountLimit(t, scheme, &row, limit)
				})
			}
		}
	})
}

func checkCountLimit(t *testing.T, scheme string, row *countRow, limit int) {
	most, limits := limit, mqtt.Limits{Filters: limit}
	if row.props {
		limits = mqtt.Limits{Properties: limit}
	}
	if limit == 0 {
		if most = mqtt.DefaultMaxFilters; row.props {
			most = mqtt.DefaultMaxProperties
		}
	}
	open := func() *pair {
		x := (*pair)(nil)
		if row.name == "AUTH" {
			x = authConn(t, scheme, row.role, nil)
		} else {
			x = connectedAs(t, scheme, row.role, row.version, nil)
		}
		if limit != 0 {
			if err := mqtt.SetLimits(x.c, limits); err != nil {
				t.Fatal(err)
			}
		}
		return x
	}
	x := open()
	x.p.Write(x.p.frameOf(row.packet(most)))
	looptest.Await(t, x.m, "the packet", func() bool { return x.r.packets() != "" })
	if len(x.r.Errs) > 0 {
		t.Fatalf("at the limit: %v", x.r.Errs)
	}
	x = open()
	x.p.Write(x.p.frameOf(row.packet(most + 1)))
	x.waitClose()
	x.r.wantPackets("ERROR CLOSE")
	looptest.WantErr(t, x.r.Err(t), mqtt.ErrLimit, fmt.Sprint("more than ", most), "MQTT-4.")
	x.waitEnd()
	x.p.wantGot(x.m, map[uint8]string{4: "", 5: "e0 02 97 00"}[row.version])
}

// frameOf is framed for packets of up to 64 KiB.
func (p *peer) frameOf(packet []byte) []byte {
	if !p.ws {
		return packet
	}
	return []byte(looptest.Frame(0x82, p.client, -1, string(packet)))
}

// connectOf makes a 5.0 CONNECT with n properties, or with n properties of its will.
func connectOf(n int, ofWill bool) []byte {
	if ofWill {
		return packetOf(0x10, "00 04'MQTT' 05 06 00 00 00 00 01'c'", userProp, n, "00 01'w' 00 00", true)
	}
	return packetOf(0x10, "00 04'MQTT' 05 02 00 00", userProp, n, "00 01'c'", true)
}

// A CONNECT whose properties or whose will's properties exceed the limit gets a 5.0 CONNACK with
// 0x97 and no session.
func TestPropertyLimitOfConnect(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, ofWill := range []bool{false, true} {
			x := acceptedConn(t, scheme, nil)
			x.p.Write(x.p.frameOf(connectOf(mqtt.DefaultMaxProperties, ofWill)))
			looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))

			x = acceptedConn(t, scheme, nil)
			x.p.Write(x.p.frameOf(connectOf(mqtt.DefaultMaxProperties+1, ofWill)))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(t), mqtt.ErrLimit, "CONNECT", "more than 256 properties")
			x.waitEnd()
			x.p.wantGot(x.m, "20 03 00 97 00")
		}
	})
}

// A client counts the properties of CONNACK.
func TestPropertyLimitOfConnack(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for beyond, words := range []string{"MQTT_OPEN:0 connack", "ERROR CLOSE"} {
			x := awaitingConnack(t, scheme, 5, nil)
			x.p.Write(x.p.frameOf(packetOf(0x20, "00 00", userProp, mqtt.DefaultMaxProperties+beyond, "", true)))
			looptest.Await(t, x.m, "the packet", func() bool { x.p.endIfDone(); return x.r.packets() == words })
		}
	})
}

// A packet is refused when the count passes the limit. The rest of it is not looked at: here it is
// malformed, and so large that reading it would take long.
func TestRestBeyondLimitIsNotRead(t *testing.T) {
	props := append(slices.Repeat(pack(userProp), mqtt.DefaultMaxProperties+1), make([]byte, 15<<20)...)
	body := append(appendLength(pack("00 01't'"), len(props)), props...)
	x := connectedServer(t, "mqtt", 5, nil)
	x.p.send(appendLength([]byte{0x30}, len(body)))
	x.writeAll(body)
	x.waitClose()
	looptest.WantErr(t, x.r.Err(t), mqtt.ErrLimit, "more than 256 properties")
}

// Negative limits are off, zero restores the defaults, and a listener passes its limits on.
func TestNegativeAndZeroCountLimits(t *testing.T) {
	many, tooMany := connectOf(mqtt.DefaultMaxProperties+1, true), mqtt.Limits{Properties: 1}
	for _, tc := range []struct {
		limits   []mqtt.Limits
		accepted bool
	}{
		{[]mqtt.Limits{{Properties: -1, Filters: -1, Unreleased: -1}}, true},
		{[]mqtt.Limits{{Properties: -1}, {}}, false},
		{[]mqtt.Limits{tooMany, {Properties: 1000}}, true},
		{nil, false},
	} {
		x := acceptedConn(t, "mqtt", nil)
		for l := range x.m.Conns() {
			for _, limits := range tc.limits {
				if !l.IsListening() {
					continue
				}
				if err := mqtt.SetLimits(l, limits); err != nil {
					t.Fatal(err)
				}
				x.p = dialPeer(t, l.LocalAddr())
			}
		}
		x.p.send(many)
		looptest.Await(t, x.m, "CONNECT or an error", func() bool { return x.r.Noted("connect")() || len(x.r.Errs) > 0 })
		if accepted := len(x.r.Errs) == 0; accepted != tc.accepted {
			t.Errorf("limits %v: accepted %v, errors %v", tc.limits, accepted, x.r.Errs)
		}
	}
}

// The peer may have as many unreleased QoS 2 messages as the limit and the Receive Maximum allow
// [MQTT-3.3.4-7] [MQTT-3.3.4-9]. A duplicate does not count, and a released identifier is free.
func TestUnreleasedLimit(t *testing.T) {
	qos2 := func(version uint8, id int) []byte {
		return forVersion(fmt.Sprintf("34 08 00 03'a/b' %04x$v'x'", id), version)
	}
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for version, told := range map[uint8]string{4: "", 5: "e0 02 93 00"} {
				t.Run(fmt.Sprintf("%s v%d", role, version), func(t *testing.T) {
					x := connectedAs(t, scheme, role, version, nil)
					if err := mqtt.SetLimits(x.c, mqtt.Limits{Unreleased: 2}); err != nil {
						t.Fatal(err)
					}
					x.p.send(qos2(version, 7), qos2(version, 65535), qos2(version, 7), pack("62 02 00 07"), qos2(version, 8))
					x.p.wantGot(x.m, "50 02 00 07 50 02 ff ff 50 02 00 07 70 02 00 07 50 02 00 08")
					x.p.send(qos2(version, 9))
					x.waitClose()
					x.r.wantPackets("a/b=x publish a/b=x publish publish pubrel a/b=x publish ERROR CLOSE")
					looptest.WantErr(t, x.r.Err(t), mqtt.ErrLimit, "more than 2 QoS 2 messages")
					x.waitEnd()
					x.p.wantGot(x.m, told)
				})
			}
		}
	})
}

// The default allows all packet identifiers. A Receive Maximum in CONNACK or CONNECT lowers it.
func TestReceiveMaximumLimitsUnreleased(t *testing.T) {
	one := mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1}
	server := func() *pair {
		x := acceptedConn(t, "mqtt", nil)
		x.p.send(connectC[5])
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
		if err := mqtt.Connack(x.c, false, 0, one); err != nil {
			t.Fatal(err)
		}
		x.p.wantGot(x.m, "20 06 00 00 03 21 00 01")
		return x
	}
	client := func() *pair {
		x := startClient(t, "mqtt", &mqtt.Options{ClientID: "c", Clean: true, Version: 5, Props: []mqtt.Property{one}}, nil)
		x.p.send(connackOK[5])
		looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
		x.p.readAll()
		x.p.got = nil
		return x
	}
	for _, open := range []func() *pair{server, client} {
		x := open()
		first, second := forVersion("34 08 00 03'a/b' 00 01$v'x'", 5), forVersion("34 08 00 03'a/b' 00 02$v'x'", 5)
		x.p.send(first)
		x.p.wantGot(x.m, "50 02 00 01")
		x.p.send(second)
		x.waitClose()
		looptest.WantErr(t, x.r.Err(t), mqtt.ErrLimit, "more than 1 messages", "MQTT-3.3.4-")
	}

	x := connectedServer(t, "mqtt", 4, nil)
	count := 0
	x.c.Fn = func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvMQTTMsg {
			count++
		}
	}
	for id := 1; id <= mqtt.DefaultMaxUnreleased; id++ {
		x.writeAll(forVersion(fmt.Sprintf("34 08 00 03'a/b' %04x'x'", id), 4))
		if id%1000 == 0 {
			looptest.Spin(t, x.m, 1)
			x.p.readAll()
		}
	}
	looptest.Await(t, x.m, "all messages", func() bool { x.p.readAll(); return count == mqtt.DefaultMaxUnreleased || x.r.Closed() })
}
