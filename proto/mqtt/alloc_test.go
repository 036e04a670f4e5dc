package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Parse and NextProp allocate nothing, for every type of packet.
func TestParseDoesNotAllocate(t *testing.T) {
	for _, tc := range goodPackets {
		buf := pack(tc.bytes)
		var m mqtt.Message
		var p mqtt.Property
		if n := testing.AllocsPerRun(100, func() {
			if _, err := mqtt.Parse(buf, tc.version, &m); err != nil {
				t.Fatal(err)
			}
			for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per Parse, want 0", tc.name, n)
		}
	}
}

// The Append functions for frequent packets allocate nothing if the capacity of the buffer is
// the size of the packet.
func TestAppendDoesNotAllocate(t *testing.T) {
	pub := mqtt.PublishPacket{Topic: "a/b", Data: make([]byte, 64), QoS: 1, ID: 7}
	pub5 := mqtt.PublishPacket{Topic: "a/b", Data: make([]byte, 200), QoS: 2, ID: 7, Props: []mqtt.Property{
		{ID: mqtt.PropTopicAlias, Int: 1}, {ID: mqtt.PropContentType, Value: []byte("text")}}}
	filter := []mqtt.Filter{{Topic: "a/#", QoS: 1}}
	for _, tc := range []struct {
		name string
		size int
		fn   appendFunc
	}{
		{"PUBLISH 3.1.1", mqtt.PublishSize(4, &pub), func(b []byte) ([]byte, error) { return mqtt.AppendPublish(b, 4, &pub) }},
		{"PUBLISH 5.0", mqtt.PublishSize(5, &pub5), func(b []byte) ([]byte, error) { return mqtt.AppendPublish(b, 5, &pub5) }},
		{"PUBACK", 4, ack(4, mqtt.CmdPuback, 1, 0)},
		{"PUBREL 5.0", 5, ack(5, mqtt.CmdPubrel, 1, mqtt.ReasonPacketIDNotFound)},
		{"SUBSCRIBE", 10, func(b []byte) ([]byte, error) { return mqtt.AppendSubscribe(b, 4, 1, filter, nil) }},
		{"PINGREQ", 2, func(b []byte) ([]byte, error) { return mqtt.AppendPingreq(b), nil }},
	} {
		dst := make([]byte, 0, tc.size)
		if n := testing.AllocsPerRun(100, func() {
			got, err := tc.fn(dst)
			if err != nil || len(got) != tc.size {
				t.Fatalf("%s: %d bytes, want %d; error %v", tc.name, len(got), tc.size, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per call, want 0", tc.name, n)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	filter, topic := "a/+/c/#", []byte("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q")
	if n := testing.AllocsPerRun(100, func() {
		if !mqtt.Match(filter, topic) || !mqtt.ValidFilter(filter, 5) || !mqtt.ValidTopic(topic) {
			t.Fatal("the topic does not match")
		}
	}); n != 0 {
		t.Errorf("%v allocations per call, want 0", n)
	}
}

// counting returns a connected client whose handler only counts the messages.
func counting(t *testing.T, scheme string) (x *pair, count *int) {
	t.Helper()
	x = connectedClient(t, scheme, 4, nil)
	count = new(int)
	x.c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTMsg && string(data.(*mqtt.Message).Data) == "x" {
			*count++
		}
	}
	return x, count
}

// Receiving a PUBLISH, raising EvMQTTMsg and acknowledging it allocate nothing.
func TestReceivingDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 4096)
	overEachTransport(t, func(t *testing.T, scheme string) {
		for name, packets := range map[string][][]byte{
			"QoS 0": {pack("30 06 00 03'a/b''x'")},
			"QoS 1": {pack("32 08 00 03'a/b' 00 07'x'")},
			"QoS 2": {pack("34 08 00 03'a/b' 00 07'x'"), pack("62 02 00 07")},
		} {
			x, count := counting(t, scheme)
			in := x.p.framed(packets...)
			looptest.WantNoAllocs(t, name, func() {
				want := *count + 1
				unix.Write(x.p.FD, in)
				for i := 0; *count < want && i < looptest.Turns; i++ {
					x.m.Poll(5e6)
				}
				x.m.Poll(0)
				unix.Read(x.p.FD, buf)
			})
			if *count < 100 {
				t.Errorf("%s: %d messages were delivered, want 100 or more", name, *count)
			}
		}
	})
}

// Receiving a packet in two reads allocates nothing.
func TestReceivingInTwoReadsDoesNotAllocate(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x, count := counting(t, scheme)
		in := x.p.framed(pack("30 06 00 03'a/b''x'"))
		looptest.WantNoAllocs(t, "PUBLISH in two reads", func() {
			want := *count + 1
			unix.Write(x.p.FD, in[:5])
			x.m.Poll(5e6)
			unix.Write(x.p.FD, in[5:])
			for i := 0; *count < want && i < looptest.Turns; i++ {
				x.m.Poll(5e6)
			}
		})
		if *count < 100 {
			t.Errorf("%d messages were delivered, want 100 or more", *count)
		}
	})
}

// Pub, and the turn of the loop that sends the packet, allocate nothing.
func TestPubDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 4096)
	overEachTransport(t, func(t *testing.T, scheme string) {
		x, _ := counting(t, scheme)
		for qos := range uint8(3) {
			opts := pubOptions(qos)
			got := 0
			looptest.WantNoAllocs(t, "Pub", func() {
				if _, err := mqtt.Pub(x.c, opts); err != nil {
					t.Fatal(err)
				}
				x.m.Poll(0)
				if n, _ := unix.Read(x.p.FD, buf); n > 0 {
					got += n
				}
			})
			if got < 100*9 {
				t.Errorf("the peer got %d bytes, want %d or more", got, 100*9)
			}
		}
		looptest.WantNoAllocs(t, "Ping", func() {
			mqtt.Ping(x.c)
			x.m.Poll(0)
			unix.Read(x.p.FD, buf)
		})
	})
}

// Pub on a connection of Login, followed by ws.Wrap, allocates nothing.
func TestPubAndWrapDoNotAllocate(t *testing.T) {
	buf := make([]byte, 4096)
	m, r := looptest.NewManager(t), &recorder{t: t}
	l, addr := looptest.ListenSocket(t)
	c, err := ws.Connect(m, "ws://"+addr, r.handle, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Socket: l.AwaitAccept(m)}
	p.ws = true
	p.agree(m, "")
	looptest.Await(t, m, "EvWSOpen", r.Noted("WS_OPEN"))
	c.Fn = func(*reactor.Conn, reactor.Event, any) {}
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	ws.Wrap(c, c.Send.Len(), ws.OpBinary)
	opts, got := pubOptions(1), 0
	looptest.WantNoAllocs(t, "Pub and Wrap", func() {
		start := c.Send.Len()
		if _, err := mqtt.Pub(c, opts); err != nil {
			t.Fatal(err)
		}
		ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
		m.Poll(0)
		if n, _ := unix.Read(p.FD, buf); n > 0 {
			got += n
		}
	})
	if got < 100*17 {
		t.Errorf("the peer got %d bytes, want %d or more", got, 100*17)
	}
}
