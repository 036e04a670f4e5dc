package mqtt_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// A packet that is not there in full consumes nothing, wherever it is cut, and
// comes out the same once it is, whatever follows it.
func TestSplitAnywhere(t *testing.T) {
	for _, tc := range goodPackets {
		buf := pack(tc.bytes)
		want := mustParse(t, buf, tc.version)
		for i := range buf {
			var m mqtt.Message
			part := append([]byte(nil), buf[:i]...) // beyond it is no memory to read
			if n, err := mqtt.Parse(part[:i:i], tc.version, &m); n != 0 || err != mqtt.ErrIncomplete {
				t.Fatalf("%s, first %d bytes: %d, %v", tc.name, i, n, err)
			}
		}
		var m mqtt.Message
		if n, err := mqtt.Parse(append(buf, 0xff, 0xff), tc.version, &m); n != len(buf) || err != nil || !sameMessage(m, want) {
			t.Errorf("%s, more behind it: %d, %v, %+v", tc.name, n, err, m)
		}
	}
}

func TestCoalesced(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		var stream []byte
		var want []mqtt.Message
		for range 3 {
			for _, tc := range goodPackets {
				if tc.version == version {
					stream = append(stream, pack(tc.bytes)...)
					want = append(want, mustParse(t, pack(tc.bytes), version))
				}
			}
		}
		// Delivered in pieces of every size, the rest of one kept for the next.
		for size := 1; size < 40; size++ {
			got := 0
			from, to := 0, 0
			for to < len(stream) {
				to = min(to+size, len(stream))
				for {
					var m mqtt.Message
					n, err := mqtt.Parse(stream[from:to:to], version, &m)
					if err == mqtt.ErrIncomplete {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if got >= len(want) || !sameMessage(m, want[got]) {
						t.Fatalf("version %d, pieces of %d: packet %d is %+v", version, size, got, m)
					}
					from, got = from+n, got+1
				}
			}
			if got != len(want) || from != len(stream) {
				t.Fatalf("version %d, pieces of %d: %d packets of %d", version, size, got, len(want))
			}
		}
	}
}

func TestParseHeader(t *testing.T) {
	for _, tc := range []struct {
		bytes   string
		version uint8
		want    mqtt.Header
		n       int
		err     error
	}{
		{"", 4, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d", 4, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d 80", 5, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d ffffff", 5, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d 00", 0, mqtt.Header{Cmd: mqtt.CmdPublish, Flags: 13}, 2, nil},
		{"3d 7f 00", 4, mqtt.Header{Cmd: mqtt.CmdPublish, Flags: 13, Remaining: 127}, 2, nil},
		{"82 8001", 5, mqtt.Header{Cmd: mqtt.CmdSubscribe, Flags: 2, Remaining: 128}, 3, nil},
		{"30 ff7f", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 16383}, 3, nil},
		{"30 808001", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 16384}, 4, nil},
		{"30 ffff7f", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 2097151}, 4, nil},
		{"30 80808001", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 2097152}, 5, nil},
		{"30 ffffff7f", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 268435455}, 5, nil},
		{"30 80808000", 4, mqtt.Header{Cmd: mqtt.CmdPublish}, 5, nil},
	} {
		h, n, err := mqtt.ParseHeader(pack(tc.bytes), tc.version)
		if h != tc.want || n != tc.n || err != tc.err {
			t.Errorf("%s: %+v, %d, %v", tc.bytes, h, n, err)
		}
		if err != nil || tc.bytes == "30 80808000" {
			continue
		}
		if got, err := mqtt.AppendHeader(nil, h.Cmd, h.Flags, h.Remaining); err != nil || string(got) != string(pack(tc.bytes)[:n]) {
			t.Errorf("AppendHeader(%+v) gives % x, %v", h, got, err)
		}
	}
}

func TestAppendHeaderRefuses(t *testing.T) {
	for _, tc := range []struct {
		cmd       mqtt.Cmd
		flags     byte
		remaining int
		sentinel  error
	}{
		{0, 0, 0, mqtt.ErrMalformed},
		{16, 0, 0, mqtt.ErrMalformed},
		{mqtt.CmdPublish, 6, 0, mqtt.ErrMalformed},
		{mqtt.CmdPublish, 16, 0, mqtt.ErrMalformed},
		{mqtt.CmdConnect, 16, 0, mqtt.ErrMalformed},
		{mqtt.CmdSubscribe, 0, 0, mqtt.ErrMalformed},
		{mqtt.CmdPublish, 0, 268435456, mqtt.ErrTooLarge},
		{mqtt.CmdPublish, 0, -1, mqtt.ErrTooLarge},
	} {
		got, err := mqtt.AppendHeader([]byte("x"), tc.cmd, tc.flags, tc.remaining)
		if string(got) != "x" || !errors.Is(err, tc.sentinel) {
			t.Errorf("%v %d %d: % x, %v", tc.cmd, tc.flags, tc.remaining, got, err)
		}
	}
	if got, err := mqtt.AppendHeader(nil, mqtt.CmdAuth, 0, 2); err != nil || string(got) != "\xf0\x02" {
		t.Errorf("AUTH: % x, %v", got, err)
	}
}
