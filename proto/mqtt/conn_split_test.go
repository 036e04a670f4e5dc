package mqtt_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// A conversation with every kind of packet that a client gets, and what it
// must lead to however the bytes arrive.
var serverPackets = [][]byte{
	pack("20 02 00 00"),
	pack("90 03 00 01 01"),
	pack("30 06 00 03'a/b''x'"),
	pack("34 09 00 03'a/b' 00 07'yz'"),
	pack("34 09 00 03'a/b' 00 07'yz'"),
	pack("62 02 00 07"),
	pack("50 02 00 05"),
	pack("70 02 00 05"),
	pack("40 02 00 06"),
	pack("32 07 00 03'a/b' 00 08"),
	pack("b0 02 00 02"),
	pack("d0 00"),
}

const (
	serverEvents = "MQTT_OPEN:0 connack suback a/b=x publish a/b=yz publish publish pubrel pubrec pubcomp puback " +
		"a/b= publish unsuback pingresp"
	clientAnswers = "50 02 00 07 50 02 00 07 70 02 00 07 62 02 00 05 40 02 00 08"
)

// The same from a client to a server.
var clientPackets = [][]byte{
	connectC[4],
	pack("82 06 00 01 00 01'a' 00"),
	pack("30 06 00 03'a/b''x'"),
	pack("34 09 00 03'a/b' 00 07'yz'"),
	pack("62 02 00 07"),
	pack("50 02 00 05"),
	pack("a2 05 00 01 00 01'a'"),
	pack("c0 00"),
	pack("e0 00"),
}

const clientEvents = "connect subscribe a/b=x publish a/b=yz publish pubrel pubrec unsubscribe pingreq disconnect"

// checkServerStream and checkClientStream want all events and all answers.
func checkServerStream(t *testing.T, x *pair) {
	t.Helper()
	spin(t, x.m)
	x.r.wantPackets(serverEvents)
	x.p.wantGot(x.m, clientAnswers)
}

// Whole, in two parts cut everywhere, byte by byte: the bytes as they lie in
// the TCP stream, frame headers included.
func TestConnSplitStream(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		stream := (&peer{ws: scheme == "ws"}).framed(serverPackets...)
		for at := range stream {
			x := asking(t, scheme, 4, nil)
			x.feed(stream, at)
			checkServerStream(t, x)
			if t.Failed() {
				t.Fatalf("split at byte %d of %d", at, len(stream))
			}
		}
		x := asking(t, scheme, 4, nil)
		for i := range stream {
			x.writeRead(stream[i : i+1])
		}
		checkServerStream(t, x)
	})
}

// [MQTT-6.0.0-2] packets and messages have nothing to do with each other.
func TestConnSplitMessages(t *testing.T) {
	all := bytes.Join(serverPackets, nil)
	try := func(t *testing.T, messages ...[]byte) {
		t.Helper()
		x := asking(t, "ws", 4, nil)
		x.feed(x.p.framed(messages...), 0)
		checkServerStream(t, x)
	}
	t.Run("all in one", func(t *testing.T) { try(t, all) })
	t.Run("a byte in each", func(t *testing.T) { try(t, slices.Collect(slices.Chunk(all, 1))...) })
	t.Run("empty ones between", func(t *testing.T) {
		var messages [][]byte
		for b := range slices.Chunk(all, 3) {
			messages = append(messages, nil, b, []byte{})
		}
		try(t, messages...)
	})
	for size := 2; size < 20; size++ {
		t.Run(fmt.Sprintf("%d bytes in each", size), func(t *testing.T) { try(t, slices.Collect(slices.Chunk(all, size))...) })
	}
	for at := 1; at < len(all); at++ {
		t.Run(fmt.Sprintf("split at %d", at), func(t *testing.T) { try(t, all[:at], all[at:]) })
	}
}

// A message may come in fragments [RFC 6455 5.4], with a ping between them,
// and the packet be split somewhere else.
func TestConnSplitFragments(t *testing.T) {
	all := bytes.Join(serverPackets, nil)
	for at := range all {
		x := asking(t, "ws", 4, nil)
		first, last := x.p.frame(2, all[:at]), x.p.frame(0, all[at:])
		first[0] &^= 0x80
		x.feed(bytes.Join([][]byte{first, x.p.frame(9, []byte("p")), last}, nil), len(first))
		spin(t, x.m)
		x.r.wantPackets(serverEvents)
		await(t, x.m, "the pong", func() bool {
			x.p.pump()
			return slices.ContainsFunc(x.p.frames, func(f frame) bool { return f.op == 0x8a && string(f.payload) == "p" })
		})
		if t.Failed() {
			t.Fatalf("fragments split at %d", at)
		}
	}
}

func TestConnSplitToServer(t *testing.T) {
	check := func(t *testing.T, x *pair) {
		t.Helper()
		await(t, x.m, "the end", x.p.ended)
		x.p.close()
		x.waitClose()
		x.r.wantPackets(clientEvents + " CLOSE")
	}
	overBoth(t, func(t *testing.T, scheme string) {
		stream := (&peer{ws: scheme == "ws", client: true}).framed(clientPackets...)
		for at := range stream {
			x := served(t, scheme, acceptAll)
			x.feed(stream, at)
			check(t, x)
			if t.Failed() {
				t.Fatalf("split at byte %d of %d", at, len(stream))
			}
		}
		x := served(t, scheme, acceptAll)
		for i := range stream {
			x.writeRead(stream[i : i+1])
		}
		check(t, x)
	})
	t.Run("messages", func(t *testing.T) {
		all := bytes.Join(clientPackets, nil)
		for at := range all {
			x := served(t, "ws", acceptAll)
			x.feed(x.p.framed(all[:at], all[at:]), 0)
			check(t, x)
			if t.Failed() {
				t.Fatalf("messages split at %d", at)
			}
		}
	})
}

// The client's handshake and its first packets may come in one segment, cut
// anywhere.
func TestConnSplitUpgrade(t *testing.T) {
	head := []byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n")
	for at := range len(head) + 20 {
		m, r := newManager(t), &recorder{t: t, on: acceptAll}
		x := &pair{t: t, m: m, r: r, p: dialServer(t, m, r)}
		stream := append(bytes.Clone(head), x.p.framed(connectC[4], pack("30 06 00 03'a/b''x'"))...)
		await(t, m, "the connection", r.saw("ACCEPT"))
		x.feed(stream, at)
		x.p.wantGot(m, "20 02 00 00")
		r.wantPackets("connect a/b=x publish")
		if t.Failed() {
			t.Fatalf("split at byte %d", at)
		}
	}
}
