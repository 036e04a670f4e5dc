package proxyenv_test

import (
	"fmt"
	"log"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/proxy/proxyenv"
	"github.com/rikki-go/rikki/reactor"
)

// A client that uses the proxy of the environment, if there is one for its server.
func ExampleDial() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	opts := &mqtt.Options{Dial: proxyenv.Dial}
	if _, err := mqtt.Connect(m, "mqtts://broker.example", opts, nil, nil); err != nil {
		log.Fatal(err)
	}
	url, err := proxyenv.URL("mqtt://localhost") // never through a proxy
	fmt.Printf("%q %v\n", url, err)
	// Output: "" <nil>
}
