package mqtt_test

import (
	"strconv"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// answering returns a call of Connack on a server, after CONNECT was received.
func answering(code mqtt.ReasonCode, props ...mqtt.Property) func(x *pair) error {
	return func(x *pair) error { return mqtt.Connack(x.c, false, code, props...) }
}

// refusing is a row of a client that receives a CONNACK that refuses it.
func refusing(name, shows string, v uint8, in string, code mqtt.ReasonCode) tester {
	return row{name: name, shows: shows, v: v, side: "client", early: true, in: in, at: len(packets(in, v)),
		events: "MQTT_OPEN:" + strconv.Itoa(int(code)) + " connack", end: "ERROR CLOSE", refused: code}
}

// sending is a row of the CONNECT of a client.
func sending(name, shows string, v uint8, opts mqtt.Options, sends string) tester {
	return row{name: name, shows: shows, v: v, side: "client", early: true, opts: opts, sends: sends,
		call: func(*pair) error { return nil }}
}

func connectingRows() []tester {
	will := mqtt.Options{ClientID: "c", Clean: true, Topic: "w", Message: []byte("bye"), QoS: 1, Retain: true, User: "u", Password: "p"}
	return []tester{
		sending("CONNECT of 3.1.1", "3.1.0-1 3.1.2-1 3.1.2-3 3.1.2-11/ 3.1.2-13/ 3.1.2-15/ 3.1.2-18/ 3.1.2-20/ 3.1.2-22/ 3.1.3-3", 4,
			mqtt.Options{}, "10 0d 0004'MQTT' 04 02 0000 0001'c'"),
		sending("CONNECT of 5.0", "3.1.0-1 3.1.2-1 3.1.2-3 /3.1.2-11 /3.1.2-13 /3.1.2-16 /3.1.2-18 3.1.3-3 /2.2.2-1", 5,
			mqtt.Options{}, "10 0e 0004'MQTT' 05 02 0000 00 0001'c'"),
		sending("CONNECT with all fields", "3.1.2-9 3.1.2-14/ 3.1.2-19/ 3.1.2-21/ 3.1.3-1 3.1.3-3", 4, will,
			"10 1b 0004'MQTT' 04 ee 0000 0001'c' 0001'w' 0003'bye' 0001'u' 0001'p'"),
		sending("CONNECT of 5.0 with all fields", "3.1.2-9 /3.1.2-12 /3.1.2-17 /3.1.2-19 3.1.3-1 3.1.3-3", 5, will,
			"10 1d 0004'MQTT' 05 ee 0000 00 0001'c' 00 0001'w' 0003'bye' 0001'u' 0001'p'"),
		sending("CONNECT without clean session", "3.1.3-2", 4, mqtt.Options{ClientID: "id"}, "10 0e 0004'MQTT' 04 00 0000 0002'id'"),
		sending("CONNECT with a password only", "/3.1.2-16 /3.1.2-19", 5, mqtt.Options{ClientID: "c", Clean: true, Password: "p"},
			"10 11 0004'MQTT' 05 42 0000 00 0001'c' 0001'p'"),
		sending("CONNECT with a keep-alive", "3.1.3-1", 4, mqtt.Options{ClientID: "c", Clean: true, KeepAlive: 90 * time.Second},
			"10 0d 0004'MQTT' 04 02 005a 0001'c'"),
		row{name: "packets after CONNECT, before CONNACK", shows: "3.1.0-1", side: "client", early: true, call: publishing(*pubOptions(0)),
			in: "", sends: "$C | 30 07 0003'a/b' $v 'hi'"},
		row{name: "packet before CONNECT", shows: "3.1.0-1", side: "server", early: true, in: "30 04 0001'a' $v'x'",
			code: protocol, rule: "MQTT-3.1.0-1"},
		row{name: "second CONNECT", shows: "3.1.0-2", side: "server", in: "$C", code: protocol, rule: "MQTT-3.1.0-2"},
		row{name: "CONNECT from a server", shows: "4.8.0-1/4.13.1-1 3.1.0-2", side: "client", in: "$C", code: protocol},
		row{name: "CONNECT accepted", shows: "3.1.4-4/3.1.4-5 3.1.3-5 3.2.0-1", side: "server", early: true,
			in: "$C", call: onCmd(mqtt.CmdConnect, answering(0)), sends: "$A", events: "connect"},
		row{name: "client identifier of 23 characters", shows: "3.1.3-5", v: 4, side: "server", early: true,
			in: "10 23 0004'MQTT' 04 02 0000 0017'abcXYZ0123456789abcdefg'", call: onCmd(mqtt.CmdConnect, answering(0)), sends: "$A", events: "connect"},
		row{name: "packets after a refused CONNECT", shows: "3.1.4-5/3.1.4-6 3.2.2-5/3.2.2-7", v: 4, side: "server", early: true,
			in: "$C | 30 04 0001'a' $v'x'", call: onCmd(mqtt.CmdConnect, answering(5)), sends: "20 02 00 05", events: "connect", end: "CLOSE"},
		row{name: "packets after a CONNECT that 5.0 refuses", shows: "/3.1.4-6 /3.2.2-7 /3.1.4-2", v: 5, side: "server", early: true,
			in: "$C | 30 04 0001'a' $v'x'", call: onCmd(mqtt.CmdConnect, answering(0x87)), sends: "20 03 00 87 00", events: "connect", end: "CLOSE"},
	}
}

func connackedRows() []tester {
	return []tester{
		row{name: "CONNACK", shows: "3.2.0-1", side: "client", early: true, in: "$A", events: "MQTT_OPEN:0 connack"},
		row{name: "another packet before CONNACK", shows: "3.2.0-1", side: "client", early: true, in: "30 04 0001'a' $v'x'", code: protocol},
		row{name: "SUBACK before CONNACK", shows: "3.2.0-1", side: "client", early: true, in: "90 03 0001 $v 00", code: protocol},
		row{name: "PINGRESP before CONNACK", shows: "3.2.0-1", side: "client", early: true, in: "d0 00", code: protocol},
		row{name: "second CONNACK", shows: "/3.2.0-2 4.8.0-1/", side: "client", in: "$A", code: protocol},
		refusing("CONNACK code 1", "3.2.2-5/", 4, "20 02 00 01", 1),
		refusing("CONNACK code 2", "3.1.3-9/ 3.2.2-5/", 4, "20 02 00 02", 2),
		refusing("CONNACK code 3", "3.2.2-5/", 4, "20 02 00 03", 3),
		refusing("CONNACK code 4", "3.2.2-5/", 4, "20 02 00 04", 4),
		refusing("CONNACK code 5", "3.2.2-5/", 4, "20 02 00 05", 5),
		refusing("CONNACK code 0x85", "/3.1.3-8 /3.2.2-7 /3.2.2-8", 5, "20 03 00 85 00", 0x85),
		refusing("CONNACK code 0x87", "/3.1.4-2 /3.2.2-7 /3.2.2-8", 5, "20 03 00 87 00", 0x87),
		refusing("CONNACK code 0x9F", "/3.2.2-7 /3.2.2-8 /4.13.2-1", 5, "20 03 00 9f 00", 0x9f),
		row{name: "CONNACK of 5.0 with a code of 3.1.1", shows: "/trap7 /3.2.2-8", v: 5, side: "client", early: true, in: "20 03 00 04 00", code: protocol},
		row{name: "CONNACK of 3.1.1 with a code of 5.0", shows: "trap7/ 3.2.2-6/", v: 4, side: "client", early: true, in: "20 02 00 87", code: protocol},
		row{name: "CONNACK of 3.1.1 to a client of 5.0", shows: "/trap7 /3.1.2-2", v: 5, side: "client", early: true, in: "20 02 00 01",
			code: mqtt.ReasonUnsupportedVersion, is: mqtt.ErrVersion},
		row{name: "CONNACK of 5.0 to a client of 3.1.1", shows: "trap7/", v: 4, side: "client", early: true, in: "20 03 00 00 00", at: 2, code: malformed},
		row{name: "CONNACK with properties", shows: "/3.2.0-1 /2.2.2-1", v: 5, side: "client", early: true,
			in: "20 0b 00 00 08 21 0001 22 0002 24 01", events: "MQTT_OPEN:0 connack"},
	}
}

// onCmd makes the handler make a call when a packet of a type has come.
func onCmd(cmd mqtt.Cmd, call func(x *pair) error) func(x *pair) error {
	return func(x *pair) error {
		x.r.On = hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
			if data.(*mqtt.Message).Cmd != cmd {
				return
			}
			x.c = c
			if err := call(x); err != nil {
				x.t.Error(err)
			}
		}}
		return nil
	}
}
