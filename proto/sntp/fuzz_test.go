package sntp_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/sntp"
)

// FuzzPacket: what is parsed is appended as it was, and each packet has a time or an error.
func FuzzPacket(f *testing.F) {
	f.Add([]byte{})
	f.Add(sntp.AppendPacket(nil, sntp.Packet{Version: 4, Mode: 4, Stratum: 1, Receive: 1 << 63, Transmit: 1<<63 + 1}))
	f.Add(sntp.AppendPacket(nil, sntp.Packet{Version: 4, Mode: 4, RefID: [4]byte{'R', 'A', 'T', 'E'}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, n, err := sntp.ParsePacket(b)
		if err != nil {
			if len(b) >= sntp.Size {
				t.Fatal(err)
			}
			return
		}
		if got := sntp.AppendPacket(nil, p); !bytes.Equal(got, b[:n]) {
			t.Fatalf("parsed %x, appended %x", b[:n], got)
		}
		now := time.Unix(1772366400, 0)
		got, err := sntp.Evaluate(&p, now, now.Add(time.Second))
		if err == nil && (got.Stratum < 1 || got.Stratum > 15 || got.Delay < 0 || got.Delay > time.Second) {
			t.Fatalf("%+v", got)
		}
	})
}
