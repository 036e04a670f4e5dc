package broker

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// crowdSize is several times the number of events in one batch of the poller.
const crowdSize = 600

// bare is a client on a bare socket that the broker's loop does not drive.
type bare struct {
	*looptest.Socket
	ws    bool
	pongs int
}

const (
	pingreq  = "\xc0\x00"
	pingresp = "\xd0\x00"
	connack  = "\x20\x02\x00\x00"
)

// dialBare connects, opens a WebSocket if transport is "ws", and sends CONNECT with a
// keep-alive of 2 s.
func (h *fixture) dialBare(transport string, i int) *bare {
	h.t.Helper()
	_, addr, _ := strings.Cut(h.urls[transport], "://")
	to := netip.MustParseAddrPort(addr)
	p := &bare{Socket: looptest.DialSocket(h.t, to), ws: transport == "ws"}
	if p.ws {
		p.WriteString("GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
		h.until("the upgrade", func() bool {
			p.Receive()
			_, rest, done := strings.Cut(string(p.In), "\r\n\r\n")
			if done {
				p.In = []byte(rest)
			}
			return done
		})
	}
	p.say(fmt.Sprintf("\x10\x10\x00\x04MQTT\x04\x02\x00\x02\x00\x04%04d", i))
	h.until("CONNACK", func() bool { return p.take(connack) > 0 })
	return p
}

// frame returns a packet as it is sent: in a frame if p is a WebSocket.
func (p *bare) frame(packet string, masked bool) string {
	if p.ws {
		return looptest.Frame(0x82, masked, -1, packet)
	}
	return packet
}

func (p *bare) say(packet string) {
	p.T.Helper()
	p.WriteString(p.frame(packet, true))
}

// take removes all copies of a packet from the input and returns their number.
func (p *bare) take(packet string) (n int) {
	p.Receive()
	for frame := p.frame(packet, false); strings.HasPrefix(string(p.In), frame); n++ {
		p.In = p.In[len(frame):]
	}
	return n
}

// A broker may be suspended, with its machine or by a debugger, for longer than the keep-alive.
// It reads what has come in that time before it enforces the deadlines: clients that sent a
// PINGREQ get an answer and stay, the others are disconnected [MQTT-3.1.2-24].
func TestSuspended(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			h := newFixture(t)
			var clients []*bare
			for i := range crowdSize {
				clients = append(clients, h.dialBare(transport, i))
			}
			silent := func(i int) bool { return i%16 == 5 }
			for range 3 {
				for i, p := range clients {
					if p.pongs = 0; !silent(i) {
						p.say(pingreq)
					}
				}
				h.clock.Advance(time.Hour)
				h.until("every answer and every end", func() bool {
					for i, p := range clients {
						if p.pongs += p.take(pingresp); !p.Ended() && (p.pongs == 0 || silent(i)) {
							return false
						}
					}
					return true
				})
				lost := 0
				for i, p := range clients {
					if !silent(i) && (p.Ended() || p.pongs != 1) {
						lost++
					}
				}
				if lost > 0 {
					t.Fatalf("%d of %d clients were disconnected although their PINGREQs had come", lost, len(clients))
				}
			}
			kept := 0
			for i := range clients {
				if !silent(i) {
					kept++
				}
			}
			if n := h.b.Clients(); n != kept {
				t.Errorf("%d clients are connected, want %d", n, kept)
			}
		})
	}
}
