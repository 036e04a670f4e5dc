package broker

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"golang.org/x/sys/unix"
)

// crowdSize is several times what one wait of the loop reports.
const crowdSize = 800

// bare is a client on a bare socket, of which the loop hears only what lies there.
type bare struct {
	fd    int
	ws    bool
	in    []byte
	gone  bool // the end of stream, or an error, was read
	pongs int
}

const (
	pingreq  = "\xc0\x00"
	pingresp = "\xd0\x00"
	connack  = "\x20\x02\x00\x00"
)

// dialBare connects, upgrades if it is to be a WebSocket, and sends CONNECT with a
// keep-alive of 2 s.
func (h *house) dialBare(transport string, i int) *bare {
	h.t.Helper()
	_, addr, _ := strings.Cut(h.urls[transport], "://")
	to := netip.MustParseAddrPort(addr)
	p := &bare{fd: looptest.Open(h.t, to.Addr(), unix.SOCK_STREAM), ws: transport == "ws"}
	looptest.Own(h.t, &p.fd)
	looptest.Connect(h.t, p.fd, to)
	if p.ws {
		looptest.Write(h.t, p.fd, "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
		h.until("the upgrade", func() bool {
			p.pump()
			_, rest, done := strings.Cut(string(p.in), "\r\n\r\n")
			if done {
				p.in = []byte(rest)
			}
			return done
		})
	}
	p.say(h.t, fmt.Sprintf("\x10\x10\x00\x04MQTT\x04\x02\x00\x02\x00\x04%04d", i))
	h.until("CONNACK", func() bool { return p.heard(connack) > 0 })
	return p
}

func (p *bare) pump() {
	if !p.gone {
		var err error
		p.in, p.gone, err = looptest.Read(p.fd, p.in)
		p.gone = p.gone || err != nil
	}
}

// frame is a packet as it goes over the wire.
func (p *bare) frame(packet string, masked bool) string {
	if p.ws {
		return looptest.Frame(0x82, masked, -1, packet)
	}
	return packet
}

func (p *bare) say(t *testing.T, packet string) {
	t.Helper()
	looptest.Write(t, p.fd, p.frame(packet, true))
}

// heard takes as many of that packet as have come, and returns how many those were.
func (p *bare) heard(packet string) (n int) {
	p.pump()
	for frame := p.frame(packet, false); strings.HasPrefix(string(p.in), frame); n++ {
		p.in = p.in[len(frame):]
	}
	return n
}

// A broker that was suspended, with its machine or by a debugger, for longer than any
// keep-alive time, takes in what has come meanwhile before it judges: clients that have
// sent PINGREQ are answered and stay, those that have not are gone [MQTT-3.1.2-24].
func TestSuspended(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			h := newHouse(t)
			var clients []*bare
			for i := range crowdSize {
				clients = append(clients, h.dialBare(transport, i))
			}
			silent := func(i int) bool { return i%16 == 5 }
			for range 3 {
				for i, p := range clients {
					if p.pongs = 0; !silent(i) {
						p.say(t, pingreq)
					}
				}
				h.now = h.now.Add(time.Hour)
				h.until("every answer and every end", func() bool {
					for i, p := range clients {
						if p.pongs += p.heard(pingresp); !p.gone && (p.pongs == 0 || silent(i)) {
							return false
						}
					}
					return true
				})
				lost := 0
				for i, p := range clients {
					if !silent(i) && (p.gone || p.pongs != 1) {
						lost++
					}
				}
				if lost > 0 {
					t.Fatalf("%d of %d clients were given up although their PINGREQs had come", lost, len(clients))
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
