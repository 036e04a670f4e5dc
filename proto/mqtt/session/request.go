package session

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

var (
	// ErrTimeout is the error of a Request that got no reply in time.
	ErrTimeout = errors.New("session: no reply has arrived in time")
	// ErrNoResponder is the error of a Request if the server says that nobody has subscribed to
	// its topic. Only 5.0 servers say so, and only at QoS 1 and 2.
	ErrNoResponder = errors.New("session: nobody has subscribed to the topic of the request")
	// ErrNoResponseTopic is the error of Reply for a message that is no request.
	ErrNoResponseTopic = errors.New("session: the message has no Response Topic, so it is no request")
)

// Request publishes a request of MQTT 5.0, section 4.10, and calls fn once: with the reply, or with
// an error. It returns an error at once, and does not call fn, if the message is not accepted. The
// reply is valid until fn returns. fn is never called before Request returns.
//
// The session adds Response Topic and Correlation Data. It subscribes to a reply topic of its own
// at the first request, and again after a lost session. The topic begins with the server's Response
// Information, if the program has asked for it with Login.Props. Replies are acknowledged when fn
// has returned, also with ManualAck. A reply that comes too late is ignored.
//
// A message without Expiry, or with a longer one, gets the timeout as Expiry: a request that nobody
// waits for is not sent. It ends with ErrTimeout too. The errors that fn gets are ErrTimeout,
// ErrNoResponder, Outcome.Err of the message, the server's refusal of the reply topic, and
// ErrClosed at the end of the session. Drain does not wait for replies.
func (s *Session) Request(msg *Message, timeout time.Duration, fn func(reply *mqtt.Message, err error)) error {
	if s.requests == nil {
		s.requests = newRequests(s, s.m, s.opts.Login.Version)
	}
	asked := func(p mqtt.Property) bool { return p.ID == mqtt.PropRequestResponseInfo && p.Int == 1 }
	if !s.everUp && slices.ContainsFunc(s.opts.Login.Props, asked) {
		return errors.New("session: Request before the first connection: " +
			"the reply topic depends on the server's Response Information; wait for EvSessionUp")
	}
	return s.requests.request(msg, timeout, fn)
}

// Reply returns the answer to a request: a message to its Response Topic, with its Correlation Data
// and QoS. The caller publishes it, after changing what it likes. The Message keeps data, and
// nothing of the request. The error is ErrNoResponseTopic, or says why the topic is invalid.
func Reply(request *mqtt.Message, data []byte) (Message, error) {
	if request == nil {
		return Message{}, ErrNoResponseTopic
	}
	reply, found := Message{Data: data, QoS: request.QoS}, false
	var p mqtt.Property
	for ofs := request.NextProp(&p, 0); ofs > 0; ofs = request.NextProp(&p, ofs) {
		switch p.ID {
		case mqtt.PropResponseTopic:
			reply.Topic, found = string(p.Value), true
		case mqtt.PropCorrelationData: // [MQTT-3.3.2-15] [MQTT-3.3.2-16]
			reply.Props = append(reply.Props, mqtt.Property{ID: p.ID, Value: bytes.Clone(p.Value)})
		}
	}
	switch {
	case !found:
		return Message{}, ErrNoResponseTopic
	case !mqtt.ValidTopic(reply.Topic): // [MQTT-3.3.2-14]
		return Message{}, fmt.Errorf("session: the Response Topic %.100q is no topic name", reply.Topic)
	}
	return reply, nil
}

// requester is what requests need of a session.
type requester interface {
	Subscribe(...Subscription) error
	Unsubscribe(...string) error
	Publish(*Message) (Handle, error)
	Delivery(*mqtt.Message) Delivery
	Ack(Delivery, mqtt.ReasonCode, ...mqtt.Property) error
	Server() mqtt.Capabilities
	ClientID() string
}

// requests are the requests of a session that wait for their replies. The Correlation Data is a
// random number, which no other process has, and a sequence number.
type requests struct {
	s       requester
	m       *reactor.Manager
	version uint8
	random  [8]byte
	number  uint64 // of the last request
	name    string // the end of the reply topic
	topic   string // the reply topic that the session has subscribed to, "" for none
	waiting map[uint64]*request
}

// request is a request that waits for its reply.
type request struct {
	number uint64
	fn     func(*mqtt.Message, error)
	timer  *reactor.Timer
}

func newRequests(s requester, m *reactor.Manager, version uint8) *requests {
	r := &requests{s: s, m: m, version: version, name: s.ClientID(), waiting: map[uint64]*request{}}
	rand.Read(r.random[:])
	if r.name == "" || strings.ContainsAny(r.name, "+#") {
		r.name = fmt.Sprintf("%x", r.random)
	}
	return r
}

