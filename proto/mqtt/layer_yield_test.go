package mqtt_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Many packets arrive at once, over TCP and in WebSocket messages. A packet may begin in one
// message and end in the next. The events do not depend on how often the connection yields. That
// is so even if it yields in the middle of a WebSocket message.
func TestManyPacketsWithYields(t *testing.T) {
	const times = 20
	for _, scheme := range []string{"mqtt", "ws"} {
		for _, size := range []int{1 << 20, 1000, 7} { // of a WebSocket message
			for _, end := range []bool{false, true} {
				var events string
				for _, takes := range []time.Duration{0, 200 * time.Microsecond, time.Millisecond} {
					k := looptest.NewClock()
					slow := func(*reactor.Conn, any) { k.Advance(takes) }
					x := acceptedConn(t, scheme, hooks{reactor.EvMQTTCmd: slow, reactor.EvMQTTMsg: slow}, reactor.WithClock(k.Now))
					x.p.send(connectC[4])
					looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
					if err := mqtt.Connack(x.c, false, 0); err != nil {
						t.Fatal(err)
					}
					stream := slices.Concat(slices.Repeat(clientPackets[1:8], times)...)
					if end {
						stream = append(stream, clientPackets[8]...)
					}
					x.p.send(slices.Collect(slices.Chunk(stream, size))...)
					want := times
					looptest.Await(t, x.m, "all packets", func() bool {
						n := 0
						for _, line := range x.r.Lines {
							if line == "pingreq" {
								n++
							}
						}
						return n == want || x.r.Closed()
					})
					x.p.Shutdown()
					looptest.Await(t, x.m, "CLOSE", x.r.Closed)
					got := x.r.packets()
					if takes == 0 {
						events = got
					} else if x.m.Stats().Yields == 0 {
						t.Errorf("%s, %d, %v: did not yield", scheme, size, takes)
					}
					if got != events {
						t.Errorf("%s, messages of %d bytes, %v: events\n got %s\nwant %s", scheme, size, takes, got, events)
					}
				}
			}
		}
	}
}
