package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// What a server's handler answers with, by version; an empty want means that
// the packet cannot be sent.
func TestConnAnswers(t *testing.T) {
	rows := []struct {
		name string
		want [2]string // 3.1.1, 5.0
		call func(c *reactor.Conn) error
	}{
		{"Suback", [2]string{"90 03 00 07 01", "90 04 00 07 00 01"}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 1) }},
		{"MQTT-3.8.4-5 Suback of several", [2]string{"90 05 00 07 00 80 02", "90 06 00 07 00 00 80 02"},
			func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 0, 0x80, 2) }},
		{"Suback with a 5.0 code", [2]string{"", "90 04 00 07 00 87"}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 0x87) }},
		{"MQTT-3.9.3-2 Suback with code 3", [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7, 3) }},
		{"Suback without a code", [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.Suback(c, 7) }},
		{"Suback without identifier", [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.Suback(c, 0, 1) }},
		{"Unsuback", [2]string{"b0 02 00 07", "b0 05 00 07 00 00 11"}, func(c *reactor.Conn) error { return mqtt.Unsuback(c, 7, 0, 0x11) }},
		{"Pong", [2]string{"d0 00", "d0 00"}, mqtt.Pong},
		{"Pub", [2]string{"32 09 00 03'a/b' 00 01'hi'", "32 0a 00 03'a/b' 00 01 00'hi'"},
			func(c *reactor.Conn) error { _, err := mqtt.Pub(c, publishing(1)); return err }},
	}
	overBoth(t, func(t *testing.T, scheme string) {
		for v := range 2 {
			x := welcomed(t, scheme, uint8(4+v), nil)
			for _, row := range rows {
				name := fmt.Sprintf("v%d %s", 4+v, row.name)
				if row.want[v] == "" {
					refusesToSend(t, x.c, name, nil, func() error { return row.call(x.c) })
				} else {
					x.sending(name, row.want[v], func() error { return row.call(x.c) })
				}
			}
		}
	})
}

// CONNACK in all its forms.
func TestConnConnackForms(t *testing.T) {
	for _, row := range []struct {
		name    string
		version uint8
		present bool
		code    mqtt.ReasonCode
		props   []mqtt.Property
		want    string
	}{
		{"v4", 4, false, 0, nil, "20 02 00 00"},
		{"v4 present", 4, true, 0, nil, "20 02 01 00"},
		{"v4 code 3", 4, false, 3, nil, "20 02 00 03"},
		{"v4 code 6", 4, false, 6, nil, ""},
		{"MQTT-3.2.2-4", 4, true, 3, nil, ""},
		{"v4 properties", 4, false, 0, []mqtt.Property{{ID: mqtt.PropReceiveMaximum, Int: 9}}, ""},
		{"v5", 5, false, 0, nil, "20 03 00 00 00"},
		{"v5 properties", 5, true, 0, []mqtt.Property{{ID: mqtt.PropReceiveMaximum, Int: 9}}, "20 06 01 00 03 21 0009"},
		{"v5 code 0x97", 5, false, 0x97, nil, "20 03 00 97 00"},
		{"v5 code 3", 5, false, 3, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, scheme string) {
				x := served(t, scheme, nil)
				x.p.send(connectC[row.version])
				await(t, x.m, "CONNECT", x.r.saw("connect"))
				call := func() error { return mqtt.Connack(x.c, row.present, row.code, row.props...) }
				if row.want == "" {
					refusesToSend(t, x.c, row.name, mqtt.ErrMalformed, call)
					return
				}
				x.sending(row.name, row.want, call)
				if row.code == 0 {
					x.sending("Pong", "d0 00", func() error { return mqtt.Pong(x.c) })
					return
				}
				await(t, x.m, "the end", x.p.ended) // [MQTT-3.2.2-5]
				if scheme != "ws" {
					return
				}
				if f := x.p.frames[len(x.p.frames)-1]; f.op != 0x88 || string(f.payload) != "\x03\xe8" {
					t.Errorf("last frame %x %x, want Close 1000", f.op, f.payload)
				}
			})
		})
	}
}
