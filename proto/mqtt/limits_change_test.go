package mqtt_test

import (
	"errors"
	"math"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// The limit may change at every byte of a packet. A packet that is larger than the new limit is
// refused as soon as its header and another byte have arrived. Others are delivered.
func TestLimitsChangeInPacket(t *testing.T) {
	packet := pack("30 0c 00 03'a/b''1234567'") // 14 bytes, the first two are the header
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, limit := range []int{0, -1, 1, len(packet) - 1, len(packet), len(packet) + 1, math.MaxInt, math.MinInt} {
			for at := range len(packet) {
				x := connectedServer(t, scheme, 4, nil)
				in := [][]byte{packet[:at], packet[at:]}
				if at == 0 {
					in = in[1:]
				}
				for _, part := range in[:len(in)-1] {
					x.writeRead(x.p.framed(part))
				}
				setLimit(t, x.c, limit)
				x.writeRead(x.p.framed(in[len(in)-1]))
				looptest.Settle(t, x.m)
				fits := limit <= 0 || limit >= len(packet)
				if want := map[bool]string{true: "a/b=1234567 publish", false: "ERROR"}[fits]; x.r.since(0) != want && x.r.since(0) != want+" CLOSE" {
					t.Fatalf("limit %d at byte %d: events %v, want %s", limit, at, x.r.Lines, want)
				}
				if !fits && !errors.Is(x.r.LastErr(), mqtt.ErrTooLarge) {
					t.Fatalf("limit %d at byte %d: %v", limit, at, x.r.LastErr())
				}
				x.p.Close()
				x.m.Close()
			}
		}
	})
}

// A connection may be changed at every byte of a packet. The handler gets the same.
func TestChangesAtEveryByte(t *testing.T) {
	packet := pack("32 08 00 03'a/b' 00 07'x'")
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, change := range looptest.Changes() {
			t.Run(change.Name, func(t *testing.T) {
				got := ""
				x := acceptedConn(t, scheme, hooks{reactor.EvMQTTCmd: acceptAll[reactor.EvMQTTCmd], reactor.EvMQTTMsg: func(_ *reactor.Conn, data any) {
					got += string(data.(*mqtt.Message).Topic) + "=" + string(data.(*mqtt.Message).Data)
				}}, reactor.WithClock(looptest.NewClock().Now))
				x.p.send(connectC[4])
				looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
				for at := 1; at < len(packet); at++ {
					x.p.send(packet[:at])
					looptest.Settle(t, x.m)
					change.Do(x.c)
					looptest.Settle(t, x.m)
					x.p.send(packet[at:])
					looptest.Await(t, x.m, "the packet", func() bool { return x.r.Count(reactor.EvMQTTCmd) == at+1 || len(x.r.Errs) > 0 })
					if got != "a/b=x" || len(x.r.Errs) > 0 {
						t.Fatalf("byte %d: got %q, errors %v", at, got, x.r.Errs)
					}
					got = ""
				}
				x.p.Close()
			})
		}
	})
}

// StartTLS in a packet fails the connection, and the packet is not delivered.
func TestStartTLSAtEveryByte(t *testing.T) {
	config := looptest.NewAuthority(t).Server(t)
	packet := pack("32 08 00 03'a/b' 00 07'x'")
	for at := 1; at < len(packet); at++ {
		x := connectedServer(t, "mqtt", 4, nil)
		x.writeRead(packet[:at])
		x.c.StartTLS(config)
		x.p.Write(append(packet[at:], "no TLS record"...))
		looptest.Await(t, x.m, "an error", func() bool { return len(x.r.Errs) > 0 })
		if x.r.Count(reactor.EvMQTTCmd) > 1 { // CONNECT
			t.Errorf("byte %d: events %v", at, x.r.Lines)
		}
		x.p.Close()
		x.m.Close()
	}
}
