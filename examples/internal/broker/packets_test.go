package broker

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// show prints what matters about a packet.
func show(m *mqtt.Message) string {
	s := m.Cmd.String()
	switch m.Cmd {
	case mqtt.CmdPublish:
		s += fmt.Sprintf(" q%d", m.QoS)
		if m.Retain {
			s += " retain"
		}
		if m.Dup {
			s += " dup"
		}
		return s + fmt.Sprintf(" %s=%s", m.Topic, m.Data)
	case mqtt.CmdConnack:
		if m.SessionPresent {
			s += " present"
		}
		return s + fmt.Sprintf(" %#x", uint8(m.Ack))
	case mqtt.CmdSuback, mqtt.CmdUnsuback:
		return s + fmt.Sprintf(" %d %x", m.ID, m.Data)
	case mqtt.CmdPubrel, mqtt.CmdPubcomp, mqtt.CmdPubrec, mqtt.CmdPuback:
		return s
	}
	return s + fmt.Sprintf(" %#x", uint8(m.Ack))
}

func must(packet []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return packet
}

// The packets that clients send.

func connect(v uint8, id string, change ...func(*mqtt.ConnectPacket)) []byte {
	p := mqtt.ConnectPacket{ClientID: id, CleanStart: true}
	for _, f := range change {
		f(&p)
	}
	return must(mqtt.AppendConnect(nil, v, &p))
}

func subscribe(v uint8, id uint16, filters ...mqtt.Filter) []byte {
	return must(mqtt.AppendSubscribe(nil, v, id, filters, nil))
}

func unsubscribe(v uint8, id uint16, filters ...string) []byte {
	return must(mqtt.AppendUnsubscribe(nil, v, id, filters, nil))
}

func publish(v, qos uint8, topic, data string, change ...func(*mqtt.Publish)) []byte {
	p := mqtt.Publish{QoS: qos, Topic: topic, Data: []byte(data)}
	if qos > 0 {
		p.ID = 1
	}
	for _, f := range change {
		f(&p)
	}
	return must(mqtt.AppendPublish(nil, v, &p))
}

func retain(p *mqtt.Publish) { p.Retain = true }

func filter(topic string, qos uint8) mqtt.Filter { return mqtt.Filter{Topic: topic, QoS: qos} }

func disconnect(v uint8, code mqtt.ReasonCode) []byte {
	return must(mqtt.AppendDisconnect(nil, v, code, nil))
}
