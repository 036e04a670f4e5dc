package mqtt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Parse returns ErrIncomplete for every beginning of a packet. Bytes that follow the packet do
// not change the result.
func TestParseOfIncompletePackets(t *testing.T) {
	for _, tc := range goodPackets {
		buf := pack(tc.bytes)
		want := mustParse(t, buf, tc.version)
		for i := range buf {
			var m mqtt.Message
			// A copy of its own capacity: a read beyond the end panics.
			part := append([]byte(nil), buf[:i]...)
			if n, err := mqtt.Parse(part[:i:i], tc.version, &m); n != 0 || err != mqtt.ErrIncomplete {
				t.Fatalf("%s, first %d bytes: Parse returns %d, error %v, want ErrIncomplete", tc.name, i, n, err)
			}
		}
		var m mqtt.Message
		if n, err := mqtt.Parse(append(buf, 0xff, 0xff), tc.version, &m); n != len(buf) || err != nil || !sameMessage(m, want) {
			t.Errorf("%s, with more bytes after it: Parse returns %d, error %v, %+v", tc.name, n, err, m)
		}
	}
}

// Parse decodes a stream of packets that arrives in pieces of any size.
func TestParseOfStream(t *testing.T) {
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
		// The rest of each piece is kept for the next one.
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
				t.Fatalf("version %d, pieces of %d: %d packets, want %d", version, size, got, len(want))
			}
		}
	}
}

// The functions of the codec name the nil argument in an error, or in a panic if they return no
// error.
func TestCodecRefusesNilArguments(t *testing.T) {
	errs := map[string]error{}
	_, errs["AppendConnect"] = mqtt.AppendConnect(nil, 4, nil)
	_, errs["AppendPublish"] = mqtt.AppendPublish(nil, 4, nil)
	for call, err := range errs {
		if err == nil || !strings.Contains(err.Error(), call) {
			t.Errorf("error %v, want one that contains %q", err, call)
		}
	}
	for call, f := range map[string]func(){
		"Parse into a nil Message": func() { mqtt.Parse(nil, 4, nil) },
		"NextProp into a nil":      func() { new(mqtt.Message).NextProp(nil, 0) },
		"NextFilter into a nil":    func() { new(mqtt.Message).NextFilter(nil, 0) },
		"PublishSize of a nil":     func() { mqtt.PublishSize(4, nil) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, "mqtt: "+call) {
					t.Errorf("panic %q, want one that contains %q", got, "mqtt: "+call)
				}
			}()
			f()
		}()
	}
}
