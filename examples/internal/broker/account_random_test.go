package broker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// TestRandomClients lets clients do random things under tight limits. After each of them the
// accounts are right and within the limits.
func TestRandomClients(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h := newFixture(t)
			h.b.SetLimits(Limits{Client: 6000, Queue: 4, Sessions: 3, Kept: 9000, Total: 30_000, Retained: 3000, Levels: 4})
			r := rand.New(rand.NewPCG(seed, 1))
			for i := range 400 {
				h.randomStep(r, i)
				h.settle()
				h.take()
				h.checkAccounts()
				if a, l := &h.b.away, &h.b.limits; a.list.Len() > l.Sessions || a.bytes > l.Kept || h.b.used > l.Total {
					t.Fatalf("step %d: %d sessions with %d bytes are away, %d bytes are used", i, a.list.Len(), a.bytes, h.b.used)
				}
				for id, s := range h.b.sessions {
					if s.stored > h.b.limits.Client || s.ended {
						t.Fatalf("step %d: session %q has %d bytes", i, id, s.stored)
					}
				}
			}
		})
	}
}

// randomStep does one thing with one of five clients.
func (h *fixture) randomStep(r *rand.Rand, i int) {
	name := fmt.Sprint([]string{"mute", "c"}[r.IntN(2)], r.IntN(3))
	id := name
	p := h.peers[name]
	if p == nil || p.closed {
		if r.IntN(8) == 0 {
			id = "mute0" // takes over
		}
		p = h.dial(name, []string{"tcp", "ws"}[r.IntN(2)])
		p.send(h.randomConnect(r, id))
		h.until("the answer to CONNECT", func() bool { return p.open || p.closed })
		return
	}
	v := p.level
	filters := []string{"t", "t/+", "#", "$share/g/t", "$share/g/#", "$share/h/t", "u"}
	topic := []string{"t", "t/1", "u"}[r.IntN(3)]
	switch n := r.IntN(20); {
	case n < 9:
		data := strings.Repeat("x", r.IntN(600))
		p.send(publish(v, uint8(r.IntN(3)), topic, data, number(uint16(r.IntN(3)+1), false), func(p *mqtt.PublishPacket) {
			if p.Dup = false; p.QoS == 0 {
				p.ID = 0
			}
			p.Retain = r.IntN(5) == 0
			if v == 5 && r.IntN(4) == 0 {
				p.Props = []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: uint32(r.IntN(MaxAliases) + 1)}}
			}
		}))
	case n < 13:
		p.send(subscribe(v, 1, filter(filters[r.IntN(len(filters))], uint8(r.IntN(3)))))
	case n == 13:
		p.send(unsubscribe(v, 1, filters[r.IntN(len(filters))]))
	case n == 14:
		p.conn.Close()
		h.until("the end", func() bool { return p.closed })
	case n == 15:
		p.send(disconnect(v, []mqtt.ReasonCode{0, mqtt.ReasonDisconnectWithWill, mqtt.ReasonUnspecified}[r.IntN(3)*int(v-4)]))
		h.until("the end", func() bool { return p.closed })
	case n == 16:
		h.wait(time.Duration(r.IntN(20_000)) * time.Millisecond)
	default: // some acknowledgement
		cmd := []mqtt.Cmd{mqtt.CmdPuback, mqtt.CmdPubrec, mqtt.CmdPubcomp, mqtt.CmdPubrel}[r.IntN(4)]
		p.send(ack(v, cmd, uint16(r.IntN(8)+1), 0))
	}
}

func (h *fixture) randomConnect(r *rand.Rand, id string) []byte {
	v := uint8(4 + r.IntN(2))
	return connect(v, id, func(p *mqtt.ConnectPacket) {
		p.CleanStart = r.IntN(4) == 0
		if r.IntN(3) == 0 {
			p.Will = &mqtt.Will{Topic: "t", Data: []byte("will"), QoS: uint8(r.IntN(3)), Retain: r.IntN(4) == 0}
		}
		if v == 4 {
			return
		}
		p.Props = []mqtt.Property{
			{ID: mqtt.PropSessionExpiryInterval, Int: uint32(r.IntN(3) * 20)},
			{ID: mqtt.PropReceiveMaximum, Int: uint32(r.IntN(4) + 1)},
			{ID: mqtt.PropTopicAliasMaximum, Int: uint32(r.IntN(3))},
		}
		if p.Will != nil {
			p.Will.Props = []mqtt.Property{{ID: mqtt.PropWillDelayInterval, Int: uint32(r.IntN(3) * 15)}}
		}
	})
}
