package mqtt_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// FuzzParse checks that Parse does not panic, that n is in bounds, and that the iterators end
// and return everything. A parsed packet that is appended again must parse to the same
// message.
func FuzzParse(f *testing.F) {
	for _, tc := range goodPackets {
		f.Add(pack(tc.bytes), tc.version == 5)
	}
	for _, tc := range malformedPackets {
		f.Add(pack(tc.bytes), tc.version == 5)
	}
	f.Fuzz(func(t *testing.T, buf []byte, five bool) {
		version := uint8(4)
		if five {
			version = 5
		}
		var m mqtt.Message
		n, err := mqtt.Parse(buf, version, &m)
		if err != nil {
			if n != 0 || err != mqtt.ErrIncomplete && !errors.Is(err, mqtt.ErrMalformed) {
				t.Fatalf("Parse returns %d and error %v", n, err)
			}
			return
		}
		h, hn, err := mqtt.ParseHeader(buf, version)
		if err != nil || n != hn+h.Remaining || n > len(buf) || len(m.Dgram) != n || h.Cmd != m.Cmd {
			t.Fatalf("Parse returns %d of %d bytes, ParseHeader %+v, %d, error %v", n, len(buf), h, hn, err)
		}
		checkIterators(t, &m)
		again, err := reappend(nil, &m)
		if err != nil {
			t.Fatalf("%+v cannot be appended: %v", m, err)
		}
		back := mustParse(t, again, version)
		if !sameMessage(m, back) {
			t.Fatalf("%+v is parsed again as %+v", m, back)
		}
		if m.Cmd == mqtt.CmdConnect && !reflect.DeepEqual(m.Connect(), back.Connect()) {
			t.Fatalf("%+v is parsed again as %+v", m.Connect(), back.Connect())
		}
	})
}

// FuzzSendPackets checks that the checks of SendPackets do not panic, and that they accept packets
// that Parse accepts, unless there are calls for them or an identifier occurs twice.
func FuzzSendPackets(f *testing.F) {
	for _, tc := range goodPackets {
		f.Add(append(pack(tc.bytes), pack(tc.bytes)...), tc.version == 5)
	}
	f.Add(pack("32 04 00 01't' 00"), false)
	f.Add(pack("62 00"), true)
	f.Fuzz(func(t *testing.T, buf []byte, five bool) {
		version := uint8(4)
		if five {
			version = 5
		}
		err := mqtt.CheckPackets(version, buf)
		if err == nil || err == mqtt.ErrPacketIDInUse {
			return
		}
		var m mqtt.Message
		for rest := buf; ; {
			n, parseErr := mqtt.Parse(rest, version, &m)
			if parseErr != nil && len(rest) > 0 {
				return
			}
			switch m.Cmd {
			case mqtt.CmdConnect, mqtt.CmdConnack, mqtt.CmdDisconnect, mqtt.CmdAuth:
				return
			}
			if rest = rest[n:]; len(rest) == 0 {
				t.Fatalf("SendPackets refuses % x: %v", buf, err)
			}
		}
	})
}

// checkIterators checks that NextProp and NextFilter advance and reach the end.
func checkIterators(t *testing.T, m *mqtt.Message) {
	var p mqtt.Property
	end := 0
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if ofs <= end {
			t.Fatalf("NextProp goes from %d to %d", end, ofs)
		}
		end = ofs
	}
	if end != len(m.Props) {
		t.Fatalf("NextProp ends at %d of %d", end, len(m.Props))
	}
	if m.Cmd != mqtt.CmdSubscribe && m.Cmd != mqtt.CmdUnsubscribe {
		return
	}
	var f mqtt.Filter
	end = 0
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		if ofs <= end || !mqtt.ValidFilter(f.Topic, m.Version) {
			t.Fatalf("NextFilter goes from %d to %d: %q", end, ofs, f.Topic)
		}
		end = ofs
	}
	if end != len(m.Data) || end == 0 {
		t.Fatalf("NextFilter ends at %d of %d", end, len(m.Data))
	}
}

