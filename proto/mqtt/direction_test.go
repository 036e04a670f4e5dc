package mqtt_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// A property that its sender must not send fails the connection, wherever it stands among the
// others. In the other direction it is allowed.
func TestPropertiesOfOneDirection(t *testing.T) {
	const user, sub, expiry, reason = "26 0001'k' 0001'v'", "0b 01", "11 00000001", "1f 0001'r'"
	for _, tc := range []struct {
		side, packet, props, rule string
	}{
		{"server", "30 %02x 0001'a' %02x %s", sub, "MQTT-3.3.4-6"},
		{"server", "30 %02x 0001'a' %02x %s", user + sub, "MQTT-3.3.4-6"},
		{"server", "30 %02x 0001'a' %02x %s", sub + user, "MQTT-3.3.4-6"},
		{"client", "30 %02x 0001'a' %02x %s", user + sub + sub, ""},
		{"server", "30 %02x 0001'a' %02x %s", user, ""},
		{"client", "e0 %02x 00 %02x %s", reason + user, ""},
		{"client", "e0 %02x 00 %02x %s", expiry, "MQTT-3.14.2-2"},
		{"client", "e0 %02x 00 %02x %s", reason + expiry, "MQTT-3.14.2-2"},
		{"server", "e0 %02x 00 %02x %s", "11 00000000", ""},
		{"server", "e0 %02x 00 %02x %s", expiry, "section 3.14.2.2.2"}, // that of CONNECT was 0
		{"server", "e0 %02x 00 %02x %s", user + expiry, "section 3.14.2.2.2"},
	} {
		size := len(pack(tc.props))
		fixed := len(pack(fmt.Sprintf(tc.packet, 0, 0, ""))) - 2
		packet := pack(fmt.Sprintf(tc.packet, fixed+size, size, tc.props))
		overEachTransport(t, func(t *testing.T, scheme string) {
			x := connectedAs(t, scheme, tc.side, 5, nil)
			x.writeRead(x.p.framed(packet))
			if tc.rule == "" {
				if err := x.r.LastErr(); errors.Is(err, mqtt.ErrMalformed) {
					t.Errorf("%s to a %s: %v", tc.packet, tc.side, err)
				}
				return
			}
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(t), mqtt.ErrMalformed, tc.rule)
			x.p.wantGot(x.m, "e0 02 82 00")
		})
	}
}
