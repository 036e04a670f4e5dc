//go:build linux

package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// BenchmarkMQTTClient measures what rikki's clients need for a message without system calls: they
// publish it, and receive their own copy. 16 messages are in flight, as many as one read and one
// write have. An operation is one message. Instead of a broker, memoryBroker reads what is in Send,
// appends the answers to Recv, and raises EvRead and EvWrite as the loop does.
func BenchmarkMQTTClient(b *testing.B) {
	for _, name := range []string{"session", "mqtt"} {
		for _, version := range []uint8{4, 5} {
			for qos := range uint8(3) {
				b.Run(fmt.Sprintf("%s/v%d/QoS%d", name, version, qos), func(b *testing.B) {
					x, err := newMemoryBroker(name, version, qos)
					if err != nil {
						b.Fatal(err)
					}
					defer x.m.Close()
					b.ReportAllocs()
					b.ResetTimer()
					if err := x.run(b.N); err != nil {
						b.Fatal(err)
					}
				})
			}
		}
	}
}

func TestMQTTClientBenchmark(t *testing.T) {
	for _, name := range []string{"session", "mqtt"} {
		for _, version := range []uint8{4, 5} {
			for qos := range uint8(3) {
				x, err := newMemoryBroker(name, version, qos)
				if err == nil {
					err = x.run(100)
					x.m.Close()
				}
				if err != nil {
					t.Errorf("%s %d QoS %d: %v", name, version, qos, err)
				}
			}
		}
	}
}

const memoryWindow = 16

// memoryBroker is a client with the answers of a broker.
type memoryBroker struct {
	m         *reactor.Manager
	c         *reactor.Conn // of the client
	s         *session.Session
	version   uint8
	qos       uint8
	up        bool
	opts      mqtt.Options
	msg       session.Message
	out       mqtt.Message
	copies    []byte // PUBLISH packets for the client
	packet    mqtt.PublishPacket
	published int
	checker   checker
	payloads  payloads
	id        uint16
	n         int
	err       error
}

// newMemoryBroker connects a client to a server of this process.
func newMemoryBroker(name string, version, qos uint8) (x *memoryBroker, err error) {
	x = &memoryBroker{version: version, qos: qos, payloads: newPayloads(memoryWindow)}
	if x.m, err = reactor.New(); err != nil {
		return nil, err
	}
	l, err := mqtt.Listen(x.m, "mqtt://127.0.0.1:0", x.serve, nil)
	if err != nil {
		return nil, err
	}
	url := "mqtt://" + l.LocalAddr().String()
	login := mqtt.Options{ClientID: "c", Clean: true, Version: version, KeepAlive: time.Minute}
	if name == "mqtt" {
		x.c, err = mqtt.Connect(x.m, url, &login, x.handle, nil)
	} else {
		x.s, err = session.New(x.m, &session.Options{URLs: []string{url}, Login: login}, x.handle, nil)
		if err == nil {
			err = x.s.Subscribe(session.Subscription{Filter: mqttTopic, QoS: qos, Fn: x.handle})
		}
	}
	for i := 0; err == nil && !x.up && i < 1000; i++ {
		err = x.m.Poll(5 * time.Millisecond)
	}
	if err == nil && !x.up {
		err = errors.New("not connected")
	}
	if err == nil && x.s != nil {
		x.c = x.s.Conn()
	}
	return x, err
}

// serve is the handler of the server, which is needed for the connection only.
func (x *memoryBroker) serve(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvMQTTCmd {
		return
	}
	switch m := data.(*mqtt.Message); m.Cmd {
	case mqtt.CmdConnect:
		mqtt.Connack(c, false, 0)
	case mqtt.CmdSubscribe:
		mqtt.Suback(c, m.ID, mqtt.ReasonCode(x.qos))
	}
}

func (x *memoryBroker) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMQTTOpen, reactor.EvSessionSub:
		x.up = true
	case reactor.EvMQTTMsg:
		if err := x.checker.check(data.(*mqtt.Message).Data); err != nil {
			x.err = err
		}
	case reactor.EvError:
		x.err = data.(error)
	}
}

func (x *memoryBroker) publish() (err error) {
	payload := x.payloads.payload(x.published)
	x.published++
	if x.s != nil {
		x.msg = session.Message{Topic: mqttTopic, QoS: x.qos, Data: payload}
		_, err = x.s.Publish(&x.msg)
		return err
	}
	x.opts.Topic, x.opts.QoS, x.opts.Message = mqttTopic, x.qos, payload
	_, err = mqtt.Pub(x.c, &x.opts)
	return err
}

// run publishes n messages and lets their copies arrive.
func (x *memoryBroker) run(n int) error {
	for x.checker.messages < n && x.err == nil {
		for range min(memoryWindow, n-x.published) {
			if err := x.publish(); err != nil {
				return err
			}
		}
		if x.c.Send.Len() == 0 {
			x.raise(reactor.EvRead, 0) // a session sends QoS 1 and 2 after reads
		}
		for x.c.Send.Len() > 0 && x.err == nil {
			sent := x.c.Send.Len()
			x.answer()
			x.c.Send.Reset()
			x.raise(reactor.EvWrite, sent)
			x.c.Recv.Append(x.copies)
			x.raise(reactor.EvRead, len(x.copies))
		}
	}
	return errors.Join(x.err, x.checker.end(n))
}

// raise raises an event outside of the loop. It is called from one depth of the stack only: from
// another one the loop would look up the number of the goroutine, which costs a microsecond.
//
//go:noinline
func (x *memoryBroker) raise(ev reactor.Event, n int) {
	x.n = n
	x.c.Call(ev, &x.n)
}

// answer makes copies of what the client has sent, and answers.
func (x *memoryBroker) answer() {
	x.copies = x.copies[:0]
	for rest := x.c.Send.Bytes(); len(rest) > 0; {
		size, err := mqtt.Parse(rest, x.version, &x.out)
		if err != nil {
			x.err = err
			return
		}
		rest = rest[size:]
		x.reply()
	}
}

// reply answers the packet in x.out.
func (x *memoryBroker) reply() {
	m, err := &x.out, error(nil)
	answer := func(cmd mqtt.Cmd) {
		x.copies, err = mqtt.AppendAck(x.copies, x.version, cmd, m.ID, 0, nil)
	}
	switch m.Cmd {
	case mqtt.CmdPublish:
		if m.QoS == 1 {
			answer(mqtt.CmdPuback)
		} else if m.QoS == 2 {
			answer(mqtt.CmdPubrec)
		}
		x.id = x.id%1000 + 1
		x.packet = mqtt.PublishPacket{Topic: mqttTopic, QoS: x.qos, ID: x.id, Data: m.Data}
		if err == nil {
			x.copies, err = mqtt.AppendPublish(x.copies, x.version, &x.packet)
		}
	case mqtt.CmdPubrel:
		answer(mqtt.CmdPubcomp)
	case mqtt.CmdPubrec:
		answer(mqtt.CmdPubrel)
	}
	if err != nil {
		x.err = err
	}
}