// FuzzIterators checks that the methods do not panic for a Message that Parse has not filled.
func FuzzIterators(f *testing.F) {
	f.Add(uint8(1), uint8(5), pack("10 05 0004 'MQ'"), pack("26 0001"), pack("0002 'a'"), 0)
	f.Add(uint8(8), uint8(4), []byte(nil), pack("0b 80808080"), pack("0001 'a'"), 1)
	f.Add(uint8(8), uint8(5), []byte(nil), []byte(nil), pack("0001 'a'"), 0)
	f.Fuzz(func(t *testing.T, cmd, version uint8, dgram, raw, data []byte, ofs int) {
		m := mqtt.Message{Cmd: mqtt.Cmd(cmd), Version: version, Dgram: dgram, Props: raw, Data: data}
		m.Connect()
		var p mqtt.Property
		var fl mqtt.Filter
		if n := m.NextProp(&p, ofs); n != 0 && (n <= ofs || n > len(raw)) {
			t.Errorf("NextProp(%d) is %d", ofs, n)
		}
		if n := m.NextFilter(&fl, ofs); n != 0 && (n <= ofs || n > len(data)) {
			t.Errorf("NextFilter(%d) is %d", ofs, n)
		}
	})
}

// FuzzRoundTrip checks that Parse reads what Append has written. If Append returns an error,
// dst must be unchanged. AppendPublish must refuse exactly the packets that break one of the
// rules below.
func FuzzRoundTrip(f *testing.F) {
	f.Add(true, uint8(1), false, true, uint16(7), "a/b", []byte("data"), uint8(mqtt.PropTopicAlias), uint32(3), []byte("k"), []byte("v"))
	f.Add(false, uint8(0), false, false, uint16(0), "t", []byte(nil), uint8(0), uint32(0), []byte(nil), []byte(nil))
	f.Add(true, uint8(2), true, false, uint16(1), "", []byte(nil), uint8(mqtt.PropUserProperty), uint32(0), []byte("k"), []byte("v"))
	f.Add(true, uint8(2), true, false, uint16(1), "t", []byte(nil), uint8(mqtt.PropSubscriptionIdentifier), uint32(1<<28), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, five bool, qos uint8, dup, retain bool, id uint16, topic string, data []byte, propID uint8, num uint32, key, value []byte) {
		version := uint8(4)
		p := mqtt.PublishPacket{Dup: dup, QoS: qos, Retain: retain, ID: id, Topic: topic, Data: data}
		if five {
			version = 5
			p.Props = []mqtt.Property{{ID: mqtt.PropID(propID), Int: num, Key: key, Value: value}}
		}
		buf, err := mqtt.AppendPublish([]byte("x"), version, &p)
		bad := !mqtt.ValidTopic(topic) || qos > 2 || qos == 0 && dup || qos > 0 && id == 0
		if err != nil {
			if string(buf) != "x" || !errors.Is(err, mqtt.ErrMalformed) || !bad && !five {
				t.Fatalf("AppendPublish of %+v returns %q and error %v", p, buf, err)
			}
		} else {
			alias := mqtt.PropID(propID) == mqtt.PropTopicAlias
			if bad && !(five && topic == "" && alias) {
				t.Fatalf("AppendPublish accepts %+v", p)
			}
			m := mustParse(t, buf[1:], version)
			if string(m.Topic) != topic || string(m.Data) != string(data) || m.QoS != qos || m.Dup != dup || m.Retain != retain ||
				qos > 0 && m.ID != id || mqtt.PublishSize(version, &p) != len(buf)-1 {
				t.Fatalf("%+v is parsed as %+v", p, m)
			}
		}
		roundTripConnect(t, version, &mqtt.ConnectPacket{ClientID: topic, CleanStart: retain, KeepAlive: id, User: string(key), Password: value,
			Will: &mqtt.Will{Topic: topic, Data: data, QoS: qos, Retain: dup}})
	})
}

// roundTripConnect checks that Parse reads what AppendConnect has written.
func roundTripConnect(t *testing.T, version uint8, conn *mqtt.ConnectPacket) {
	buf, err := mqtt.AppendConnect([]byte("x"), version, conn)
	if err != nil {
		if string(buf) != "x" {
			t.Fatalf("dst is %q, want it unchanged", buf)
		}
		return
	}
	m := mustParse(t, buf[1:], version)
	got := m.Connect()
	same := got.ClientID == conn.ClientID && got.CleanStart == conn.CleanStart && got.KeepAlive == conn.KeepAlive &&
		got.User == conn.User && string(got.Password) == string(conn.Password) &&
		got.HasUser == (conn.User != "") && got.HasPassword == (len(conn.Password) > 0) &&
		got.Will.Topic == conn.Will.Topic && string(got.Will.Data) == string(conn.Will.Data) &&
		got.Will.QoS == conn.Will.QoS && got.Will.Retain == conn.Will.Retain
	if !same {
		t.Fatalf("%+v is parsed as %+v", conn, got)
	}
}
