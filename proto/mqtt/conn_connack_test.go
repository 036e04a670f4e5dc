package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Every CONNACK code and its name, from the tables in section 3.2.2.3 of
// 3.1.1 and section 3.2.2.2 of 5.0.
var connackRows = []struct {
	version uint8
	code    mqtt.ReasonCode
	name    string
}{
	{4, 1, "unacceptable protocol version"},
	{4, 2, "identifier rejected"},
	{4, 3, "server unavailable"},
	{4, 4, "bad user name or password"},
	{4, 5, "not authorized"},
	{5, 0x80, "unspecified error"},
	{5, 0x81, "malformed packet"},
	{5, 0x82, "protocol error"},
	{5, 0x83, "implementation specific error"},
	{5, 0x84, "unsupported protocol version"},
	{5, 0x85, "client identifier not valid"},
	{5, 0x86, "bad user name or password"},
	{5, 0x87, "not authorized"},
	{5, 0x88, "server unavailable"},
	{5, 0x89, "server busy"},
	{5, 0x8a, "banned"},
	{5, 0x8c, "bad authentication method"},
	{5, 0x90, "topic name invalid"},
	{5, 0x95, "packet too large"},
	{5, 0x97, "quota exceeded"},
	{5, 0x99, "payload format invalid"},
	{5, 0x9a, "retain not supported"},
	{5, 0x9b, "qos not supported"},
	{5, 0x9c, "use another server"},
	{5, 0x9d, "server moved"},
	{5, 0x9f, "connection rate exceeded"},
}

func connack(version uint8, code byte) []byte {
	if version == 5 {
		return []byte{0x20, 3, 0, code, 0}
	}
	return []byte{0x20, 2, 0, code}
}

func TestConnRefused(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, row := range connackRows {
			t.Run(fmt.Sprintf("v%d 0x%02x", row.version, uint8(row.code)), func(t *testing.T) {
				x := asking(t, scheme, row.version, nil)
				x.p.send(connack(row.version, byte(row.code)), pack("30 06 00 03'a/b' 78")) // what follows is not looked at
				x.waitClose()
				x.r.wantPackets(fmt.Sprintf("MQTT_OPEN:%d connack ERROR CLOSE", row.code))
				var refused *mqtt.RefusedError
				if err := x.r.err(); !errors.As(err, &refused) {
					t.Fatalf("%T %v is no RefusedError", err, err)
				}
				if *refused != (mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: row.code, Version: row.version}) {
					t.Errorf("%+v", *refused)
				}
				if !strings.Contains(strings.ToLower(refused.Error()), row.name) || !strings.Contains(refused.Error(), "refused") {
					t.Errorf("error %q does not say %q", refused, row.name)
				}
			})
		}
	})
}

func TestConnAccepted(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
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
				x := asking(t, scheme, row.version, nil)
				x.p.send(row.connack)
				await(t, x.m, "connack", x.r.saw("connack"))
				spin(t, x.m)
				x.r.wantPackets("MQTT_OPEN:0 connack")
			})
		}
	})
}

// What a server may not send before CONNACK, or as one [MQTT-3.2.0-1].
func TestConnNoConnack(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
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
			{"3.1.1 server refuses 5.0", 5, "20 02 00 01", mqtt.ErrVersion, "does not speak 5.0"},
		} {
			t.Run(row.name, func(t *testing.T) {
				x := asking(t, scheme, row.version, nil)
				x.p.send(pack(row.bytes))
				x.waitClose()
				if got := x.r.packets(); !strings.HasSuffix(got, "ERROR CLOSE") || strings.Contains(got, "MQTT_OPEN:0") {
					t.Fatalf("events %s, want an error", got)
				}
				wantErr(t, x.r.err(), row.is, row.word)
			})
		}
	})
}

// [MQTT-3.2.0-2] a second CONNACK is a protocol error, 0x82 in 5.0.
func TestConnSecondConnack(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for version, told := range map[uint8]string{4: "", 5: "e0 02 82 00"} {
			x := connected(t, scheme, version, nil)
			x.p.send(connackOK[version])
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			wantErr(t, x.r.err(), mqtt.ErrMalformed, "second CONNACK")
			await(t, x.m, "the end", x.p.ended)
			x.p.wantGot(x.m, told)
		}
	})
}

// Section 3.14 of 5.0: the server ends the connection, and says why.
func TestConnServerDisconnects(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		t.Run("without reason", func(t *testing.T) {
			x := connected(t, scheme, 5, nil)
			x.p.send(pack("e0 00"), pack("ff ff")) // nothing follows DISCONNECT
			await(t, x.m, "the end", x.p.ended)
			x.p.close()
			x.waitClose()
			x.r.wantPackets("disconnect CLOSE")
		})
		for code, name := range map[byte]string{0x8b: "server shutting down", 0x8e: "session taken over", 0x8d: "keep alive timeout", 0x9c: "use another server"} {
			t.Run(name, func(t *testing.T) {
				x := connected(t, scheme, 5, nil)
				x.p.send([]byte{0xe0, 2, code, 0})
				x.waitClose()
				x.r.wantPackets("disconnect ERROR CLOSE")
				var refused *mqtt.RefusedError
				if err := x.r.err(); !errors.As(err, &refused) || refused.Cmd != mqtt.CmdDisconnect || refused.Code != mqtt.ReasonCode(code) {
					t.Errorf("%T %v", err, err)
				}
				wantErr(t, x.r.err(), nil, name)
			})
		}
		t.Run("3.1.1 must not", func(t *testing.T) {
			x := connected(t, scheme, 4, nil)
			x.p.send(pack("e0 00"))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			wantErr(t, x.r.err(), mqtt.ErrMalformed, "DISCONNECT")
		})
	})
}

// The end of stream without an answer to CONNECT.
func TestConnEndBeforeConnack(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := asking(t, scheme, 4, nil)
		x.p.close()
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		wantErr(t, x.r.err(), io.ErrUnexpectedEOF, "before CONNACK")
	})
	t.Run("close frame", func(t *testing.T) {
		x := asking(t, "ws", 4, nil)
		x.p.write(x.p.frame(8, pack("03 e8")))
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		wantErr(t, x.r.err(), io.ErrUnexpectedEOF, "before CONNACK")
	})
}
