package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Many filters are sent in packets that are bounded in number and size, whatever their length, with
// and without identifiers. All are sent once, in order.
func TestBatches(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, limit := range []uint32{0, 40_000, 3_000} {
		for version := range []uint8{4, 5} {
			b := newSubBench(t, uint8(version+4))
			if b.server.MaximumPacketSize = max(limit, 1); limit == 0 {
				b.server.MaximumPacketSize = mqtt.NewCapabilities(4).MaximumPacketSize
			}
			var want []string
			for i := range 500 {
				name := fmt.Sprint(i, "/", strings.Repeat("x", r.IntN(2000)))
				if i%50 == 7 && limit != 3_000 {
					name += strings.Repeat("y", 20_000)
				}
				sub := Subscription{Filter: name}
				if i%3 > 0 {
					sub.Fn = func(*reactor.Conn, reactor.Event, any) {}
				}
				if i%100 > 90 && version == 1 {
					sub.Props = []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte{byte('a' + i%2)}}}
				}
				if err := b.s.subscribe([]Subscription{sub}); err != nil {
					t.Fatal(err)
				}
				want = append(want, name)
			}
			b.s.up(false, &b.server)
			got := checkBatches(b, 500)
			if !slices.Equal(got, want) {
				t.Errorf("limit %d, version %d: %d filters were sent, want %d in order", limit, version+4, len(got), len(want))
			}
			b.do("down lost")
			if got := checkBatches(b, 500); !slices.Equal(got, want) {
				t.Errorf("limit %d, version %d: after a lost session %d filters were sent", limit, version+4, len(got))
			}
			if b.do("down up send"); b.s.append(nil) != nil {
				t.Error("something is sent again")
			}
		}
	}
}

// checkBatches grants everything that is sent, and returns its filters.
func checkBatches(b *subBench, most int) (all []string) {
	for range most {
		packets := parsePackets(b.t, b.s.version, b.s.append(nil))
		if len(packets) == 0 {
			break
		}
		if len(packets) > maxSubscribes || len(b.s.flight) > maxSubscribes {
			b.t.Fatalf("%d packets are in flight", len(packets))
		}
		for _, m := range packets {
			names := strings.Split(strings.TrimSuffix(filtersOf(&m), ","), ",")
			if len(names) > maxBatch || len(names) > 1 && len(m.Dgram) > maxSubscribeSize || uint64(len(m.Dgram)) > uint64(b.server.MaximumPacketSize) {
				b.t.Fatalf("%d filters in %d bytes", len(names), len(m.Dgram))
			}
			all = append(all, names...)
			if err := b.s.receive(subAnswer(b.t, &m, make([]mqtt.ReasonCode, len(names)))); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	return all
}

// Filters with other user properties do not share a packet.
func TestBatchProperties(t *testing.T) {
	b := newSubBench(t, 5)
	user := func(key string) []mqtt.Property {
		return []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte(key)}}
	}
	props := user("k")
	b.s.subscribe([]Subscription{{Filter: "a", Props: props}, {Filter: "b", Props: user("k")}, {Filter: "c", Props: user("l")}, {Filter: "d"}})
	props[0].Key[0] = 'x' // they were copied
	if got, want := b.do("up send"), "SUB<0k>[a:0][b:0] SUB<0l>[c:0] SUB[d:0]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// If all packet identifiers are in use, nothing is sent until one is free.
func TestBatchWithoutPacketID(t *testing.T) {
	b := newSubBench(t, 5)
	for range 65535 {
		b.ids.Next()
	}
	if got := b.do("up sub:a send"); got != "" {
		t.Errorf("sent without an identifier: %s", got)
	}
	b.ids.Release(7)
	if got := b.do("send"); got != "SUB[a:0]" || b.waiting[0].ID != 7 {
		t.Errorf("got %s", got)
	}
}

// A subscription that others need is sent before those that wait, also after a lost session.
func TestBatchFirst(t *testing.T) {
	b := newSubBench(t, 4)
	b.do("sub:a,b up")
	b.s.subscribe([]Subscription{{Filter: "r", first: true}})
	if got, want := b.do("send ack:0,0,0 down lost send"), "SUB[r:0][a:0][b:0] r=0 a=0 b=0 SUB[r:0][a:0][b:0]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What the server does not allow shares no packet with what it allows.
func TestBatchWithoutRefused(t *testing.T) {
	b := newSubBench(t, 5)
	b.server.WildcardAvailable = false
	want := "SUB[a:0] SUB[c:0] b/#=80(Wildcard-Subscription-Available)"
	if got := b.do("sub:a,b/#,c up send"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
