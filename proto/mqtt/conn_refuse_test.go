package mqtt_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// What no peer may send, after CONNACK. told is the DISCONNECT that a 5.0
// peer gets [MQTT-4.13.1-1].
var refuseRows = []struct {
	name    string
	role    string
	version uint8
	bytes   string
	told    string
	rule    string
}{
	{"type 0", "client", 4, "00 00", "", "reserved"},
	{"AUTH in 3.1.1", "client", 4, "f0 00", "", "reserved"},
	{"flags of SUBACK", "client", 4, "91 03 00 01 00", "", "MQTT-2.2.2-2"},
	{"flags of SUBACK v5", "client", 5, "91", "e0 02 81 00", "MQTT-2.1.3-1"},
	{"QoS 3", "client", 5, "36", "e0 02 81 00", "MQTT-3.3.1-4"},
	{"DUP at QoS 0", "server", 5, "38", "e0 02 81 00", "MQTT-3.3.1-2"},
	{"length of five bytes", "server", 5, "30 ff ff ff ff", "e0 02 81 00", "remaining length"},
	{"wildcard in topic", "server", 4, "30 05 00 03'a/#'", "", "MQTT-3.3.2-2"},
	{"packet identifier 0", "server", 4, "32 06 00 02't/' 00 00", "", "MQTT-2.3.1-1"},
	{"topic not UTF-8", "client", 5, "30 04 00 01 ff 00", "e0 02 81 00", "PUBLISH"},
	{"no topic, no alias", "client", 5, "30 03 00 00 00", "e0 02 82 00", "Topic Alias"},

	{"CONNECT from a server", "client", 4, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c'", "", "only a client"},
	{"SUBSCRIBE from a server", "client", 4, "82 06 00 01 00 01'a' 00", "", "only a client"},
	{"UNSUBSCRIBE from a server", "client", 5, "a2 06 00 01 00 00 01'a'", "e0 02 82 00", "only a client"},
	{"PINGREQ from a server", "client", 5, "c0 00", "e0 02 82 00", "only a client"},
	{"CONNACK from a client", "server", 4, "20 02 00 00", "", "only a server"},
	{"SUBACK from a client", "server", 5, "90 04 00 01 00 00", "e0 02 82 00", "only a server"},
	{"UNSUBACK from a client", "server", 4, "b0 02 00 01", "", "only a server"},
	{"PINGRESP from a client", "server", 5, "d0 00", "e0 02 82 00", "only a server"},
	{"MQTT-3.1.0-2 second CONNECT", "server", 4, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c'", "", "second CONNECT"},
	{"MQTT-3.1.0-2 second CONNECT v5", "server", 5, "10 0e 00 04'MQTT' 05 02 00 00 00 00 01'c'", "e0 02 82 00", "second CONNECT"},
}

func TestConnRefuses(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, row := range refuseRows {
			t.Run(row.role+" "+row.name, func(t *testing.T) {
				x := ready(t, scheme, row.role, row.version, nil)
				good := sized("30 06 00 03'a/b'$v'x'", row.version)
				x.p.send(append(good, pack(row.bytes)...), good)
				x.waitClose()
				x.r.wantPackets("a/b=x publish ERROR CLOSE")
				err := x.r.err()
				wantErr(t, err, mqtt.ErrMalformed, row.rule)
				var bad *mqtt.ParseError
				if !errors.As(err, &bad) {
					t.Errorf("%T is no ParseError", err)
				}
				await(t, x.m, "the end", x.p.ended)
				x.p.wantGot(x.m, row.told)
			})
		}
	})
}

// A packet beyond the limit is refused when its header is there, one within
// it is not.
func TestConnMaxPacket(t *testing.T) {
	packet := append(pack("30 80 02 00 03'a/b'"), bytes.Repeat([]byte("x"), 251)...) // 3 + 256 bytes
	overBoth(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for version, told := range map[uint8]string{4: "", 5: "e0 02 95 00"} {
				t.Run(fmt.Sprintf("%s v%d", role, version), func(t *testing.T) {
					packet := bytes.Clone(packet)
					if version == 5 {
						packet[8] = 0 // no properties
					}
					x := ready(t, scheme, role, version, nil)
					setLimit(t, x.c, len(packet))
					x.feed(x.p.framed(packet), 4)
					await(t, x.m, "the packet", x.r.saw("publish"))
					setLimit(t, x.c, len(packet)-1)
					x.p.send(packet[:2])
					spin(t, x.m)
					if len(x.r.errs) > 0 {
						t.Fatalf("refused before its length was known: %v", x.r.errs)
					}
					x.p.send(packet[2:3])
					x.waitClose()
					wantErr(t, x.r.err(), mqtt.ErrTooLarge, "PUBLISH", "259", "258")
					await(t, x.m, "the end", x.p.ended)
					x.p.wantGot(x.m, told)
				})
			}
		}
	})
}

// A whole packet beyond the limit is refused as well, also the very first.
func TestConnMaxPacketWhole(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := asking(t, scheme, 4, nil)
		setLimit(t, x.c, 3)
		x.p.send(connackOK[4])
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		wantErr(t, x.r.err(), mqtt.ErrTooLarge, "CONNACK")
	})
}

// SetLimits on a listener holds for the connections that it accepts.
func TestConnMaxPacketOfListener(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := served(t, scheme, nil)
		for l := range x.m.Conns() {
			if l.IsListening() {
				setLimit(t, l, 12)
				p := dialPeer(t, l.LocalAddr())
				if p.ws = scheme == "ws"; p.ws {
					p.write([]byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"))
					await(t, x.m, "the handshake's answer", func() bool { p.pump(); return p.head != "" })
				}
				p.send(connectC[4])
				spin(t, x.m)
				await(t, x.m, "an event", func() bool { return x.r.saw("connect")() || len(x.r.errs) > 0 })
				wantErr(t, x.r.err(), mqtt.ErrTooLarge, "CONNECT")
			}
		}
	})
}

// [MQTT-6.0.0-1] a text message is refused with 1003 [RFC 6455 7.4.1].
func TestConnTextMessage(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		x := ready(t, "ws", role, 4, nil)
		x.p.write(slices.Concat(x.p.frame(1, pack("30 06 00 03'a/b''x'")), x.p.framed(pack("30 06 00 03'a/b''x'"))))
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		wantErr(t, x.r.err(), nil, "text message")
		await(t, x.m, "the end", x.p.ended)
		if n := len(x.p.frames); n != 1 || x.p.frames[0].op != 0x88 || string(x.p.frames[0].payload) != "\x03\xeb" {
			t.Errorf("frames %v, want a close frame with 1003", x.p.frames)
		}
	}
}

// An empty text message too.
func TestConnEmptyTextMessage(t *testing.T) {
	x := connected(t, "ws", 4, nil)
	x.p.write(x.p.frame(1, nil))
	x.waitClose()
	if err := x.r.err(); !strings.Contains(err.Error(), "text") {
		t.Error(err)
	}
}
