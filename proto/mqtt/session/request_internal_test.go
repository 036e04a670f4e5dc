package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// fakeSession is what requests see of a session. It notes the calls.
type fakeSession struct {
	t         *testing.T
	m         *reactor.Manager
	k         *looptest.Clock
	requests  *requests
	server    mqtt.Capabilities
	clientID  string
	log       []string
	sub       Subscription
	published []Message
	acks      int
	fail      error // of Publish
}

func newFakeSession(t *testing.T, clientID string) *fakeSession {
	k := looptest.NewClock()
	f := &fakeSession{t: t, k: k, m: looptest.NewManager(t, reactor.WithClock(k.Now)), server: mqtt.NewCapabilities(5), clientID: clientID}
	f.requests = newRequests(f, f.m, 5)
	return f
}

func (f *fakeSession) say(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fakeSession) Subscribe(list ...Subscription) error {
	f.sub = list[0]
	f.say("sub %s", f.sub.Filter)
	return nil
}

func (f *fakeSession) Unsubscribe(list ...string) error { f.say("unsub %s", list[0]); return nil }
func (f *fakeSession) Publish(m *Message) (Handle, error) {
	if f.fail == nil {
		f.published = append(f.published, *m)
	}
	return 1, f.fail
}
func (f *fakeSession) Delivery(m *mqtt.Message) Delivery { return Delivery{qos: m.QoS, id: m.ID} }
func (f *fakeSession) Server() mqtt.Capabilities         { return f.server }
func (f *fakeSession) ClientID() string                  { return f.clientID }
func (f *fakeSession) Ack(d Delivery, _ mqtt.ReasonCode, _ ...mqtt.Property) error {
	if d.id == 77 {
		f.acks++
	}
	return nil
}

// request makes a request, and notes what its function gets.
func (f *fakeSession) request(name string, msg Message, timeout time.Duration) {
	f.t.Helper()
	err := f.requests.request(&msg, timeout, func(reply *mqtt.Message, err error) {
		if err != nil {
			f.say("%s: %v", name, err)
		} else {
			f.say("%s=%s", name, reply.Data)
		}
	})
	if err != nil {
		f.say("%s: not accepted: %v", name, err)
	}
}

// reply delivers the answer to a published request, as Reply makes it.
func (f *fakeSession) reply(i int, data string) {
	f.t.Helper()
	answer, err := Reply(received(f.t, &f.published[i]), []byte(data))
	if err != nil {
		f.t.Fatal(err)
	}
	m := received(f.t, &answer)
	if string(m.Topic) != f.sub.Filter {
		f.t.Errorf("the reply has the topic %s, want %s", m.Topic, f.sub.Filter)
	}
	f.sub.Fn(nil, reactor.EvMQTTMsg, m)
}

// received returns a message as the other side gets it.
func received(t *testing.T, msg *Message) *mqtt.Message {
	t.Helper()
	p, err := mqtt.AppendPublish(nil, 5, &mqtt.PublishPacket{Topic: msg.Topic, Data: msg.Data, QoS: 1, ID: 77, Props: msg.Props})
	if err != nil {
		t.Fatal(err)
	}
	return &parsePackets(t, 5, p)[0]
}

func (f *fakeSession) wait(d time.Duration) {
	f.k.Advance(d)
	f.m.Poll(0)
}

func (f *fakeSession) expect(want ...string) {
	f.t.Helper()
	if !slices.Equal(f.log, want) {
		f.t.Errorf("got  %q\nwant %q", f.log, want)
	}
	f.log = nil
}

func TestRequests(t *testing.T) {
	f := newFakeSession(t, "me")
	for i, name := range []string{"a", "b", "c"} {
		f.request(name, Message{Topic: "svc", Data: []byte(name), QoS: 1}, time.Duration(i+1)*time.Second)
	}
	f.expect("sub rikki/reply/me")
	f.reply(1, "B")
	f.reply(0, "A")
	f.reply(0, "again") // it has its reply
	f.expect("b=B", "a=A")
	if d := f.m.NextTimeout(); d != 3*time.Second {
		t.Errorf("the next timer fires in %v, want only that of c", d)
	}
	f.wait(3 * time.Second)
	f.expect("c: " + ErrTimeout.Error())
	f.reply(2, "late")
	f.wait(time.Minute)
	if f.expect(); f.acks != 4 || len(f.requests.waiting) != 0 {
		t.Errorf("%d replies were acknowledged, %d requests wait", f.acks, len(f.requests.waiting))
	}
	if s := f.sub; s.QoS != 1 || s.RetainHandling != 2 || !s.first || s.NoLocal {
		t.Errorf("subscription %+v", s)
	}
}

