package interop

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// keeping returns the options of a client that resumes its session.
func keeping(tg target, name string) mqtt.Options {
	o := mqtt.Options{ClientID: tg.id(name)}
	if tg.version == 5 {
		o.Props = []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 600}}
	}
	return o
}

// When a client resumes its session, it gets the messages that were published meanwhile. It
// does not get those again that it has acknowledged.
func TestSession(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
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
		l.until("PUBREL", func() bool { return first.count(mqtt.CmdPubrel) == 1 || first.checkOpen() })
		first.ping()
		first.disconnect()
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
			got[i].dup = false // brokers differ in whether a queued message counts as sent
		}
		if s := showAll(got); s != "q1 s=three; q2 s=four; q2 s=five" {
			t.Errorf("after the second login: %s", s)
		}
		l.until("all PUBRELs", func() bool { return second.count(mqtt.CmdPubrel) == 2 || second.checkOpen() })
		second.ping()
		second.disconnect()
	})
}

// A message that was not acknowledged before the connection closed is redelivered with the
// DUP flag. A QoS 2 message that is published twice under one identifier is delivered once.
func TestRedelivery(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
		if !tg.byHand {
			return // mqtt.Connect acknowledges by itself
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
		from.mute = true // as if the PUBREC was lost; some brokers send it again
		from.connected()
		from.pub(mqtt.Options{Topic: "r", Message: []byte("two"), QoS: 2, RetransmitID: id})
		from.answer(mqtt.CmdPubrec, id)
		from.send(func() error { return mqtt.Ack(from.conn, &mqtt.Message{Cmd: mqtt.CmdPubrec, ID: id}) })
		from.answer(mqtt.CmdPubcomp, id)
		from.pub(mqtt.Options{Topic: "r", Message: []byte("end"), QoS: 1})
		if got := showAll(to.receive(2)); got != "q2 r=two; q1 r=end" {
			t.Errorf("received %s", got)
		}
		from.disconnect()
		to.disconnect()
	})
}

// A second connection with the same client identifier ends the first, in 5.0 with the reason.
func TestTakeover(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		opts := mqtt.Options{ClientID: tg.id("the only"), Clean: true}
		first := l.open("first", tg, opts)
		second := l.open("second", tg, opts)
		first.ended()
		var refused *mqtt.RefusedError
		if tg.version == 5 && tg.tellsLoser && (!errors.As(first.err, &refused) || refused.Code != mqtt.ReasonSessionTakenOver ||
			!strings.Contains(first.err.Error(), "0x8E Session taken over")) {
			t.Errorf("the first ended with %v", first.err)
		}
		second.ping()
		second.disconnect()
	})
}
