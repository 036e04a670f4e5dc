package broker

import "testing"

func TestOutboxWindow(t *testing.T) {
	o := outbox{window: 2}
	for _, topic := range []string{"1", "2", "3", "4"} {
		if !o.push(delivery{msg: &message{topic: topic}, qos: 1}) {
			t.Fatalf("the queue does not take %s", topic)
		}
	}
	take := func(want string, id uint16, qos uint8) {
		t.Helper()
		got := ""
		if d, ok := o.next(); ok {
			got = d.msg.topic
			o.sent(id, qos)
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
	if o.bytes != 0 || len(o.queue) != 0 {
		t.Errorf("the empty queue counts %d bytes of %d messages", o.bytes, len(o.queue))
	}
}

func TestOutboxLimit(t *testing.T) {
	o := outbox{window: 1}
	msg := &message{topic: "x", data: make([]byte, 1000)}
	n := 0
	for o.push(delivery{msg: msg, qos: 1}) {
		n++
	}
	if most := QueueLimit/msg.size() + 1; n != most {
		t.Errorf("%d messages were queued, want %d", n, most)
	}
	o.next()
	if !o.push(delivery{msg: msg, qos: 1}) {
		t.Error("the queue takes nothing after one was taken")
	}
}
