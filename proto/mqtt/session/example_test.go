package session_test

import (
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// A session connects again after its connection was cut. The handler is told about each step.
func ExampleNew() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	ended := false
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvSessionUp:
			fmt.Println("up, resumed:", data.(*session.Up).Present)
			if cut := c.FnData.(*bool); !*cut {
				*cut = true
				c.Close() // as if the network had failed
			} else {
				session.Of(c).Close()
			}
		case reactor.EvSessionDown: // the connection has ended
			down := data.(*session.Down)
			fmt.Println("down, for good:", down.Final)
			ended = down.Final
		case reactor.EvSessionRetry: // an attempt has failed
			retry := data.(*session.Retry)
			log.Print(retry.URL, ": ", retry.Err)
			ended = retry.Final
		}
	}
	_, err = session.New(m, &session.Options{
		URLs:    []string{exampleServer(m)},
		Login:   mqtt.Options{ClientID: "sensor-7"},
		Expiry:  time.Hour, // the server keeps the session so long
		Backoff: session.Backoff{Min: time.Millisecond},
	}, handler, new(bool))
	if err != nil {
		log.Fatal(err)
	}
	for !ended {
		m.Poll(time.Second)
	}

	// Output:
	// up, resumed: false
	// down, for good: false
	// up, resumed: true
	// down, for good: true
}

// Each message has one outcome. It may be published before the session is connected.
func ExampleSession_Publish() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := session.New(m, &session.Options{URLs: []string{exampleServer(m)}}, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	done := func(o *session.Outcome) {
		switch o.Result {
		case session.Sent: // QoS 0: it may be lost on its way
			fmt.Printf("message %d was sent\n", o.Handle)
		case session.Acknowledged: // QoS 1 and 2: the server has it
			fmt.Printf("message %d was acknowledged\n", o.Handle)
		default:
			fmt.Printf("message %d: %v\n", o.Handle, o.Err)
		}
	}
	for qos := range uint8(3) {
		msg := session.Message{Topic: "temperature", Data: []byte("21.5"), QoS: qos, Done: done}
		if _, err := s.Publish(&msg); err != nil {
			log.Fatal(err)
		}
	}
	for s.Pending() > 0 {
		m.Poll(time.Second)
	}
	_, err = s.Publish(&session.Message{Topic: "temperature/#"})
	if invalid := new(mqtt.ParseError); errors.As(err, &invalid) {
		fmt.Println("not accepted:", invalid.Reason) // it has no outcome
	}
	s.Close()

	// Output:
	// message 1 was sent
	// message 2 was acknowledged
	// message 3 was acknowledged
	// not accepted: the topic name contains a wildcard
}

// Each topic filter may have a handler. Messages that match none go to the session's handler.
func ExampleSession_Subscribe() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	received := 0
	show := func(name string) reactor.Handler {
		return func(_ *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvMQTTMsg {
				received++
				m := data.(*mqtt.Message)
				fmt.Printf("%s: %s <- %s\n", name, m.Data, m.Topic)
			}
		}
	}
	s, err := session.New(m, &session.Options{URLs: []string{exampleServer(m)}}, show("others"), nil)
	if err != nil {
		log.Fatal(err)
	}
	err = s.Subscribe(
		session.Subscription{Filter: "door/+", QoS: 1, Fn: show("doors")},
		session.Subscription{Filter: "#", QoS: 1},
	)
	if err != nil {
		log.Fatal(err)
	}
	for _, topic := range []string{"door/front", "window"} {
		if _, err := s.Publish(&session.Message{Topic: topic, Data: []byte("open"), QoS: 1}); err != nil {
			log.Fatal(err)
		}
	}
	for received < 2 {
		m.Poll(time.Second)
	}
	s.Close()

	// Output:
	// doors: open <- door/front
	// others: open <- window
}

// One session asks, another one answers. This needs MQTT 5.0.
func ExampleSession_Request() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	connect := func(url string) *session.Session {
		s, err := session.New(m, &session.Options{URLs: []string{url}, Login: mqtt.Options{Version: 5}}, nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	url := exampleServer(m)

	responder := connect(url)
	ready := false
	err = responder.Subscribe(session.Subscription{Filter: "upper", QoS: 1,
		Done: func(r *session.SubResult) { ready = r.Err == nil },
		Fn: func(_ *reactor.Conn, _ reactor.Event, data any) {
			request := data.(*mqtt.Message)
			answer, err := session.Reply(request, []byte(strings.ToUpper(string(request.Data))))
			if err == nil {
				_, err = responder.Publish(&answer)
			}
			if err != nil {
				log.Print(err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for !ready {
		m.Poll(time.Second)
	}

	requester := connect(url)
	answered := false
	request := session.Message{Topic: "upper", Data: []byte("hello"), QoS: 1}
	err = requester.Request(&request, 10*time.Second, func(reply *mqtt.Message, err error) {
		if answered = true; err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", reply.Data)
	})
	if err != nil {
		log.Fatal(err)
	}
	for !answered {
		m.Poll(time.Second)
	}

	// Output:
	// HELLO
}

// exampleServer starts a small server: it sends each message to each client. It returns its URL.
func exampleServer(m *reactor.Manager) string {
	clients := map[*reactor.Conn]bool{}
	known := map[string]bool{}
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch m, _ := data.(*mqtt.Message); {
		case ev == reactor.EvClose:
			delete(clients, c)
		case ev == reactor.EvMQTTCmd && m.Cmd == mqtt.CmdConnect:
			client := m.Connect()
			mqtt.Connack(c, known[client.ClientID] && !client.CleanStart, mqtt.ReasonSuccess)
			known[client.ClientID], clients[c] = true, true
		case ev == reactor.EvMQTTCmd && m.Cmd == mqtt.CmdSubscribe:
			var codes []mqtt.ReasonCode
			var f mqtt.Filter
			for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
				codes = append(codes, mqtt.ReasonCode(f.QoS))
			}
			mqtt.Suback(c, m.ID, codes...)
		case ev == reactor.EvMQTTMsg:
			opts := mqtt.Options{Topic: string(m.Topic), Message: m.Data, QoS: m.QoS}
			var p mqtt.Property
			for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
				opts.Props = append(opts.Props, p)
			}
			for c := range clients {
				mqtt.Pub(c, &opts)
			}
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return "mqtt://" + l.LocalAddr().String()
}
