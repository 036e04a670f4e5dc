package mqtt_test

import (
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// text returns a property with text.
func text(id mqtt.PropID, value string) mqtt.Property {
	return mqtt.Property{ID: id, Value: []byte(value)}
}

// number returns a property with a number.
func number(id mqtt.PropID, value uint32) mqtt.Property { return mqtt.Property{ID: id, Int: value} }

// appendRows are packets that the Append functions refuse to make.
func appendRows() []tester {
	connect := func(change func(p *mqtt.ConnectPacket)) func(uint8) ([]byte, error) {
		return func(v uint8) ([]byte, error) {
			p := &mqtt.ConnectPacket{ClientID: "c", CleanStart: true}
			change(p)
			return mqtt.AppendConnect(nil, v, p)
		}
	}
	publish := func(p mqtt.PublishPacket) func(uint8) ([]byte, error) {
		return func(v uint8) ([]byte, error) { return mqtt.AppendPublish(nil, v, &p) }
	}
	ack := func(cmd mqtt.Cmd, id uint16, code mqtt.ReasonCode) func(uint8) ([]byte, error) {
		return func(v uint8) ([]byte, error) { return mqtt.AppendAck(nil, v, cmd, id, code, nil) }
	}
	sub := func(id uint16, filters ...mqtt.Filter) func(uint8) ([]byte, error) {
		return func(v uint8) ([]byte, error) { return mqtt.AppendSubscribe(nil, v, id, filters, nil) }
	}
	unsub := func(id uint16, filters ...string) func(uint8) ([]byte, error) {
		return func(v uint8) ([]byte, error) { return mqtt.AppendUnsubscribe(nil, v, id, filters, nil) }
	}
	connack := func(present bool, code mqtt.ReasonCode) func(uint8) ([]byte, error) {
		return func(v uint8) ([]byte, error) { return mqtt.AppendConnack(nil, v, present, code, nil) }
	}
	with := func(p ...mqtt.Property) func(uint8) ([]byte, error) {
		return publish(mqtt.PublishPacket{Topic: "a", Props: p})
	}
	will := func(w mqtt.Will) func(p *mqtt.ConnectPacket) { return func(p *mqtt.ConnectPacket) { p.Will = &w } }
	filter := func(topic string) mqtt.Filter { return mqtt.Filter{Topic: topic} }
	long := strings.Repeat("a", 65535)
	return []tester{
		appended{"topic of 65,535 bytes sent", "4.7.3-3/", 4, publish(mqtt.PublishPacket{Topic: long}), "30 818004 ffff" + strings.Repeat("61", 65535)},
		appended{"topic of 65,535 bytes sent in 5.0", "/4.7.3-3", 5, publish(mqtt.PublishPacket{Topic: long}), "30 828004 ffff" + strings.Repeat("61", 65535) + "00"},
		refusal{"client identifier that is not UTF-8", "1.5.3-1/1.5.4-1", "3.1.3-4", 0, connect(func(p *mqtt.ConnectPacket) { p.ClientID = "\xff" })},
		refusal{"client identifier with U+0000", "1.5.3-2/1.5.4-2", "3.1.3-4", 0, connect(func(p *mqtt.ConnectPacket) { p.ClientID = "a\x00" })},
		refusal{"user name that is not UTF-8", "1.5.3-1/1.5.4-1", "3.1.3-11/3.1.3-12", 0, connect(func(p *mqtt.ConnectPacket) { p.User = "\xc3" })},
		refusal{"will topic that is not UTF-8", "1.5.3-1/1.5.4-1", "3.1.3-10/3.1.3-11", 0, connect(will(mqtt.Will{Topic: "\xff"}))},
		refusal{"will topic with a wildcard", "4.7.1-1/4.7.0-1", "", 0, connect(will(mqtt.Will{Topic: "a/#"}))},
		refusal{"empty will topic", "4.7.3-1", "", 0, connect(will(mqtt.Will{}))},
		refusal{"will QoS 3", "3.1.2-14/3.1.2-12", "", 0, connect(will(mqtt.Will{Topic: "w", QoS: 3}))},
		refusal{"empty client identifier without clean session", "3.1.3-7/", "", 4, connect(func(p *mqtt.ConnectPacket) { p.ClientID, p.CleanStart = "", false })},
		refusal{"password without user name", "3.1.2-22/", "", 4, connect(func(p *mqtt.ConnectPacket) { p.HasPassword = true })},
		refusal{"Session Present in a refusal of 3.1.1", "3.2.2-4/", "", 4, connack(true, 5)},
		refusal{"Session Present in a refusal", "/3.2.2-6", "", 5, connack(true, 0x87)},
		refusal{"code of 5.0 in CONNACK of 3.1.1", "3.2.2-6/", "", 4, connack(false, 0x87)},
		refusal{"code of 3.1.1 in CONNACK of 5.0", "/3.2.2-8", "", 5, connack(false, 5)},
		refusal{"PUBLISH with QoS 3", "3.3.1-4", "", 0, publish(mqtt.PublishPacket{Topic: "a", QoS: 3, ID: 1})},
		refusal{"PUBLISH with DUP at QoS 0", "3.3.1-2", "4.3.1-1", 0, publish(mqtt.PublishPacket{Topic: "a", Dup: true})},
		refusal{"PUBLISH with the identifier 0", "2.3.1-1/2.2.1-3", "", 0, publish(mqtt.PublishPacket{Topic: "a", QoS: 1})},
		refusal{"PUBLISH with a wildcard", "3.3.2-2", "4.7.1-1/4.7.0-1", 0, publish(mqtt.PublishPacket{Topic: "a/+"})},
		refusal{"PUBLISH without a topic", "4.7.3-1/", "", 4, publish(mqtt.PublishPacket{})},
		refusal{"Topic Alias 0", "/3.3.2-8", "", 5, with(number(mqtt.PropTopicAlias, 0))},
		refusal{"Response Topic with a wildcard", "/3.3.2-14", "", 5, with(text(mqtt.PropResponseTopic, "#"))},
		refusal{"Response Topic that is not UTF-8", "/1.5.4-1", "/3.3.2-13", 5, with(text(mqtt.PropResponseTopic, "\xff"))},
		refusal{"Content Type that is not UTF-8", "/1.5.4-1", "/3.3.2-19", 5, with(text(mqtt.PropContentType, "\xff"))},
		refusal{"User Property whose key is not UTF-8", "/1.5.4-1", "/1.5.7-1", 5, with(mqtt.Property{ID: mqtt.PropUserProperty, Key: []byte("\xff")})},
		refusal{"User Property with U+0000", "/1.5.4-2", "/1.5.7-1", 5, with(text(mqtt.PropUserProperty, "\x00"))},
		refusal{"PUBACK with the identifier 0", "2.3.1-6/2.2.1-5", "", 0, ack(mqtt.CmdPuback, 0, 0)},
		refusal{"PUBACK with a code of PUBREL", "/3.4.2-1", "", 5, ack(mqtt.CmdPuback, 1, 0x92)},
		refusal{"PUBREC with a code of SUBACK", "/3.5.2-1", "", 5, ack(mqtt.CmdPubrec, 1, 1)},
		refusal{"PUBREL with a code of PUBREC", "/3.6.2-1", "", 5, ack(mqtt.CmdPubrel, 1, 0x10)},
		refusal{"PUBCOMP with a code of PUBREC", "/3.7.2-1", "", 5, ack(mqtt.CmdPubcomp, 1, 0x80)},
		refusal{"SUBSCRIBE with the identifier 0", "2.3.1-1/2.2.1-3", "", 0, sub(0, filter("a"))},
		refusal{"SUBSCRIBE without filters", "3.8.3-3/3.8.3-2", "", 0, sub(1)},
		refusal{"SUBSCRIBE with QoS 3", "3.8.3-4/", "", 4, sub(1, mqtt.Filter{Topic: "a", QoS: 3})},
		refusal{"filter that is not UTF-8", "1.5.3-1/1.5.4-1", "3.8.3-1", 0, sub(1, filter("\xff"))},
		refusal{"empty filter", "4.7.3-1", "", 0, sub(1, filter(""))},
		refusal{"filter with # before the end", "4.7.1-2/4.7.1-1", "", 0, sub(1, filter("#/a"))},
		refusal{"filter with + in a level", "4.7.1-3/4.7.1-2", "", 0, sub(1, filter("a+"))},
		refusal{"No Local on a shared subscription", "/3.8.3-4", "", 5, sub(1, mqtt.Filter{Topic: "$share/g/a", NoLocal: true})},
		refusal{"empty share name", "/4.8.2-1", "", 5, sub(1, filter("$share//a"))},
		refusal{"share name with a wildcard", "/4.8.2-2", "", 5, sub(1, filter("$share/+/a"))},
		refusal{"share name without a filter", "/4.8.2-2", "", 5, sub(1, filter("$share/g/"))},
		refusal{"UNSUBSCRIBE with the identifier 0", "2.3.1-1/2.2.1-3", "", 0, unsub(0, "a")},
		refusal{"UNSUBSCRIBE without filters", "3.10.3-2", "", 0, unsub(1)},
		refusal{"UNSUBSCRIBE of a filter that is not UTF-8", "1.5.3-1/1.5.4-1", "3.10.3-1", 0, unsub(1, "\xff")},
		refusal{"SUBACK with a code of PUBREC", "3.9.3-2", "", 0, func(v uint8) ([]byte, error) {
			return mqtt.AppendSuback(nil, v, 1, []mqtt.ReasonCode{0x10}, nil)
		}},
		refusal{"SUBACK without codes", "3.8.4-5/3.8.4-6", "", 0, func(v uint8) ([]byte, error) { return mqtt.AppendSuback(nil, v, 1, nil, nil) }},
		refusal{"UNSUBACK with a code of SUBACK", "/3.11.3-2", "", 5, func(v uint8) ([]byte, error) {
			return mqtt.AppendUnsuback(nil, v, 1, []mqtt.ReasonCode{1}, nil)
		}},
		refusal{"DISCONNECT with a code of CONNACK", "/3.14.2-1", "", 5, func(v uint8) ([]byte, error) {
			return mqtt.AppendDisconnect(nil, v, mqtt.ReasonClientIDNotValid, nil)
		}},
		refusal{"AUTH with a code of DISCONNECT", "/3.15.2-1", "", 5, func(v uint8) ([]byte, error) {
			return mqtt.AppendAuth(nil, v, 0x80, []mqtt.Property{text(mqtt.PropAuthenticationMethod, "m")})
		}},
		refusal{"topic of 65,536 bytes", "", "4.7.3-3", 0, publish(mqtt.PublishPacket{Topic: long + "a"})},
	}
}
