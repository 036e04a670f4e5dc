package main

import (
	"cmp"
	"encoding/binary"
	"errors"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// device is a simulated device. There are many, so each is small.
type device struct {
	fleet     *fleet
	session   *session.Session
	topic     string
	published uint64              // the number of the last message
	received  numbers             // of messages
	bad       map[uint64]struct{} // messages that were not acknowledged, and not received yet

	connecting bool // it counts for -attempts
	settled    bool // it has subscribed, or failed to for good
	everUp     bool
	up         bool
}

// stampSize is the size of what the payload of each message begins with:
//
//	bytes 0 to 3    a random number, the same for all messages of this run
//	bytes 4 to 11   the number of the message; each device counts from 1
//	bytes 12 to 19  when it was published, in ns since the start of the program
const stampSize = 20

// handle is the handler of all sessions. It gets the events of their connections too.
func handle(c *reactor.Conn, ev reactor.Event, data any) {
	d := c.FnData.(*device)
	switch ev {
	case reactor.EvMQTTMsg:
		d.receive(data.(*mqtt.Message))
	case reactor.EvSessionPub:
		d.outcome(data.(*session.Outcome))
	case reactor.EvSessionUp:
		d.fleet.connected(d, data.(*session.Up))
	case reactor.EvSessionDown:
		down := data.(*session.Down)
		d.fleet.disconnected(d, down.Err, down.Final, down.Next)
	case reactor.EvSessionRetry:
		retry := data.(*session.Retry)
		d.fleet.disconnected(d, retry.Err, retry.Final, retry.Next)
	case reactor.EvSessionSub:
		d.fleet.subscribed(d, data.(*session.SubResult))
	}
}

// publish publishes the next message. The session may refuse it.
func (d *device) publish() {
	f := d.fleet
	stamp(f.payload, d.published+1, time.Since(f.start))
	f.message.Topic = d.topic
	if _, err := d.session.Publish(&f.message); err != nil {
		f.refused++
		f.failed(reason(err))
		return
	}
	d.published++
	f.published++
}

// stamp writes the number and the time at the beginning of a payload.
func stamp(p []byte, number uint64, sent time.Duration) {
	binary.BigEndian.PutUint64(p[4:], number)
	binary.BigEndian.PutUint64(p[12:], uint64(sent))
}

// reason returns an error without the topic that the session has put before it. So the errors of
// different devices have the same text.
func reason(err error) error { return cmp.Or(errors.Unwrap(err), err) }

// receive counts a message.
func (d *device) receive(m *mqtt.Message) {
	f := d.fleet
	number, sent, ok := f.parse(m.Data)
	if !ok || number == 0 || number > d.published || string(m.Topic) != d.topic {
		f.foreign++
		return
	}
	if !d.received.add(number) {
		f.duplicates++
		return
	}
	f.received++
	f.lastReceipt = f.m.Now()
	f.latency.add(time.Since(f.start) - sent)
	if _, bad := d.bad[number]; bad {
		delete(d.bad, number)
		f.receivedBad++
	}
}

// parse parses the beginning of a payload. ok is false if it is not one of this run.
func (f *fleet) parse(p []byte) (number uint64, sent time.Duration, ok bool) {
	if len(p) < stampSize || [4]byte(p) != [4]byte(f.payload) {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(p[4:]), time.Duration(binary.BigEndian.Uint64(p[12:])), true
}

// outcome counts the outcome of a message. A message may be received although its outcome is bad,
// for example if the connection ends before the acknowledgement. It must not hide a lost one. A
// message of QoS 0 with a bad outcome has no content here: it was not sent, so it is not received.
func (d *device) outcome(o *session.Outcome) {
	f := d.fleet
	f.outcomes[o.Result]++
	if o.Result == session.Sent || o.Result == session.Acknowledged {
		f.good++
		return
	}
	if f.bad++; o.Err != nil {
		f.failed(o.Err)
	}
	if o.Message == nil {
		return
	}
	number, _, _ := f.parse(o.Message.Data)
	if d.received.has(number) {
		f.receivedBad++
		return
	}
	if d.bad == nil {
		d.bad = make(map[uint64]struct{})
	}
	d.bad[number] = struct{}{}
}
