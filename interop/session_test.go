package interop

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// keeping are the options of a client that comes back to its session.
func keeping(tg target, name string) mqtt.Options {
	o := mqtt.Options{ClientID: tg.id(name)}
	if tg.version == 5 {
		o.Props = []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 600}}
	}
	return o
}

// TestSession: what was acknowledged is not sent again, what was published
// meanwhile is there when the client comes back.
func TestSession(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		from := l.open("publisher", tg.plain(), clean())
		say := func(qos uint8, data string) {
			from.answered(from.pub(mqtt.Options{Topic: "s", Message: []byte(data), QoS: qos}), qos)
		}
		first := l.open("subscriber", tg, keeping(tg, "s"))
		if first.present {
			t.Error("Session Present at the first login")
		}
		first.sub("s", 2)
		say(1, "one")
		say(2, "two")
		first.receive(2)
		l.until("PUBREL", func() bool { return first.count(mqtt.CmdPubrel) == 1 || first.dead() })
		first.ping()
		first.leave()
		say(1, "three")
		say(2, "four")

		second := l.open("subscriber again", tg, keeping(tg, "s"))
		if !second.present {
			t.Error("no Session Present at the second login")
		}
		got := second.receive(2)
		say(2, "five")
		got = append(got, second.receive(1)...)
		if tg.shuffles {
			slices.SortFunc(got[:2], func(a, b publication) int { return int(a.qos) - int(b.qos) })
		}
		for i := range got {
			got[i].dup = false // whether a queued message was sent before is the broker's opinion
		}
		if s := showAll(got); s != "q1 s=three; q2 s=four; q2 s=five" {
			t.Errorf("after the second login: %s", s)
		}
		l.until("all PUBRELs", func() bool { return second.count(mqtt.CmdPubrel) == 2 || second.dead() })
		second.ping()
		second.leave()
	})
}

// TestRedelivery: what was not acknowledged before the connection broke is
// sent again, with the DUP flag; and a QoS 2 message published again under its
// identifier is delivered once.
func TestRedelivery(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		if !tg.byHand {
			return // mqtt.Connect acknowledges without being asked
		}
		l := newLoop(t)
		from := l.open("publisher", tg, keeping(tg, "from"))
		to := l.open("subscriber", tg, keeping(tg, "to"))
		to.sub("r", 2)
		to.mute, from.mute = true, true
		from.pub(mqtt.Options{Topic: "r", Message: []byte("one"), QoS: 1})
		to.receive(1)
		to.vanish()
		to = l.open("subscriber again", tg, keeping(tg, "to"))
		if got := showAll(to.receive(1)); got != "q1 r=one dup" {
			t.Errorf("received %s", got)
		}

		id := from.pub(mqtt.Options{Topic: "r", Message: []byte("two"), QoS: 2})
		from.answer(mqtt.CmdPubrec, id)
		from.vanish()
		from = l.start("publisher again", tg, keeping(tg, "from"))
		from.mute = true // as if the PUBREC had been lost, which some brokers send again
		from.admitted()
		from.pub(mqtt.Options{Topic: "r", Message: []byte("two"), QoS: 2, RetransmitID: id})
		from.answer(mqtt.CmdPubrec, id)
		from.send(func() error { return mqtt.Ack(from.conn, &mqtt.Message{Cmd: mqtt.CmdPubrec, ID: id}) })
		from.answer(mqtt.CmdPubcomp, id)
		from.pub(mqtt.Options{Topic: "r", Message: []byte("end"), QoS: 1})
		if got := showAll(to.receive(2)); got != "q2 r=two; q1 r=end" {
			t.Errorf("received %s", got)
		}
		from.leave()
		to.leave()
	})
}

// TestTakeover: a second connection with the same client identifier ends the
// first, in 5.0 with the reason.
func TestTakeover(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		opts := mqtt.Options{ClientID: tg.id("the only"), Clean: true}
		first := l.open("first", tg, opts)
		second := l.open("second", tg, opts)
		first.ended()
		var refused *mqtt.RefusedError
		if tg.version == 5 && tg.tellsLoser && (!errors.As(first.err, &refused) || refused.Code != mqtt.ReasonSessionTakenOver ||
			!strings.Contains(first.err.Error(), "session taken over")) {
			t.Errorf("the first ended with %v", first.err)
		}
		second.ping()
		second.leave()
	})
}
