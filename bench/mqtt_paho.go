//go:build linux

package main

import (
	"errors"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// runPaho runs paho.mqtt.golang. If the client waits for acknowledgements, one goroutine waits for
// the token of the oldest message in flight.
func runPaho(addr string, l mqttLoad, ready func()) (r mqttResult, err error) {
	p := newGoroutineClient(l)
	opts := paho.NewClientOptions().AddBroker(l.scheme + "://" + addr).SetClientID("paho").SetProtocolVersion(4)
	opts.SetConnectionLostHandler(func(_ paho.Client, err error) { p.fail(err) })
	c := paho.NewClient(opts)
	if err := wait(c.Connect()); err != nil {
		return r, err
	}
	if topic, qos := l.filter(); topic != "" {
		received := func(_ paho.Client, m paho.Message) { p.received(m.Payload()) }
		if err := wait(c.Subscribe(topic, qos, received)); err != nil {
			return r, err
		}
	}
	p.send = func(topic string, qos uint8, payload []byte) error {
		c.Publish(topic, qos, false, payload)
		return nil
	}
	p.acknowledged = func() error {
		tokens := make([]paho.Token, l.window)
		for i := 0; ; i = (i + 1) % l.window {
			if tokens[i] != nil {
				if err := wait(tokens[i]); err != nil {
					return err
				}
				tokens[i] = nil
				p.completed(1)
			}
			if n, ok := p.batch(1); ok {
				tokens[i] = c.Publish(mqttTopic, l.qos, false, p.payloads.payload(n))
			} else if allNil(tokens) {
				return nil
			}
		}
	}
	return p.run(ready)
}

func allNil(tokens []paho.Token) bool {
	for _, t := range tokens {
		if t != nil {
			return false
		}
	}
	return true
}

// wait waits for a token, at most as long as for a process.
func wait(t paho.Token) error {
	if !t.WaitTimeout(timeout) {
		return errors.New("paho: no answer in time")
	}
	return t.Error()
}
