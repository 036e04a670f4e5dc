package mqtt_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// pack turns "10 00 'MQTT' 04" into bytes: hexadecimal, and text between quotes.
func pack(s string) []byte {
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			panic(fmt.Sprintf("%q: %v", s, err))
		}
		out = append(out, b...)
	}
	return out
}

func mustParse(t *testing.T, buf []byte, version uint8) mqtt.Message {
	t.Helper()
	var m mqtt.Message
	n, err := mqtt.Parse(buf, version, &m)
	if err != nil {
		t.Fatalf("Parse(% x): %v", buf, err)
	}
	if n != len(buf) {
		t.Fatalf("Parse(% x) used %d of %d bytes", buf, n, len(buf))
	}
	return m
}

// sameMessage compares all but Dgram, whose encoding may differ; nil and empty
// slices are the same.
func sameMessage(a, b mqtt.Message) bool {
	same := bytes.Equal(a.Topic, b.Topic) && bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Props, b.Props)
	a.Topic, a.Data, a.Props, a.Dgram = nil, nil, nil, nil
	b.Topic, b.Data, b.Props, b.Dgram = nil, nil, nil, nil
	return same && reflect.DeepEqual(a, b)
}

func props(m *mqtt.Message) (list []mqtt.Property) {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		list = append(list, p)
	}
	return list
}

func filters(m *mqtt.Message) (list []mqtt.Filter) {
	var f mqtt.Filter
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		list = append(list, f)
	}
	return list
}

// reappend builds the packet of a message anew, from its decoded fields.
func reappend(dst []byte, m *mqtt.Message) ([]byte, error) {
	v, ps := m.Version, props(m)
	var codes []mqtt.ReasonCode
	var names []string
	switch m.Cmd {
	case mqtt.CmdSuback, mqtt.CmdUnsuback:
		for _, c := range m.Data {
			codes = append(codes, mqtt.ReasonCode(c))
		}
	case mqtt.CmdUnsubscribe:
		for _, f := range filters(m) {
			names = append(names, f.Topic)
		}
	}
	switch m.Cmd {
	case mqtt.CmdConnect:
		conn := m.Connect()
		return mqtt.AppendConnect(dst, v, &conn)
	case mqtt.CmdConnack:
		return mqtt.AppendConnack(dst, v, m.SessionPresent, m.Ack, ps)
	case mqtt.CmdPublish:
		return mqtt.AppendPublish(dst, v, &mqtt.Publish{Dup: m.Dup, QoS: m.QoS, Retain: m.Retain,
			ID: m.ID, Topic: string(m.Topic), Data: m.Data, Props: ps})
	case mqtt.CmdPuback, mqtt.CmdPubrec, mqtt.CmdPubrel, mqtt.CmdPubcomp:
		return mqtt.AppendAck(dst, v, m.Cmd, m.ID, m.Ack, ps)
	case mqtt.CmdSubscribe:
		return mqtt.AppendSubscribe(dst, v, m.ID, filters(m), ps)
	case mqtt.CmdSuback:
		return mqtt.AppendSuback(dst, v, m.ID, codes, ps)
	case mqtt.CmdUnsubscribe:
		return mqtt.AppendUnsubscribe(dst, v, m.ID, names, ps)
	case mqtt.CmdUnsuback:
		return mqtt.AppendUnsuback(dst, v, m.ID, codes, ps)
	case mqtt.CmdPingreq:
		return mqtt.AppendPingreq(dst), nil
	case mqtt.CmdPingresp:
		return mqtt.AppendPingresp(dst), nil
	case mqtt.CmdDisconnect:
		return mqtt.AppendDisconnect(dst, v, m.Ack, ps)
	case mqtt.CmdAuth:
		return mqtt.AppendAuth(dst, v, m.Ack, ps)
	}
	return dst, fmt.Errorf("no such packet: %v", m.Cmd)
}
