// Command mqtt-client is examples/mqtt-client with a durable store. With -store FILE messages of
// QoS 1 and 2 are in the file until the broker has acknowledged them. If the process is killed, or
// ends while the broker cannot be reached, the next run with the same file and the same -id sends
// them.
//
//	go run -C store/bolt ./mqtt-client -id sensor-7 -store sensor-7.db -n 1000 -qos 2
//
// All other flags, the log and the exit status are those of examples/mqtt-client.
package main

import (
	"os"

	"github.com/rikki-go/rikki/examples/mqtt-client/client"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/store/bolt"
)

func main() { os.Exit(client.Run(os.Args[1:], os.Stdout, os.Stderr, storage)) }

// storage opens the file of -store.
var storage = &client.Storage{Open: func(file string) (session.Store, error) {
	store, err := bolt.Open(file, nil)
	if err != nil {
		return nil, err
	}
	return store, nil
}}
