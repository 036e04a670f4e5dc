//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/rikki-go/rikki/internal/freeport"
)

// mqttBroker is a running mosquitto with its two addresses.
type mqttBroker struct {
	tcp, ws      string
	libmosquitto string // program of that client
	stop         func()
}

// startBroker starts a mosquitto with two listeners, and more room for messages than by default.
func (b *bench) startBroker(program string) (*mqttBroker, error) {
	var addrs []string
	lines := []string{"max_inflight_messages 200", "max_queued_messages 10000"} // the defaults are 20 and 1000
	for _, protocol := range []string{"mqtt", "websockets"} {
		addr, err := freeport.Addr()
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
		lines = append(lines, listenerLine(addr), "protocol "+protocol)
	}
	stop, err := b.runMosquitto(program, lines, addrs...)
	if err != nil {
		return nil, err
	}
	return &mqttBroker{tcp: addrs[0], ws: addrs[1], stop: stop}, nil
}

// mqttSample measures one client with one load, in a new process on the core of the servers. It
// verifies that all messages have arrived.
func (b *bench) mqttSample(c *subject, broker *mqttBroker, l mqttLoad) (r mqttResult, err error) {
	partner, err := b.sink(c, broker, l)
	if err != nil {
		return r, err
	}
	if partner != nil {
		defer partner.stop()
	}
	child, err := b.launchMQTT(c, broker, l)
	if err != nil {
		return r, err
	}
	defer child.stop()
	if err := child.expect("ready"); err != nil {
		return r, err
	}
	line, err := b.resultLine(c, child, broker, l)
	if err != nil {
		return r, err
	}
	if r, err = parseResult(line); err != nil || partner == nil {
		return r, err
	}
	fmt.Fprintln(partner.stdin, r.published)
	return r, partner.expect("verified")
}

// resultLine reads the result of a client. If the client only receives, a feeder publishes what it
// receives, and gets the client's credits.
func (b *bench) resultLine(c *subject, child *process, broker *mqttBroker, l mqttLoad) (line string, err error) {
	if l.kind != mqttReceive {
		return child.line()
	}
	feeder, err := b.launchPartner(c, broker, l)
	if err != nil {
		return "", err
	}
	defer feeder.stop()
	for {
		if line, err = child.line(); line != mqttCredit || err != nil {
			return line, err
		}
		if _, err := fmt.Fprintln(feeder.stdin); err != nil {
			return "", fmt.Errorf("the feeder: %w", err)
		}
	}
}

// sink starts the partner of a client that only publishes. It returns nil for other loads.
func (b *bench) sink(c *subject, broker *mqttBroker, l mqttLoad) (*process, error) {
	if l.kind != mqttPublish {
		return nil, nil
	}
	p, err := b.launchPartner(c, broker, l)
	if err != nil {
		return nil, err
	}
	if err := p.expect("ready"); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// launchPartner starts the partner of a client, from the build of the client.
func (b *bench) launchPartner(c *subject, broker *mqttBroker, l mqttLoad) (*process, error) {
	return launchBuild(c.build, []int{b.m.loadCore}, 1, append([]string{"partner", broker.tcp}, l.args()...)...)
}

func (b *bench) launchMQTT(c *subject, broker *mqttBroker, l mqttLoad) (*process, error) {
	addr := broker.tcp
	if l.scheme == "ws" {
		addr = broker.ws
	}
	if mqttRuns[c.plain()] == nil { // libmosquitto, which is not this program
		return launchBuild(broker.libmosquitto, []int{b.m.serverCore}, 1, append([]string{addr}, l.args()...)...)
	}
	return b.launch(c, append([]string{"mqtt", c.plain(), addr}, l.args()...)...)
}

// expect reads a line of the child's standard output.
func (p *process) expect(want string) error {
	line, err := p.line()
	if err == nil && line != want {
		err = errors.New("the child process said " + line + ", want " + want)
	}
	return err
}
