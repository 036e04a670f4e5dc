//go:build linux

package main

import "fmt"

// mqttClients are the clients written in Go. The first is the one that the ratios are about.
var mqttClients = []*subject{
	{name: "rikki-session", about: "package session, handlers as methods of one struct", path: rikkiPath},
	{name: "rikki-mqtt", about: "package mqtt: one connection, without a session", path: rikkiPath},
	{name: "paho", about: "one goroutine publishes, a callback receives", path: "github.com/eclipse/paho.mqtt.golang"},
	{name: "paho.golang", about: "MQTT 5; as paho, but with a goroutine for each message if it only publishes with QoS 1 or 2",
		path: "github.com/eclipse/paho.golang", long: true},
}

// mqttRuns put a load on the broker at addr. They call ready when the client has subscribed.
var mqttRuns = map[string]func(addr string, l mqttLoad, ready func()) (mqttResult, error){
	"rikki-session": runSession, "rikki-mqtt": runByHand, "paho": runPaho, "paho.golang": runPaho5,
}

// mqttMain runs the process of a client.
func mqttMain(name, addr string, args []string) error {
	l, err := parseLoad(args)
	if err != nil {
		return err
	}
	run := mqttRuns[name]
	if run == nil {
		return fmt.Errorf("no MQTT client %q", name)
	}
	r, err := run(addr, l, func() { fmt.Println("ready") })
	if err == nil {
		r.print()
	}
	return err
}