func (r *requests) request(msg *Message, timeout time.Duration, fn func(*mqtt.Message, error)) error {
	switch {
	case msg == nil || fn == nil:
		return errors.New("session: Request needs a Message and a function")
	case timeout <= 0:
		return fmt.Errorf("session: the timeout of Request is %v, want more than 0", timeout)
	case r.version != 5:
		return errors.New("session: Request needs MQTT 5.0: set Login.Version")
	}
	for i := range msg.Props {
		if id := msg.Props[i].ID; id == mqtt.PropResponseTopic || id == mqtt.PropCorrelationData {
			return fmt.Errorf("session: the Props of a request have %v, which Request adds itself", id)
		}
	}
	if err := r.subscribe(); err != nil {
		return err
	}
	q := &request{number: r.number + 1, fn: fn}
	own := *msg
	own.Props = append(slices.Clone(msg.Props),
		mqtt.Property{ID: mqtt.PropResponseTopic, Value: []byte(r.topic)},
		mqtt.Property{ID: mqtt.PropCorrelationData, Value: binary.BigEndian.AppendUint64(r.random[:len(r.random):len(r.random)], q.number)})
	if own.Expiry <= 0 || own.Expiry > timeout {
		own.Expiry = timeout
	}
	late := own.Expiry == timeout // the message expires when the time for the reply is over
	own.Done = func(o *Outcome) {
		if late && o.Result == Expired {
			r.finish(q.number, nil, ErrTimeout)
		} else {
			r.published(q.number, o)
		}
		if msg.Done != nil {
			msg.Done(o)
		}
	}
	if _, err := r.s.Publish(&own); err != nil {
		return err
	}
	r.number++
	r.waiting[q.number] = q
	q.timer = r.m.AddTimer(timeout, reactor.TimerOnce, func() { r.finish(q.number, nil, ErrTimeout) })
	return nil
}

// subscribe subscribes to the reply topic, if that is not done. Another server may give another
// one. Requests that wait for replies to the old topic end with ErrTimeout.
func (r *requests) subscribe() error {
	topic := "rikki/reply/" + r.name
	if info := r.s.Server().ResponseInfo; info != "" {
		topic = strings.TrimSuffix(info, "/") + "/" + topic
	}
	if topic == r.topic {
		return nil
	}
	if !mqtt.ValidTopic(topic) {
		return fmt.Errorf("session: the server's Response Information gives the reply topic %.100q, which is no topic name", topic)
	}
	err := r.s.Subscribe(Subscription{
		Filter: topic, QoS: 1, RetainHandling: 2, Fn: r.reply, first: true,
		Done: func(res *SubResult) { r.subscribed(topic, res) },
	})
	if err != nil {
		return err
	}
	if r.topic != "" {
		r.s.Unsubscribe(r.topic) // it fails only if the session has ended
	}
	r.topic = topic
	return nil
}

// subscribed gets the server's answer. After a refusal there will be no reply. The next request
// tries again.
func (r *requests) subscribed(topic string, res *SubResult) {
	if res.Err != nil && topic == r.topic && !errors.Is(res.Err, ErrReplaced) {
		r.topic = ""
		r.close(res.Err)
	}
}

// published gets the outcome of a request's message. If the server does not have it, there will be
// no reply.
func (r *requests) published(number uint64, o *Outcome) {
	switch {
	case o.Err != nil:
		r.finish(number, nil, o.Err)
	case o.Result == Acknowledged && o.Code == mqtt.ReasonNoMatchingSubscribers:
		r.finish(number, nil, ErrNoResponder)
	}
}

// reply is the handler of the reply topic.
func (r *requests) reply(_ *reactor.Conn, _ reactor.Event, data any) {
	m := data.(*mqtt.Message)
	d := r.s.Delivery(m)
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		number, ok := bytes.CutPrefix(p.Value, r.random[:])
		if p.ID == mqtt.PropCorrelationData && ok && len(number) == 8 {
			r.finish(binary.BigEndian.Uint64(number), m, nil)
			break
		}
	}
	r.s.Ack(d, mqtt.ReasonSuccess) // nobody else does it with ManualAck
}

// finish ends a request, unless it has ended.
func (r *requests) finish(number uint64, reply *mqtt.Message, err error) {
	if q := r.waiting[number]; q != nil {
		delete(r.waiting, number)
		q.timer.Stop()
		q.fn(reply, err)
	}
}

// close ends all requests, in their order.
func (r *requests) close(err error) {
	var numbers []uint64
	for n := range r.waiting {
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, cmp.Compare)
	for _, n := range numbers {
		r.finish(n, nil, err)
	}
}
