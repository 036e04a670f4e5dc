package mqtt_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// The packets that the codec is tested with. Each file about a source of the codec contains its
// own rows and tests them. Tests of the whole codec use all rows.
var (
	goodPackets = slices.Concat(goodConnect, goodConnack, goodPublish, goodAcks, goodSubscribe, goodSuback, goodSimple)

	malformedPackets = slices.Concat(malformedText, malformedHeader, malformedProperties, malformedConnect, malformedConnack,
		malformedPublish, malformedAcks, malformedSubscribe, malformedSuback, malformedSimple)
)

// goodPacket is a valid packet, written by hand from the standards.
type goodPacket struct {
	name    string
	version uint8
	bytes   string // for pack
	long    bool   // the Append functions write the packet in a shorter form
	want    mqtt.Message
}

// testParse checks that Parse decodes each packet, that Append encodes it again, and that Parse
// decodes that to the same message.
func testParse(t *testing.T, rows []goodPacket) {
	for _, tc := range rows {
		t.Run(tc.name, func(t *testing.T) {
			buf := pack(tc.bytes)
			want := tc.want
			want.Cmd, want.Version = mqtt.Cmd(buf[0]>>4), tc.version
			m := mustParse(t, buf, tc.version)
			if !sameMessage(m, want) {
				t.Errorf("got  %+v\nwant %+v", m, want)
			}
			if string(m.Dgram) != string(buf) {
				t.Errorf("Dgram is % x, want the packet", m.Dgram)
			}
			again, err := reappend([]byte("before"), &m)
			if err != nil {
				t.Fatalf("appending it again: error %v", err)
			}
			if !tc.long && string(again) != "before"+string(buf) {
				t.Errorf("appended again it is % x, want % x", again[len("before"):], buf)
			}
			if back := mustParse(t, again[len("before"):], tc.version); !sameMessage(m, back) {
				t.Errorf("parsed again it is %+v, want %+v", back, m)
			}
		})
	}
}

// malformedPacket is a packet that breaks the named rule of its version.
type malformedPacket struct {
	rule    string
	version uint8
	code    mqtt.ReasonCode
	bytes   string // for pack
	why     string
}

const (
	malformed = mqtt.ReasonMalformedPacket
	protocol  = mqtt.ReasonProtocolError
)

// testMalformed checks the error of Parse for each packet.
func testMalformed(t *testing.T, rows []malformedPacket) {
	for _, tc := range rows {
		t.Run(fmt.Sprintf("v%d %s %s", tc.version, tc.rule, tc.why), func(t *testing.T) {
			wantMalformed(t, tc.version, tc.rule, tc.code, pack(tc.bytes))
		})
	}
}

// wantMalformed checks the error of Parse for a packet, and for every beginning of the packet.
func wantMalformed(t *testing.T, version uint8, rule string, code mqtt.ReasonCode, buf []byte) {
	t.Helper()
	var m mqtt.Message
	n, err := mqtt.Parse(buf, version, &m)
	var pe *mqtt.ParseError
	if n != 0 || !errors.As(err, &pe) || !errors.Is(err, mqtt.ErrMalformed) {
		t.Fatalf("Parse returns %d, error %v, want a ParseError", n, err)
	}
	if pe.Rule != rule || pe.Code != code || pe.Cmd != mqtt.Cmd(buf[0]>>4) || pe.Reason == "" {
		t.Errorf("rule %s, code 0x%02X, packet %s; want rule %s, code 0x%02X: %v", pe.Rule, uint8(pe.Code), pe.Cmd, rule, uint8(code), err)
	}
	if m.Cmd != pe.Cmd {
		t.Errorf("msg.Cmd is %v, want %v", m.Cmd, pe.Cmd)
	}
	if errors.Is(err, mqtt.ErrVersion) != (code == mqtt.ReasonUnsupportedVersion) ||
		errors.Is(err, mqtt.ErrTooLarge) || errors.Is(err, mqtt.ErrIncomplete) {
		t.Errorf("error %v matches the wrong errors of the package", err)
	}
	if s := err.Error(); !strings.Contains(s, pe.Cmd.String()) || !strings.Contains(s, rule) {
		t.Errorf("error %q, want the packet type and the rule", s)
	}
	for i := range buf {
		_, early := mqtt.Parse(buf[:i], version, &m)
		if early != mqtt.ErrIncomplete && (early == nil || early.Error() != err.Error()) {
			t.Errorf("after %d bytes: error %v, after all bytes: %v", i, early, err)
		}
	}
}

// refusedPacket is a packet that an Append function refuses. It contains a value that cannot be
// encoded, or Parse would refuse it.
type refusedPacket struct {
	name string
	cmd  mqtt.Cmd
	fn   appendFunc
}

// testRefused checks that Append returns a ParseError for each packet and leaves dst unchanged.
func testRefused(t *testing.T, rows []refusedPacket) {
	for _, tc := range rows {
		dst := make([]byte, 4, 100)
		copy(dst, "keep")
		got, err := tc.fn(dst)
		var pe *mqtt.ParseError
		if !errors.As(err, &pe) || !errors.Is(err, mqtt.ErrMalformed) || pe.Cmd != tc.cmd || pe.Rule == "" {
			t.Errorf("%v, %s: error %v, want a ParseError with the packet type and the rule", tc.cmd, tc.name, err)
		}
		if string(got) != "keep" {
			t.Errorf("%v, %s: dst is %.40q, want it unchanged", tc.cmd, tc.name, got)
		}
	}
}

type appendFunc func(dst []byte) ([]byte, error)

func publish(version uint8, p mqtt.PublishPacket) appendFunc {
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

// pack converts text such as "10 00 'MQTT' 04" to bytes: hexadecimal digits, and characters
// between quotes.
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

// mustParse parses a buffer that contains exactly one packet.
func mustParse(t *testing.T, buf []byte, version uint8) mqtt.Message {
	t.Helper()
	var m mqtt.Message
	n, err := mqtt.Parse(buf, version, &m)
	if err != nil {
		t.Fatalf("Parse of % x: error %v", buf, err)
	}
	if n != len(buf) {
		t.Fatalf("Parse of % x used %d of %d bytes", buf, n, len(buf))
	}
	return m
}

// sameMessage compares all fields except Dgram, which may be encoded differently. A nil slice
// equals an empty one.
func sameMessage(a, b mqtt.Message) bool {
	same := bytes.Equal(a.Topic, b.Topic) && bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Props, b.Props)
	a.Topic, a.Data, a.Props, a.Dgram = nil, nil, nil, nil
	b.Topic, b.Data, b.Props, b.Dgram = nil, nil, nil, nil
	return same && reflect.DeepEqual(a, b)
}

// props returns all properties of a message.
func props(m *mqtt.Message) (list []mqtt.Property) {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		list = append(list, p)
	}
	return list
}

// filters returns all filters of a message.
func filters(m *mqtt.Message) (list []mqtt.Filter) {
	var f mqtt.Filter
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		list = append(list, f)
	}
	return list
}

// reappend appends the packet of a message again, from the decoded fields.
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
		return mqtt.AppendPublish(dst, v, &mqtt.PublishPacket{Dup: m.Dup, QoS: m.QoS, Retain: m.Retain,
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
	return dst, fmt.Errorf("unknown packet type: %v", m.Cmd)
}
