//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// mqttClient is a client to compare.
type mqttClient struct {
	name  string
	about string
	path  string // of its module, whose version is printed
	run   func(addr string, l mqttLoad) (mqttResult, error)
	build string // as in server
}

// mqttClients are the clients written in Go. The first is the one that the ratios are about.
var mqttClients = []*mqttClient{
	{"rikki-session", "package session, handlers as methods of one struct", "github.com/rikki-go/rikki", runSession, ""},
	{"rikki-mqtt", "package mqtt: one connection, without a session", "github.com/rikki-go/rikki", runByHand, ""},
	{"paho", "one goroutine publishes, a callback receives", "github.com/eclipse/paho.mqtt.golang", runPaho, ""},
}

// addBeforeMQTT adds rikki's session at another commit. See addBefore.
func addBeforeMQTT(build string) {
	c := *mqttClients[0]
	c.name, c.about, c.build = "before-"+c.name, c.about+", built before: "+build, build
	mqttClients = slices.Insert(mqttClients, 1, &c)
}

// mqttMain runs the process of a client.
func mqttMain(name, addr string, args []string) error {
	l, err := parseLoad(args)
	if err != nil {
		return err
	}
	for _, c := range mqttClients {
		if c.name == name {
			r, err := c.run(addr, l)
			if err == nil {
				r.print()
			}
			return err
		}
	}
	return fmt.Errorf("no MQTT client %q", name)
}

// url returns the address of the broker for rikki.
func (l mqttLoad) url(addr string) string {
	if l.scheme == "ws" {
		return "ws://" + addr + "/"
	}
	return "mqtt://" + addr
}

// loopClient is what both clients of rikki have.
type loopClient struct {
	m        *reactor.Manager
	l        mqttLoad
	publish  func()
	messages int // complete ones
	result   mqttResult
	ended    bool // the time has passed
	err      error
}

// begin publishes the first messages. The time begins.
func (p *loopClient) begin() {
	for range p.l.window {
		p.publish()
	}
	p.m.AddTimer(p.l.warm, reactor.TimerOnce, func() {
		began := beginSpan(p.messages)
		p.m.AddTimer(p.l.duration, reactor.TimerOnce, func() {
			p.result, p.ended = began.end(p.messages), true
		})
	})
}

// complete counts a message and publishes the next one.
func (p *loopClient) complete() {
	p.messages++
	p.publish()
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
	return p.result, p.err
}

// sessionClient publishes with a session.
type sessionClient struct {
	loopClient
	s   *session.Session
	msg session.Message
}

func runSession(addr string, l mqttLoad) (r mqttResult, err error) {
	m, err := reactor.New()
	if err != nil {
		return r, err
	}
	defer m.Close()
	p := &sessionClient{
		loopClient: loopClient{m: m, l: l},
		msg:        session.Message{Topic: mqttTopic, QoS: l.qos, Data: make([]byte, mqttPayload)},
	}
	p.publish = p.send
	opts := &session.Options{URLs: []string{l.url(addr)}, Inflight: 2 * l.window}
	if p.s, err = session.New(m, opts, p.handle, nil); err != nil {
		return r, err
	}
	if l.own {
		if err := p.s.Subscribe(session.Subscription{Filter: mqttTopic, QoS: l.qos, Fn: p.received, Done: p.subscribed}); err != nil {
			return r, err
		}
	}
	return p.loop()
}

func (p *sessionClient) send() {
	if _, err := p.s.Publish(&p.msg); err != nil {
		p.err = err
	}
}

func (p *sessionClient) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvSessionUp:
		if !p.l.own {
			p.begin()
		}
	case reactor.EvSessionPub:
		o := data.(*session.Outcome)
		if o.Err != nil {
			p.err = o.Err
		} else if !p.l.own {
			p.complete()
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

func (p *sessionClient) received(*reactor.Conn, reactor.Event, any) { p.complete() }

// handClient publishes on a connection of mqtt.Connect.
type handClient struct {
	loopClient
	c    *reactor.Conn
	opts mqtt.Options
}

func runByHand(addr string, l mqttLoad) (r mqttResult, err error) {
	m, err := reactor.New()
	if err != nil {
		return r, err
	}
	defer m.Close()
	p := &handClient{
		loopClient: loopClient{m: m, l: l},
		opts:       mqtt.Options{Topic: mqttTopic, QoS: l.qos, Message: make([]byte, mqttPayload)},
	}
	p.publish = p.send
	if p.c, err = mqtt.Connect(m, l.url(addr), nil, p.handle, nil); err != nil {
		return r, err
	}
	return p.loop()
}

func (p *handClient) send() {
	if _, err := mqtt.Pub(p.c, &p.opts); err != nil {
		p.err = err
	}
}

func (p *handClient) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMQTTOpen:
		if !p.l.own {
			p.begin()
			return
		}
		if _, err := mqtt.Sub(c, &mqtt.Options{Topic: mqttTopic, QoS: p.l.qos}); err != nil {
			p.err = err
		}
	case reactor.EvMQTTMsg:
		p.complete()
	case reactor.EvMQTTCmd:
		switch data.(*mqtt.Message).Cmd {
		case mqtt.CmdSuback:
			p.begin()
		case mqtt.CmdPuback:
			if !p.l.own {
				p.complete()
			}
		}
	case reactor.EvError:
		p.err = data.(error)
	}
}

// runPaho publishes from one goroutine. For its own copies a callback gives the goroutine leave to
// publish the next message, because callbacks must not publish. Otherwise the goroutine waits for
// the token of the oldest message in flight.
func runPaho(addr string, l mqttLoad) (r mqttResult, err error) {
	var messages atomic.Int64
	space := make(chan struct{}, l.window)
	opts := paho.NewClientOptions().AddBroker(l.scheme + "://" + addr).SetClientID("paho").SetProtocolVersion(4)
	failed := make(chan error, 1)
	opts.SetConnectionLostHandler(func(_ paho.Client, err error) { failed <- err })
	c := paho.NewClient(opts)
	if err := wait(c.Connect()); err != nil {
		return r, err
	}
	if l.own {
		received := func(paho.Client, paho.Message) {
			messages.Add(1)
			space <- struct{}{}
		}
		if err := wait(c.Subscribe(mqttTopic, l.qos, received)); err != nil {
			return r, err
		}
	}
	payload := make([]byte, mqttPayload)
	publish := func() paho.Token { return c.Publish(mqttTopic, l.qos, false, payload) }
	if l.own {
		for range l.window {
			space <- struct{}{}
		}
		go func() {
			for range space {
				publish()
			}
		}()
	} else {
		go func() {
			tokens := make([]paho.Token, l.window)
			for i := range tokens {
				tokens[i] = publish()
			}
			for i := 0; ; i = (i + 1) % l.window {
				if err := wait(tokens[i]); err != nil {
					failed <- err
					return
				}
				messages.Add(1)
				tokens[i] = publish()
			}
		}()
	}
	for i, d := range []time.Duration{l.warm, l.duration} {
		select {
		case err := <-failed:
			return r, err
		case <-time.After(d):
		}
		if i == 0 {
			began := beginSpan(int(messages.Load()))
			defer func() { r = began.end(int(messages.Load())) }()
		}
	}
	return r, nil
}

// wait waits for a token, at most as long as for a process.
func wait(t paho.Token) error {
	if !t.WaitTimeout(timeout) {
		return errors.New("paho: no answer in time")
	}
	return t.Error()
}
