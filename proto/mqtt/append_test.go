package mqtt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

type appendFunc func(dst []byte) ([]byte, error)

func publish(version uint8, p mqtt.Publish) appendFunc {
	return func(dst []byte) ([]byte, error) { return mqtt.AppendPublish(dst, version, &p) }
}

func connect(version uint8, conn mqtt.ConnectPacket) appendFunc {
	return func(dst []byte) ([]byte, error) { return mqtt.AppendConnect(dst, version, &conn) }
}

func subscribe(version uint8, id uint16, f ...mqtt.Filter) appendFunc {
	return func(dst []byte) ([]byte, error) { return mqtt.AppendSubscribe(dst, version, id, f, nil) }
}

func ack(version uint8, cmd mqtt.Cmd, id uint16, code mqtt.ReasonCode, props ...mqtt.Property) appendFunc {
	return func(dst []byte) ([]byte, error) { return mqtt.AppendAck(dst, version, cmd, id, code, props) }
}

var tooLong = strings.Repeat("x", 65536)

// What Append refuses: first what it has to see before the packet exists, then
// what Parse would refuse, a few of each.
var refused = []struct {
	name string
	cmd  mqtt.Cmd
	fn   appendFunc
}{
	{"topic too long", mqtt.CmdPublish, publish(4, mqtt.Publish{Topic: tooLong})},
	{"QoS 3", mqtt.CmdPublish, publish(4, mqtt.Publish{Topic: "t", QoS: 3, ID: 1})},
	{"QoS 8", mqtt.CmdPublish, publish(4, mqtt.Publish{Topic: "t", QoS: 8, ID: 1})},
	{"properties in 3.1.1", mqtt.CmdPublish, publish(4, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}})},
	{"byte property 256", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropPayloadFormatIndicator, Int: 256}}})},
	{"two byte property 65537", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 65537}}})},
	{"variable byte property 2^28", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 1 << 28}}})},
	{"string property too long", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropContentType, Value: []byte(tooLong)}}})},
	{"key too long", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte(tooLong)}}})},
	{"no such property", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{ID: 4}}})},
	{"no property at all", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Props: []mqtt.Property{{}}})},
	{"client identifier too long", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{ClientID: tooLong, CleanStart: true})},
	{"password too long", mqtt.CmdConnect, connect(5, mqtt.ConnectPacket{Password: []byte(tooLong)})},
	{"will QoS 3", mqtt.CmdConnect, connect(5, mqtt.ConnectPacket{Will: &mqtt.Will{Topic: "t", QoS: 3}})},
	{"will QoS 4", mqtt.CmdConnect, connect(5, mqtt.ConnectPacket{Will: &mqtt.Will{Topic: "t", QoS: 4}})},
	{"will properties in 3.1.1", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{ClientID: "a", Will: &mqtt.Will{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropWillDelayInterval}}}})},
	{"maximum QoS 4", mqtt.CmdSubscribe, subscribe(5, 1, mqtt.Filter{Topic: "a", QoS: 4})},
	{"Retain Handling 4", mqtt.CmdSubscribe, subscribe(5, 1, mqtt.Filter{Topic: "a", RetainHandling: 4})},
	{"code in a PUBACK of 3.1.1", mqtt.CmdPuback, ack(4, mqtt.CmdPuback, 1, mqtt.ReasonUnspecified)},
	{"not an acknowledgement", mqtt.CmdSuback, ack(5, mqtt.CmdSuback, 1, 0)},
	{"codes in an UNSUBACK of 3.1.1", mqtt.CmdUnsuback, func(dst []byte) ([]byte, error) {
		return mqtt.AppendUnsuback(dst, 4, 1, []mqtt.ReasonCode{0}, nil)
	}},
	{"code in a DISCONNECT of 3.1.1", mqtt.CmdDisconnect, func(dst []byte) ([]byte, error) {
		return mqtt.AppendDisconnect(dst, 4, mqtt.ReasonProtocolError, nil)
	}},
	{"AUTH of 3.1.1", mqtt.CmdAuth, func(dst []byte) ([]byte, error) { return mqtt.AppendAuth(dst, 4, 0, nil) }},

	{"wildcard", mqtt.CmdPublish, publish(4, mqtt.Publish{Topic: "a/#"})},
	{"empty topic", mqtt.CmdPublish, publish(5, mqtt.Publish{})},
	{"ill-formed topic", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "\xff"})},
	{"DUP at QoS 0", mqtt.CmdPublish, publish(5, mqtt.Publish{Topic: "t", Dup: true})},
	{"no identifier", mqtt.CmdPublish, publish(4, mqtt.Publish{Topic: "t", QoS: 1})},
	{"no identifier", mqtt.CmdPubrel, ack(4, mqtt.CmdPubrel, 0, 0)},
	{"wrong code", mqtt.CmdPubrel, ack(5, mqtt.CmdPubrel, 1, mqtt.ReasonQuotaExceeded)},
	{"wrong property", mqtt.CmdPuback, ack(5, mqtt.CmdPuback, 1, 0, mqtt.Property{ID: mqtt.PropTopicAlias, Int: 1})},
	{"empty identifier, clean session 0", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{})},
	{"password without user name in 3.1.1", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{ClientID: "a", HasPassword: true})},
	{"no filters", mqtt.CmdSubscribe, subscribe(4, 1)},
	{"QoS 3", mqtt.CmdSubscribe, subscribe(4, 1, mqtt.Filter{Topic: "a", QoS: 3})},
	{"No Local in 3.1.1", mqtt.CmdSubscribe, subscribe(4, 1, mqtt.Filter{Topic: "a", NoLocal: true})},
	{"No Local, shared", mqtt.CmdSubscribe, subscribe(5, 1, mqtt.Filter{Topic: "$share/g/a", NoLocal: true})},
	{"no filters", mqtt.CmdUnsubscribe, func(dst []byte) ([]byte, error) { return mqtt.AppendUnsubscribe(dst, 5, 1, nil, nil) }},
	{"wrong code", mqtt.CmdSuback, func(dst []byte) ([]byte, error) {
		return mqtt.AppendSuback(dst, 4, 1, []mqtt.ReasonCode{mqtt.ReasonNotAuthorized}, nil)
	}},
	{"session present in a refusal", mqtt.CmdConnack, func(dst []byte) ([]byte, error) {
		return mqtt.AppendConnack(dst, 4, true, mqtt.ConnackNotAuthorized, nil)
	}},
	{"no method", mqtt.CmdAuth, func(dst []byte) ([]byte, error) {
		return mqtt.AppendAuth(dst, 5, mqtt.ReasonReauthenticate, nil)
	}},
}

