package mqtt_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// large is a limit that WebSocket messages do not have by themselves, and a
// packet within it.
const (
	large      = 24 << 20
	largeBytes = 20 << 20
)

// largePacket is a PUBLISH of largeBytes.
func largePacket() []byte {
	n := largeBytes - 5
	p := []byte{0x30, byte(n)&0x7f | 0x80, byte(n>>7)&0x7f | 0x80, byte(n>>14)&0x7f | 0x80, byte(n >> 21), 0, 3, 'a', '/', 'b'}
	return append(p, bytes.Repeat([]byte("x"), largeBytes-len(p))...)
}

// pour has the peer write more than sockets hold.
func (x *pair) pour(b []byte) {
	x.t.Helper()
	await(x.t, x.m, "the peer's bytes to be read", func() bool {
		n, err := unix.Write(x.p.fd, b)
		if err != nil && err != unix.EAGAIN {
			x.t.Fatal(err)
		}
		b = b[max(n, 0):]
		return len(b) == 0
	})
}

// SetLimits beyond what a WebSocket message may have lets messages be as
// large, whenever it is called, and no larger.
func TestConnMaxPacketOverWS(t *testing.T) {
	set := func(c *reactor.Conn, _ any) { setLimit(t, c, large) }
	late := func(x *pair) *pair { setLimit(t, x.c, large); return x }
	for name, open := range map[string]func(t *testing.T, hear hooks) *pair{
		"client, before the handshake": func(t *testing.T, hear hooks) *pair {
			hear[reactor.EvOpen] = set
			return connected(t, "ws", 4, hear)
		},
		"client, later": func(t *testing.T, hear hooks) *pair { return late(connected(t, "ws", 4, hear)) },
		"server, before the handshake": func(t *testing.T, hear hooks) *pair {
			hear[reactor.EvAccept] = set
			return welcomed(t, "ws", 4, hear)
		},
		"server, later": func(t *testing.T, hear hooks) *pair { return late(welcomed(t, "ws", 4, hear)) },
		"listener":      listenerOfLarge,
	} {
		t.Run(name, func(t *testing.T) {
			size := 0
			x := open(t, hooks{reactor.EvMQTTMsg: func(_ *reactor.Conn, data any) { size = len(data.(*mqtt.Message).Dgram) }})
			x.pour(x.p.framed(largePacket()))
			await(t, x.m, "the packet", func() bool { return size > 0 || x.r.closed() })
			if size != largeBytes || len(x.r.errs) > 0 {
				t.Fatalf("a packet of %d bytes came, errors %v", size, x.r.errs)
			}
			header := []byte{0x82, 127}
			if x.p.client {
				header[1] |= 0x80
			}
			x.p.write(append(binary.BigEndian.AppendUint64(header, large+1), 0, 0, 0, 0))
			x.waitClose()
			wantErr(t, x.r.err(), nil, "message of more than 25165824 bytes")
		})
	}
}

// listenerOfLarge sets the limit on the listener.
func listenerOfLarge(t *testing.T, hear hooks) *pair {
	t.Helper()
	x := served(t, "ws", hear)
	for c := range x.m.Conns() {
		if c.IsListening() {
			setLimit(t, c, large)
			x.p.close()
			x.p = dialPeer(t, c.LocalAddr())
		}
	}
	x.waitClose()
	x.r.log = nil
	x.p.ws = true
	x.p.write([]byte(upgradeRequest + answerMQTT + "\r\n"))
	x.p.send(connectC[4])
	await(t, x.m, "CONNECT", x.r.saw("connect"))
	if err := mqtt.Connack(x.r.c, false, 0); err != nil {
		t.Fatal(err)
	}
	x.c, x.r.log = x.r.c, nil
	return x
}

// The most that the type holds is as good as no limit.
func TestConnHugeMaxPacket(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, open := range []func(*testing.T, string, uint8, hooks) *pair{connected, welcomed} {
			x := open(t, scheme, 4, nil)
			setLimit(t, x.c, math.MaxInt)
			x.p.send(pack("30 07 00 03'a/b''hi'"))
			await(t, x.m, "PUBLISH", func() bool { return x.r.saw("a/b=hi")() || x.r.closed() })
			if len(x.r.errs) > 0 {
				t.Error(x.r.errs)
			}
		}
	})
}
