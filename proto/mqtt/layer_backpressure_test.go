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

// A flood is as many PUBLISH packets of 25 bytes as one read returns. Each is answered with a
// message that is a hundred times larger. All answers are more than the sockets, a Send
// buffer and the receive buffer of narrowReceive can hold.
const (
	floodPackets = 2500
	floodAnswer  = 2500 // bytes of payload
	lowMark      = 128 << 10
	highMark     = 256 << 10
)

// floodPacket returns packet i of the flood, a PUBLISH of QoS 1.
func floodPacket(i int) []byte {
	p := pack("32 17 00 03'a/b' 00 00'sixteen bytes...'")
	binary.BigEndian.PutUint16(p[7:], uint16(i+1))
	return p
}

// floodAnswers returns the packets that answer packet i: a PUBLISH, then PUBACK.
func floodAnswers(i int, data string) [][]byte {
	p := append(pack("30 00 00 0003'c/d'"), data...)
	n := len(p) - 3
	p[1], p[2] = byte(n)|0x80, byte(n>>7) // remaining length in two bytes, section 2.2.3
	return [][]byte{p, {0x40, 2, byte((i + 1) >> 8), byte(i + 1)}}
}

// flooded is a connection of a server that answers a flood.
type flooded struct {
	*pair
	bound    int // bytes that may wait in Send when a message is delivered
	answered int // messages that were answered
	early    int // messages that were delivered while more than bound bytes waited
	peak     int // largest number of bytes in Send
}

// newFlooded returns a connected server that answers each message.
func newFlooded(t *testing.T, scheme string, bound int, prepare func(c *reactor.Conn)) *flooded {
	t.Helper()
	f := &flooded{bound: bound}
	rest := strings.Repeat("x", floodAnswer-6)
	f.pair = connectedServer(t, scheme, 4, hooks{
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
	looptest.NarrowReceive(t, f.p.FD)
	prepare(f.c)
	return f
}

// check writes the flood, runs the loop while the peer reads nothing, and then reads all
// answers.
func (f *flooded) check(flood []byte) {
	f.t.Helper()
	f.p.Write(flood)
	looptest.Await(f.t, f.m, "the first answer", func() bool { return f.answered > 0 })
	looptest.Spin(f.t, f.m, 50)
	if f.answered >= floodPackets {
		f.t.Errorf("all %d packets were answered before the peer read anything", f.answered)
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
			n, err := unix.Read(f.p.FD, buf)
			if err == unix.EAGAIN {
				break
			}
			if err != nil || n == 0 || len(f.r.Errs) > 0 {
				f.t.Fatalf("the peer read %d bytes, error %v; the connection has errors %v", n, err, f.r.Errs)
			}
			if _, err := got.Write(buf[:n]); err != nil {
				f.t.Fatal(err)
			}
		}
		return got.Len(), got.Len() == floodPackets
	})
	if f.answered != floodPackets || f.early > 0 {
		f.t.Errorf("%d packets were answered, want %d; %d of them while more than %d bytes waited",
			f.answered, floodPackets, f.early, f.bound)
	}
	if f.peak > f.bound+one || f.peak <= f.bound {
		f.t.Errorf("%d bytes waited at most, want %d and up to one answer more", f.peak, f.bound)
	}
	if n := f.c.Send.Len(); n > 0 {
		f.t.Errorf("%d bytes are left in Send", n)
	}
}

// eachFlood sends the packets over tcp, over WebSocket with one message per packet, and over
// WebSocket with one message for all packets.
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

// A program that pauses at the high-water mark and resumes at the low-water mark bounds its
// memory, even if one read returns many packets: the mark is checked after each packet.
func TestWaterMarksBoundAnswersToFlood(t *testing.T) {
	eachFlood(t, highMark, func(c *reactor.Conn) {
		c.SetWater(lowMark, highMark)
		if err := c.SetLimits(reactor.Limits{Send: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	})
}

// The default of Limits.Backpressure bounds the memory in the same way.
func TestBackpressureBoundsAnswersToFlood(t *testing.T) {
	eachFlood(t, reactor.DefaultMaxBackpressure, func(*reactor.Conn) {})
}
