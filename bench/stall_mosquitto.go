//go:build linux

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// mosquittoRow is a way to publish messages of QoS 1 on one connection.
type mosquittoRow struct {
	window int  // messages in flight
	echoed bool // the connection subscribes to them and waits for them, not only for PUBACK
}

func (r mosquittoRow) String() string {
	until := "until PUBACK"
	if r.echoed {
		until = "until it comes back"
	}
	return fmt.Sprintf("%d in flight, %s", r.window, until)
}

var mosquittoRows = []mosquittoRow{{1, false}, {64, false}, {1, true}, {64, true}}

// stallMosquitto measures messages to a mosquitto, if it is installed. By default mosquitto uses
// Nagle's algorithm.
func (b *bench) stallMosquitto() []*measurement {
	program := findMosquitto()
	if program == "" {
		b.note("mosquitto is not installed, so messages of QoS 1 to it are not measured.")
		return nil
	}
	t := &table{title: "Messages of QoS 1 on one connection to mosquitto", unit: "1/s", more: true}
	var all []*measurement
	for _, r := range mosquittoRows {
		for _, n := range nagle {
			all = append(all, &measurement{
				rows: []row{{t, fmt.Sprintf("%v, mosquitto %s", r, n.name)}}, subjects: b.compare(stallServers),
				sample: func(s *subject) ([]float64, error) {
					rate, err := b.publishing(s, program, r, n.delay)
					return []float64{rate}, err
				},
			})
		}
	}
	return all
}

// publishing measures one round with a new mosquitto. It returns messages per second.
func (b *bench) publishing(s *subject, program string, r mosquittoRow, delay bool) (rate float64, err error) {
	addr, stop, err := b.startMosquitto(program, delay)
	if err != nil {
		return 0, err
	}
	defer stop()
	child, err := b.launch(s, "publish", addr, strconv.Itoa(r.window), strconv.FormatBool(r.echoed),
		b.warm.String(), b.span.String())
	if err != nil {
		return 0, err
	}
	defer child.stop()
	line, err := child.line()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}

// startMosquitto starts a mosquitto without limits on a free port of loopback.
func (b *bench) startMosquitto(program string, delay bool) (addr string, stop func(), err error) {
	if addr, err = freeport.Addr(); err != nil {
		return "", nil, err
	}
	stop, err = b.runMosquitto(program, []string{
		"max_inflight_messages 0", // without limit
		"set_tcp_nodelay " + strconv.FormatBool(!delay),
		listenerLine(addr),
	}, addr)
	return addr, stop, err
}

// publishMain runs the process of a client. It keeps window messages in flight and prints
// how many per second were complete.
func publishMain(addr, window, echoed, warm, span string) error {
	n, err := strconv.Atoi(window)
	if err != nil {
		return err
	}
	echo, err := strconv.ParseBool(echoed)
	if err != nil {
		return err
	}
	var times [2]time.Duration
	for i, s := range []string{warm, span} {
		if times[i], err = time.ParseDuration(s); err != nil {
			return err
		}
	}
	m, err := reactor.New()
	if err != nil {
		return err
	}
	defer m.Close()
	p := &publisher{window: n, echoed: echo}
	if _, err := mqtt.Connect(m, "mqtt://"+addr, nil, p.handle, nil); err != nil {
		return err
	}
	ended := false
	m.AddTimer(times[0], reactor.TimerOnce, func() {
		before, began := p.messages, time.Now()
		m.AddTimer(times[1], reactor.TimerOnce, func() {
			fmt.Println(float64(p.messages-before) / time.Since(began).Seconds())
			ended = true
		})
	})
	for !ended && p.err == nil {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	return p.err
}

// publisher is the state of the handler.
type publisher struct {
	window   int
	echoed   bool
	messages int // complete ones
	err      error
}

func (p *publisher) handle(c *reactor.Conn, ev reactor.Event, data any) {
	const topic = "bench"
	publish := func() {
		mqtt.Pub(c, &mqtt.Options{Topic: topic, QoS: 1, Message: make([]byte, stallPayload)})
	}
	done := func() {
		p.messages++
		publish()
	}
	begin := func() {
		for range p.window {
			publish()
		}
	}
	switch ev {
	case reactor.EvMQTTOpen:
		if p.echoed {
			mqtt.Sub(c, &mqtt.Options{Topic: topic, QoS: 1})
		} else {
			begin()
		}
	case reactor.EvMQTTMsg:
		done()
	case reactor.EvMQTTCmd:
		switch data.(*mqtt.Message).Cmd {
		case mqtt.CmdSuback:
			begin()
		case mqtt.CmdPuback:
			if !p.echoed {
				done()
			}
		}
	case reactor.EvError:
		p.err = data.(error)
	}
}
