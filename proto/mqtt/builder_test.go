package mqtt_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// refusedFields are packets with a field whose length does not fit into two bytes.
var refusedFields = []refusedPacket{
	{"topic too long", mqtt.CmdPublish, publish(4, mqtt.PublishPacket{Topic: tooLong})},
	{"client identifier too long", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{ClientID: tooLong, CleanStart: true})},
	{"password too long", mqtt.CmdConnect, connect(5, mqtt.ConnectPacket{Password: []byte(tooLong)})},
}

func TestAppendRefusesInvalidFields(t *testing.T) { testRefused(t, refusedFields) }

// Append returns ErrTooLarge for a packet of more than 2^28 bytes.
func TestAppendRefusesTooLargePackets(t *testing.T) {
	data := make([]byte, 1<<28)
	if _, err := mqtt.AppendPublish(nil, 4, &mqtt.PublishPacket{Topic: "t", Data: data}); !errors.Is(err, mqtt.ErrTooLarge) {
		t.Errorf("PUBLISH: error %v, want ErrTooLarge", err)
	}
	pair := mqtt.Property{ID: mqtt.PropUserProperty, Key: data[:65535], Value: data[:65535]}
	props := make([]mqtt.Property, 2049) // 131,075 bytes each, together more than 2^28
	for i := range props {
		props[i] = pair
	}
	if _, err := mqtt.AppendDisconnect(nil, 5, 0, props); !errors.Is(err, mqtt.ErrTooLarge) {
		t.Errorf("DISCONNECT: error %v, want ErrTooLarge", err)
	}
	codes := make([]mqtt.ReasonCode, 1<<28)
	if _, err := mqtt.AppendSuback(nil, 4, 1, codes, nil); !errors.Is(err, mqtt.ErrTooLarge) {
		t.Errorf("SUBACK: error %v, want ErrTooLarge", err)
	}
}

// The remaining length is correct for all lengths of its encoding: one byte up to 127, two up
// to 16,383, three up to 2,097,151, and four above.
func TestRemainingLengthOfAppendedPackets(t *testing.T) {
	for _, n := range []int{1, 110, 120, 121, 122, 123, 124, 125, 126, 127, 128, 16370, 16379, 16380, 16384} {
		codes := make([]mqtt.ReasonCode, n)
		codes[n-1] = mqtt.ReasonUnspecified
		buf, err := mqtt.AppendSuback([]byte("ab"), 4, 77, codes, nil)
		if err != nil {
			t.Fatal(err)
		}
		if m := mustParse(t, buf[2:], 4); m.ID != 77 || len(m.Data) != n || m.Data[n-1] != 0x80 {
			t.Errorf("SUBACK with %d codes is parsed with %d codes", n, len(m.Data))
		}
	}
	pair := mqtt.Property{ID: mqtt.PropUserProperty, Key: []byte(tooLong[1:]), Value: []byte(tooLong[1:])}
	for _, n := range []int{15, 16} { // a remaining length of 1,966,129 and of 2,097,205
		var pairs []mqtt.Property
		for range n {
			pairs = append(pairs, pair)
		}
		buf, err := mqtt.AppendDisconnect([]byte("ab"), 5, 0, pairs)
		if err != nil {
			t.Fatal(err)
		}
		if m := mustParse(t, buf[2:], 5); len(props(&m)) != n {
			t.Errorf("DISCONNECT with %d properties is parsed with %d", n, len(props(&m)))
		}
	}
}
