package mqtt_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Without any setting, CONNECT and CONNACK have 10 s, even if they arrive in pieces.
func TestDefaultDeadlineOfLogin(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for role, packet := range map[string][]byte{"server": connectC[4], "client": connackOK[4]} {
			t.Run(role, func(t *testing.T) {
				h := newClockPair(t, scheme, role, reactor.Deadlines{})
				h.upgrade(role)
				h.wantDeadline("handshake", 10*time.Second)

				h = newClockPair(t, scheme, role, reactor.Deadlines{})
				h.upgrade(role)
				h.Advance(9 * time.Second)
				h.p.send(packet[:1])
				h.wantDeadline("handshake", time.Second)
			})
		}
	})
}

// Without any setting, a connection that is logged in may be quiet for any time. A packet must be
// complete 20 s after its first byte. Over WebSocket it may begin in an earlier message.
func TestDefaultDeadlineOfPackets(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"server", "client"} {
			for _, n := range []int{1, 5} {
				h := newClockPair(t, scheme, role, reactor.Deadlines{})
				h.upgrade(role)
				if role == "server" {
					h.p.send(connectC[4])
					looptest.Await(t, h.m, "CONNECT", h.r.Noted("connect"))
					looptest.Must(t, mqtt.Connack(h.c, false, 0))
				} else {
					h.p.send(connackOK[4])
					looptest.Await(t, h.m, "CONNACK", h.r.Noted("connack"))
				}
				publish := pack("30 07 00 03'a/b''hi'")
				for range 2 {
					h.Advance(1000 * time.Hour)
					h.wantAlive("quiet")
					h.p.send(publish)
					looptest.Await(t, h.m, "PUBLISH", h.r.Noted("a/b=hi"))
				}
				h.Advance(1000 * time.Hour)
				h.wantAlive("quiet")
				h.p.send(publish[:n])
				looptest.Settle(t, h.m)
				h.wantDeadline("message", 20*time.Second)
			}
		}
	})
}
