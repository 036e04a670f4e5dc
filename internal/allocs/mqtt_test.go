package allocs_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// Packets of MQTT 3.1.1.
const (
	connectPacket = "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c"
	connackPacket = "\x20\x02\x00\x00"
	publishPacket = "\x30\x06\x00\x03a/bx"
	publishQoS1   = "\x32\x08\x00\x03a/b\x00\x07x"
	publishQoS2   = "\x34\x08\x00\x03a/b\x00\x07x"
	pubrelPacket  = "\x62\x02\x00\x07"
)

// mqttClient returns a connected client and its server, a bare socket. fn gets the messages.
func mqttClient(t *testing.T, fn func(*mqtt.Message)) (*reactor.Conn, *client) {
	t.Helper()
	m := looptest.NewManager(t)
	l, addr := looptest.ListenSocket(t)
	open := false
	c, err := mqtt.Connect(m, "mqtt://"+addr, nil, func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvMQTTOpen:
			open = true
		case reactor.EvMQTTMsg:
			fn(data.(*mqtt.Message))
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	peer := newClient(m, l.AwaitAccept(m))
	looptest.Settle(t, m)
	peer.write([]byte(connackPacket))
	until(t, m, func() bool { return open })
	peer.read(10) // a part of CONNECT
	return c, peer
}

// publishing measures Pub, the turn that sends the packet, and the acknowledgement.
func publishing(qos uint8, answers ...string) func(*testing.T) func() {
	return func(t *testing.T) func() {
		c, peer := mqttClient(t, func(*mqtt.Message) {})
		opts := &mqtt.Options{Topic: "a/b", Message: hello, QoS: qos}
		return func() {
			id, err := mqtt.Pub(c, opts)
			must(t, err)
			peer.m.Poll(0)
			for _, a := range answers {
				in := append(peer.buf[:0:1000], a...)
				in = append(in, byte(id>>8), byte(id))
				peer.write(in)
			}
		}
	}
}

// receiving measures the packets of a message, and its EvMQTTMsg.
func receiving(packets ...string) func(*testing.T) func() {
	return func(t *testing.T) func() {
		got := 0
		_, peer := mqttClient(t, func(*mqtt.Message) { got++ })
		var in [][]byte
		for _, p := range packets {
			in = append(in, []byte(p))
		}
		return func() {
			before := got
			for _, p := range in {
				peer.write(p)
			}
			until(t, peer.m, func() bool { return got > before })
		}
	}
}

var mqttRows = []measurement{
	{name: "`mqtt.Parse` and `Message.NextProp`", setup: func(t *testing.T) func() {
		var msg mqtt.Message
		var prop mqtt.Property
		in := []byte(publishQoS1)
		return func() {
			_, err := mqtt.Parse(in, 4, &msg)
			must(t, err)
			msg.NextProp(&prop, 0)
		}
	}},
	{name: "`mqtt.Match`", setup: func(t *testing.T) func() {
		topic := []byte("a/b/c")
		return func() { mqtt.Match("a/+/#", topic) }
	}},
	{name: "`mqtt.AppendPublish` to a buffer that is large enough", setup: func(t *testing.T) func() {
		p, buf := mqtt.PublishPacket{Topic: "a/b", Data: hello}, make([]byte, 0, 100)
		return func() {
			_, err := mqtt.AppendPublish(buf, 5, &p)
			must(t, err)
		}
	}},
	{name: "`mqtt.Pub`, QoS 0", setup: publishing(0)},
	{name: "`mqtt.Pub`, QoS 1, and its PUBACK", setup: publishing(1, "\x40\x02")},
	{name: "`mqtt.Pub`, QoS 2, and its PUBREC and PUBCOMP", setup: publishing(2, "\x50\x02", "\x70\x02")},
	{name: "a PUBLISH of QoS 0, and its EvMQTTMsg", setup: receiving(publishPacket)},
	{name: "a PUBLISH of QoS 1, its EvMQTTMsg and PUBACK", setup: receiving(publishQoS1)},
	{name: "a PUBLISH of QoS 2, its EvMQTTMsg, PUBREC and PUBCOMP", setup: receiving(publishQoS2, pubrelPacket)},
	{name: "`mqtt.Sub` of one filter, and its SUBACK", setup: func(t *testing.T) func() {
		c, peer := mqttClient(t, nil)
		opts := &mqtt.Options{Topic: "a/#"}
		return func() {
			id, err := mqtt.Sub(c, opts)
			must(t, err)
			peer.m.Poll(0)
			peer.write(append(peer.buf[:0], 0x90, 3, byte(id>>8), byte(id), 0))
		}
	}},
	{name: "`mqtt.Ping`", setup: func(t *testing.T) func() {
		c, peer := mqttClient(t, nil)
		return func() {
			must(t, mqtt.Ping(c))
			peer.m.Poll(0)
		}
	}},
	{name: "an MQTT connection of a listener, from accept to EvClose", pooled: true, runs: 50, setup: func(t *testing.T) func() {
		return oneRequest(t, "mqtt", connectPacket, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
				mqtt.Connack(c, false, mqtt.ReasonSuccess)
			}
		})
	}},
}

