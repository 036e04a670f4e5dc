package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// exchange is a list of packets that the connection gets, with the events and the packets that
// it sends. $v is explained at forVersion.
type exchange struct {
	name     string
	in       []string
	events   string
	out      string
	v4, v5   bool
	onlyRole string // "client", "server" or "" for both
}

var exchanges = []exchange{
	{"section 4.3.1 QoS 0", []string{"30 06 00 03'a/b'$v'x'"}, "a/b=x publish", "", true, true, ""},
	{"QoS 0, empty", []string{"30 05 00 03'a/b'$v"}, "a/b= publish", "", true, true, ""},
	{"MQTT-4.3.2-4 QoS 1", []string{"32 08 00 03'a/b' 00 07$v'x'"}, "a/b=x publish", "40 02 00 07", true, true, ""},
	{"QoS 1 twice", []string{"32 08 00 03'a/b' 00 07$v'x'", "3a 08 00 03'a/b' 00 07$v'x'"},
		"a/b=x publish a/b=x publish", "40 02 00 07 40 02 00 07", true, true, ""},
	{"MQTT-4.3.3-8 QoS 2", []string{"34 08 00 03'a/b' ff ff$v'x'"}, "a/b=x publish", "50 02 ff ff", true, true, ""},
	{"MQTT-4.3.3-10 QoS 2 twice is raised once", []string{"34 08 00 03'a/b' 00 07$v'x'", "3c 08 00 03'a/b' 00 07$v'x'"},
		"a/b=x publish publish", "50 02 00 07 50 02 00 07", true, true, ""},
	{"QoS 2 twice without DUP", []string{"34 08 00 03'a/b' 00 07$v'x'", "34 08 00 03'a/b' 00 07$v'x'"},
		"a/b=x publish publish", "50 02 00 07 50 02 00 07", true, true, ""},
	{"two messages of QoS 2", []string{"34 08 00 03'a/b' 00 07$v'x'", "34 08 00 03'a/b' 00 08$v'y'"},
		"a/b=x publish a/b=y publish", "50 02 00 07 50 02 00 08", true, true, ""},
	{"MQTT-4.3.3-11 release", []string{"34 08 00 03'a/b' 00 07$v'x'", "62 02 00 07"},
		"a/b=x publish pubrel", "50 02 00 07 70 02 00 07", true, true, ""},
	{"MQTT-4.3.3-12 a released identifier is free", []string{"34 08 00 03'a/b' 00 07$v'x'", "62 02 00 07", "34 08 00 03'a/b' 00 07$v'y'"},
		"a/b=x publish pubrel a/b=y publish", "50 02 00 07 70 02 00 07 50 02 00 07", true, true, ""},
	{"QoS 1 and QoS 2 with one identifier", []string{"34 08 00 03'a/b' 00 07$v'x'", "32 08 00 03'a/b' 00 07$v'y'"},
		"a/b=x publish a/b=y publish", "50 02 00 07 40 02 00 07", true, true, ""},
	{"PUBREL with an unknown identifier", []string{"62 02 00 09"}, "pubrel", "70 02 00 09", true, false, ""},
	{"section 3.7.2.1 PUBREL with an unknown identifier", []string{"62 02 00 09"}, "pubrel", "70 03 00 09 92", false, true, ""},
	{"PUBREL twice", []string{"34 08 00 03'a/b' 00 07$v'x'", "62 02 00 07", "62 02 00 07"},
		"a/b=x publish pubrel pubrel", "50 02 00 07 70 02 00 07 70 03 00 07 92", false, true, ""},
	{"PUBREL with a code", []string{"62 03 00 09 92"}, "pubrel", "70 03 00 09 92", false, true, ""},
	{"MQTT-4.3.3-4 PUBREC", []string{"50 02 00 05"}, "pubrec", "62 02 00 05", true, true, ""},
	{"PUBREC with code 0x10", []string{"50 03 00 05 10"}, "pubrec", "62 02 00 05", false, true, ""},
	{"MQTT-4.3.3-4 PUBREC refuses", []string{"50 03 00 05 87"}, "pubrec", "", false, true, ""},
	{"PUBACK", []string{"40 02 00 05"}, "puback", "", true, true, ""},
	{"PUBCOMP", []string{"70 02 00 05"}, "pubcomp", "", true, true, ""},
	{"SUBACK", []string{"90 03 00 01 01"}, "suback", "", true, false, "client"},
	{"UNSUBACK", []string{"b0 02 00 01"}, "unsuback", "", true, false, "client"},
	{"PINGRESP", []string{"d0 00"}, "pingresp", "", true, true, "client"},
	{"PINGREQ is answered by the handler", []string{"c0 00"}, "pingreq", "", true, true, "server"},
	{"SUBSCRIBE is answered by the handler", []string{"82 06 00 01 00 01'a' 00"}, "subscribe", "", true, false, "server"},
	{"UNSUBSCRIBE is answered by the handler", []string{"a2 05 00 01 00 01'a'"}, "unsubscribe", "", true, false, "server"},
}

