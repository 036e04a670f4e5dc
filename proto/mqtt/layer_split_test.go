package mqtt_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// serverPackets are packets of all types that a server sends to a client.
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

// The events and the answers of a client that gets serverPackets.
const (
	serverEvents = "MQTT_OPEN:0 connack suback a/b=x publish a/b=yz publish publish pubrel pubrec pubcomp puback " +
		"a/b= publish unsuback pingresp"
	clientAnswers = "50 02 00 07 50 02 00 07 70 02 00 07 62 02 00 05 40 02 00 08"
)

// clientPackets are packets that a client sends to a server.
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

// clientEvents are the events of a server that gets clientPackets.
const clientEvents = "connect subscribe a/b=x publish a/b=yz publish pubrel pubrec unsubscribe pingreq disconnect"

// checkServerStream checks the events and answers of a client that got serverPackets.
func checkServerStream(t *testing.T, x *pair) {
	t.Helper()
	looptest.Settle(t, x.m)
	x.r.wantPackets(serverEvents)
	x.p.wantGot(x.m, clientAnswers)
}

// The bytes of the stream, with frame headers, arrive in two parts, split at every byte, and
// then byte by byte.
func TestServerStreamInParts(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		stream := (&peer{ws: scheme == "ws"}).framed(serverPackets...)
		for at := range stream {
			t.Run(fmt.Sprintf("split at byte %d of %d", at, len(stream)), func(t *testing.T) {
				x := awaitingConnack(t, scheme, 4, nil)
				x.writeInTwoParts(stream, at)
				checkServerStream(t, x)
			})
		}
		x := awaitingConnack(t, scheme, 4, nil)
		for i := range stream {
			x.writeRead(stream[i : i+1])
		}
		checkServerStream(t, x)
	})
}

// Packets begin and end anywhere in WebSocket messages [MQTT-6.0.0-2].
func TestPacketsInMessages(t *testing.T) {
	all := bytes.Join(serverPackets, nil)
	try := func(t *testing.T, messages ...[]byte) {
		t.Helper()
		x := awaitingConnack(t, "ws", 4, nil)
		x.writeInTwoParts(x.p.framed(messages...), 0)
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

// A message arrives in two fragments [RFC 6455 5.4] with a ping between them.
func TestPacketsInFragments(t *testing.T) {
	all := bytes.Join(serverPackets, nil)
	for at := range all {
		t.Run(fmt.Sprintf("split at %d", at), func(t *testing.T) {
			x := awaitingConnack(t, "ws", 4, nil)
			first, last := x.p.frame(2, all[:at]), x.p.frame(0, all[at:])
			first[0] &^= 0x80
			x.writeInTwoParts(bytes.Join([][]byte{first, x.p.frame(9, []byte("p")), last}, nil), len(first))
			looptest.Settle(t, x.m)
			x.r.wantPackets(serverEvents)
			looptest.Await(t, x.m, "the pong", func() bool {
				x.p.readAll()
				return slices.ContainsFunc(x.p.frames, func(f frame) bool { return f.op == 0x8a && string(f.payload) == "p" })
			})
		})
	}
}

// A server gets the stream of a client in parts, and packets anywhere in messages.
func TestClientStreamInParts(t *testing.T) {
	check := func(t *testing.T, x *pair) {
		t.Helper()
		x.waitEnd()
		x.p.Close()
		x.waitClose()
		x.r.wantPackets(clientEvents + " CLOSE")
	}
	overEachTransport(t, func(t *testing.T, scheme string) {
		stream := (&peer{ws: scheme == "ws", client: true}).framed(clientPackets...)
		for at := range stream {
			t.Run(fmt.Sprintf("split at byte %d of %d", at, len(stream)), func(t *testing.T) {
				x := acceptedConn(t, scheme, acceptAll)
				x.writeInTwoParts(stream, at)
				check(t, x)
			})
		}
		x := acceptedConn(t, scheme, acceptAll)
		for i := range stream {
			x.writeRead(stream[i : i+1])
		}
		check(t, x)
	})
	all := bytes.Join(clientPackets, nil)
	for at := range all {
		t.Run(fmt.Sprintf("two messages, split at %d", at), func(t *testing.T) {
			x := acceptedConn(t, "ws", acceptAll)
			x.writeInTwoParts(x.p.framed(all[:at], all[at:]), 0)
			check(t, x)
		})
	}
}

// The WebSocket request and the first packets of a client arrive together, split at every byte.
func TestWebSocketRequestInParts(t *testing.T) {
	head := []byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n")
	for at := range len(head) + 20 {
		t.Run(fmt.Sprintf("split at byte %d", at), func(t *testing.T) {
			m, r := looptest.NewManager(t), newRecorder(t, acceptAll)
			x := &pair{t: t, m: m, r: r, p: dialServer(t, m, r)}
			stream := append(bytes.Clone(head), x.p.framed(connectC[4], pack("30 06 00 03'a/b''x'"))...)
			looptest.Await(t, m, "the connection", r.Noted("ACCEPT"))
			x.writeInTwoParts(stream, at)
			x.p.wantGot(m, "20 02 00 00")
			r.wantPackets("connect a/b=x publish")
		})
	}
}
