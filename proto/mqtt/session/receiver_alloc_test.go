package session

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// A received message needs no memory: neither alone nor in batches, with 100 in flight, with
// identifiers that go round, and acknowledged by the program in another order.
func TestReceiverAllocations(t *testing.T) {
	for _, manual := range []bool{false, true} {
		r := newReceiver(5, &journal{}, 0, manual)
		server := mqtt.NewCapabilities(5)
		r.up(true, &server)
		var id uint16
		out, flight := make([]byte, 0, 64<<10), make([]Delivery, 0, 100)
		round := func() {
			flight = flight[:0]
			for i := range 100 {
				if id++; id == 0 {
					id = 1
				}
				d, deliver, err := r.publish(&mqtt.Message{Cmd: mqtt.CmdPublish, QoS: uint8(i%2 + 1), ID: id})
				if !deliver || err != nil {
					t.Fatal(deliver, err)
				}
				r.publish(&mqtt.Message{Cmd: mqtt.CmdPublish}) // QoS 0
				r.handled(d)
				flight = append(flight, d)
			}
			for i := range flight {
				r.ack(flight[(i*37)%100], 0, nil)
			}
			if out = r.append(out[:0]); len(out) != 400 {
				t.Fatalf("%d bytes of acknowledgements", len(out))
			}
			for _, d := range flight {
				if d.qos == 2 {
					r.receive(&mqtt.Message{Cmd: mqtt.CmdPubrel, ID: d.id})
				}
			}
			if out = r.append(out[:0]); len(out) != 200 || r.unacked != 0 {
				t.Fatalf("%d bytes, %d messages count", len(out), r.unacked)
			}
		}
		for range 700 { // all identifiers
			round()
		}
		if n := testing.AllocsPerRun(700, round); n != 0 {
			t.Errorf("manual %v: %v allocations for 200 messages", manual, n)
		}
	}
}