// forVersion packs a packet. In 5.0 it replaces $v by an empty property length and adds 1 to the
// remaining length; in 3.1.1 it removes $v.
func forVersion(packet string, version uint8) []byte {
	for i := 0; i+1 < len(packet); i++ {
		if packet[i:i+2] != "$v" {
			continue
		}
		if version != 5 {
			return pack(packet[:i] + packet[i+2:])
		}
		b := pack(packet[:i] + " 00 " + packet[i+2:])
		b[1]++
		return b
	}
	return pack(packet)
}

// eachExchange runs a test for each exchange over each transport, in both roles and versions.
func eachExchange(t *testing.T, run func(t *testing.T, scheme, role string, version uint8, x *exchange, in [][]byte)) {
	for _, scheme := range transports {
		for _, role := range []string{"client", "server"} {
			for version := uint8(4); version <= 5; version++ {
				for i := range exchanges {
					e := &exchanges[i]
					if version == 4 && !e.v4 || version == 5 && !e.v5 || e.onlyRole != "" && e.onlyRole != role {
						continue
					}
					var in [][]byte
					for _, p := range e.in {
						in = append(in, forVersion(p, version))
					}
					t.Run(fmt.Sprintf("%s %s v%d %s", scheme, role, version, e.name), func(t *testing.T) {
						run(t, scheme, role, version, e, in)
					})
				}
			}
		}
	}
}

// Each exchange produces its events and answers. All packets arrive in one write.
func TestExchanges(t *testing.T) {
	eachExchange(t, func(t *testing.T, scheme, role string, version uint8, e *exchange, in [][]byte) {
		x := connectedAs(t, scheme, role, version, nil)
		x.writeInTwoParts(x.p.framed(in...), 0)
		looptest.Settle(t, x.m)
		x.r.wantPackets(e.events)
		x.p.wantGot(x.m, e.out)
		if x.p.ws {
			checkFramesAreOfOnePacket(t, x.p)
		}
	})
}

// checkFramesAreOfOnePacket checks that each frame contains exactly one packet.
func checkFramesAreOfOnePacket(t *testing.T, p *peer) {
	t.Helper()
	for _, f := range p.frames {
		if f.op != 0x82 || len(f.payload) < 2 || int(f.payload[1]) != len(f.payload)-2 {
			t.Errorf("frame %02x contains % x, want one packet", f.op, f.payload)
		}
	}
}

// The acknowledgement is sent after the handler has returned, so packets of the handler precede
// it. A handler may change the message.
func TestAcknowledgementFollowsHandler(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedClient(t, scheme, 4, hooks{
			reactor.EvMQTTMsg: func(c *reactor.Conn, data any) {
				m := data.(*mqtt.Message)
				m.ID, m.QoS, m.Cmd = 0x55, 0, mqtt.CmdConnack
				mqtt.Pub(c, pubOptions(0))
			},
		})
		x.p.send(pack("32 08 00 03'a/b' 00 07'x'"))
		looptest.Await(t, x.m, "EvMQTTMsg", x.r.Noted("a/b=x"))
		x.p.wantGot(x.m, "30 07 00 03'a/b' 'hi' 40 02 00 07")
	})
}

// If the handler closes the connection, no acknowledgement and no further event follows.
func TestNoAcknowledgementAfterClose(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for qos, in := range []string{"30 06 00 03'a/b''x'", "32 08 00 03'a/b' 00 07'x'", "34 08 00 03'a/b' 00 07'x'"} {
			x := connectedClient(t, scheme, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) { c.Close() }})
			x.p.send(pack(in), pack(in))
			x.waitClose()
			x.r.wantPackets("a/b=x CLOSE")
			x.waitEnd()
			if len(x.p.got) > 0 {
				t.Errorf("QoS %d: the peer got % x, want nothing", qos, x.p.got)
			}
		}
	})
}
