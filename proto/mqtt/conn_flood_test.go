package mqtt_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A flood is as many PUBLISHes of 25 bytes as one read brings, each answered with a
// message that is a thousand times larger.
const (
	floodPackets = 2500
	floodAnswer  = 25000
	lowMark      = 128 << 10
	highMark     = 256 << 10
)

// floodPacket is a PUBLISH of QoS 1.
func floodPacket(i int) []byte {
	p := pack("32 17 00 03'a/b' 00 00'sixteen bytes...'")
	binary.BigEndian.PutUint16(p[7:], uint16(i+1))
	return p
}

// floodAnswers are the packets that answer the i-th: a PUBLISH, then PUBACK.
func floodAnswers(i int, data string) [][]byte {
	p := append(pack("30 00 00 00 0003'c/d'"), data...)
	n := len(p) - 4
	for k := 1; k < 4; k++ { // a length of three bytes, section 2.2.3
		p[k] = byte(n&0x7f) | 0x80
		n >>= 7
	}
	p[3] &= 0x7f
	return [][]byte{p, {0x40, 2, byte((i + 1) >> 8), byte(i + 1)}}
}

type flooded struct {
	*pair
	bound    int // of bytes that may wait when a message is delivered
	answered int
	early    int // messages that were delivered while more than bound waited
	peak     int // bytes in Send, at the most
}

// newFlooded is a server's connection, with an answer for each message.
func newFlooded(t *testing.T, scheme string, bound int, prepare func(c *reactor.Conn)) *flooded {
	t.Helper()
	f := &flooded{bound: bound}
	rest := strings.Repeat("x", floodAnswer-6)
	f.pair = welcomed(t, scheme, 4, hooks{
		reactor.EvMQTTMsg: func(c *reactor.Conn, data any) {
			if c.Send.Len() > f.bound {
				f.early++
			}
			o := &mqtt.Options{Topic: "c/d", Message: fmt.Appendf(nil, "%06d%s", f.answered, rest)}
			if _, err := mqtt.Pub(c, o); err != nil {
				t.Errorf("Pub: %v", err)
			}
			f.answered++
			f.peak = max(f.peak, c.Send.Len())
		},
		reactor.EvHighWater: func(c *reactor.Conn, _ any) { c.Pause() },
		reactor.EvLowWater:  func(c *reactor.Conn, _ any) { c.Resume() },
	})
	prepare(f.c)
	return f
}

// check feeds the flood, reads nothing for a while, and then everything.
func (f *flooded) check(flood []byte) {
	f.t.Helper()
	f.p.write(flood)
	await(f.t, f.m, "the first answer", func() bool { return f.answered > 0 })
	looptest.Spin(f.t, f.m, 50)
	if f.answered >= floodPackets {
		f.t.Errorf("all %d packets were answered before the peer has read", f.answered)
	}
	rest := strings.Repeat("x", floodAnswer-6)
	one := 0
	got := looptest.NewSeries(func(i int) (b []byte) {
		for _, p := range floodAnswers(i, fmt.Sprintf("%06d", i)+rest) {
			if f.p.ws {
				p = []byte(looptest.Frame(0x82, false, -1, string(p)))
			}
			b = append(b, p...)
		}
		one = len(b)
		return b
	})
	buf := make([]byte, 1<<16)
	looptest.Progress(f.t, f.m, "answers", func() (int, bool) {
		for got.Len() < floodPackets {
			n, err := unix.Read(f.p.fd, buf)
			if err == unix.EAGAIN {
				break
			}
			if err != nil || n == 0 || len(f.r.errs) > 0 {
				f.t.Fatalf("read %d bytes, %v; failed with %v", n, err, f.r.errs)
			}
			if _, err := got.Write(buf[:n]); err != nil {
				f.t.Fatal(err)
			}
		}
		return got.Len(), got.Len() == floodPackets
	})
	if f.answered != floodPackets || f.early > 0 {
		f.t.Errorf("%d packets answered, want %d; %d of them while more than %d bytes waited",
			f.answered, floodPackets, f.early, f.bound)
	}
	if f.peak > f.bound+one || f.peak <= f.bound {
		f.t.Errorf("%d bytes waited at the most, want more than %d and no more than one answer on top", f.peak, f.bound)
	}
	if n := f.c.Send.Len(); n > 0 {
		f.t.Errorf("%d bytes are left in Send", n)
	}
}

// eachFlood sends the packets bare, or in a WebSocket message each, or in one for all.
func eachFlood(t *testing.T, bound int, prepare func(c *reactor.Conn)) {
	for _, row := range []struct {
		name, scheme string
		joined       bool
	}{{"mqtt", "mqtt", false}, {"ws", "ws", false}, {"ws, one message", "ws", true}} {
		t.Run(row.name, func(t *testing.T) {
			f := newFlooded(t, row.scheme, bound, prepare)
			var packets [][]byte
			for i := range floodPackets {
				packets = append(packets, floodPacket(i))
			}
			if row.joined {
				all := []byte{}
				for _, p := range packets {
					all = append(all, p...)
				}
				packets = [][]byte{all}
			}
			f.check(f.p.framed(packets...))
		})
	}
}

// A program that pauses at the high-water mark and resumes at the low one bounds its
// memory, however many packets one read brings: the mark is looked at behind each.
func TestConnFloodWithWaterMarks(t *testing.T) {
	eachFlood(t, highMark, func(c *reactor.Conn) {
		c.SetWater(lowMark, highMark)
		if err := c.SetLimits(reactor.Limits{Send: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	})
}

// A program that sets nothing does so as well.
func TestConnFloodWithoutSettings(t *testing.T) {
	eachFlood(t, reactor.DefaultUnsent, func(*reactor.Conn) {})
}
