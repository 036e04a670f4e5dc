package mqtt_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// A server that says with DISCONNECT why it hangs up, and closes without having read what
// we sent, resets the connection. Its reason is what the handler hears, although we are the
// first to write [MQTT-4.13.1-1].
func TestConnDisconnectBeforeReset(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for name, moment := range looptest.Moments {
			for _, farewell := range []bool{false, true} {
				if farewell && scheme != "ws" {
					continue
				}
				t.Run(fmt.Sprintf("%s, Close frame %v", name, farewell), func(t *testing.T) {
					x := connected(t, scheme, 5, nil)
					if err := mqtt.Ping(x.c); err != nil { // which the server never reads
						t.Fatal(err)
					}
					spin(t, x.m)
					moment(t, x.m, func() {
						last := x.p.framed(pack("e0 02 87 00"))
						if farewell {
							last = append(last, x.p.frame(8, closeNormal)...)
						}
						x.p.write(last)
						x.p.close()
						if _, err := mqtt.Pub(x.c, publishing(1)); err != nil {
							t.Error(err)
						}
					})
					await(t, x.m, "EvClose", x.r.closed)
					x.r.wantPackets("disconnect ERROR CLOSE")
					var refused *mqtt.RefusedError
					if err := x.r.err(); !errors.As(err, &refused) {
						t.Fatalf("error %v, want the server's reason", err)
					}
					if refused.Cmd != mqtt.CmdDisconnect || refused.Code != mqtt.ReasonNotAuthorized || refused.Version != 5 {
						t.Errorf("refused with %+v", refused)
					}
				})
			}
		}
	})
}

// The same for a CONNACK that refuses: the client has sent packets behind its CONNECT.
func TestConnConnackBeforeReset(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for name, moment := range looptest.Moments {
			t.Run(name, func(t *testing.T) {
				x := asking(t, scheme, 5, nil)
				if _, err := mqtt.Sub(x.c, publishing(1)); err != nil {
					t.Fatal(err)
				}
				spin(t, x.m)
				moment(t, x.m, func() {
					x.p.write(x.p.framed(pack("20 03 00 87 00")))
					x.p.close()
					if _, err := mqtt.Pub(x.c, publishing(1)); err != nil {
						t.Error(err)
					}
				})
				await(t, x.m, "EvClose", x.r.closed)
				var refused *mqtt.RefusedError
				if err := x.r.err(); !errors.As(err, &refused) || refused.Cmd != mqtt.CmdConnack || refused.Code != mqtt.ReasonNotAuthorized {
					t.Errorf("error %v, want the server's refusal", err)
				}
			})
		}
	})
}
