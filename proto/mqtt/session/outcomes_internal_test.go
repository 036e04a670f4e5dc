package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// The outcome has the reason code, the properties and the message. They do not depend on the buffer
// of the answer.
func TestOutcomeOfServer(t *testing.T) {
	props := []mqtt.Property{
		{ID: mqtt.PropReasonString, Value: []byte("not\nyou")},
		{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")},
	}
	for _, tc := range []struct {
		cmd    mqtt.Cmd
		qos    uint8
		code   mqtt.ReasonCode
		result Result
		err    string
	}{
		{mqtt.CmdPuback, 1, mqtt.ReasonNoMatchingSubscribers, Acknowledged, ""},
		{mqtt.CmdPuback, 1, mqtt.ReasonNotAuthorized, Rejected, `session: the server rejects the message with PUBACK: Not authorized: not\nyou`},
		{mqtt.CmdPubrec, 2, mqtt.ReasonQuotaExceeded, Rejected, `session: the server rejects the message with PUBREC: Quota exceeded: not\nyou`},
	} {
		b := newSenderBench(t, 5, Queue{}, 0, nil)
		b.run("up")
		done := false
		h, err := b.s.publish(b.now, &Message{Topic: "a/b", Data: []byte("x"), QoS: tc.qos, Retain: true,
			Props: props[1:], Done: func(*Outcome) { done = true }})
		if err != nil {
			t.Fatal(err)
		}
		b.append(1)
		packet, err := mqtt.AppendAck(nil, 5, tc.cmd, 1, tc.code, props)
		if err != nil {
			t.Fatal(err)
		}
		var m mqtt.Message
		mqtt.Parse(packet, 5, &m)
		if err := b.s.receive(b.now, &m); err != nil {
			t.Fatal(err)
		}
		clear(packet)
		b.run("pub other=x q1")
		o, fn := b.s.outcome()
		if o.Handle != h || o.Result != tc.result || o.Code != tc.code || o.Stored || (o.Err == nil) != (tc.err == "") || o.Err != nil && o.Err.Error() != tc.err {
			t.Errorf("%v: outcome %+v", tc.cmd, o)
		}
		if rejected := (*RejectedError)(nil); errors.As(o.Err, &rejected) && (rejected.Code != tc.code || rejected.Cmd != tc.cmd) {
			t.Errorf("%v: error %+v", tc.cmd, rejected)
		}
		answer, p := mqtt.Message{Props: o.Props}, mqtt.Property{}
		if ofs := answer.NextProp(&p, answer.NextProp(&p, 0)); ofs == 0 || string(p.Key) != "k" {
			t.Errorf("%v: the second property is %+v", tc.cmd, p)
		}
		if msg := o.Message; string(msg.Topic) != "a/b" || string(msg.Data) != "x" || msg.QoS != tc.qos || !msg.Retain || msg.Dup || msg.ID != 1 || msg.Version != 5 || len(msg.Props) == 0 {
			t.Errorf("%v: message %+v", tc.cmd, o.Message)
		}
		if fn(o); !done {
			t.Errorf("%v: Done is another function", tc.cmd)
		}
	}
}

// A program may publish while it handles an outcome. The outcome does not change.
func TestOutcomeWhilePublishing(t *testing.T) {
	b := newSenderBench(t, 4, Queue{Messages: 1, Full: DropOldest}, 0, nil)
	for i := range 1000 {
		b.run(fmt.Sprintf("pub a=%d\npub b=%[1]d", i))
		for o, _ := b.s.outcome(); o != nil; o, _ = b.s.outcome() {
			before := fmt.Sprint(o, string(o.Message.Topic), string(o.Message.Data))
			if i++; i%4 > 0 { // not forever: each of these drops a message
				b.run("pub other=x q2")
			}
			if now := fmt.Sprint(o, string(o.Message.Topic), string(o.Message.Data)); now != before {
				t.Fatalf("the outcome %s is now %s", before, now)
			}
		}
	}
}

// The message of QoS 0 that was given to a connection is not kept.
func TestOutcomeOfQoS0(t *testing.T) {
	b := newSenderBench(t, 4, Queue{}, 0, nil)
	b.run("up\npub a=1\n> a=1 q0\nwritten")
	if o, fn := b.s.outcome(); o == nil || o.Message != nil || o.Err != nil || fn != nil {
		t.Errorf("outcome %+v", o)
	}
	b.run("pub a=1\n> a=1 q0\ndown")
	if o, _ := b.s.outcome(); o == nil || o.Message != nil || !errors.Is(o.Err, ErrConnectionLost) {
		t.Errorf("outcome %+v", o)
	}
	b.run("pub a=1\nclose")
	if o, _ := b.s.outcome(); o == nil || o.Message == nil || !errors.Is(o.Err, ErrClosed) || o.Stored {
		t.Errorf("outcome %+v", o)
	}
	if o, _ := b.s.outcome(); o != nil {
		t.Errorf("outcome %+v, want none", o)
	}
}

// Each local reason is an error to compare with.
func TestOutcomeErrors(t *testing.T) {
	for script, want := range map[string]error{
		"pub a=1 q1 exp=1s\nafter 1s":                     ErrExpired,
		"up\npub a=1 q2\n> 1 a=1 q2\ndown\nup lost":       ErrSessionLost,
		"up\npub a=1 q2\n> 1 a=1 q2\n< PUBREC 1\nup lost": ErrSessionLost,
		"pub a=1 q2\nclose":                               ErrClosed,
	} {
		b := newSenderBench(t, 4, Queue{}, 0, nil)
		b.run(script)
		if o, _ := b.s.outcome(); o == nil || !errors.Is(o.Err, want) || !strings.HasPrefix(want.Error(), "session: ") {
			t.Errorf("%q: outcome %+v, want %v", script, o, want)
		}
	}
	b := newSenderBench(t, 5, Queue{}, 0, nil)
	b.run("pub a=1 q1\nup qos=0\n> -")
	var limit *mqtt.PeerLimitError
	if o, _ := b.s.outcome(); !errors.As(o.Err, &limit) || limit.Limit != "Maximum QoS" {
		t.Errorf("outcome %+v", o)
	}
}

// Recycled records keep no large buffers and nothing of the last message.
func TestRecycle(t *testing.T) {
	r := &record{packet: make([]byte, 9, maxRecycled+1), props: make([]byte, 9, maxRecycled+1), done: func(*Outcome) {}, seq: 7, dup: true, err: ErrClosed}
	recycle(r)
	if r.packet != nil || r.props != nil || r.done != nil || r.seq != 0 || r.dup || r.err != nil || r.place != -1 {
		t.Errorf("record %+v", r)
	}
}
