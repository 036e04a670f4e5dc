package mqtt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// packetEnds returns the offsets in the stream at which a packet ends, with the number of
// packets before. frameHeader is the size of the frame header of each packet.
func packetEnds(packets [][]byte, frameHeader int) map[int]int {
	at, ends := 0, map[int]int{0: 0}
	for i, p := range packets {
		at += frameHeader + len(p)
		ends[at] = i + 1
	}
	return ends
}

// The stream of a server ends after each byte. The client fails with a ClosedError, which says
// when that was inside a packet or before CONNACK.
func TestEndOfServerStream(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		header := 0
		if scheme == "ws" {
			header = 2
		}
		stream := (&peer{ws: scheme == "ws"}).framed(serverPackets...)
		ends := packetEnds(serverPackets, header)
		for at := range len(stream) + 1 {
			for _, read := range []bool{false, true} { // before the end of the stream arrives
				t.Run(fmt.Sprintf("after %d of %d bytes, read %v", at, len(stream), read), func(t *testing.T) {
					x := awaitingConnack(t, scheme, 4, nil)
					if read {
						x.writeRead(stream[:at])
					} else {
						x.p.Write(stream[:at])
					}
					x.p.Shutdown()
					x.waitClose()
					checkEnd(t, x, at, ends)
				})
			}
		}
	})
}

// checkEnd checks the events of a client after the end of the stream at an offset.
func checkEnd(t *testing.T, x *pair, at int, ends map[int]int) {
	t.Helper()
	packets, whole := ends[at]
	words := "mqtt: connection closed by the server: unexpected EOF"
	switch {
	case !whole:
		words = "closed inside a"
	case packets == 0:
		words = "mqtt: connection closed before CONNACK: unexpected EOF"
	}
	looptest.WantErr(t, x.r.Err(x.t), io.ErrUnexpectedEOF, words)
	var closed *mqtt.ClosedError
	if whole && (!errors.As(x.r.Err(x.t), &closed) || closed.Code != 0 || closed.Reason != "") {
		t.Errorf("error %#v, want a ClosedError without a code", x.r.Err(x.t))
	}
	if n := len(x.r.Lines); x.r.Lines[n-1] != "CLOSE" || x.r.Lines[n-2] != "ERROR" {
		t.Errorf("events %v, want ERROR and CLOSE at the end", x.r.Lines)
	}
}

// The WebSocket ends between messages, but inside a packet.
func TestEndBetweenMessagesInsidePacket(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		packet := pack("30 06 00 03'a/b''x'")
		for at := 1; at < len(packet); at++ {
			for _, closeFrame := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d close frame %v", role, at, closeFrame), func(t *testing.T) {
					x := connectedAs(t, "ws", role, 4, nil)
					x.p.send(packet[:at])
					if closeFrame {
						x.p.Write(x.p.frame(8, pack("03 e8")))
					} else {
						x.p.Shutdown()
					}
					x.waitClose()
					x.r.wantPackets("ERROR CLOSE")
					looptest.WantErr(t, x.r.Err(x.t), io.ErrUnexpectedEOF, "inside a packet")
				})
			}
		}
	}
}

// A Close frame between packets is an error of a client, and none of a server.
func TestCloseFrameBetweenPackets(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		x := connectedAs(t, "ws", role, 4, nil)
		x.p.send(pack("30 06 00 03'a/b''x'"))
		x.p.Write(x.p.frame(8, pack("03 e8")))
		looptest.Await(t, x.m, "the close frame", func() bool { x.p.readAll(); return len(x.p.frames) > 0 })
		x.p.Close()
		x.waitClose()
		if role == "client" {
			x.r.wantPackets("a/b=x publish ERROR CLOSE")
		} else {
			x.r.wantPackets("a/b=x publish CLOSE")
		}
		if f := x.p.frames[0]; f.op != 0x88 || string(f.payload) != "\x03\xe8" {
			t.Errorf("the answer is frame %02x % x, want Close 1000", f.op, f.payload)
		}
	}
}

// The stream ends after each byte of the WebSocket handshake.
func TestEndOfWebSocketHandshake(t *testing.T) {
	for at, complete := 0, false; !complete && !t.Failed(); at++ {
		t.Run(fmt.Sprintf("after %d bytes", at), func(t *testing.T) {
			m, r := looptest.NewManager(t), &recorder{t: t}
			l, addr := looptest.ListenSocket(t)
			if _, err := mqtt.Connect(m, "ws://"+addr, nil, r.handle, nil); err != nil {
				t.Fatal(err)
			}
			p := &peer{Socket: l.AwaitAccept(m)}
			p.ws = true
			looptest.Await(t, m, "the request", func() bool { p.readAll(); return p.head != "" })
			answer := p.agreement(answerMQTT)
			complete = at == len(answer)
			p.Write([]byte(answer[:at]))
			p.Shutdown()
			looptest.Await(t, m, "EvClose", r.Closed)
			looptest.WantErr(t, r.Err(t), io.ErrUnexpectedEOF)
		})
	}
}