// The program's message is sent with the properties of a request, and is not changed.
func TestRequestMessage(t *testing.T) {
	f := newFakeSession(t, "me")
	props := append(make([]mqtt.Property, 0, 8), mqtt.Property{ID: mqtt.PropUserProperty, Key: []byte("k")})
	msg := Message{Topic: "svc", QoS: 2, Retain: true, Props: props, Expiry: time.Hour}
	if err := f.requests.request(&msg, time.Minute, func(*mqtt.Message, error) {}); err != nil {
		t.Fatal(err)
	}
	f.request("", Message{Topic: "svc", Expiry: time.Second}, time.Minute)
	f.request("", Message{Topic: "svc"}, time.Minute)
	got := f.published[0]
	if got.QoS != 2 || !got.Retain || len(got.Props) != 3 || got.Props[0].ID != mqtt.PropUserProperty || got.Expiry != time.Minute {
		t.Errorf("published %+v", got)
	}
	if f.published[1].Expiry != time.Second || f.published[2].Expiry != time.Minute || props[:2][1].ID != 0 || len(msg.Props) != 1 || msg.Done != nil || msg.Expiry != time.Hour {
		t.Errorf("Expiry %v; the program's message is now %+v", f.published[1].Expiry, msg)
	}
	if a, b := got.Props[2].Value, f.published[1].Props[1].Value; string(a) == string(b) || len(a) != 16 {
		t.Errorf("Correlation Data % x and % x", a, b)
	}
}

