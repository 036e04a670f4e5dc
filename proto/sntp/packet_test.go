package sntp_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/sntp"
)

func TestPacket(t *testing.T) {
	wire, err := hex.DecodeString("240106ec" + "00018000" + "00004000" + "47505300" +
		"e52d0c0080000000" + "e52d0c1140000000" + "e52d0c1200000001" + "e52d0c13ffffffff")
	if err != nil {
		t.Fatal(err)
	}
	want := sntp.Packet{
		Version: 4, Mode: sntp.ModeServer, Stratum: 1, Poll: 6, Precision: -20,
		RootDelay: 1500 * time.Millisecond, RootDispersion: 250 * time.Millisecond, RefID: [4]byte{'G', 'P', 'S'},
		Reference: 0xe52d0c00_80000000, Origin: 0xe52d0c11_40000000, Receive: 0xe52d0c12_00000001, Transmit: 0xe52d0c13_ffffffff,
	}
	for _, more := range []string{"", "x", "an extension"} {
		p, n, err := sntp.ParsePacket(append(wire, more...))
		if p != want || n != sntp.Size || err != nil {
			t.Errorf("%+v, %d, %v", p, n, err)
		}
	}
	for n := range wire {
		if _, used, err := sntp.ParsePacket(wire[:n]); !errors.Is(err, sntp.ErrIncomplete) || used != 0 {
			t.Errorf("%d bytes: %d, %v", n, used, err)
		}
	}
	if got := sntp.AppendPacket([]byte("before"), want); string(got) != "before"+string(wire) {
		t.Errorf("%x", got)
	}
}

// Times survive a round trip, also beyond the overflow of the seconds in 2036.
func TestTimestamp(t *testing.T) {
	for at, want := range map[string]sntp.Timestamp{
		"1970-01-01T00:00:00Z":           2208988800 << 32,
		"1968-01-20T03:14:08Z":           1 << 63,
		"2026-03-01T12:00:00.5Z":         0xed4ea8c0_80000000,
		"2036-02-07T06:28:15Z":           0xffffffff_00000000,
		"2036-02-07T06:28:16Z":           0,
		"2036-02-07T06:28:17.25Z":        1<<32 | 1<<30,
		"2026-03-01T12:00:00.000000001Z": 0xed4ea8c0_00000005,
	} {
		tm, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := sntp.TimestampOf(tm); got != want {
			t.Errorf("%s: %x, want %x", at, got, want)
		}
		if got := want.Time(); !got.Equal(tm) {
			t.Errorf("%x: %v, want %s", want, got, at)
		}
	}
}

// Durations that do not fit are cut.
func TestShortDurations(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		-time.Second: 0, 0: 0, time.Second: time.Second, 19 * time.Hour: 65535*time.Second + 999984741,
		1500 * time.Microsecond: 1510620, // a multiple of 15.26 µs
	} {
		p, _, _ := sntp.ParsePacket(sntp.AppendPacket(nil, sntp.Packet{RootDelay: d}))
		if p.RootDelay != want {
			t.Errorf("%v: %v, want %v", d, p.RootDelay, want)
		}
		again, _, _ := sntp.ParsePacket(sntp.AppendPacket(nil, p))
		if again != p {
			t.Errorf("%v: %v after another round trip", d, again.RootDelay)
		}
	}
}