// The stream of a client ends after each byte. The server fails with io.ErrUnexpectedEOF inside
// a packet. Between packets and before CONNECT the end is not an error.
func TestEndOfClientStream(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		header := 0
		if scheme == "ws" {
			header = 6
		}
		packets := clientPackets[:len(clientPackets)-1]
		stream := (&peer{ws: scheme == "ws", client: true}).framed(packets...)
		ends := packetEnds(packets, header)
		for at := range len(stream) + 1 {
			t.Run(fmt.Sprintf("after %d of %d bytes", at, len(stream)), func(t *testing.T) {
				x := acceptedConn(t, scheme, acceptAll)
				x.p.Write(stream[:at])
				x.p.Shutdown()
				x.waitClose()
				if _, whole := ends[at]; whole && len(x.r.Errs) > 0 {
					t.Errorf("errors %v between packets, want none", x.r.Errs)
				} else if !whole {
					looptest.WantErr(t, x.r.Err(x.t), io.ErrUnexpectedEOF, "closed inside a")
				}
			})
		}
	})
}

// A reset between packets is an error, and not io.ErrUnexpectedEOF.
func TestResetIsAnError(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedClient(t, scheme, 4, nil)
		if err := mqtt.Ping(x.c); err != nil { // the peer does not read it, so its close is a reset
			t.Fatal(err)
		}
		looptest.Settle(t, x.m)
		x.p.Close()
		x.waitClose()
		if got := x.r.packets(); got != "ERROR CLOSE" {
			t.Errorf("events %s, want ERROR CLOSE", got)
		}
		if bytes.Contains([]byte(x.r.Err(x.t).Error()), []byte("EOF")) {
			t.Errorf("error %v, want the reset", x.r.Err(x.t))
		}
	})
}

// A server sends DISCONNECT with a reason and closes without having read our packets, which
// resets the connection. The handler gets the reason, even if we write before we read
// [MQTT-4.13.1-1].
func TestDisconnectBeforeReset(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for name, moment := range looptest.Moments {
			for _, closeFrame := range []bool{false, true} {
				if closeFrame && scheme != "ws" {
					continue
				}
				t.Run(fmt.Sprintf("%s, Close frame %v", name, closeFrame), func(t *testing.T) {
					x := connectedClient(t, scheme, 5, nil)
					if err := mqtt.Ping(x.c); err != nil { // the server never reads it
						t.Fatal(err)
					}
					looptest.Settle(t, x.m)
					moment(t, x.m, func() {
						last := x.p.framed(pack("e0 02 87 00"))
						if closeFrame {
							last = append(last, x.p.frame(8, closeNormal)...)
						}
						x.p.Write(last)
						x.p.Close()
						if _, err := mqtt.Pub(x.c, pubOptions(1)); err != nil {
							t.Error(err)
						}
					})
					looptest.Await(t, x.m, "EvClose", x.r.Closed)
					x.r.wantPackets("disconnect ERROR CLOSE")
					var refused *mqtt.RefusedError
					if err := x.r.Err(x.t); !errors.As(err, &refused) {
						t.Fatalf("error %v, want a RefusedError", err)
					}
					if refused.Cmd != mqtt.CmdDisconnect || refused.Code != mqtt.ReasonNotAuthorized || refused.Version != 5 {
						t.Errorf("error is %+v, want DISCONNECT with 0x87 in version 5", refused)
					}
				})
			}
		}
	})
}

// The same with a refusing CONNACK. The client has sent packets after CONNECT.
func TestRefusalBeforeReset(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for name, moment := range looptest.Moments {
			t.Run(name, func(t *testing.T) {
				x := awaitingConnack(t, scheme, 5, nil)
				if _, err := mqtt.Sub(x.c, pubOptions(1)); err != nil {
					t.Fatal(err)
				}
				looptest.Settle(t, x.m)
				moment(t, x.m, func() {
					x.p.Write(x.p.framed(pack("20 03 00 87 00")))
					x.p.Close()
					if _, err := mqtt.Pub(x.c, pubOptions(1)); err != nil {
						t.Error(err)
					}
				})
				looptest.Await(t, x.m, "EvClose", x.r.Closed)
				var refused *mqtt.RefusedError
				if err := x.r.Err(x.t); !errors.As(err, &refused) || refused.Cmd != mqtt.CmdConnack || refused.Code != mqtt.ReasonNotAuthorized {
					t.Errorf("error %v, want a RefusedError of CONNACK with 0x87", err)
				}
			})
		}
	})
}
