package session

import (
	"encoding/binary"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// A server may send anything. The receiver answers each PUBREL, gives out nothing twice, delivers
// no held message again, and its counts agree with what it holds.
func FuzzReceiver(f *testing.F) {
	f.Add([]byte{2, 0, 1, 12, 0, 0, 3, 0, 1, 12, 0, 0}, uint8(5), true)
	f.Add([]byte{1, 0, 1, 1, 0, 2, 8, 0, 1, 8, 0, 0, 12, 0, 0}, uint8(5), true)
	f.Add([]byte{2, 0, 1, 9, 0, 0, 2, 0, 1, 10, 0, 0, 2, 0, 1, 11, 0, 0}, uint8(4), false)
	f.Fuzz(func(t *testing.T, steps []byte, version uint8, manual bool) {
		if version = 5 - version&1; len(steps) > 3000 {
			return
		}
		store, server := newReceiverStore(), mqtt.NewCapabilities(version)
		j := &journal{store: store}
		r := newReceiver(version, j, 8, manual)
		r.up(true, &server)
		var all []Delivery
		releases := 0
		for ; len(steps) >= 3; steps = steps[3:] {
			id := max(1, binary.BigEndian.Uint16(steps[1:]))
			switch op := steps[0] % 16; op {
			case 0, 1, 2, 4, 5, 6: // PUBLISH
				_, held := r.held[id]
				d, deliver, err := r.publish(&mqtt.Message{Cmd: mqtt.CmdPublish, QoS: op % 4, ID: id})
				if err == nil && deliver != (op%4 < 2 || !held) {
					t.Fatalf("identifier %d: held %v, delivered %v", id, held, deliver)
				}
				if deliver {
					all = append(all, d)
					r.handled(d)
				}
			case 3:
				r.receive(&mqtt.Message{Cmd: mqtt.CmdPubrel, ID: id})
				releases++
			case 7, 8:
				if len(all) > 0 {
					r.ack(all[int(id)%len(all)], mqtt.ReasonCode(steps[0]>>4<<4), nil)
				}
			case 9, 10:
				r.down()
				r.up(op == 9, &server)
				releases = 0
			case 11: // a new process
				store.crash()
				r, releases = newReceiver(version, j, 8, manual), 0
				if err := store.Load(r.load); err != nil {
					t.Fatal(err)
				}
				r.up(true, &server)
			default:
				releases -= checkReceiverOutput(t, r, store)
			}
			checkReceiverCounts(t, r)
		}
		if releases -= checkReceiverOutput(t, r, store); releases != 0 {
			t.Errorf("%d PUBRELs have no PUBCOMP", releases)
		}
	})
}

// checkReceiverOutput commits, checks the packets that are given out, and counts PUBCOMPs.
func checkReceiverOutput(t *testing.T, r *receiver, store *receiverStore) (pubcomps int) {
	t.Helper()
	r.journal.commit()
	for _, m := range parsePackets(t, r.version, r.append(nil)) {
		switch {
		case m.Cmd == mqtt.CmdPubcomp:
			pubcomps++
		case m.Cmd == mqtt.CmdPubrec && m.Ack < 0x80 && !store.has(r.keyOf(m.ID)):
			t.Fatalf("PUBREC %d, which is not in the store", m.ID)
		}
	}
	if out := r.append(nil); len(out) != 0 {
		t.Fatalf("given out twice: % x", out)
	}
	return pubcomps
}

func checkReceiverCounts(t *testing.T, r *receiver) {
	t.Helper()
	count, queued := 0, 0
	for _, h := range r.held {
		if h.counted {
			count++
		}
		if h.queued {
			queued++
		}
	}
	for _, a := range r.arrivals[r.head:] {
		h, ok := r.held[a.id]
		switch {
		case a.qos == 1:
			count++
		case ok && h.number == a.message:
			queued--
		}
	}
	if count != r.unacked || queued != 0 || count > r.max {
		t.Fatalf("%d messages are not acknowledged, counted %d; %d are queued without an arrival", count, r.unacked, queued)
	}
}
