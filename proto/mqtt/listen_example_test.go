package mqtt_test

import (
	"fmt"
	"log"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The smallest broker: it remembers who has subscribed, and passes messages on.
// examples/mqtt-server is a larger one.
func ExampleListen() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	filters := map[*reactor.Conn]string{}
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		msg, _ := data.(*mqtt.Message)
		switch {
		case ev == reactor.EvMQTTMsg:
			for to, filter := range filters {
				if mqtt.Match(filter, msg.Topic) {
					mqtt.Pub(to, &mqtt.Options{Topic: string(msg.Topic), Message: msg.Data})
				}
			}
		case ev == reactor.EvClose:
			delete(filters, c)
		case ev != reactor.EvMQTTCmd:
		case msg.Cmd == mqtt.CmdConnect:
			fmt.Println("client", msg.Connect().ClientID)
			mqtt.Connack(c, false, mqtt.ReasonSuccess)
		case msg.Cmd == mqtt.CmdSubscribe:
			var f mqtt.Filter
			msg.NextFilter(&f, 0)
			filters[c] = f.Topic
			mqtt.Suback(c, msg.ID, mqtt.ReasonSuccess)
		case msg.Cmd == mqtt.CmdPingreq:
			mqtt.Pong(c)
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}

	done := false
	client := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvMQTTOpen:
			mqtt.Sub(c, &mqtt.Options{Topic: "rooms/+/light"})
			mqtt.Pub(c, &mqtt.Options{Topic: "rooms/7/light", Message: []byte("on")})
		case reactor.EvMQTTMsg:
			msg := data.(*mqtt.Message)
			fmt.Printf("%s is %s\n", msg.Topic, msg.Data)
			done = true
		}
	}
	url := "mqtt://" + l.LocalAddr().String()
	if _, err := mqtt.Connect(m, url, &mqtt.Options{ClientID: "lamp"}, client, nil); err != nil {
		log.Fatal(err)
	}
	for !done {
		m.Poll(time.Second)
	}
	// Output:
	// client lamp
	// rooms/7/light is on
}

// MQTT over a WebSocket that the program has made, in the style of Mongoose: Login and Pub append
// packets to Send, the program frames them with ws.Wrap, and it parses what comes. A program that
// needs nothing special passes a ws:// URL to Connect instead.
func ExampleLogin() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	l, err := mqtt.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch msg, _ := data.(*mqtt.Message); {
		case ev == reactor.EvMQTTCmd && msg.Cmd == mqtt.CmdConnect:
			mqtt.Connack(c, false, mqtt.ReasonSuccess)
		case ev == reactor.EvMQTTMsg:
			fmt.Printf("the server got %s\n", msg.Data)
			m.Close()
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSOpen:
			start := c.Send.Len()
			mqtt.Login(c, nil)
			ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
		case reactor.EvWSMsg:
			// A packet may be split over several messages: a real program collects the bytes.
			for buf := data.(*ws.Message).Data; ; {
				var msg mqtt.Message
				n, err := mqtt.Parse(buf, 4, &msg)
				if err != nil {
					break // ErrIncomplete at the end
				}
				start := c.Send.Len()
				mqtt.Ack(c, &msg)
				if msg.Cmd == mqtt.CmdConnack && msg.Ack == mqtt.ReasonSuccess {
					mqtt.Pub(c, &mqtt.Options{Topic: "a/b", Message: []byte("hello")})
				}
				ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
				buf = buf[n:]
			}
		case reactor.EvError:
			log.Print(data.(error))
		}
	}
	url := "ws://" + l.LocalAddr().String() + "/mqtt"
	if _, err := ws.Connect(m, url, handler, nil, "Sec-WebSocket-Protocol: mqtt\r\n"); err != nil {
		log.Fatal(err)
	}
	for m.Poll(time.Second) == nil {
	}
	// Output: the server got hello
}

// The codec alone: bytes in, values out, and back.
func ExampleParse() {
	packet, err := mqtt.AppendPublish(nil, 5, &mqtt.PublishPacket{Topic: "a/b", Data: []byte("hello"), QoS: 1, ID: 7,
		Props: []mqtt.Property{{ID: mqtt.PropContentType, Value: []byte("text/plain")}}})
	if err != nil {
		log.Fatal(err)
	}
	var msg mqtt.Message
	_, err = mqtt.Parse(packet[:8], 5, &msg)
	fmt.Println(err == mqtt.ErrIncomplete)
	n, err := mqtt.Parse(packet, 5, &msg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d bytes: %s = %s, QoS %d\n", n, len(packet), msg.Topic, msg.Data, msg.QoS)
	var p mqtt.Property
	for ofs := msg.NextProp(&p, 0); ofs > 0; ofs = msg.NextProp(&p, ofs) {
		fmt.Printf("%v: %s\n", p.ID, p.Value)
	}
	// Output:
	// true
	// 28 of 28 bytes: a/b = hello, QoS 1
	// Content Type: text/plain
}

// Wildcards: + stands for one level, # for the rest.
func ExampleMatch() {
	for _, filter := range []string{"rooms/+/light", "rooms/#", "rooms/+"} {
		fmt.Println(filter, mqtt.Match(filter, "rooms/7/light"))
	}
	// Output:
	// rooms/+/light true
	// rooms/# true
	// rooms/+ false
}