func TestRequestErrors(t *testing.T) {
	own := func(id mqtt.PropID) Message { return Message{Topic: "t", Props: []mqtt.Property{{ID: id}}} }
	fn := func(*mqtt.Message, error) { t.Error("fn is called") }
	f := newFakeSession(t, "me")
	for want, err := range map[string]error{
		"Response Topic":   f.requests.request(ptr(own(mqtt.PropResponseTopic)), time.Second, fn),
		"Correlation Data": f.requests.request(ptr(own(mqtt.PropCorrelationData)), time.Second, fn),
		"timeout":          f.requests.request(&Message{Topic: "t"}, 0, fn),
		"a function":       f.requests.request(&Message{Topic: "t"}, time.Second, nil),
		"a Message":        f.requests.request(nil, time.Second, fn),
		"MQTT 5.0":         newRequests(f, f.m, 4).request(&Message{Topic: "t"}, time.Second, fn),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
	f.expect()
	f.fail = ErrQueueFull
	if err := f.requests.request(&Message{Topic: "t"}, time.Second, fn); err != ErrQueueFull || len(f.requests.waiting) != 0 {
		t.Errorf("a full queue: %v, %d requests wait", err, len(f.requests.waiting))
	}
	f.wait(time.Minute)
}

func ptr[T any](v T) *T { return &v }

// The reply topic begins with the server's Response Information, and ends with the client
// identifier or, if a topic cannot have it, with something random.
func TestReplyTopic(t *testing.T) {
	for _, tc := range []struct{ info, id, want string }{
		{"", "me", "rikki/reply/me"},
		{"clients/7", "me", "clients/7/rikki/reply/me"},
		{"clients/7/", "a/b", "clients/7/rikki/reply/a/b"},
		{"", "", "rikki/reply/*"},
		{"", "a+b", "rikki/reply/*"},
		{"", "#", "rikki/reply/*"},
	} {
		f := newFakeSession(t, tc.id)
		f.server.ResponseInfo = tc.info
		f.request("", Message{Topic: "svc"}, time.Second)
		want := strings.Replace(tc.want, "*", fmt.Sprintf("%x", f.requests.random), 1)
		if f.sub.Filter != want || string(f.published[0].Props[0].Value) != want {
			t.Errorf("%+v: subscribed to %s, published %s", tc, f.sub.Filter, f.published[0].Props[0].Value)
		}
	}
	f := newFakeSession(t, "me")
	f.server.ResponseInfo = "a/#"
	if err := f.requests.request(&Message{Topic: "t"}, time.Second, func(*mqtt.Message, error) {}); err == nil || len(f.log) > 0 {
		t.Errorf("Response Information with a wildcard: %v, %q", err, f.log)
	}
}

// Another server may give another reply topic.
func TestReplyTopicChanges(t *testing.T) {
	f := newFakeSession(t, "me")
	f.request("a", Message{Topic: "svc"}, time.Second)
	old := f.sub
	f.server.ResponseInfo = "x"
	f.request("b", Message{Topic: "svc"}, time.Second)
	f.expect("sub rikki/reply/me", "sub x/rikki/reply/me", "unsub rikki/reply/me")
	old.Done(&SubResult{Err: errors.New("refused")}) // of the old topic: it changes nothing
	f.reply(1, "B")
	f.expect("b=B")
}

// If there will be no reply, the request ends.
func TestRequestWithoutReply(t *testing.T) {
	refused := errors.New("refused")
	for _, tc := range []struct {
		outcome Outcome
		want    string
	}{
		{Outcome{Result: Acknowledged}, ""},
		{Outcome{Result: Sent}, ""},
		{Outcome{Result: Acknowledged, Code: mqtt.ReasonNoMatchingSubscribers}, "a: " + ErrNoResponder.Error()},
		{Outcome{Result: Rejected, Err: refused}, "a: refused"},
		{Outcome{Result: Expired, Err: ErrExpired}, "a: " + ErrTimeout.Error()},
		{Outcome{Result: Abandoned, Err: ErrClosed}, "a: " + ErrClosed.Error()},
	} {
		f := newFakeSession(t, "me")
		f.request("a", Message{Topic: "svc", Done: func(*Outcome) { f.say("done") }}, time.Second)
		f.log = nil
		f.published[0].Done(&tc.outcome)
		want := []string{"done"}
		if tc.want != "" {
			want = []string{tc.want, "done"}
		}
		f.expect(want...)
		f.wait(time.Second)
		if len(f.log) != len(want)%2 {
			t.Errorf("%+v: after the timeout %q", tc.outcome, f.log)
		}
	}
}

// A refused reply topic, and the end of the session, end all requests in order. The next request
// subscribes again.
func TestRequestsEndTogether(t *testing.T) {
	f := newFakeSession(t, "me")
	for i := range 5 {
		f.request(fmt.Sprint(i), Message{Topic: "svc"}, time.Second)
	}
	f.sub.Done(&SubResult{})
	f.sub.Done(&SubResult{Resumed: true})
	f.sub.Done(&SubResult{Err: ErrReplaced})
	f.expect("sub rikki/reply/me")
	f.sub.Done(&SubResult{Err: errors.New("no"), Code: 0x87})
	f.expect("0: no", "1: no", "2: no", "3: no", "4: no")
	f.request("x", Message{Topic: "svc"}, time.Second)
	f.requests.close(ErrClosed)
	f.expect("sub rikki/reply/me", "x: "+ErrClosed.Error())
	f.wait(time.Minute)
	f.expect()
}

// The function may make the next request.
func TestRequestInsideReply(t *testing.T) {
	f := newFakeSession(t, "me")
	n := 0
	var next func(*mqtt.Message, error)
	next = func(m *mqtt.Message, err error) {
		if n++; n < 4 {
			if err := f.requests.request(&Message{Topic: "svc"}, time.Second, next); err != nil {
				t.Error(err)
			}
		}
	}
	next(nil, nil)
	f.reply(0, "x")
	f.wait(time.Second)
	f.requests.close(ErrClosed)
	if n != 4 {
		t.Errorf("%d calls, want 4", n)
	}
}

// Other messages to the reply topic are ignored.
func TestRepliesOfOthers(t *testing.T) {
	f := newFakeSession(t, "me")
	f.request("a", Message{Topic: "svc"}, time.Second)
	f.log = nil
	good := f.published[0].Props[1].Value
	bad := slices.Clone(good)
	bad[0]++
	for _, props := range [][]mqtt.Property{
		nil,
		{{ID: mqtt.PropCorrelationData}},
		{{ID: mqtt.PropCorrelationData, Value: good[:15]}},
		{{ID: mqtt.PropCorrelationData, Value: append(slices.Clone(good), 0)}},
		{{ID: mqtt.PropCorrelationData, Value: bad}},
	} {
		f.sub.Fn(nil, reactor.EvMQTTMsg, received(t, &Message{Topic: "t", Props: props}))
	}
	f.expect()
	f.reply(0, "A")
	f.expect("a=A")
}

func TestReply(t *testing.T) {
	topic := mqtt.Property{ID: mqtt.PropResponseTopic, Value: []byte("r/t")}
	data := mqtt.Property{ID: mqtt.PropCorrelationData, Value: []byte{1, 2}}
	for _, tc := range []struct {
		props []mqtt.Property
		want  string // "error" for one
	}{
		{nil, "error"},
		{[]mqtt.Property{data}, "error"},
		{[]mqtt.Property{topic}, "r/t[]"},
		{[]mqtt.Property{data, topic}, "r/t[Correlation Data 0102]"},
		{[]mqtt.Property{{ID: mqtt.PropUserProperty}, topic, data}, "r/t[Correlation Data 0102]"},
	} {
		request := received(t, &Message{Topic: "svc", Props: tc.props})
		got, err := Reply(request, []byte("x"))
		clear(request.Dgram) // the reply keeps nothing of it
		text := got.Topic + "["
		for _, p := range got.Props {
			text += fmt.Sprintf("%v %x", p.ID, p.Value)
		}
		if text += "]"; err != nil {
			text = "error"
			if !errors.Is(err, ErrNoResponseTopic) {
				t.Errorf("%v: %v", tc.props, err)
			}
		}
		if text != tc.want || err == nil && (got.QoS != 1 || string(got.Data) != "x") {
			t.Errorf("%v: %s, %+v, want %s", tc.props, text, got, tc.want)
		}
	}
	if _, err := Reply(nil, nil); err != ErrNoResponseTopic {
		t.Errorf("nil: %v", err)
	}
	if _, err := Reply(&mqtt.Message{Props: []byte("\x08\x00\x01#")}, nil); err == nil || errors.Is(err, ErrNoResponseTopic) {
		t.Errorf("a wildcard: %v", err)
	}
}
