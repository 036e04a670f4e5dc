//go:build linux

package main

import (
	"errors"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// url returns the address of the broker for rikki.
func (l mqttLoad) url(addr string) string {
	if l.scheme == "ws" {
		return "ws://" + addr + "/"
	}
	return "mqtt://" + addr
}

// loopClient is what both clients of rikki have.
type loopClient struct {
	m         *reactor.Manager
	l         mqttLoad
	ready     func()
	send      func(topic string, qos uint8, payload []byte) error
	payloads  payloads
	checker   checker
	published int
	complete  int
	began     span
	result    mqttResult
	stopping  bool // the time has passed: nothing is published any more
	ended     bool // and all messages are complete
	err       error
}

func newLoopClient(m *reactor.Manager, l mqttLoad, ready func()) loopClient {
	return loopClient{m: m, l: l, ready: ready, payloads: newPayloads(l.inFlight())}
}

// begin publishes the first messages. The time begins.
func (p *loopClient) begin() {
	p.ready()
	if p.l.kind != mqttReceive {
		p.publish(p.l.inFlight())
	}
	p.m.AddTimer(p.l.warm, reactor.TimerOnce, func() {
		p.began = beginSpan(p.complete)
		p.m.AddTimer(p.l.duration, reactor.TimerOnce, p.stop)
	})
}

func (p *loopClient) publish(n int) {
	for range n {
		if err := p.send(mqttTopic, p.l.qos, p.payloads.payload(p.published)); err != nil {
			p.err = err
		}
		p.published++
	}
}

func (p *loopClient) stop() {
	if p.complete == p.began.messages { // the machine is slow, or the client waits
		p.m.AddTimer(p.l.duration, reactor.TimerOnce, p.stop)
		return
	}
	p.result = p.began.end(p.complete)
	p.stopping = true
	p.ended = p.l.kind == mqttReceive
}

// completed counts messages and publishes as many.
func (p *loopClient) completed(n int) {
	p.complete += n
	switch {
	case !p.stopping:
		p.publish(n)
	case p.complete == p.published:
		p.ended = true
	}
}

// received is called for each message that the client has subscribed to.
func (p *loopClient) received(payload []byte) {
	if p.l.credited() {
		p.completed(p.l.window)
		return
	}
	if err := p.checker.check(payload); err != nil {
		p.err = err
	}
	if p.l.kind == mqttOwn {
		p.completed(1)
		return
	}
	p.complete++
	printCredit(p.complete)
}

// loop runs the loop of a client until its time has passed.
func (p *loopClient) loop() (mqttResult, error) {
	overdue := p.m.AddTimer(p.l.warm+p.l.duration+timeout, reactor.TimerOnce, func() { p.err = errors.New("no answer in time") })
	defer overdue.Stop()
	for !p.ended && p.err == nil {
		if err := p.m.Poll(-1); err != nil {
			return p.result, err
		}
	}
	p.result.published = p.published
	if p.l.kind == mqttOwn && p.err == nil {
		p.err = p.checker.end(p.published)
	}
	return p.result, p.err
}

// sessionClient publishes with a session.
type sessionClient struct {
	loopClient
	s   *session.Session
	msg session.Message
}

func runSession(addr string, l mqttLoad, ready func()) (r mqttResult, err error) {
	m, err := reactor.New()
	if err != nil {
		return r, err
	}
	defer m.Close()
	p := &sessionClient{loopClient: newLoopClient(m, l, ready)}
	p.send = func(topic string, qos uint8, payload []byte) error {
		p.msg.Topic, p.msg.QoS, p.msg.Data = topic, qos, payload
		_, err := p.s.Publish(&p.msg)
		return err
	}
	opts := &session.Options{URLs: []string{l.url(addr)}, Inflight: 2 * l.window}
	if p.s, err = session.New(m, opts, p.handle, nil); err != nil {
		return r, err
	}
	if topic, qos := l.filter(); topic != "" {
		if err := p.s.Subscribe(session.Subscription{Filter: topic, QoS: qos, Fn: p.message, Done: p.subscribed}); err != nil {
			return r, err
		}
	}
	return p.loop()
}

func (p *sessionClient) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvSessionUp:
		if topic, _ := p.l.filter(); topic == "" {
			p.begin()
		}
	case reactor.EvSessionPub:
		o := data.(*session.Outcome)
		if o.Err != nil {
			p.err = o.Err
		} else if p.l.kind == mqttPublish && p.l.qos > 0 {
			p.completed(1)
		}
	case reactor.EvSessionDown:
		p.err = data.(*session.Down).Err
	case reactor.EvSessionRetry:
		p.err = data.(*session.Retry).Err
	}
}

func (p *sessionClient) subscribed(r *session.SubResult) {
	if p.err = r.Err; p.err == nil {
		p.begin()
	}
}

func (p *sessionClient) message(_ *reactor.Conn, _ reactor.Event, data any) {
	p.received(data.(*mqtt.Message).Data)
}

// handClient publishes on a connection of mqtt.Connect.
type handClient struct {
	loopClient
	c    *reactor.Conn
	opts mqtt.Options
}

func runByHand(addr string, l mqttLoad, ready func()) (r mqttResult, err error) {
	m, err := reactor.New()
	if err != nil {
		return r, err
	}
	defer m.Close()
	p, err := newHandClient(m, addr, l, ready)
	if err != nil {
		return r, err
	}
	return p.loop()
}

func newHandClient(m *reactor.Manager, addr string, l mqttLoad, ready func()) (p *handClient, err error) {
	p = &handClient{loopClient: newLoopClient(m, l, ready)}
	p.send = func(topic string, qos uint8, payload []byte) error {
		p.opts.Topic, p.opts.QoS, p.opts.Message = topic, qos, payload
		_, err := mqtt.Pub(p.c, &p.opts)
		return err
	}
	p.c, err = mqtt.Connect(m, l.url(addr), nil, p.handle, nil)
	return p, err
}

func (p *handClient) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMQTTOpen:
		topic, qos := p.l.filter()
		if topic == "" {
			p.begin()
			return
		}
		if _, err := mqtt.Sub(c, &mqtt.Options{Topic: topic, QoS: qos}); err != nil {
			p.err = err
		}
	case reactor.EvMQTTMsg:
		p.received(data.(*mqtt.Message).Data)
	case reactor.EvMQTTCmd:
		switch data.(*mqtt.Message).Cmd {
		case mqtt.CmdSuback:
			p.begin()
		case mqtt.CmdPuback, mqtt.CmdPubcomp:
			if p.l.kind == mqttPublish {
				p.completed(1)
			}
		}
	case reactor.EvError:
		p.err = data.(error)
	}
}
