package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// connackRows are the codes with which CONNACK refuses a client, and how errors name them. The
// codes are in section 3.2.2.3 of 3.1.1 and section 3.2.2.2 of 5.0.
var connackRows = []struct {
	version uint8
	code    mqtt.ReasonCode
	name    string
}{
	{4, 1, "0x01 Unacceptable protocol version"},
	{4, 2, "0x02 Identifier rejected"},
	{4, 3, "0x03 Server unavailable"},
	{4, 4, "0x04 Bad user name or password"},
	{4, 5, "0x05 Not authorized"},
	{5, 0x80, "0x80 Unspecified error"},
	{5, 0x81, "0x81 Malformed packet"},
	{5, 0x82, "0x82 Protocol error"},
	{5, 0x83, "0x83 Implementation specific error"},
	{5, 0x84, "0x84 Unsupported protocol version"},
	{5, 0x85, "0x85 Client identifier not valid"},
	{5, 0x86, "0x86 Bad user name or password"},
	{5, 0x87, "0x87 Not authorized"},
	{5, 0x88, "0x88 Server unavailable"},
	{5, 0x89, "0x89 Server busy"},
	{5, 0x8a, "0x8A Banned"},
	{5, 0x8c, "0x8C Bad authentication method"},
	{5, 0x90, "0x90 Topic name invalid"},
	{5, 0x95, "0x95 Packet too large"},
	{5, 0x97, "0x97 Quota exceeded"},
	{5, 0x99, "0x99 Payload format invalid"},
	{5, 0x9a, "0x9A Retain not supported"},
	{5, 0x9b, "0x9B QoS not supported"},
	{5, 0x9c, "0x9C Use another server"},
	{5, 0x9d, "0x9D Server moved"},
	{5, 0x9f, "0x9F Connection rate exceeded"},
}

// connack returns a CONNACK.
func connack(version uint8, code byte) []byte {
	if version == 5 {
		return []byte{0x20, 3, 0, code, 0}
	}
	return []byte{0x20, 2, 0, code}
}

// After a refusing CONNACK the connection fails with a RefusedError that names the code.
func TestRefusalIsAnError(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range connackRows {
			t.Run(fmt.Sprintf("v%d 0x%02x", row.version, uint8(row.code)), func(t *testing.T) {
				x := awaitingConnack(t, scheme, row.version, nil)
				publish := pack("30 06 00 03'a/b' 78") // must be ignored
				x.p.send(connack(row.version, byte(row.code)), publish)
				x.waitClose()
				x.r.wantPackets(fmt.Sprintf("MQTT_OPEN:%d connack ERROR CLOSE", row.code))
				var refused *mqtt.RefusedError
				if err := x.r.Err(x.t); !errors.As(err, &refused) {
					t.Fatalf("error %v has type %T, want RefusedError", err, err)
				}
				if *refused != (mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: row.code, Version: row.version}) {
					t.Errorf("error is %+v, want code 0x%02X of version %d", *refused, uint8(row.code), row.version)
				}
				if refused.Error() != "mqtt: connection refused: "+row.name {
					t.Errorf("error %q, want the code and name %q", refused, row.name)
				}
			})
		}
	})
}

func TestConnackOpensConnection(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range []struct {
			name    string
			version uint8
			connack []byte
		}{
			{"v4", 4, pack("20 02 00 00")},
			{"v4 session present", 4, pack("20 02 01 00")},
			{"v5", 5, pack("20 03 00 00 00")},
			{"v5 session present, properties", 5, pack("20 06 01 00 03 13 000a")},
		} {
			t.Run(row.name, func(t *testing.T) {
				present := row.connack[2] == 1
				x := startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: !present, Version: row.version}, nil)
				x.p.send(row.connack)
				looptest.Await(t, x.m, "connack", x.r.Noted("connack"))
				looptest.Settle(t, x.m)
				x.r.wantPackets("MQTT_OPEN:0 connack")
			})
		}
	})
}

