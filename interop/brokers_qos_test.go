package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// TestQoS publishes at each QoS to a subscription at each QoS. The message arrives with the
// lower of the two, and both sides complete the handshakes.
func TestQoS(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		from, to := l.open("publisher", tg, clean()), l.open("subscriber", tg, clean())
		for pq := range uint8(3) {
			for sq := range uint8(3) {
				topic := fmt.Sprintf("qos/%d/%d", pq, sq)
				if code := to.sub(topic, sq); code != mqtt.ReasonCode(sq) {
					t.Errorf("%s: SUBACK says %s", topic, code.Name(tg.version))
				}
				from.packets, to.packets = nil, nil
				id := from.pub(mqtt.Options{Topic: topic, Message: []byte("x"), QoS: pq})
				want := fmt.Sprintf("q%d %s=x", min(pq, sq), topic)
				if got := showAll(to.receive(1)); got != want {
					t.Errorf("received %s, want %s", got, want)
				}
				from.answered(id, pq)
				if min(pq, sq) == 2 {
					l.until("PUBREL", func() bool { return to.count(mqtt.CmdPubrel) == 1 })
				}
				to.ping() // after the answer the broker has read the last acknowledgement
				if n := len(to.packets); n > 1 || n == 1 && min(pq, sq) < 2 {
					t.Errorf("%s: the subscriber got %v", topic, to.packets)
				}
			}
		}
		from.disconnect()
		to.disconnect()
	})
}

// answered waits for the broker's packets in the handshake of a PUBLISH.
func (c *client) answered(id uint16, qos uint8) {
	c.t.Helper()
	if qos == 0 {
		return
	}
	want := map[uint8][]mqtt.Cmd{1: {mqtt.CmdPuback}, 2: {mqtt.CmdPubrec, mqtt.CmdPubcomp}}[qos]
	for _, cmd := range want {
		if code := c.answer(cmd, id); code >= mqtt.ReasonUnspecified {
			c.t.Errorf("%s: %s says %s", c.name, cmd, code.Name(5))
		}
	}
	var got []mqtt.Cmd
	for _, p := range c.packets {
		if p.id == id {
			got = append(got, p.cmd)
		}
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: QoS %d was answered with %v", c.name, qos, got)
	}
}

// TestAcross has a client on every route and in every version. Each publishes a message,
// and each receives all messages.
func TestAcross(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		l := newLoop(t)
		var all []*client
		for _, tg := range b.targets() {
			c := l.open(tg.String(), tg, clean())
			c.sub("across/#", 2)
			all = append(all, c)
		}
		var want []string
		for i, c := range all {
			topic := fmt.Sprintf("across/%02d", i)
			id := c.pub(mqtt.Options{Topic: topic, Message: []byte(c.name), QoS: 2})
			c.answer(mqtt.CmdPubcomp, id)
			want = append(want, fmt.Sprintf("q2 %s=%.40s", topic, c.name))
		}
		for _, c := range all {
			got := strings.Split(showAll(c.receive(len(all))), "; ")
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s received\n%q\nwant\n%q", c.name, got, want)
			}
		}
	})
}

// TestManyInFlight publishes many messages before the first is acknowledged. Each arrives
// once, in order.
func TestManyInFlight(t *testing.T) {
	const many = 100
	eachRoute(t, func(t *testing.T, tg target) {
		for qos := range uint8(3) {
			l := newLoop(t)
			from, to := l.open("publisher", tg, clean()), l.open("subscriber", tg, clean())
			to.sub("many", qos)
			for i := range many {
				from.pub(mqtt.Options{Topic: "many", Message: fmt.Appendf(nil, "%d", i), QoS: qos})
			}
			for i, p := range to.receive(many) {
				if p.data != fmt.Sprint(i) || p.qos != qos || p.dup {
					t.Fatalf("QoS %d: publication %d is %s", qos, i, p)
				}
			}
			if last := map[uint8]mqtt.Cmd{1: mqtt.CmdPuback, 2: mqtt.CmdPubcomp}[qos]; last != 0 {
				l.until("the last "+last.String(), func() bool { return from.count(last) >= many || from.checkOpen() })
			}
			if qos == 2 {
				l.until("the last PUBREL", func() bool { return to.count(mqtt.CmdPubrel) >= many || to.checkOpen() })
			}
			from.disconnect()
			to.disconnect()
		}
	})
}