// connected returns a session and the connection of its server, a listener of the same manager that
// accepts everything.
func connected(t *testing.T) (m *reactor.Manager, s *session.Session, server *reactor.Conn) {
	t.Helper()
	m = looptest.NewManager(t)
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvMQTTCmd {
			return
		}
		switch msg := data.(*mqtt.Message); msg.Cmd {
		case mqtt.CmdConnect:
			server = c
			mqtt.Connack(c, false, mqtt.ReasonSuccess)
		case mqtt.CmdSubscribe:
			mqtt.Suback(c, msg.ID, mqtt.ReasonGrantedQoS1)
		case mqtt.CmdUnsubscribe:
			mqtt.Unsuback(c, msg.ID, mqtt.ReasonSuccess)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err = session.New(m, &session.Options{URLs: []string{"mqtt://" + l.LocalAddr().String()},
		Login: mqtt.Options{ClientID: "c"}}, nothing, nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, m, func() bool { return s.Connected() })
	return m, s, server
}

var sessionRows = []measurement{
	{name: "`Session.Publish`, QoS 1, until its Outcome", setup: func(t *testing.T) func() {
		m, s, _ := connected(t)
		done := 0
		msg := &session.Message{Topic: "a/b", Data: hello, QoS: 1, Done: func(*session.Outcome) { done++ }}
		return func() {
			before := done
			_, err := s.Publish(msg)
			must(t, err)
			until(t, m, func() bool { return done > before })
		}
	}},
	{name: "a message to a Subscription of a session", setup: func(t *testing.T) func() {
		m, s, server := connected(t)
		got, subscribed := 0, false
		must(t, s.Subscribe(session.Subscription{Filter: "a/#", QoS: 1,
			Fn:   func(*reactor.Conn, reactor.Event, any) { got++ },
			Done: func(*session.SubResult) { subscribed = true }}))
		until(t, m, func() bool { return subscribed })
		opts := &mqtt.Options{Topic: "a/b", Message: hello}
		return func() {
			before := got
			_, err := mqtt.Pub(server, opts)
			must(t, err)
			until(t, m, func() bool { return got > before })
		}
	}},
	{name: "`Session.Subscribe` and `Session.Unsubscribe`, with their answers", setup: func(t *testing.T) func() {
		m, s, _ := connected(t)
		answers := 0
		done := func(*session.SubResult) { answers++ }
		sub := session.Subscription{Filter: "a/#", QoS: 1, Fn: nothing, Done: done}
		return func() {
			before := answers
			must(t, s.Subscribe(sub))
			until(t, m, func() bool { return answers > before })
			must(t, s.Unsubscribe("a/#"))
			looptest.Settle(t, m)
		}
	}},
}
