package mqtt_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"golang.org/x/sys/unix"
)

// SendPackets sends several packets; over WebSocket they are one message.
func TestSendPackets(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedClient(t, scheme, 4, nil)
		const packets = "30 06 00 03'a/b''x' c0 00 62 02 00 07"
		x.wantSent("copied", packets, func() error { return mqtt.SendPackets(x.c, pack(packets)) })
		x.wantSent("in place", "c0 00 c0 00", func() error {
			x.c.Send.Grow(64)
			return mqtt.SendPackets(x.c, mqtt.AppendPingreq(mqtt.AppendPingreq(x.c.Send.AvailableBuffer())))
		})
		if err := mqtt.SendPackets(x.c, nil); err != nil {
			t.Errorf("no packets: %v", err)
		}
		x.p.wantGot(x.m, "")
	})
}

// SendPackets refuses what is not a whole number of packets, and the packets for which there are
// calls. It then sends nothing.
func TestSendPacketsRefuses(t *testing.T) {
	x := connectedClient(t, "mqtt", 4, nil)
	for _, tc := range []struct{ packets, want string }{
		{"30 06 00 03'a/b'", "offset 0 is incomplete"},
		{"c0 00 30", "offset 2 is incomplete"},
		{"c0 00 30 80", "offset 2 is incomplete"},
		{"c0 00 36 06 00 03'a/b''x'", "MQTT-3.3.1-4"},
		{"c0 00 e0 00", "DISCONNECT"},
		{"10 0d 00 04'MQTT' 04 02 00 00 00 01'c'", "CONNECT"},
		{"20 02 00 00", "CONNACK"},
		{"32 04 00 01't' 00", "incomplete"},
	} {
		looptest.WantErr(t, mqtt.SendPackets(x.c, pack(tc.packets)), nil, tc.want)
	}
	x.p.wantGot(x.m, "")
}

// The identifiers of the packets are in use as after Pub and Sub. If one of them is in use before,
// nothing is sent, and none of the others is taken.
func TestSendPacketsTakesPacketIDs(t *testing.T) {
	const (
		one, again, two = "32 05 00 01't' 00 01", "3a 05 00 01't' 00 01", "34 05 00 01't' 00 02"
		sub, unsub, rel = "82 06 00 03 00 01't' 00", "a2 05 00 04 00 01't'", "62 02 00 05"
	)
	x := connectedClient(t, "mqtt", 4, nil)
	send := func(packets ...string) error { return mqtt.SendPackets(x.c, pack(strings.Join(packets, ""))) }
	all := []string{one, two, sub, unsub, rel, "30 04 00 01't''x'", "40 02 00 01", "c0 00"}
	if err := send(append(all, one)...); err != mqtt.ErrPacketIDInUse {
		t.Errorf("an identifier twice: %v", err)
	}
	if err := send(append(all, "34 05 00 01't' 00 00")...); err != mqtt.ErrPacketIDInUse {
		t.Errorf("identifier 0: %v", err)
	}
	x.p.wantGot(x.m, "")
	for range 2 { // identifier 3, of SUBSCRIBE above, is free for a message, and PUBACK frees it
		x.wantSent("PUBLISH", "32 07 00 03'a/b' 00 03", func() error { _, err := sendID(x.c, "pub 1", 3); return err })
		x.p.send(pack("40 02 00 03"))
		looptest.Await(t, x.m, "PUBACK", x.r.Noted("puback"))
		x.r.Lines = nil
	}
	if err := send(append(all, again, rel)...); err != nil {
		t.Fatal(err)
	}
	for id := uint16(1); id <= 5; id++ {
		if _, err := sendID(x.c, "sub", id); err != mqtt.ErrPacketIDInUse {
			t.Errorf("identifier %d is free: %v", id, err)
		}
	}
	if err := send("3a 05 00 01't' 00 03"); err != mqtt.ErrPacketIDInUse {
		t.Errorf("a retransmission with the identifier of SUBSCRIBE: %v", err)
	}
	x.p.send(pack("40 02 00 01"), pack("70 02 00 02"), pack("90 03 00 03 00"), pack("b0 02 00 04"), pack("70 02 00 05"))
	looptest.Await(t, x.m, "the answers", func() bool { return len(x.r.Lines) == 5 })
	for id := uint16(1); id <= 5; id++ {
		if _, err := sendID(x.c, "sub", id); err != nil {
			t.Errorf("identifier %d: %v", id, err)
		}
	}

	y := connectedWith(t, "mqtt", "client", mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
	err := mqtt.SendPackets(y.c, pack("32 06 00 01't' 00 01 00 32 06 00 01't' 00 02 00"))
	looptest.WantErr(t, err, nil, "Receive Maximum is 1")
	if id, err := mqtt.Pub(y.c, pubOptions(1)); id != 1 || err != nil {
		t.Errorf("afterwards Pub returns %d, %v", id, err)
	}
}

// SendPackets returns the errors of the other calls.
func TestSendPacketsInOtherPhases(t *testing.T) {
	ping := pack("c0 00")
	x := startClient(t, "ws", &mqtt.Options{ClientID: "c", Clean: true}, nil)
	if err := mqtt.SendPackets(x.c, ping); err != mqtt.ErrNotOpen {
		t.Errorf("before CONNECT: %v", err)
	}
	x = connectedClient(t, "mqtt", 4, nil)
	mqtt.Disconnect(x.c, nil)
	if err := mqtt.SendPackets(x.c, ping); err != mqtt.ErrDisconnected {
		t.Errorf("after DISCONNECT: %v", err)
	}
	x = acceptedConn(t, "mqtt", nil)
	if err := mqtt.SendPackets(x.c, ping); err != mqtt.ErrNotOpen {
		t.Errorf("before CONNACK: %v", err)
	}
}

// SendPackets of packets that were made in place allocates nothing.
func TestSendPacketsDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 4096)
	overEachTransport(t, func(t *testing.T, scheme string) {
		x, _ := counting(t, scheme)
		p := mqtt.PublishPacket{Topic: "a/b", Data: []byte("hi")}
		got := 0
		looptest.WantNoAllocs(t, "SendPackets", func() {
			x.c.Send.Grow(64)
			packets, err := mqtt.AppendPublish(x.c.Send.AvailableBuffer(), 4, &p)
			if err == nil {
				packets, err = mqtt.AppendPublish(packets, 4, &p)
			}
			if err == nil {
				err = mqtt.SendPackets(x.c, packets)
			}
			if err != nil {
				t.Fatal(err)
			}
			x.m.Poll(0)
			if n, _ := unix.Read(x.p.FD, buf); n > 0 {
				got += n
			}
		})
		if got < 100*18 {
			t.Errorf("the peer got %d bytes, want %d or more", got, 100*18)
		}
	})
}
