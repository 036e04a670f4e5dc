// Command mqtt-client is Mongoose's tutorial "MQTT client". It connects to a broker, subscribes to
// a topic, publishes a message to that topic, and prints what it receives. If the connection is
// lost it reconnects, subscribes and publishes again.
//
//	go run ./examples/mqtt-client -url mqtt://127.0.0.1 -topic mg/test -message hello
//	go run ./examples/mqtt-client -url mqtts://one:8883 -url wss://two/mqtt -ca ca.pem
//	go run ./examples/mqtt-client -n 1000 -qos 2 -id sensor-7
//
// It runs until SIGINT or SIGTERM. With -n it publishes so many messages, subscribes to nothing,
// and ends when each message has its outcome. With several -url it tries them in turn.
//
// It logs to standard output. The exit status is 0 if all messages were acknowledged (at QoS 0:
// sent), 1 if not, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
//
// store/bolt/mqtt-client is the same program with -store FILE: its messages survive the process.
package main

import (
	"os"

	"github.com/rikki-go/rikki/examples/mqtt-client/client"
)

func main() { os.Exit(client.Run(os.Args[1:], os.Stdout, os.Stderr, nil)) }
