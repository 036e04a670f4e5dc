//go:build linux

package main

import (
	"fmt"
	"slices"
)

// openMQTT measures clients of mosquitto, if it is installed. Without -full it has only some loads.
func openMQTT(b *bench) ([]*measurement, error) {
	program := findMosquitto()
	if program == "" {
		b.note("mosquitto is not installed, so MQTT clients are not measured.")
		return nil, nil
	}
	broker, err := b.startBroker(program)
	if err != nil {
		return nil, err
	}
	b.atEnd(broker.stop)
	overWS := b.compare(mqttClients)
	overTCP := overWS
	if peer, err := buildLibmosquitto(); err != nil {
		b.note("libmosquitto is not measured: %v.", err)
	} else {
		b.atEnd(peer.remove)
		broker.libmosquitto = peer.program
		overTCP = append(slices.Clip(overWS), peer.subject())
	}
	tables := map[mqttKind]mqttTable{}
	for kind, what := range mqttKinds {
		tables[kind] = newMQTTTable(what)
	}
	var all []*measurement
	for _, l := range mqttLoads(b.warm, b.span) {
		if !b.full && !l.isShort() {
			continue
		}
		t, subjects := tables[l.kind], overWS
		if l.scheme == "tcp" {
			subjects = overTCP
		}
		name := fmt.Sprintf("%s, QoS %d, %d in flight", l.scheme, l.qos, l.window)
		all = append(all, &measurement{
			rows: []row{{t.cpu, name}, {t.rate, name}, {t.system, name}}, subjects: subjects,
			sample: func(s *subject) ([]float64, error) {
				r, err := b.mqttSample(s, broker, l)
				return []float64{r.microseconds(), r.perSecond(), 100 * r.systemShare()}, err
			},
		})
	}
	return all, nil
}

// isShort reports whether a load is measured without -full.
func (l mqttLoad) isShort() bool {
	return l.kind == mqttOwn && l.qos < 2 || l.scheme == "tcp" && l.qos == 1 && l.window > 1
}

// mqttKinds say what the messages of a load are.
var mqttKinds = map[mqttKind]string{
	mqttOwn:     "published and received as the client's own copy",
	mqttPublish: "published only",
	mqttReceive: "received only",
}

// mqttTable has the tables of one kind of load.
type mqttTable struct{ cpu, rate, system *table }

func newMQTTTable(what string) mqttTable {
	return mqttTable{
		cpu: &table{title: "CPU of the MQTT client per message, " + what, unit: "µs",
			note: "Messages have 64 bytes, and each one was verified. paho.golang uses MQTT 5, the others MQTT 3.1.1."},
		rate:   &table{title: "MQTT messages per second, " + what, unit: "1/s", more: true, aside: true},
		system: &table{title: "Share of the kernel in the CPU of the MQTT client, " + what, unit: "%", aside: true},
	}
}
