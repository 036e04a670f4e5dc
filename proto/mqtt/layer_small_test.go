package mqtt_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// wantLimit checks that the connection has failed with a *PeerLimitError.
func (x *pair) wantLimit(value, got int) {
	x.t.Helper()
	x.waitClose()
	var limit *mqtt.PeerLimitError
	if err := x.r.Err(x.t); !errors.As(err, &limit) || limit.Value != value || limit.Got != got {
		x.t.Errorf("error %v, want Maximum Packet Size %d, and a packet of %d", err, value, got)
	}
}

// A server whose Maximum Packet Size leaves no room for an acknowledgement cannot get one. The
// client fails: otherwise it would be silent forever.
func TestPeerTooSmallForAcknowledgement(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, publish := range []string{"32 06 0001'a' 0001 00", "34 06 0001'a' 0001 00", "50 02 0001", "62 02 0001"} {
			x := awaitingConnack(t, scheme, 5, nil)
			x.p.send(pack("20 08 00 00 05 27 00000003"))
			looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
			x.p.send(pack(publish))
			want := 4
			if publish[0] == '6' { // PUBCOMP has a code, because the identifier is unknown
				want = 5
			}
			x.wantLimit(3, want)
		}
	})
}

// The same holds for PINGREQ.
func TestPeerTooSmallForPingreq(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := keptAlive(t, scheme, false, mqtt.Options{KeepAlive: time.Minute, Version: 5}, "20 08 00 00 05 27 00000001", nil)
		h.wantQuiet(59*time.Second - 1)
		h.Advance(1)
		h.wantLimit(1, 2)
	})
}
