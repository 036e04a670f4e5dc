package mqtt_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

var closeNormal = pack("03 e8") // code 1000 [RFC 6455 7.4.1]

// Packets that a pause held back come before the end that the Close frame
// behind them is, and they are no cut packet.
func TestConnPauseThenCloseFrame(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		for name, row := range map[string]struct {
			messages [][]byte
			words    []string // of each publication
			once     bool     // the handler pauses at the first only
		}{
			"two in one message":                     {[][]byte{bytes.Join([][]byte{threePackets[0], threePackets[2]}, nil)}, []string{"a/b=1", "a/b=3"}, true},
			"three in one message":                   {[][]byte{bytes.Join(threePackets, nil)}, []string{"a/b=1", "a/b=2", "a/b=3"}, true},
			"a message each":                         {threePackets, []string{"a/b=1", "a/b=2", "a/b=3"}, true},
			"two in one message, each pauses":        {[][]byte{bytes.Join([][]byte{threePackets[0], threePackets[2]}, nil)}, []string{"a/b=1", "a/b=3"}, false},
			"three in a message each, each pauses":   {threePackets, []string{"a/b=1", "a/b=2", "a/b=3"}, false},
			"three in one message, all of them wait": {[][]byte{bytes.Join(threePackets, nil)}, []string{"a/b=1", "a/b=2", "a/b=3"}, false},
		} {
			t.Run(role+" "+name, func(t *testing.T) {
				paused := 0
				x := ready(t, "ws", role, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) {
					if paused++; paused == 1 || !row.once {
						c.Pause()
					}
				}})
				x.p.write(append(x.p.framed(row.messages...), x.p.frame(8, closeNormal)...))
				want := ""
				for i, word := range row.words {
					await(t, x.m, word, func() bool { return x.r.saw(word)() || x.r.closed() })
					spin(t, x.m)
					want += word + " publish "
					if i == 0 || !row.once {
						x.r.wantPackets(strings.TrimSpace(want))
						x.c.Resume()
					}
				}
				await(t, x.m, "the end", x.p.ended)
				x.p.wantLastFrame(0x88, closeNormal)
				x.p.close()
				x.waitClose()
				x.r.wantPackets(want + "CLOSE")
			})
		}
	}
}

// wantLastFrame looks at the last frame that came.
func (p *peer) wantLastFrame(first byte, payload []byte) {
	p.t.Helper()
	if len(p.frames) == 0 {
		p.t.Fatal("peer got no frame")
	}
	if f := p.frames[len(p.frames)-1]; f.op != first || !bytes.Equal(f.payload, payload) {
		p.t.Errorf("peer got % x % x last, want % x % x", f.op, f.payload, first, payload)
	}
}

// A CONNECT whose client sent a Close frame behind it cannot be answered any
// more, which is an error of the call's and not the connection's.
func TestConnConnackAfterCloseFrame(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		for _, code := range []mqtt.ReasonCode{0, 5, 0x87} {
			if code >= 0x80 != (version == 5) && code != 0 {
				continue
			}
			asked := 0
			x := served(t, "ws", hooks{reactor.EvWSCtl: func(c *reactor.Conn, data any) {
				asked++
				refusesToSend(t, c, "Connack", ws.ErrCloseSent, func() error { return mqtt.Connack(c, false, code) })
			}})
			x.p.send(connectC[version])
			await(t, x.m, "CONNECT", x.r.saw("connect"))
			x.p.write(x.p.frame(8, closeNormal))
			await(t, x.m, "the end", x.p.ended)
			if len(x.p.frames) != 1 || asked != 1 {
				t.Errorf("peer got %d frames, Connack was called %d times", len(x.p.frames), asked)
			}
			x.p.wantLastFrame(0x88, closeNormal)
			if err := mqtt.Connack(x.c, false, code); err == nil {
				t.Error("Connack without an error behind the end")
			}
			x.p.close()
			x.waitClose()
			x.r.wantPackets("connect CLOSE")
		}
	}
}

// DISCONNECT from the peer is the end in order: over WebSocket a Close frame
// says so before the end of stream [RFC 6455 7.1.1].
func TestConnDisconnectSendsCloseFrame(t *testing.T) {
	for _, row := range []struct {
		role    string
		version uint8
		packet  string
	}{
		{"server", 4, "e0 00"},
		{"server", 5, "e0 00"},
		{"server", 5, "e0 01 04"},
		{"client", 5, "e0 00"},
	} {
		x := ready(t, "ws", row.role, row.version, nil)
		x.p.send(pack(row.packet))
		await(t, x.m, "the end", x.p.ended)
		if len(x.p.frames) != 1 || len(x.p.raw) > 0 || x.p.err != nil {
			t.Errorf("%+v: peer got %d frames and % x, %v", row, len(x.p.frames), x.p.raw, x.p.err)
		}
		x.p.wantLastFrame(0x88, closeNormal)
		x.p.write(x.p.frame(8, closeNormal))
		x.p.close()
		x.waitClose()
		x.r.wantPackets("disconnect CLOSE")
	}
}
