package interop

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// TestTutorial does the steps of the tutorial: log in with a will, subscribe and publish at
// once, receive, acknowledge, close.
func TestTutorial(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		c := l.open("client", tg, mqtt.Options{Clean: true, Topic: "mg/test", Message: []byte("goodbye"), QoS: 1})
		c.send(func() error {
			_, err := mqtt.Sub(c.conn, &mqtt.Options{Topic: "mg/test", QoS: 1})
			return err
		})
		id := c.pub(mqtt.Options{Topic: "mg/test", Message: []byte("hello"), QoS: 1})
		if got := showAll(c.receive(1)); got != "q1 mg/test=hello" {
			t.Errorf("received %s", got)
		}
		if code := c.answer(mqtt.CmdPuback, id); code != 0 {
			t.Errorf("PUBACK says %s", code.Name(tg.version))
		}
		want := []packet{{mqtt.CmdConnack, 0, 0}, {mqtt.CmdSuback, 1, 1}, {mqtt.CmdPuback, 2, 0}}
		if !slices.Equal(c.packets, want) {
			t.Errorf("packets %v, want %v", c.packets, want)
		}
		c.conn.Drain()
		c.ended()
		if c.err != nil {
			t.Error(c.err)
		}
	})
}

// TestSubscriptions tests wildcards, unsubscribing, and replacing a subscription.
func TestSubscriptions(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		c := l.open("client", tg, clean())
		publish := func(topics ...string) {
			for _, topic := range topics {
				c.pub(mqtt.Options{Topic: topic, Message: []byte("x"), QoS: 1})
			}
		}
		expect := func(want string, n int) {
			t.Helper()
			publish("end")
			if got := showAll(c.receive(n + 1)); got != want {
				t.Errorf("received %s\nwant %s", got, want)
			}
		}
		c.sub("end", 0)
		c.sub("a/+/c", 1)
		c.sub("b/#", 0)
		publish("a/b/c", "a/b", "a/x/c", "a/b/c/d", "b", "b/c/d", "c")
		expect("q1 a/b/c=x; q1 a/x/c=x; q0 b=x; q0 b/c/d=x; q0 end=x", 4)
		c.sub("b/#", 1)
		publish("b/c")
		expect("q1 b/c=x; q0 end=x", 1)
		if code := c.unsub("b/#"); code != 0 {
			t.Errorf("UNSUBACK says %s", code.Name(tg.version))
		}
		code := c.unsub("b/#")
		if want := map[uint8]mqtt.ReasonCode{4: 0, 5: mqtt.ReasonNoSubscriptionExisted}[tg.version]; code != want {
			t.Errorf("the second UNSUBACK says %s", code.Name(tg.version))
		}
		publish("b", "b/c", "a/b/c")
		expect("q1 a/b/c=x; q0 end=x", 1)
		c.disconnect()
	})
}
