package mqtt_test

import (
	"fmt"
	"log"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// A client subscribes to a topic, publishes a message to it, receives the message and disconnects.
func ExampleConnect() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		var err error
		switch ev {
		case reactor.EvMQTTOpen: // the broker has accepted the connection
			fmt.Println("connected")
			_, err = mqtt.Sub(c, &mqtt.Options{Topic: "mg/test", QoS: 1})
		case reactor.EvMQTTCmd:
			if data.(*mqtt.Message).Cmd == mqtt.CmdSuback {
				fmt.Println("subscribed")
				_, err = mqtt.Pub(c, &mqtt.Options{Topic: "mg/test", Message: []byte("hello"), QoS: 1})
			}
		case reactor.EvMQTTMsg:
			m := data.(*mqtt.Message)
			fmt.Printf("received %s <- %s\n", m.Data, m.Topic)
			err = mqtt.Disconnect(c, nil)
			c.Drain()
		case reactor.EvError:
			log.Print(data.(error))
		case reactor.EvClose:
			fmt.Println("closed")
			err = c.Manager().Close() // ends Poll
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	url := exampleServer(m)
	if _, err := mqtt.Connect(m, url, &mqtt.Options{KeepAlive: time.Minute}, handler, nil); err != nil {
		log.Fatal(err)
	}
	for m.Poll(time.Second) == nil {
	}

	// Output:
	// connected
	// subscribed
	// received hello <- mg/test
	// closed
}

// exampleServer starts a server that sends each message back. It returns its URL.
func exampleServer(m *reactor.Manager) string {
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch m, _ := data.(*mqtt.Message); {
		case ev == reactor.EvMQTTCmd && m.Cmd == mqtt.CmdConnect:
			mqtt.Connack(c, false, mqtt.ReasonSuccess)
		case ev == reactor.EvMQTTCmd && m.Cmd == mqtt.CmdSubscribe:
			mqtt.Suback(c, m.ID, mqtt.ReasonGrantedQoS1)
		case ev == reactor.EvMQTTMsg:
			mqtt.Pub(c, &mqtt.Options{Topic: string(m.Topic), Message: m.Data, QoS: m.QoS})
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return "mqtt://" + l.LocalAddr().String()
}
