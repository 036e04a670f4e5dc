package mqtt_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// refuseRows are packets that the peer must not send after CONNACK.
var refuseRows = []struct {
	name    string
	role    string // of the connection under test
	version uint8
	bytes   string
	told    string // the DISCONNECT that a 5.0 peer gets [MQTT-4.13.1-1]
	rule    string // part of the error
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

// A packet that the peer must not send fails the connection.
func TestForbiddenPacketsFailConnection(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range refuseRows {
			t.Run(row.role+" "+row.name, func(t *testing.T) {
				x := connectedAs(t, scheme, row.role, row.version, nil)
				good := forVersion("30 06 00 03'a/b'$v'x'", row.version)
				x.p.send(append(good, pack(row.bytes)...), good)
				x.waitClose()
				x.r.wantPackets("a/b=x publish ERROR CLOSE")
				err := x.r.Err(x.t)
				looptest.WantErr(t, err, mqtt.ErrMalformed, row.rule)
				var bad *mqtt.ParseError
				if !errors.As(err, &bad) {
					t.Errorf("the error has type %T, want ParseError", err)
				}
				x.waitEnd()
				x.p.wantGot(x.m, row.told)
			})
		}
	})
}

// A WebSocket text message fails the connection [MQTT-6.0.0-1]. The peer gets Close 1003
// [RFC 6455 7.4.1].
func TestTextMessageFailsConnection(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		x := connectedAs(t, "ws", role, 4, nil)
		x.p.Write(slices.Concat(x.p.frame(1, pack("30 06 00 03'a/b''x'")), x.p.framed(pack("30 06 00 03'a/b''x'"))))
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		looptest.WantErr(t, x.r.Err(x.t), nil, "text message")
		x.waitEnd()
		if n := len(x.p.frames); n != 1 || x.p.frames[0].op != 0x88 || string(x.p.frames[0].payload) != "\x03\xeb" {
			t.Errorf("the peer got frames %v, want Close 1003", x.p.frames)
		}
	}
}

func TestEmptyTextMessageFailsConnection(t *testing.T) {
	x := connectedClient(t, "ws", 4, nil)
	x.p.Write(x.p.frame(1, nil))
	x.waitClose()
	if err := x.r.Err(x.t); !strings.Contains(err.Error(), "text") {
		t.Errorf("error %q, want it to mention the text message", err)
	}
}
