package broker

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var connect4a = connect(4, "a")

// TestKeepAlive lets one client be silent for longer than its keep-alive. Another one, without
// a keep-alive, gets its will. In 5.0 the broker sets the keep-alive of a client without one
// [MQTT-3.1.2-21].
func TestKeepAlive(t *testing.T) {
	for _, v := range []uint8{4, 5} {
		for _, keepAlive := range []uint16{0, 1, 10} {
			t.Run(fmt.Sprintf("v%d/%ds", v, keepAlive), func(t *testing.T) {
				h := newFixture(t)
				play(h, "tcp", []step{
					{"a", connect4a, "a: CONNACK 0x0"},
					{"a", subscribe(4, 1, filter("#", 0)), "a: SUBACK 1 00"},
					{"b", connect(v, "b", func(p *mqtt.ConnectPacket) {
						p.KeepAlive = keepAlive
						p.Will = &mqtt.Will{Topic: "w", Data: []byte("silent")}
					}), "b: CONNACK 0x0"},
				})
				limit := time.Duration(keepAlive) * time.Second * 3 / 2
				if keepAlive == 0 && v == 5 {
					limit = MaxKeepAlive * 3 / 2
				}
				h.wait(limit - time.Millisecond)
				h.expect("") // this sends a PINGREQ from b
				if limit == 0 {
					h.wait(1000 * time.Hour)
					h.expect("")
					return
				}
				h.wait(limit - time.Millisecond)
				if got := h.take(); got != "" {
					t.Fatalf("closed too early: %s", got)
				}
				h.wait(time.Second + time.Millisecond)
				b := h.peers["b"]
				h.until("the end of b", func() bool { return b.closed })
				h.expect(map[uint8]string{4: "a: PUBLISH q0 w=silent; b: closed",
					5: "a: PUBLISH q0 w=silent; b: DISCONNECT 0x8d, closed"}[v])
			})
		}
	}
}

func TestConnectWait(t *testing.T) {
	for transport, begin := range map[string]byte{"tcp": 0x10, "ws": 0x82} {
		t.Run(transport, func(t *testing.T) {
			h := newFixture(t)
			a, b := h.dial("a", transport), h.dial("b", transport)
			h.until("both", func() bool { return len(h.b.clients) == 2 })
			a.conn.Write([]byte{begin}) // the first byte of a packet or frame does not count
			h.wait(ConnectWait - time.Millisecond)
			if a.closed || b.closed {
				t.Fatal("closed too early")
			}
			h.wait(time.Second + time.Millisecond)
			h.until("the end of both", func() bool { return a.closed && b.closed })
			h.expect("a: closed; b: closed")
			if d := h.m.NextTimeout(); d < math.MaxInt64 {
				t.Errorf("a timer is due in %v, without sessions", d)
			}
		})
	}
}
