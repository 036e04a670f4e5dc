package mqtt_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// borders returns the offsets in the stream at which a packet has ended.
func borders(packets [][]byte, frameHeader int) map[int]int {
	at, ends := 0, map[int]int{0: 0}
	for i, p := range packets {
		at += frameHeader + len(p)
		ends[at] = i + 1
	}
	return ends
}

// The connection is cut behind every byte that a server sends: it is
// io.ErrUnexpectedEOF inside a packet and before CONNACK, and nowhere else.
func TestConnCutServerStream(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		header := 0
		if scheme == "ws" {
			header = 2
		}
		stream := (&peer{ws: scheme == "ws"}).framed(serverPackets...)
		ends := borders(serverPackets, header)
		for at := range len(stream) + 1 {
			for _, split := range []int{0, at} { // the end of stream comes with the last bytes, or later
				x := asking(t, scheme, 4, nil)
				if split == 0 {
					x.p.write(stream[:at])
				} else {
					x.feed(stream[:at], 0)
				}
				x.p.shutdown()
				x.waitClose()
				checkCut(t, x, at, ends)
			}
			if t.Failed() {
				t.Fatalf("cut behind byte %d of %d", at, len(stream))
			}
		}
	})
}

func checkCut(t *testing.T, x *pair, at int, ends map[int]int) {
	t.Helper()
	packets, whole := ends[at]
	switch {
	case !whole:
		wantErr(t, x.r.err(), io.ErrUnexpectedEOF, "closed inside a")
	case packets == 0:
		wantErr(t, x.r.err(), io.ErrUnexpectedEOF, "before CONNACK")
	case len(x.r.errs) > 0:
		t.Errorf("between packets: %v", x.r.errs)
	}
	if n := len(x.r.log); x.r.log[n-1] != "CLOSE" || !whole && x.r.log[n-2] != "ERROR" {
		t.Errorf("events %v", x.r.log)
	}
}

// Frames end but the packet in them does not.
func TestConnCutBetweenMessages(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		packet := pack("30 06 00 03'a/b''x'")
		for at := 1; at < len(packet); at++ {
			for _, closeFrame := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d close frame %v", role, at, closeFrame), func(t *testing.T) {
					x := ready(t, "ws", role, 4, nil)
					x.p.send(packet[:at])
					if closeFrame {
						x.p.write(x.p.frame(8, pack("03 e8")))
					} else {
						x.p.shutdown()
					}
					x.waitClose()
					x.r.wantPackets("ERROR CLOSE")
					wantErr(t, x.r.err(), io.ErrUnexpectedEOF, "inside a packet")
				})
			}
		}
	}
}

// The end of the WebSocket between packets is in order.
func TestConnCloseFrame(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		x := ready(t, "ws", role, 4, nil)
		x.p.send(pack("30 06 00 03'a/b''x'"))
		x.p.write(x.p.frame(8, pack("03 e8")))
		await(t, x.m, "the close frame", func() bool { x.p.pump(); return len(x.p.frames) > 0 })
		x.p.close()
		x.waitClose()
		x.r.wantPackets("a/b=x publish CLOSE")
		if f := x.p.frames[0]; f.op != 0x88 || string(f.payload) != "\x03\xe8" {
			t.Errorf("answer %02x % x", f.op, f.payload)
		}
	}
}

// The opening handshake's answer is cut behind every byte.
func TestConnCutHandshake(t *testing.T) {
	for at := 0; ; at++ {
		m, r := newManager(t), &recorder{t: t}
		fd, addr := listenOn(t)
		if _, err := mqtt.Connect(m, "ws://"+addr, nil, r.handle, nil); err != nil {
			t.Fatal(err)
		}
		p := acceptPeer(t, m, fd)
		p.ws = true
		await(t, m, "the request", func() bool { p.pump(); return p.head != "" })
		answer := p.agreement(answerMQTT)
		if at > len(answer) {
			return
		}
		p.write([]byte(answer[:at]))
		p.shutdown()
		await(t, m, "EvClose", r.closed)
		wantErr(t, r.err(), io.ErrUnexpectedEOF)
		if t.Failed() {
			t.Fatalf("cut behind byte %d of %d", at, len(answer))
		}
	}
}

// A server hears nothing of the end of a stream between packets, and before
// CONNECT.
func TestConnCutClientStream(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		header := 0
		if scheme == "ws" {
			header = 6
		}
		packets := clientPackets[:len(clientPackets)-1]
		stream := (&peer{ws: scheme == "ws", client: true}).framed(packets...)
		ends := borders(packets, header)
		for at := range len(stream) + 1 {
			x := served(t, scheme, acceptAll)
			x.p.write(stream[:at])
			x.p.shutdown()
			x.waitClose()
			if _, whole := ends[at]; whole && len(x.r.errs) > 0 {
				t.Errorf("between packets: %v", x.r.errs)
			} else if !whole {
				wantErr(t, x.r.err(), io.ErrUnexpectedEOF, "closed inside a")
			}
			if t.Failed() {
				t.Fatalf("cut behind byte %d of %d", at, len(stream))
			}
		}
	})
}

// A reset is an error, whenever it comes.
func TestConnReset(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := connected(t, scheme, 4, nil)
		if err := mqtt.Ping(x.c); err != nil { // unread, so that the close resets
			t.Fatal(err)
		}
		spin(t, x.m)
		x.p.close()
		x.waitClose()
		if got := x.r.packets(); got != "ERROR CLOSE" {
			t.Errorf("events %s", got)
		}
		if bytes.Contains([]byte(x.r.err().Error()), []byte("EOF")) {
			t.Error(x.r.err())
		}
	})
}