// A client fails if the first packet of the server is not a valid CONNACK [MQTT-3.2.0-1].
func TestFirstPacketMustBeConnack(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range []struct {
			name    string
			version uint8
			bytes   string
			is      error
			word    string
		}{
			{"PUBLISH first", 4, "30 06 00 03'a/b' 78", mqtt.ErrMalformed, "first packet must be CONNACK"},
			{"SUBACK first", 4, "90 03 00 01 00", mqtt.ErrMalformed, "first packet must be CONNACK"},
			{"PINGRESP first", 5, "d0 00", mqtt.ErrMalformed, "first packet must be CONNACK"},
			{"v5 DISCONNECT first", 5, "e0 00", nil, ""}, // [MQTT-3.14.0-1]
			{"v5 DISCONNECT with a reason first", 5, "e0 02 87 00", nil, ""},
			{"MQTT-3.2.2-4 session present in a refusal", 4, "20 02 01 05", mqtt.ErrMalformed, "Session Present"},
			{"section 3.2.2.3 code 6", 4, "20 02 00 06", mqtt.ErrMalformed, "CONNACK"},
			{"MQTT-3.2.2-8 v5 code 1", 5, "20 03 00 01 00", mqtt.ErrMalformed, "CONNACK"},
			{"3.1.1 server refuses 5.0", 5, "20 02 00 01", mqtt.ErrVersion, "does not speak MQTT 5.0"},
		} {
			t.Run(row.name, func(t *testing.T) {
				x := awaitingConnack(t, scheme, row.version, nil)
				x.p.send(pack(row.bytes))
				x.waitClose()
				if got := x.r.packets(); !strings.HasSuffix(got, "ERROR CLOSE") || strings.Contains(got, "MQTT_OPEN:0") {
					t.Fatalf("events %s, want an error and no EvMQTTOpen with code 0", got)
				}
				looptest.WantErr(t, x.r.Err(x.t), row.is, row.word)
			})
		}
	})
}

// A second CONNACK is a protocol error, code 0x82 in 5.0 [MQTT-3.2.0-2].
func TestSecondConnackIsAnError(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version, told := range map[uint8]string{4: "", 5: "e0 02 82 00"} {
			x := connectedClient(t, scheme, version, nil)
			x.p.send(connackOK[version])
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrMalformed, "second CONNACK")
			x.waitEnd()
			x.p.wantGot(x.m, told)
		}
	})
}

// DISCONNECT from a 5.0 server ends the connection with an error that has its code. 5.0 section
// 3.14.
func TestDisconnectFromServer(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		t.Run("without reason", func(t *testing.T) {
			x := connectedClient(t, scheme, 5, nil)
			x.p.send(pack("e0 00"), pack("ff ff")) // input after DISCONNECT is ignored
			x.waitClose()
			x.r.wantPackets("disconnect ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(x.t), nil, "0x00 Normal disconnection")
		})
		for code, name := range map[byte]string{0x8b: "0x8B Server shutting down", 0x8e: "0x8E Session taken over", 0x8d: "0x8D Keep alive timeout", 0x9c: "0x9C Use another server"} {
			t.Run(name, func(t *testing.T) {
				x := connectedClient(t, scheme, 5, nil)
				x.p.send([]byte{0xe0, 2, code, 0})
				x.waitClose()
				x.r.wantPackets("disconnect ERROR CLOSE")
				var refused *mqtt.RefusedError
				if err := x.r.Err(x.t); !errors.As(err, &refused) || refused.Cmd != mqtt.CmdDisconnect || refused.Code != mqtt.ReasonCode(code) {
					t.Errorf("error %v has type %T, want RefusedError with code 0x%02X", err, err, code)
				}
				looptest.WantErr(t, x.r.Err(x.t), nil, name)
			})
		}
		t.Run("3.1.1 must not", func(t *testing.T) {
			x := connectedClient(t, scheme, 4, nil)
			x.p.send(pack("e0 00"))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrMalformed, "DISCONNECT")
		})
	})
}

// The end of the stream before CONNACK is an error.
func TestEndBeforeConnackIsAnError(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := awaitingConnack(t, scheme, 4, nil)
		x.p.Close()
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		looptest.WantErr(t, x.r.Err(x.t), io.ErrUnexpectedEOF, "before CONNACK")
	})
	t.Run("close frame", func(t *testing.T) {
		x := awaitingConnack(t, "ws", 4, nil)
		x.p.Write(x.p.frame(8, pack("03 e8")))
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		looptest.WantErr(t, x.r.Err(x.t), io.ErrUnexpectedEOF, "before CONNACK")
	})
}
