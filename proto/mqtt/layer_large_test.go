package mqtt_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// The size of a packet is known from its header. Recv gets memory for the packet, but not on the
// header's word alone.
func TestSizeOfAPacketIsExpected(t *testing.T) {
	const arrived = 100_000
	for _, tt := range []struct {
		name        string
		size        int
		least, most int // capacity of Recv
	}{
		{"a large packet", 300_000, 300_000, 400_000},
		{"the largest packet that is accepted", mqtt.DefaultMaxPacket, 2 * arrived, 5 * arrived},
	} {
		x := connectedClient(t, "mqtt", 4, nil)
		p := largePublish(t, tt.size)
		x.p.Write(p[:arrived])
		looptest.Await(t, x.m, "the beginning", func() bool { return x.c.Recv.Len() == arrived })
		if n := x.c.Recv.Cap(); n < tt.least || n > tt.most {
			t.Errorf("%s: Recv has %d bytes of memory for %d, want %d to %d", tt.name, n, arrived, tt.least, tt.most)
		}
		if held := x.m.Stats().Held; held > tt.most {
			t.Errorf("%s: %d bytes are held", tt.name, held)
		}
	}
}

// Receiving large packets allocates nothing.
func TestReceivingLargePacketsDoesNotAllocate(t *testing.T) {
	for _, size := range []int{100_000, 150_000, 1_000_000} {
		x, count, p := connectedClient(t, "mqtt", 4, nil), 0, largePublish(t, size)
		x.c.Fn = func(_ *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvMQTTMsg && bytes.HasSuffix(p, data.(*mqtt.Message).Data) {
				count++
			}
		}
		looptest.WantNoAllocs(t, "a large packet", func() {
			want := count + 1
			for rest := p; count < want; x.m.Poll(0) {
				rest = rest[x.p.WriteSome(rest):]
			}
		})
	}
}

// largePublish returns a PUBLISH packet of size bytes.
func largePublish(t *testing.T, size int) []byte {
	t.Helper()
	header := 1 + len(binary.AppendUvarint(nil, uint64(size)))
	p, err := mqtt.AppendPublish(nil, 4, &mqtt.PublishPacket{Topic: "a", Data: make([]byte, size-header-3)})
	if err != nil || len(p) != size {
		t.Fatal(len(p), err)
	}
	return p
}