func TestAppendRefuses(t *testing.T) {
	for _, tc := range refused {
		dst := make([]byte, 4, 100)
		copy(dst, "keep")
		got, err := tc.fn(dst)
		var pe *mqtt.ParseError
		if !errors.As(err, &pe) || !errors.Is(err, mqtt.ErrMalformed) || pe.Cmd != tc.cmd || pe.Rule == "" {
			t.Errorf("%v, %s: error %v", tc.cmd, tc.name, err)
		}
		if string(got) != "keep" {
			t.Errorf("%v, %s: dst has become %.40q", tc.cmd, tc.name, got)
		}
	}
}

func TestAppendTooLarge(t *testing.T) {
	data := make([]byte, 1<<28)
	if _, err := mqtt.AppendPublish(nil, 4, &mqtt.Publish{Topic: "t", Data: data}); !errors.Is(err, mqtt.ErrTooLarge) {
		t.Errorf("PUBLISH: %v", err)
	}
	pair := mqtt.Property{ID: mqtt.PropUserProperty, Key: data[:65535], Value: data[:65535]}
	props := make([]mqtt.Property, 2049) // of 131075 bytes each: more than 2^28
	for i := range props {
		props[i] = pair
	}
	if _, err := mqtt.AppendDisconnect(nil, 5, 0, props); !errors.Is(err, mqtt.ErrTooLarge) {
		t.Errorf("DISCONNECT: %v", err)
	}
	codes := make([]mqtt.ReasonCode, 1<<28)
	if _, err := mqtt.AppendSuback(nil, 4, 1, codes, nil); !errors.Is(err, mqtt.ErrTooLarge) {
		t.Errorf("SUBACK: %v", err)
	}
}

// PublishSize is exact, and so is the length in front of every size of packet.
func TestSizes(t *testing.T) {
	ps := []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}, {ID: mqtt.PropTopicAlias, Int: 7}}
	for _, n := range []int{0, 1, 110, 120, 121, 122, 123, 124, 125, 126, 127, 128, 16370, 16379, 16380, 16384, 2097140, 2097150} {
		for _, p := range []mqtt.Publish{
			{Topic: "t", Data: make([]byte, n)},
			{Topic: "t", Data: make([]byte, n), QoS: 1, ID: 9},
		} {
			for _, version := range []uint8{0, 4, 5} {
				if version == 5 {
					p.Props = ps
				}
				buf, err := mqtt.AppendPublish(nil, version, &p)
				if err != nil {
					t.Fatal(err)
				}
				if size := mqtt.PublishSize(version, &p); size != len(buf) {
					t.Errorf("version %d, %d bytes of data: PublishSize %d, packet %d", version, n, size, len(buf))
				}
				if m := mustParse(t, buf, version); len(m.Data) != n || m.QoS != p.QoS || m.ID != p.ID {
					t.Errorf("version %d, %d bytes of data: comes back as %d", version, n, len(m.Data))
				}
			}
		}
		if n == 0 {
			continue
		}
		codes := make([]mqtt.ReasonCode, n)
		codes[n-1] = mqtt.ReasonUnspecified
		buf, err := mqtt.AppendSuback([]byte("ab"), 4, 77, codes, nil)
		if err != nil {
			t.Fatal(err)
		}
		if m := mustParse(t, buf[2:], 4); m.ID != 77 || len(m.Data) != n || m.Data[n-1] != 0x80 {
			t.Errorf("SUBACK with %d codes comes back as %d", n, len(m.Data))
		}
	}
}

// A user name or password that is empty can be sent all the same.
func TestEmptyCredentials(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		buf, err := mqtt.AppendConnect(nil, version, &mqtt.ConnectPacket{ClientID: "a", HasUser: true, HasPassword: true})
		if err != nil {
			t.Fatal(err)
		}
		m := mustParse(t, buf, 0)
		if conn := m.Connect(); !conn.HasUser || !conn.HasPassword || conn.User != "" || len(conn.Password) != 0 {
			t.Errorf("comes back as %+v", conn)
		}
		buf, err = mqtt.AppendConnect(nil, version, &mqtt.ConnectPacket{ClientID: "a", User: "u", Password: []byte("p")})
		if err != nil {
			t.Fatal(err)
		}
		m = mustParse(t, buf, 0)
		if conn := m.Connect(); !conn.HasUser || !conn.HasPassword || conn.User != "u" || string(conn.Password) != "p" {
			t.Errorf("comes back as %+v", conn)
		}
	}
}
