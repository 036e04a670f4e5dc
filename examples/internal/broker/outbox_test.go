package broker

import "testing"

func TestOutboxWindow(t *testing.T) {
	o := outbox{window: 2}
	for _, topic := range []string{"1", "2", "3", "4"} {
		o.push(delivery{msg: &message{topic: topic}, qos: 1})
	}
	take := func(want string, id uint16, qos uint8) {
		t.Helper()
		got := ""
		if d, ok := o.next(); ok {
			got = d.msg.topic
			if d.qos > 0 {
				d.qos = qos
				o.sent(d, id)
			}
		}
		if got != want {
			t.Fatalf("next is %q, want %q", got, want)
		}
	}
	take("1", 10, 1)
	take("2", 11, 2)
	take("", 0, 0)
	o.acknowledged(12, 1) // never sent
	o.acknowledged(10, 2) // PUBCOMP of a QoS 1 message
	o.acknowledged(11, 1) // PUBACK of a QoS 2 message
	take("", 0, 0)
	o.acknowledged(11, 2)
	o.acknowledged(11, 2) // twice counts once
	take("3", 12, 1)
	take("", 0, 0)
	o.acknowledged(10, 1)
	take("4", 13, 1)
	o.acknowledged(12, 1)
	take("", 0, 0)
	o.push(delivery{msg: &message{topic: "5"}, qos: 0}) // the window is not for QoS 0
	take("5", 0, 0)
	if o.queue != nil {
		t.Errorf("the empty queue keeps memory for %d messages", cap(o.queue))
	}
}
